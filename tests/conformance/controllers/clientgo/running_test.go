package controllers

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

// candidate takes part in an election until its context ends.
func candidate(ctx context.Context, t *testing.T, namespace, id string, leads chan<- string) {
	t.Helper()
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: "election"},
		Client:     server.kube.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: id},
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, ReleaseOnCancel: true, LeaseDuration: 3 * time.Second,
		RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { leads <- id },
			OnStoppedLeading: func() {},
		}})
	must(t, err)
	go elector.Run(ctx)
}

func TestLeadershipPassesOn(t *testing.T) {
	name, leads := namespace(t), make(chan string, 2)
	first, stopFirst := context.WithCancel(t.Context())
	defer stopFirst()
	candidate(first, t, name, "first", leads)
	got := receive(t, "a leader", leads)
	that(t, got == "first", "leader %s", got)
	second, stopSecond := context.WithCancel(t.Context())
	defer stopSecond()
	candidate(second, t, name, "second", leads)
	stopFirst()
	got = receive(t, "another leader", leads)
	that(t, got == "second", "leader %s", got)
	lease, err := server.kube.CoordinationV1().Leases(name).Get(t.Context(), "election", metav1.GetOptions{})
	must(t, err)
	that(t, *lease.Spec.HolderIdentity == "second" && *lease.Spec.LeaseTransitions >= 1, "%+v", lease.Spec)
}

func TestRecordersWriteEvents(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	about, err := server.kube.CoreV1().ConfigMaps(name).Create(
		ctx, configMap("about", nil), metav1.CreateOptions{})
	must(t, err)
	about.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	older := record.NewBroadcaster()
	older.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: server.kube.CoreV1().Events(name)})
	defer older.Shutdown()
	recorder := older.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "older"})
	for range 3 {
		recorder.Event(about, corev1.EventTypeNormal, "Counted", "the same again")
	}
	eventually(t, "an event that counts to three", func(ctx context.Context) (bool, error) {
		list, err := server.kube.CoreV1().Events(name).List(ctx, metav1.ListOptions{
			FieldSelector: "involvedObject.name=about,reason=Counted"})
		return err == nil && len(list.Items) == 1 && list.Items[0].Count == 3, err
	})
	newer := events.NewBroadcaster(&events.EventSinkImpl{Interface: server.kube.EventsV1()})
	must(t, newer.StartRecordingToSinkWithContext(ctx))
	defer newer.Shutdown()
	series := newer.NewRecorder(scheme.Scheme, "example.com/newer")
	for range 2 {
		series.Eventf(about, nil, corev1.EventTypeWarning, "Repeated", "Checking", "note %d", 1)
	}
	eventually(t, "an event with a series", func(ctx context.Context) (bool, error) {
		list, err := server.kube.EventsV1().Events(name).List(ctx, metav1.ListOptions{
			FieldSelector: "reason=Repeated"})
		return err == nil && len(list.Items) == 1 && list.Items[0].Series != nil &&
			list.Items[0].Series.Count == 2, err
	})
	old, err := server.kube.CoreV1().Events(name).List(ctx, metav1.ListOptions{
		FieldSelector: "reason=Repeated"})
	must(t, err)
	that(t, len(old.Items) == 1 && old.Items[0].Message == "note 1", "in the old group: %+v", old.Items)
	that(t, old.Items[0].ReportingController == "example.com/newer", "%+v", old.Items[0])
}

// family makes a config map that another owns, and tells the owner's name.
func family(t *testing.T, namespace string, blocks bool) string {
	t.Helper()
	ctx, maps := t.Context(), server.kube.CoreV1().ConfigMaps(namespace)
	owner, err := maps.Create(ctx, configMap("owner", nil), metav1.CreateOptions{})
	must(t, err)
	owned := configMap("owned", nil)
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap",
		Name: owner.Name, UID: owner.UID, BlockOwnerDeletion: ptr.To(blocks)}}
	_, err = maps.Create(ctx, owned, metav1.CreateOptions{})
	must(t, err)
	return owner.Name
}

