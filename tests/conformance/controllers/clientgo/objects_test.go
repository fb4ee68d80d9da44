package controllers

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{
		Containers: []corev1.Container{{
			Name:  "web",
			Image: "registry.example/web:1",
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Env: []corev1.EnvVar{
				{Name: "PLAIN", Value: "ü=1"},
				{Name: "NODE", ValueFrom: &corev1.EnvVarSource{
					FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}},
			},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{
					corev1.ResourceCPU:    resource.MustParse("10m"),
					corev1.ResourceMemory: resource.MustParse("16Mi"),
				},
			},
			ReadinessProbe: &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
					Path: "/ready", Port: intstr.FromString("http")}},
				PeriodSeconds: 7,
			},
			SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.To(int64(1000)),
				AllowPrivilegeEscalation: ptr.To(false)},
			VolumeMounts: []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}},
		}},
		Volumes: []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse("1Gi"))}}}},
		Tolerations: []corev1.Toleration{{Key: "k", Operator: corev1.TolerationOpExists,
			Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(5))}},
		NodeSelector:                  map[string]string{"no-such": "node"},
		TerminationGracePeriodSeconds: ptr.To(int64(0)),
	}
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()},
		},
	}
}

func TestProtobufBodiesKeepEveryField(t *testing.T) {
	ctx, pods := t.Context(), server.kube.CoreV1().Pods(namespace(t))
	sent := podSpec()
	made, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "whole", Annotations: map[string]string{"a": "ß"}},
		Spec:       sent}, metav1.CreateOptions{})
	must(t, err)
	got := made.Spec.Containers[0]
	that(t, reflect.DeepEqual(got.Env[0], sent.Containers[0].Env[0]), "env: %v", got.Env)
	that(t, got.Env[1].ValueFrom.FieldRef.APIVersion == "v1", "fieldRef has no default version")
	that(t, got.Resources.Requests.Cpu().MilliValue() == 10, "cpu: %v", got.Resources)
	that(t, got.ReadinessProbe.HTTPGet.Port == intstr.FromString("http"), "port: %v",
		got.ReadinessProbe.HTTPGet.Port)
	that(t, got.ReadinessProbe.FailureThreshold == 3, "probe was not defaulted")
	that(t, *got.SecurityContext.RunAsUser == 1000, "user: %v", got.SecurityContext)
	that(t, !*got.SecurityContext.AllowPrivilegeEscalation, "an explicit false was lost")
	that(t, *made.Spec.TerminationGracePeriodSeconds == 0, "an explicit 0 was lost")
	that(t, made.Spec.Volumes[0].EmptyDir.SizeLimit.String() == "1Gi", "size limit was lost")
	that(t, made.Status.QOSClass == corev1.PodQOSBurstable, "QoS class: %q", made.Status.QOSClass)
	that(t, made.Kind == "" || made.Kind == "Pod", "kind %q", made.Kind)
}

func TestProtobufKeepsBytesAndTimes(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	raw := []byte{0, 1, 254, 255}
	secret, err := server.kube.CoreV1().Secrets(name).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bytes"}, Data: map[string][]byte{"k": raw},
		StringData: map[string]string{"s": "text"}}, metav1.CreateOptions{})
	must(t, err)
	that(t, string(secret.Data["k"]) == string(raw), "bytes: %v", secret.Data["k"])
	that(t, string(secret.Data["s"]) == "text" && secret.StringData == nil, "stringData stayed")
	now := metav1.NewMicroTime(time.Now().Truncate(time.Microsecond))
	lease, err := server.kube.CoordinationV1().Leases(name).Create(ctx, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "lease"},
		Spec: coordinationv1.LeaseSpec{RenewTime: &now, HolderIdentity: ptr.To("me"),
			LeaseDurationSeconds: ptr.To(int32(15))}}, metav1.CreateOptions{})
	must(t, err)
	that(t, lease.Spec.RenewTime.Equal(&now), "renewTime %v, sent %v", lease.Spec.RenewTime, now)
}

