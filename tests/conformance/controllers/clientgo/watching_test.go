package controllers

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// podsOf asks whether a selector matches a number of pods.
func podsOf(namespace, selector string, count int) wait.ConditionWithContextFunc {
	return func(ctx context.Context) (bool, error) {
		pods, err := server.kube.CoreV1().Pods(namespace).List(
			ctx, metav1.ListOptions{LabelSelector: selector})
		return err == nil && len(pods.Items) == count, err
	}
}

func fill(t *testing.T, namespace string, count int) {
	t.Helper()
	for number := range count {
		made := configMap(fmt.Sprintf("map-%04d", number), map[string]string{"n": fmt.Sprint(number)})
		_, err := server.kube.CoreV1().ConfigMaps(namespace).Create(
			t.Context(), made, metav1.CreateOptions{})
		must(t, err)
	}
}

// recordingTransport notes the queries of watches.
type recordingTransport struct {
	next  http.RoundTripper
	mutex sync.Mutex
	seen  []string
}

func (r *recordingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mutex.Lock()
	r.seen = append(r.seen, request.URL.RawQuery)
	r.mutex.Unlock()
	return r.next.RoundTrip(request)
}

func TestInformersStartFromAStreamedList(t *testing.T) {
	name := namespace(t)
	fill(t, name, 300)
	transport := &recordingTransport{}
	config := rest.CopyConfig(server.config)
	config.ContentType, config.AcceptContentTypes = protobuf, protobuf+",application/json"
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		transport.next = next
		return transport
	})
	kube, err := kubernetes.NewForConfig(config)
	must(t, err)
	factory := informers.NewSharedInformerFactoryWithOptions(kube, 0, informers.WithNamespace(name))
	informer := factory.Core().V1().ConfigMaps()
	events := make(chan string, 1000)
	_, err = informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, after any) { events <- "update " + after.(*corev1.ConfigMap).Name },
		DeleteFunc: func(before any) { events <- "delete " + before.(*corev1.ConfigMap).Name },
	})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	factory.Start(ctx.Done())
	that(t, cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced), "never synced")
	maps, err := informer.Lister().ConfigMaps(name).Get("map-0299")
	must(t, err)
	that(t, maps.Data["n"] == "299", "data: %v", maps.Data)
	transport.mutex.Lock()
	queries := fmt.Sprint(transport.seen)
	that(t, len(transport.seen) == 1, "the informer fell back from a streamed list: %s", queries)
	transport.mutex.Unlock()
	maps = maps.DeepCopy()
	maps.Data["n"] = "changed"
	_, err = kube.CoreV1().ConfigMaps(name).Update(ctx, maps, metav1.UpdateOptions{})
	must(t, err)
	got := receive(t, "an update", events)
	that(t, got == "update map-0299", "event: %s", got)
	must(t, kube.CoreV1().ConfigMaps(name).Delete(ctx, "map-0000", metav1.DeleteOptions{}))
	got = receive(t, "a deletion", events)
	that(t, got == "delete map-0000", "event: %s", got)
}

func TestMetadataInformersSeeOnlyMetadata(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	name := namespace(t)
	fill(t, name, 3)
	factory := metadatainformer.NewFilteredSharedInformerFactory(server.metadata, 0, name, nil)
	informer := factory.ForResource(configMaps)
	added := make(chan *metav1.PartialObjectMetadata, 10)
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { added <- object.(*metav1.PartialObjectMetadata) }})
	must(t, err)
	factory.Start(ctx.Done())
	that(t, cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced), "never synced")
	for {
		seen := receive(t, "metadata", added)
		that(t, seen.Kind == "PartialObjectMetadata" || seen.Kind == "", "kind %s", seen.Kind)
		that(t, seen.UID != "" && seen.ResourceVersion != "", "incomplete: %+v", seen)
		if seen.Name == "map-0002" {
			break
		}
	}
}

func TestDynamicInformersSeeObjects(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	name := namespace(t)
	fill(t, name, 3)
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(server.dynamic, 0, name, nil)
	lister := factory.ForResource(configMaps)
	informer := lister.Informer()
	factory.Start(ctx.Done())
	that(t, cache.WaitForCacheSync(ctx.Done(), informer.HasSynced), "never synced")
	_, err := lister.Lister().ByNamespace(name).Get("map-0001")
	must(t, err)
}

