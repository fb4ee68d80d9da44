package controllers

import (
	"bytes"
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// worker is a service account that may read config maps, and a client with its token.
func worker(t *testing.T, namespace string) kubernetes.Interface {
	t.Helper()
	ctx := t.Context()
	_, err := server.kube.CoreV1().ServiceAccounts(namespace).Create(
		ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}, metav1.CreateOptions{})
	must(t, err)
	_, err = server.kube.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"},
			Verbs: []string{"get", "list", "watch"}}}}, metav1.CreateOptions{})
	must(t, err)
	_, err = server.kube.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "worker"}}}, metav1.CreateOptions{})
	must(t, err)
	token, err := server.kube.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "worker",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: ptr.To(int64(3600))}}, metav1.CreateOptions{})
	must(t, err)
	config := rest.AnonymousClientConfig(server.config)
	config.BearerToken = token.Status.Token
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	return client
}

func TestServiceAccountsMayWhatTheirRolesSay(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	client := worker(t, name)
	eventually(t, "the role", func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().ConfigMaps(name).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
	_, err := client.CoreV1().Secrets(name).List(ctx, metav1.ListOptions{})
	that(t, apierrors.IsForbidden(err), "secrets: %v", err)
	want := `secrets is forbidden: User "system:serviceaccount:` + name + `:worker" cannot list resource "secrets"`
	that(t, strings.HasPrefix(err.Error(), want), "secrets: %v", err)
	for resource, allowed := range map[string]bool{"configmaps": true, "secrets": false} {
		review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx,
			&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: name, Verb: "list", Resource: resource}}}, metav1.CreateOptions{})
		must(t, err)
		that(t, review.Status.Allowed == allowed, "%s: %+v", resource, review.Status)
	}
	rules, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx,
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{
			Namespace: name}}, metav1.CreateOptions{})
	must(t, err)
	that(t, len(rules.Status.ResourceRules) > 0, "no rules: %+v", rules.Status)
	self, err := client.AuthenticationV1().SelfSubjectReviews().Create(
		ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	must(t, err)
	that(t, self.Status.UserInfo.Username == "system:serviceaccount:"+name+":worker", "%+v", self.Status)
}

func TestImpersonationActsAsTheOther(t *testing.T) {
	config := rest.CopyConfig(server.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "jane", Groups: []string{"team"}}
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	_, err = client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	that(t, apierrors.IsForbidden(err) && strings.Contains(err.Error(), `User "jane"`), "jane: %v", err)
}

func TestWrongTokensAreUnauthorized(t *testing.T) {
	config := rest.AnonymousClientConfig(server.config)
	config.BearerToken = "nonsense"
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	_, err = client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	that(t, apierrors.IsUnauthorized(err), "wrong token: %v", err)
}

func TestTokenReviewNamesTheAccount(t *testing.T) {
	ctx, name := t.Context(), namespace(t)
	worker(t, name)
	token, err := server.kube.CoreV1().ServiceAccounts(name).CreateToken(
		ctx, "worker", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(t, err)
	review, err := server.kube.AuthenticationV1().TokenReviews().Create(ctx,
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}},
		metav1.CreateOptions{})
	must(t, err)
	that(t, review.Status.Authenticated, "review: %+v", review.Status)
	that(t, review.Status.User.Username == "system:serviceaccount:"+name+":worker", "%+v", review.Status)
}

func TestWebhookConfigurationsAreObjects(t *testing.T) {
	ctx := t.Context()
	configurations := server.kube.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	name := namespace(t)
	made, err := configurations.Create(ctx, &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "check.example.com",
			ClientConfig: admissionv1.WebhookClientConfig{
				Service: &admissionv1.ServiceReference{Namespace: name, Name: "hook"}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule: admissionv1.Rule{APIGroups: []string{"nothing.example.com"},
					APIVersions: []string{"v1"}, Resources: []string{"things"}}}},
			SideEffects:             ptr.To(admissionv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}}}, metav1.CreateOptions{})
	must(t, err)
	defer configurations.Delete(ctx, name, metav1.DeleteOptions{})
	hook := made.Webhooks[0]
	that(t, *hook.FailurePolicy == admissionv1.Fail, "failure policy: %v", hook.FailurePolicy)
	that(t, *hook.TimeoutSeconds == 10 && *hook.ClientConfig.Service.Port == 443, "%+v", hook)
	made.Webhooks[0].ClientConfig.CABundle = server.config.CAData
	made, err = configurations.Update(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	that(t, made.Generation == 2, "generation %d", made.Generation)
	that(t, bytes.Equal(made.Webhooks[0].ClientConfig.CABundle, server.config.CAData), "caBundle changed")
}