func TestOwnedObjectsAreCollected(t *testing.T) {
	for _, policy := range []metav1.DeletionPropagation{
		metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		t.Run(string(policy), func(t *testing.T) {
			name := namespace(t)
			maps := server.kube.CoreV1().ConfigMaps(name)
			owner := family(t, name, true)
			must(t, maps.Delete(t.Context(), owner, metav1.DeleteOptions{PropagationPolicy: &policy}))
			for _, gone := range []string{"owned", "owner"} {
				eventually(t, gone+" to go", func(ctx context.Context) (bool, error) {
					_, err := maps.Get(ctx, gone, metav1.GetOptions{})
					return apierrors.IsNotFound(err), nil
				})
			}
		})
	}
}

func TestOrphansStay(t *testing.T) {
	name := namespace(t)
	maps := server.kube.CoreV1().ConfigMaps(name)
	policy := metav1.DeletePropagationOrphan
	must(t, maps.Delete(t.Context(), family(t, name, false), metav1.DeleteOptions{PropagationPolicy: &policy}))
	eventually(t, "the orphan", func(ctx context.Context) (bool, error) {
		owned, err := maps.Get(ctx, "owned", metav1.GetOptions{})
		return err == nil && len(owned.OwnerReferences) == 0, err
	})
}

func TestNamespacesTakeTheirContentAlong(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	maps := server.kube.CoreV1().ConfigMaps(name)
	held := configMap("held", nil)
	held.Finalizers = []string{"example.com/held"}
	held, err := maps.Create(ctx, held, metav1.CreateOptions{})
	must(t, err)
	must(t, server.kube.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}))
	_, err = maps.Create(ctx, configMap("late", nil), metav1.CreateOptions{})
	that(t, apierrors.IsForbidden(err) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause),
		"creating in a terminating namespace: %v", err)
	eventually(t, "the deletion of what is held", func(ctx context.Context) (bool, error) {
		held, err = maps.Get(ctx, "held", metav1.GetOptions{})
		return err == nil && held.DeletionTimestamp != nil, err
	})
	held.Finalizers = nil
	_, err = maps.Update(ctx, held, metav1.UpdateOptions{})
	must(t, err)
	eventually(t, "the namespace to go", func(ctx context.Context) (bool, error) {
		_, err := server.kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}

func TestNewNamespacesGetAnAccountAndTheAuthority(t *testing.T) {
	name := namespace(t)
	eventually(t, "the default account", func(ctx context.Context) (bool, error) {
		_, err := server.kube.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	eventually(t, "the authority", func(ctx context.Context) (bool, error) {
		found, err := server.kube.CoreV1().ConfigMaps(name).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err == nil && found.Data["ca.crt"] != "", nil
	})
}

func TestWatchersBesideManyWritersMissNothing(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	maps := server.kube.CoreV1().ConfigMaps(name)
	list, err := maps.List(ctx, metav1.ListOptions{})
	must(t, err)
	stream, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion,
		LabelSelector: "batch=yes"})
	must(t, err)
	defer stream.Stop()
	var failed atomic.Int32
	for writer := range 8 {
		go func() {
			for range 25 {
				made := configMap("", nil)
				made.GenerateName = string(rune('a'+writer)) + "-"
				made.Labels = map[string]string{"batch": "yes"}
				if _, err := maps.Create(ctx, made, metav1.CreateOptions{}); err != nil {
					failed.Add(1)
				}
			}
		}()
	}
	seen := map[string]bool{}
	for len(seen) < 200-int(failed.Load()) {
		seen[receive(t, "an event", stream.ResultChan()).Object.(*corev1.ConfigMap).Name] = true
	}
	that(t, failed.Load() == 0, "%d writes failed", failed.Load())
}