func TestTheFirstBookmarkEndsTheInitialEvents(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	_, err := maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	must(t, err)
	stream, err := maps.Watch(ctx, metav1.ListOptions{SendInitialEvents: ptr.To(true),
		AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
	must(t, err)
	defer stream.Stop()
	for {
		event := receive(t, "a bookmark", stream.ResultChan())
		if event.Type != watch.Bookmark {
			that(t, event.Type == watch.Added, "event %v", event)
			continue
		}
		mark := event.Object.(*corev1.ConfigMap)
		that(t, mark.Annotations[metav1.InitialEventsAnnotationKey] == "true",
			"annotations: %v", mark.Annotations)
		that(t, mark.ResourceVersion != "", "no resource version")
		return
	}
}

func TestObjectsThatLeaveASelectorAreDeleted(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	maps := server.kube.CoreV1().ConfigMaps(name)
	made := configMap("one", nil)
	made.Labels = map[string]string{"in": "yes"}
	made, err := maps.Create(ctx, made, metav1.CreateOptions{})
	must(t, err)
	stream, err := maps.Watch(ctx, metav1.ListOptions{
		LabelSelector: "in=yes", ResourceVersion: made.ResourceVersion})
	must(t, err)
	defer stream.Stop()
	made.Labels = map[string]string{"in": "no"}
	changed, err := maps.Update(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	event := receive(t, "an event", stream.ResultChan())
	seen := event.Object.(*corev1.ConfigMap)
	that(t, event.Type == watch.Deleted && seen.Labels["in"] == "yes", "event %v", event)
	that(t, seen.ResourceVersion == changed.ResourceVersion, "version %s, of the change %s",
		seen.ResourceVersion, changed.ResourceVersion)
}

func TestFieldSelectorsOfAWatch(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	stream, err := maps.Watch(ctx, metav1.SingleObject(metav1.ObjectMeta{Name: "wanted"}))
	must(t, err)
	defer stream.Stop()
	for _, name := range []string{"other", "wanted"} {
		_, err = maps.Create(ctx, configMap(name, nil), metav1.CreateOptions{})
		must(t, err)
	}
	seen := receive(t, "an event", stream.ResultChan()).Object.(*corev1.ConfigMap)
	that(t, seen.Name == "wanted", "saw %s", seen.Name)
}

func TestRetryWatcherGoesOnAfterATimeout(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	made := func(name string) *corev1.ConfigMap {
		created := configMap(name, nil)
		created.Labels = map[string]string{"made": "here"}
		created, err := maps.Create(ctx, created, metav1.CreateOptions{})
		must(t, err)
		return created
	}
	first := made("first")
	watches := make(chan struct{}, 20)
	list := &cache.ListWatch{WatchFuncWithContext: func(
		ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		watches <- struct{}{}
		options.TimeoutSeconds = ptr.To(int64(1))
		options.LabelSelector = "made=here"
		return maps.Watch(ctx, options)
	}}
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, first.ResourceVersion, list)
	must(t, err)
	defer watcher.Stop()
	for number := range 3 {
		receive(t, "a watch", watches)
		name := fmt.Sprintf("later-%d", number)
		made(name)
		seen := receive(t, "an event", watcher.ResultChan()).Object.(*corev1.ConfigMap)
		that(t, seen.Name == name, "saw %s instead of %s", seen.Name, name)
	}
}

func TestListsInPagesAreOfOneMoment(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	fill(t, name, 25)
	versions, names := map[string]bool{}, map[string]bool{}
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page, err := server.kube.CoreV1().ConfigMaps(name).List(ctx, options)
		if err == nil {
			versions[page.ResourceVersion] = true
			late := configMap(fmt.Sprintf("zz-late-%d", len(names)), nil)
			_, err = server.kube.CoreV1().ConfigMaps(name).Create(ctx, late, metav1.CreateOptions{})
		}
		return page, err
	})
	pages.PageSize = 10
	must(t, pages.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		names[object.(*corev1.ConfigMap).Name] = true
		return nil
	}))
	that(t, len(versions) == 1, "resource versions: %v", versions)
	for late := range names {
		that(t, late < "zz", "a page holds %s, which is newer than the list", late)
	}
}

func TestResourceVersionsOfLists(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	one, err := maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	must(t, err)
	_, err = maps.Create(ctx, configMap("two", nil), metav1.CreateOptions{})
	must(t, err)
	exact, err := maps.List(ctx, metav1.ListOptions{ResourceVersion: one.ResourceVersion,
		ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	must(t, err)
	found := 0
	for _, item := range exact.Items {
		if item.Name == "one" || item.Name == "two" {
			found++
		}
	}
	that(t, found == 1 && exact.ResourceVersion == one.ResourceVersion, "exact: %+v", exact.Items)
	// Without retries: the answer asks for them.
	err = server.kube.CoreV1().RESTClient().Get().Resource("configmaps").MaxRetries(0).
		Param("resourceVersion", "999999999").Do(ctx).Error()
	that(t, apierrors.IsTimeout(err) && apierrors.HasStatusCause(
		err, metav1.CauseTypeResourceVersionTooLarge), "a version of the future: %v", err)
	_, err = maps.List(ctx, metav1.ListOptions{Continue: "nonsense"})
	that(t, apierrors.IsBadRequest(err), "a broken continue token: %v", err)
}
