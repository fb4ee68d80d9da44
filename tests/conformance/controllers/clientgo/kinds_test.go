package controllers

import (
	"strconv"
	"strings"
	"testing"

	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/tools/cache"
)

// watchable lists every kind that can be listed and watched.
func watchable(t *testing.T) []schema.GroupVersionResource {
	t.Helper()
	lists, err := server.kube.Discovery().ServerPreferredResources()
	must(t, err)
	lists = discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "watch"}}, lists)
	found, err := discovery.GroupVersionResources(lists)
	must(t, err)
	that(t, len(found) > 40, "only %d kinds", len(found))
	return sets.KeySet(found).UnsortedList()
}

func TestEveryKindCanBeWatchedInEveryWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	typed := informers.NewSharedInformerFactory(server.kube, 0)
	dynamic := dynamicinformer.NewDynamicSharedInformerFactory(server.dynamic, 0)
	partial := metadatainformer.NewSharedInformerFactory(server.metadata, 0)
	synced := map[string]cache.InformerSynced{}
	for _, resource := range watchable(t) {
		synced["dynamic "+resource.String()] = dynamic.ForResource(resource).Informer().HasSynced
		synced["metadata "+resource.String()] = partial.ForResource(resource).Informer().HasSynced
		// Not every kind has a typed client, such as those that definitions add.
		if informer, err := typed.ForResource(resource); err == nil {
			synced["typed "+resource.String()] = informer.Informer().HasSynced
		}
	}
	typed.Start(ctx.Done())
	dynamic.Start(ctx.Done())
	partial.Start(ctx.Done())
	for name, ready := range synced {
		eventually(t, name, func(context.Context) (bool, error) { return ready(), nil })
	}
}

func TestEveryGroupDescribesItsKinds(t *testing.T) {
	root := openapi3.NewRoot(server.kube.Discovery().OpenAPIV3())
	versions, err := root.GroupVersions()
	must(t, err)
	described := sets.New(versions...)
	for _, resource := range watchable(t) {
		version := resource.GroupVersion()
		that(t, described.Has(version), "%s is not described", version)
		if version == corev1.SchemeGroupVersion {
			spec, err := root.GVSpec(version)
			must(t, err)
			path := "/api/v1/namespaces/{namespace}/configmaps/{name}"
			that(t, spec.Paths.Paths[path] != nil && spec.Paths.Paths[path].Patch != nil, "%s", path)
		}
	}
	legacy, err := server.kube.Discovery().OpenAPISchema()
	must(t, err)
	that(t, len(legacy.Definitions.AdditionalProperties) > 200, "few definitions in OpenAPI v2")
	version, err := server.kube.Discovery().ServerVersion()
	must(t, err)
	that(t, strings.HasPrefix(version.GitVersion, "v1."), "version %v", version)
}

func TestResourceVersionsAreNumbersThatGrow(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	made, err := maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	must(t, err)
	first, err := strconv.ParseUint(made.ResourceVersion, 10, 64)
	must(t, err)
	made.Data = map[string]string{"k": "v"}
	made, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	second, err := strconv.ParseUint(made.ResourceVersion, 10, 64)
	must(t, err)
	that(t, second > first, "%d after %d", second, first)
	same, err := maps.Update(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	that(t, same.ResourceVersion == made.ResourceVersion, "an update that changes nothing was stored")
}