func TestErrorsAreTheTypedOnes(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	maps := server.kube.CoreV1().ConfigMaps(name)
	_, err := maps.Get(ctx, "missing", metav1.GetOptions{})
	that(t, apierrors.IsNotFound(err), "missing: %v", err)
	that(t, err.Error() == `configmaps "missing" not found`, "missing: %v", err)
	made, err := maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	must(t, err)
	_, err = maps.Create(ctx, configMap("one", nil), metav1.CreateOptions{})
	that(t, apierrors.IsAlreadyExists(err), "second create: %v", err)
	changed := made.DeepCopy()
	changed.Data = map[string]string{"k": "1"}
	_, err = maps.Update(ctx, changed, metav1.UpdateOptions{})
	must(t, err)
	_, err = maps.Update(ctx, changed, metav1.UpdateOptions{})
	that(t, apierrors.IsConflict(err), "stale update: %v", err)
	that(t, strings.Contains(err.Error(), "the object has been modified"), "stale update: %v", err)
	wrong := deployment("wrong", 1)
	wrong.Spec.Selector.MatchLabels = map[string]string{"other": "label"}
	_, err = server.kube.AppsV1().Deployments(name).Create(ctx, wrong, metav1.CreateOptions{})
	that(t, apierrors.IsInvalid(err), "invalid deployment: %v", err)
	cause, found := apierrors.StatusCause(err, metav1.CauseTypeFieldValueInvalid)
	that(t, found && cause.Field == "spec.template.metadata.labels", "cause: %+v", err)
	_, err = server.kube.CoreV1().ConfigMaps("no-such-namespace").Create(
		ctx, configMap("x", nil), metav1.CreateOptions{})
	that(t, apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeFieldValueNotFound) ||
		apierrors.IsNotFound(err), "missing namespace: %v", err)
}

func TestDeletePreconditions(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	made, err := maps.Create(ctx, configMap("held", nil), metav1.CreateOptions{})
	must(t, err)
	other := types.UID("00000000-0000-0000-0000-000000000000")
	err = maps.Delete(ctx, "held", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}})
	that(t, apierrors.IsConflict(err), "other uid: %v", err)
	err = maps.Delete(ctx, "held", metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{ResourceVersion: ptr.To("1")}})
	that(t, apierrors.IsConflict(err), "other resource version: %v", err)
	must(t, maps.Delete(ctx, "held", metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &made.UID, ResourceVersion: &made.ResourceVersion}}))
}

func TestDeleteCollectionKeepsWhatIsNotSelected(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	for _, name := range []string{"a", "b", "c"} {
		made := configMap(name, nil)
		made.Labels = map[string]string{"keep": map[bool]string{true: "yes", false: "no"}[name == "b"]}
		_, err := maps.Create(ctx, made, metav1.CreateOptions{})
		must(t, err)
	}
	must(t, maps.DeleteCollection(ctx, metav1.DeleteOptions{},
		metav1.ListOptions{LabelSelector: "keep=no"}))
	left, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "keep"})
	must(t, err)
	that(t, len(left.Items) == 1 && left.Items[0].Name == "b", "left: %v", left.Items)
}

func TestFinalizersHoldAnObject(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	held := configMap("held", nil)
	held.Finalizers = []string{"example.com/held"}
	_, err := maps.Create(ctx, held, metav1.CreateOptions{})
	must(t, err)
	must(t, maps.Delete(ctx, "held", metav1.DeleteOptions{}))
	found, err := maps.Get(ctx, "held", metav1.GetOptions{})
	must(t, err)
	that(t, found.DeletionTimestamp != nil, "no deletionTimestamp")
	more := found.DeepCopy()
	more.Finalizers = append(more.Finalizers, "example.com/late")
	_, err = maps.Update(ctx, more, metav1.UpdateOptions{})
	that(t, apierrors.IsForbidden(err) || apierrors.IsInvalid(err), "late finalizer: %v", err)
	found.Finalizers = nil
	_, err = maps.Update(ctx, found, metav1.UpdateOptions{})
	must(t, err)
	_, err = maps.Get(ctx, "held", metav1.GetOptions{})
	that(t, apierrors.IsNotFound(err), "still there: %v", err)
}

