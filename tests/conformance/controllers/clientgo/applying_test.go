package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applyappsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
)

func applied(namespace string, replicas int32, image string) *applyappsv1.DeploymentApplyConfiguration {
	labels := map[string]string{"app": "web"}
	return applyappsv1.Deployment("web", namespace).
		WithSpec(applyappsv1.DeploymentSpec().
			WithReplicas(replicas).
			WithSelector(applymetav1.LabelSelector().WithMatchLabels(labels)).
			WithTemplate(applycorev1.PodTemplateSpec().
				WithLabels(labels).
				WithSpec(applycorev1.PodSpec().
					WithNodeSelector(map[string]string{"no-such": "node"}).
					WithContainers(applycorev1.Container().WithName("web").WithImage(image)))))
}

func TestApplyConflictsNameTheOwner(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	sets := server.kube.AppsV1().Deployments(name)
	_, err := sets.Apply(ctx, applied(name, 1, "web:1"), metav1.ApplyOptions{FieldManager: "first"})
	must(t, err)
	_, err = sets.Apply(ctx, applied(name, 1, "web:2"), metav1.ApplyOptions{FieldManager: "second"})
	that(t, apierrors.IsConflict(err), "apply over another's field: %v", err)
	cause, found := apierrors.StatusCause(err, metav1.CauseTypeFieldManagerConflict)
	that(t, found && cause.Field == `.spec.template.spec.containers[name="web"].image`,
		"cause: %+v", cause)
	that(t, strings.Contains(cause.Message, `conflict with "first"`), "cause: %+v", cause)
	got, err := sets.Apply(ctx, applied(name, 1, "web:2"),
		metav1.ApplyOptions{FieldManager: "second", Force: true})
	must(t, err)
	that(t, got.Spec.Template.Spec.Containers[0].Image == "web:2", "image was not taken over")
}

func TestExtractedConfigurationHoldsWhatTheManagerApplied(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	sets := server.kube.AppsV1().Deployments(name)
	options := metav1.ApplyOptions{FieldManager: "first"}
	made, err := sets.Apply(ctx, applied(name, 2, "web:1"), options)
	must(t, err)
	extracted, err := applyappsv1.ExtractDeployment(made, "first")
	must(t, err)
	that(t, *extracted.Spec.Replicas == 2, "replicas: %v", extracted.Spec.Replicas)
	container := extracted.Spec.Template.Spec.Containers[0]
	that(t, *container.Image == "web:1", "image: %v", container.Image)
	that(t, container.ImagePullPolicy == nil, "a default belongs to the manager")
	again, err := sets.Apply(ctx, extracted, options)
	must(t, err)
	that(t, again.Generation == made.Generation,
		"applying the same again changed generation %d to %d", made.Generation, again.Generation)
}

func TestFieldsThatNoManagerAppliesGoAway(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	maps := server.kube.CoreV1().ConfigMaps(name)
	both := applycorev1.ConfigMap("one", name).WithData(map[string]string{"a": "1", "b": "2"})
	_, err := maps.Apply(ctx, both, metav1.ApplyOptions{FieldManager: "first"})
	must(t, err)
	shared := applycorev1.ConfigMap("one", name).WithData(map[string]string{"b": "2"})
	_, err = maps.Apply(ctx, shared, metav1.ApplyOptions{FieldManager: "second"})
	must(t, err)
	none := applycorev1.ConfigMap("one", name).WithLabels(map[string]string{"l": "v"})
	got, err := maps.Apply(ctx, none, metav1.ApplyOptions{FieldManager: "first"})
	must(t, err)
	that(t, len(got.Data) == 1 && got.Data["b"] == "2", "data: %v", got.Data)
}

func TestApplyOfStatusHasOwnersOfItsOwn(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	pods := server.kube.CoreV1().Pods(name)
	_, err := pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one"},
		Spec: podSpec()}, metav1.CreateOptions{})
	must(t, err)
	condition := applycorev1.PodCondition().WithType("example.com/Checked").
		WithStatus(corev1.ConditionTrue).WithLastTransitionTime(metav1.Now())
	got, err := pods.ApplyStatus(ctx, applycorev1.Pod("one", name).WithStatus(
		applycorev1.PodStatus().WithConditions(condition)), metav1.ApplyOptions{FieldManager: "gate"})
	must(t, err)
	for _, entry := range got.ManagedFields {
		if entry.Manager == "gate" {
			that(t, entry.Subresource == "status", "entry: %+v", entry)
			return
		}
	}
	t.Fatalf("no entry of the manager: %+v", got.ManagedFields)
}

func TestPatchesOfEveryKind(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	sets := server.kube.AppsV1().Deployments(name)
	_, err := sets.Create(ctx, deployment("web", 0), metav1.CreateOptions{})
	must(t, err)
	got, err := sets.Patch(ctx, "web", types.StrategicMergePatchType, []byte(`{"spec":{"template":
		{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}`), metav1.PatchOptions{})
	must(t, err)
	that(t, len(got.Spec.Template.Spec.Containers) == 2, "strategic merge replaced a list")
	got, err = sets.Patch(ctx, "web", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/replicas",
		"value":0},{"op":"add","path":"/metadata/labels","value":{"l":"v"}}]`), metav1.PatchOptions{})
	must(t, err)
	that(t, got.Labels["l"] == "v", "labels: %v", got.Labels)
	_, err = sets.Patch(ctx, "web", types.JSONPatchType,
		[]byte(`[{"op":"test","path":"/spec/replicas","value":5}]`), metav1.PatchOptions{})
	that(t, apierrors.IsInvalid(err), "a failed test of a JSON patch: %v", err)
	got, err = sets.Patch(ctx, "web", types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"l":null}}}`), metav1.PatchOptions{DryRun: []string{"All"}})
	must(t, err)
	that(t, got.Labels["l"] == "", "labels: %v", got.Labels)
	got, err = sets.Get(ctx, "web", metav1.GetOptions{})
	must(t, err)
	that(t, got.Labels["l"] == "v", "a dry run was stored")
	_, err = sets.Patch(ctx, "web", types.MergePatchType,
		[]byte(`{"metadata":{"resourceVersion":"1","labels":{"l":"w"}}}`), metav1.PatchOptions{})
	that(t, apierrors.IsConflict(err), "a patch with a stale version: %v", err)
	_, err = sets.Patch(ctx, "web", types.MergePatchType, []byte(`{"spec":{"nonsense":1}}`),
		metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict})
	that(t, apierrors.IsBadRequest(err) || apierrors.IsInvalid(err), "unknown field: %v", err)
}
