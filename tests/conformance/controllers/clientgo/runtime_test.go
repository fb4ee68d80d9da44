package controllers

import (
	"context"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const finalizer = "example.com/widget"

// reconciler keeps one config map per widget and tells about it in the widget's status.
type reconciler struct {
	client.Client
	recorder events.EventRecorder
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	widget := &Widget{}
	if err := r.Get(ctx, request.NamespacedName, widget); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !widget.DeletionTimestamp.IsZero() {
		if controllerutil.RemoveFinalizer(widget, finalizer) {
			return ctrl.Result{}, r.Update(ctx, widget)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(widget, finalizer) {
		if err := r.Update(ctx, widget); err != nil {
			return ctrl.Result{}, err
		}
	}
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: widget.Namespace, Name: widget.Name + "-owned"}}
	result, err := controllerutil.CreateOrUpdate(ctx, r.Client, owned, func() error {
		owned.Data = map[string]string{"colour": widget.Spec.Colour}
		return controllerutil.SetControllerReference(widget, owned, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	if result != controllerutil.OperationResultNone {
		r.recorder.Eventf(widget, owned, corev1.EventTypeNormal, "Written", "Writing", "%s", result)
	}
	before := widget.DeepCopyObject().(*Widget)
	widget.Status.ObservedGeneration = widget.Generation
	widget.Status.Replicas = widget.Spec.Size
	meta.SetStatusCondition(&widget.Status.Conditions, metav1.Condition{Type: "Ready",
		Status: metav1.ConditionTrue, Reason: "Written", Message: "ok",
		ObservedGeneration: widget.Generation})
	return ctrl.Result{}, r.Status().Patch(ctx, widget,
		client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// manage starts a manager with the reconciler and waits until it leads.
func manage(t *testing.T, defined kind, namespace string) ctrl.Manager {
	t.Helper()
	manager, err := ctrl.NewManager(server.config, ctrl.Options{
		Scheme:  defined.scheme,
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "127.0.0.1:0",
		LeaderElection: true, LeaderElectionID: "widgets", LeaderElectionNamespace: namespace,
		LeaderElectionReleaseOnCancel: true, RetryPeriod: ptr.To(200 * time.Millisecond),
		Cache: cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
		Client: client.Options{Cache: &client.CacheOptions{
			DisableFor: []client.Object{&corev1.ConfigMap{}}}},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	must(t, err)
	must(t, manager.AddHealthzCheck("ping", healthz.Ping))
	must(t, manager.GetFieldIndexer().IndexField(t.Context(), &Widget{}, "colour",
		func(object client.Object) []string { return []string{object.(*Widget).Spec.Colour} }))
	must(t, ctrl.NewControllerManagedBy(manager).
		For(&Widget{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&corev1.ConfigMap{}, builder.OnlyMetadata).
		Complete(&reconciler{manager.GetClient(), manager.GetEventRecorder("widgets")}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended: %v", err)
		}
	})
	closed(t, "leadership", manager.Elected())
	that(t, manager.GetCache().WaitForCacheSync(ctx), "the caches never synced")
	return manager
}

// closed waits until a channel is closed.
func closed(t *testing.T, what string, channel <-chan struct{}) {
	t.Helper()
	select {
	case <-channel:
	case <-time.After(patience):
		t.Fatalf("waited for %s", what)
	}
}

func TestAManagerReconcilesAKind(t *testing.T) {
	ctx, defined, name := t.Context(), define(t), namespace(t)
	manager := manage(t, defined, name)
	direct, err := client.New(server.config, client.Options{Scheme: defined.scheme})
	must(t, err)
	widget := &Widget{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "one"},
		Spec: WidgetSpec{Size: 2, Colour: "blue"}}
	must(t, direct.Create(ctx, widget))
	key := client.ObjectKeyFromObject(widget)
	eventually(t, "the status", func(ctx context.Context) (bool, error) {
		err := direct.Get(ctx, key, widget)
		return err == nil && meta.IsStatusConditionTrue(widget.Status.Conditions, "Ready"), err
	})
	that(t, widget.Status.ObservedGeneration == widget.Generation && widget.Generation == 1,
		"observed %d of %d", widget.Status.ObservedGeneration, widget.Generation)
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "one-owned"}}
	ownedKey := client.ObjectKeyFromObject(owned)
	must(t, direct.Delete(ctx, owned))
	eventually(t, "the owned object to come back", func(ctx context.Context) (bool, error) {
		return direct.Get(ctx, ownedKey, owned) == nil, nil
	})
	that(t, metav1.IsControlledBy(owned, widget), "owner: %v", owned.OwnerReferences)
	found := &WidgetList{}
	eventually(t, "the index", func(ctx context.Context) (bool, error) {
		err := manager.GetClient().List(ctx, found, client.InNamespace(name),
			client.MatchingFields{"colour": "blue"})
		return len(found.Items) == 1, err
	})
	eventually(t, "an event", func(ctx context.Context) (bool, error) {
		list, err := server.kube.EventsV1().Events(name).List(ctx, metav1.ListOptions{
			FieldSelector: "reason=Written"})
		return err == nil && len(list.Items) > 0 && list.Items[0].Related.Name == "one-owned", err
	})
	must(t, direct.Delete(ctx, widget, client.PropagationPolicy(metav1.DeletePropagationForeground)))
	for _, object := range []client.Object{widget, owned} {
		eventually(t, object.GetName()+" to go", func(ctx context.Context) (bool, error) {
			return apierrors.IsNotFound(direct.Get(ctx, client.ObjectKeyFromObject(object), object)), nil
		})
	}
}

func TestOptimisticLocksOfStatusPatches(t *testing.T) {
	ctx, defined, name := t.Context(), define(t), namespace(t)
	direct, err := client.New(server.config, client.Options{Scheme: defined.scheme})
	must(t, err)
	widget := &Widget{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "one"},
		Spec: WidgetSpec{Size: 1}}
	must(t, direct.Create(ctx, widget))
	stale := widget.DeepCopyObject().(*Widget)
	lock := client.MergeFromWithOptimisticLock{}
	before := widget.DeepCopyObject().(*Widget)
	widget.Status.Replicas = 1
	must(t, direct.Status().Patch(ctx, widget, client.MergeFromWithOptions(before, lock)))
	before = stale.DeepCopyObject().(*Widget)
	stale.Status.Replicas = 2
	err = direct.Status().Patch(ctx, stale, client.MergeFromWithOptions(before, lock))
	that(t, apierrors.IsConflict(err), "stale patch: %v", err)
	fresh := &Widget{}
	must(t, direct.Get(ctx, client.ObjectKeyFromObject(widget), fresh))
	that(t, fresh.Status.Replicas == 1 && fresh.Generation == 1, "%+v", fresh)
	fresh.Spec.Size, fresh.Status.Replicas = 3, 9
	must(t, direct.Update(ctx, fresh))
	that(t, fresh.Status.Replicas == 1 && fresh.Generation == 2, "%+v", fresh)
}

func TestTheRuntimeClientAppliesAndLists(t *testing.T) {
	ctx, defined, name := t.Context(), define(t), namespace(t)
	direct, err := client.New(server.config, client.Options{Scheme: defined.scheme,
		FieldOwner: "runtime", FieldValidation: metav1.FieldValidationStrict})
	must(t, err)
	must(t, direct.Apply(ctx, applycorev1.ConfigMap("one", name).WithData(
		map[string]string{"k": "v"}), client.ForceOwnership))
	for range 3 {
		made := configMap("", nil)
		made.Namespace, made.GenerateName = name, "made-"
		made.Labels = map[string]string{"made": "yes"}
		must(t, direct.Create(ctx, made))
	}
	partial := &metav1.PartialObjectMetadataList{}
	partial.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	must(t, direct.List(ctx, partial, client.InNamespace(name), client.HasLabels{"made"}, client.Limit(2)))
	that(t, len(partial.Items) == 2 && partial.Continue != "", "%+v", partial)
	must(t, direct.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(name), client.HasLabels{"made"}))
	list := &corev1.ConfigMapList{}
	must(t, direct.List(ctx, list, client.InNamespace(name), client.HasLabels{"made"}))
	that(t, len(list.Items) == 0, "left: %v", list.Items)
	err = direct.Create(ctx, unstructuredWidget(defined, "x", map[string]any{"nonsense": "field"}))
	that(t, err != nil, "an unknown field passed strict validation")
}

func TestTheMapperFindsAKindThatCameLater(t *testing.T) {
	transport, err := rest.HTTPClientFor(server.config)
	must(t, err)
	mapper, err := apiutil.NewDynamicRESTMapper(server.config, transport)
	must(t, err)
	defined := define(t)
	gvk := defined.resource().GroupVersion().WithKind("Widget").GroupKind()
	eventually(t, "the mapping", func(context.Context) (bool, error) {
		mapping, err := mapper.RESTMapping(gvk, "v1")
		return err == nil && mapping.Resource.Resource == "widgets" &&
			mapping.Scope.Name() == meta.RESTScopeNameNamespace, nil
	})
	_, err = mapper.RESTMapping(gvk, "v2")
	that(t, meta.IsNoMatchError(err), "a version that is none: %v", err)
}

func TestTheRuntimeClientReachesSubresources(t *testing.T) {
	ctx, defined, name := t.Context(), define(t), namespace(t)
	direct, err := client.New(server.config, client.Options{Scheme: defined.scheme, FieldOwner: "runtime"})
	must(t, err)
	widget := &Widget{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "one"},
		Spec: WidgetSpec{Size: 1}}
	must(t, direct.Create(ctx, widget))
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 4}}
	must(t, direct.SubResource("scale").Update(ctx, widget, client.WithSubResourceBody(scale)))
	must(t, direct.Get(ctx, client.ObjectKeyFromObject(widget), widget))
	that(t, widget.Spec.Size == 4, "size %d", widget.Spec.Size)
	status := unstructuredWidget(defined, "one", nil)
	status.SetNamespace(name)
	status.Object["status"] = map[string]any{"replicas": int64(4)}
	delete(status.Object, "spec")
	must(t, direct.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(status)))
	must(t, direct.Get(ctx, client.ObjectKeyFromObject(widget), widget))
	that(t, widget.Status.Replicas == 4 && widget.Spec.Size == 4, "%+v", widget)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "own"}}
	must(t, direct.Create(ctx, account))
	token := &authenticationv1.TokenRequest{}
	must(t, direct.SubResource("token").Create(ctx, account, token))
	that(t, token.Status.Token != "" && !token.Status.ExpirationTimestamp.IsZero(), "no token")
}

func TestTheRuntimeClientWatches(t *testing.T) {
	ctx, defined, name := t.Context(), define(t), namespace(t)
	watching, err := client.NewWithWatch(server.config, client.Options{Scheme: defined.scheme})
	must(t, err)
	stream, err := watching.Watch(ctx, &WidgetList{}, client.InNamespace(name))
	must(t, err)
	defer stream.Stop()
	widget := &Widget{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "one"}}
	must(t, watching.Create(ctx, widget))
	must(t, watching.Delete(ctx, widget))
	for _, expected := range []watch.EventType{watch.Added, watch.Deleted} {
		event := receive(t, "an event", stream.ResultChan())
		that(t, event.Type == expected && event.Object.(*Widget).UID == widget.UID, "%v", event)
	}
}
