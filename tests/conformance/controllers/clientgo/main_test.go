// Package controllers checks that a Kubernetes API server serves what programs written with
// client-go and controller-runtime rely on. The same checks run against Drydock and against a real
// kube-apiserver with its controllers; nothing here knows which of the two it talks to.
package controllers

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	protobuf = "application/vnd.kubernetes.protobuf"
	patience = 30 * time.Second
	interval = 50 * time.Millisecond
)

// clients are the ways in which controllers speak to one server.
type clients struct {
	config   *rest.Config
	kube     kubernetes.Interface
	crds     apiextensions.Interface
	dynamic  dynamic.Interface
	metadata metadata.Interface
}

var server clients

func TestMain(m *testing.M) {
	flag.Parse()
	ctrl.SetLogger(klog.Background())
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

func connect() error {
	config, err := ctrl.GetConfig() // of the flag -kubeconfig
	if err != nil {
		return err
	}
	if err = rest.LoadTLSFiles(config); err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000
	typed := rest.CopyConfig(config)
	typed.ContentType = protobuf
	typed.AcceptContentTypes = protobuf + ",application/json"
	server = clients{config: config}
	if server.kube, err = kubernetes.NewForConfig(typed); err != nil {
		return err
	}
	if server.crds, err = apiextensions.NewForConfig(config); err != nil {
		return err
	}
	if server.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	server.metadata, err = metadata.NewForConfig(config)
	return err
}

// must ends the check when an unexpected error came.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// that ends the check when a condition does not hold.
func that(t *testing.T, condition bool, format string, args ...any) {
	t.Helper()
	if !condition {
		t.Fatalf(format, args...)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), interval, patience, true, condition)
	that(t, err == nil, "waited for %s: %v", what, err)
}

// receive takes the next value of a channel.
func receive[T any](t *testing.T, what string, channel <-chan T) T {
	t.Helper()
	select {
	case value, open := <-channel:
		that(t, open, "%s: the channel was closed", what)
		return value
	case <-time.After(patience):
		t.Fatalf("waited for %s", what)
	}
	panic("unreachable")
}

// namespace makes a namespace of the check's own, which goes away with it.
func namespace(t *testing.T) string {
	t.Helper()
	made, err := server.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "check-"},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		// The check's own context is over here.
		_ = server.kube.CoreV1().Namespaces().Delete(
			context.Background(), made.Name, metav1.DeleteOptions{})
	})
	return made.Name
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}