func TestStatusAndSpecAreWrittenApart(t *testing.T) {
	ctx, sets := t.Context(), server.kube.AppsV1().Deployments(namespace(t))
	paused := deployment("paused", 0)
	paused.Spec.Paused = true
	made, err := sets.Create(ctx, paused, metav1.CreateOptions{})
	must(t, err)
	that(t, made.Generation == 1, "generation %d", made.Generation)
	_, err = sets.Patch(ctx, "paused", types.MergePatchType,
		[]byte(`{"status":{"collisionCount":7},"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
	must(t, err)
	found, err := sets.Get(ctx, "paused", metav1.GetOptions{})
	must(t, err)
	that(t, found.Status.CollisionCount == nil, "status written through the object")
	that(t, found.Generation == 1, "labels changed the generation")
	_, err = sets.Patch(ctx, "paused", types.MergePatchType,
		[]byte(`{"status":{"collisionCount":7},"spec":{"replicas":9}}`), metav1.PatchOptions{}, "status")
	must(t, err)
	found, err = sets.Get(ctx, "paused", metav1.GetOptions{})
	must(t, err)
	that(t, *found.Spec.Replicas == 0, "spec written through the status")
	found.Spec.MinReadySeconds = 3
	found.ResourceVersion = ""
	found, err = sets.Update(ctx, found, metav1.UpdateOptions{})
	must(t, err)
	that(t, found.Generation == 2, "generation %d after a change of the spec", found.Generation)
}

func TestScaleSubresource(t *testing.T) {
	ctx, sets := t.Context(), server.kube.AppsV1().Deployments(namespace(t))
	_, err := sets.Create(ctx, deployment("web", 1), metav1.CreateOptions{})
	must(t, err)
	scale, err := sets.GetScale(ctx, "web", metav1.GetOptions{})
	must(t, err)
	that(t, scale.Spec.Replicas == 1 && scale.Status.Selector == "app=web", "scale: %+v", scale)
	scale.ResourceVersion = ""
	scale.Spec = autoscalingv1.ScaleSpec{Replicas: 3}
	scale, err = sets.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
	must(t, err)
	that(t, scale.Spec.Replicas == 3, "scale: %+v", scale)
	eventually(t, "three pods", podsOf(scale.Namespace, "app=web", 3))
}

func TestEvictionRespectsABudget(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	_, err := server.kube.AppsV1().Deployments(name).Create(
		ctx, deployment("web", 1), metav1.CreateOptions{})
	must(t, err)
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.FromString("100%")),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}
	_, err = server.kube.PolicyV1().PodDisruptionBudgets(name).Create(ctx, budget, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "a pod", podsOf(name, "app=web", 1))
	pods, err := server.kube.CoreV1().Pods(name).List(ctx, metav1.ListOptions{})
	must(t, err)
	// A pod that was never ready may always be evicted.
	must(t, server.kube.PolicyV1().Evictions(name).Evict(ctx, &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: pods.Items[0].Name}}))
	err = server.kube.PolicyV1().Evictions(name).Evict(ctx, &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "missing"}})
	that(t, apierrors.IsNotFound(err), "evicting a missing pod: %v", err)
}

func TestImmutableConfigMapsStayAsTheyAre(t *testing.T) {
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace(t))
	made := configMap("one", map[string]string{"k": "v"})
	made.Immutable = ptr.To(true)
	made, err := maps.Create(ctx, made, metav1.CreateOptions{})
	must(t, err)
	made.Data["k"] = "w"
	_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	that(t, apierrors.IsInvalid(err), "an immutable map was changed: %v", err)
}

// warnings keeps what the server warns of.
type warnings struct{ texts []string }

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.texts = append(w.texts, text)
}

func TestUnknownFieldsAreWarnedOf(t *testing.T) {
	name, heard := namespace(t), &warnings{}
	config := rest.CopyConfig(server.config)
	config.WarningHandler = heard
	client, err := dynamic.NewForConfig(config)
	must(t, err)
	_, err = client.Resource(configMaps).Namespace(name).Create(t.Context(),
		&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": "one"}, "nonsense": "x"}}, metav1.CreateOptions{})
	must(t, err)
	that(t, len(heard.texts) == 1 && heard.texts[0] == `unknown field "nonsense"`, "%v", heard.texts)
}

func TestOwnersOfAnotherNamespaceAreNoOwners(t *testing.T) {
	ctx, one, other := t.Context(), namespace(t), namespace(t)
	owner, err := server.kube.CoreV1().ConfigMaps(one).Create(
		ctx, configMap("owner", nil), metav1.CreateOptions{})
	must(t, err)
	owned := configMap("owned", nil)
	owned.OwnerReferences = []metav1.OwnerReference{
		{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	_, err = server.kube.CoreV1().ConfigMaps(other).Create(ctx, owned, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the collector", func(ctx context.Context) (bool, error) {
		_, err := server.kube.CoreV1().ConfigMaps(other).Get(ctx, "owned", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}

func TestGeneratedNamesAndNodePodsAreSelectable(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	bound := podSpec()
	bound.NodeSelector, bound.NodeName = nil, "no-such-node"
	for _, spec := range []corev1.PodSpec{bound, podSpec()} {
		made, err := server.kube.CoreV1().Pods(name).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "made-"}, Spec: spec}, metav1.CreateOptions{})
		must(t, err)
		that(t, len(made.Name) == len("made-")+5, "name %q", made.Name)
	}
	for selector, count := range map[string]int{
		"spec.nodeName=no-such-node": 1, "spec.nodeName!=no-such-node": 1,
		"status.phase=Pending": 2, "status.phase!=Pending,spec.restartPolicy=Always": 0} {
		found, err := server.kube.CoreV1().Pods(name).List(ctx, metav1.ListOptions{FieldSelector: selector})
		must(t, err)
		that(t, len(found.Items) == count, "%s: %d pods", selector, len(found.Items))
	}
	_, err := server.kube.CoreV1().Pods(name).List(ctx, metav1.ListOptions{FieldSelector: "spec.nonsense=1"})
	that(t, apierrors.IsBadRequest(err), "a field that cannot be selected: %v", err)
}
