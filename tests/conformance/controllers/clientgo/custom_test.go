package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
)

// Widget is the kind that these checks define.
type Widget struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WidgetSpec   `json:"spec,omitempty"`
	Status            WidgetStatus `json:"status,omitempty"`
}

// WidgetSpec is what a widget should be.
type WidgetSpec struct {
	Size   int32  `json:"size,omitempty"`
	Colour string `json:"colour,omitempty"`
}

// WidgetStatus is what its controller saw.
type WidgetStatus struct {
	Replicas           int32              `json:"replicas,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// WidgetList is a list of them.
type WidgetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Widget `json:"items"`
}

func (w *Widget) DeepCopyObject() runtime.Object {
	out := *w
	w.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = append([]metav1.Condition(nil), w.Status.Conditions...)
	return &out
}

func (l *WidgetList) DeepCopyObject() runtime.Object {
	out := WidgetList{TypeMeta: l.TypeMeta, ListMeta: l.ListMeta}
	for index := range l.Items {
		out.Items = append(out.Items, *l.Items[index].DeepCopyObject().(*Widget))
	}
	return &out
}

// kind is a widget kind in a group of one check's own.
type kind struct {
	group  string
	scheme *runtime.Scheme
}

func (k kind) resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.group, Version: "v1", Resource: "widgets"}
}

func schemaOfWidgets() *apiextensionsv1.JSONSchemaProps {
	condition := apiextensionsv1.JSONSchemaProps{Type: "object",
		Required: []string{"type", "status", "lastTransitionTime", "reason", "message"},
		Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"type": {Type: "string"}, "status": {Type: "string"}, "reason": {Type: "string"},
			"message": {Type: "string"}, "observedGeneration": {Type: "integer", Format: "int64"},
			"lastTransitionTime": {Type: "string", Format: "date-time"}}}
	return &apiextensionsv1.JSONSchemaProps{Type: "object",
		Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"spec": {Type: "object",
				Properties: map[string]apiextensionsv1.JSONSchemaProps{
					"size": {Type: "integer", Format: "int32", Minimum: ptr.To(0.0)},
					"colour": {Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte(`"red"`)},
						Enum: []apiextensionsv1.JSON{{Raw: []byte(`"red"`)}, {Raw: []byte(`"blue"`)}}}},
				XValidations: apiextensionsv1.ValidationRules{
					{Rule: "self.size <= oldSelf.size + 10", Message: "grows by 10 at most"}}},
			"status": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
				"replicas":           {Type: "integer", Format: "int32"},
				"observedGeneration": {Type: "integer", Format: "int64"},
				"conditions": {Type: "array", XListType: ptr.To("map"), XListMapKeys: []string{"type"},
					Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &condition}}}}}}
}

// define creates a kind and waits until the server serves it.
func define(t *testing.T) kind {
	t.Helper()
	group := fmt.Sprintf("g%d.example.com", time.Now().UnixNano())
	name := "widgets." + group
	definitions := server.crds.ApiextensionsV1().CustomResourceDefinitions()
	_, err := definitions.Create(t.Context(), &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema:           &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: schemaOfWidgets()},
				SelectableFields: []apiextensionsv1.SelectableField{{JSONPath: ".spec.colour"}},
				Subresources: &apiextensionsv1.CustomResourceSubresources{
					Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
					Scale: &apiextensionsv1.CustomResourceSubresourceScale{
						SpecReplicasPath: ".spec.size", StatusReplicasPath: ".status.replicas"}}}}}},
		metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = definitions.Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	eventually(t, "the kind to be established", func(ctx context.Context) (bool, error) {
		found, err := definitions.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range found.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == "True" {
				return true, nil
			}
		}
		return false, nil
	})
	made := kind{group: group, scheme: runtime.NewScheme()}
	must(t, clientgoscheme.AddToScheme(made.scheme))
	version := schema.GroupVersion{Group: group, Version: "v1"}
	made.scheme.AddKnownTypes(version, &Widget{}, &WidgetList{})
	metav1.AddToGroupVersion(made.scheme, version)
	return made
}

func unstructuredWidget(k kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": k.group + "/v1",
		"kind": "Widget", "metadata": map[string]any{"name": name}, "spec": spec}}
}

func TestCustomKindsAreDiscovered(t *testing.T) {
	defined := define(t)
	lists, err := server.kube.Discovery().ServerPreferredResources()
	must(t, err)
	for _, list := range lists {
		if list.GroupVersion == defined.group+"/v1" {
			that(t, len(list.APIResources) == 1 && list.APIResources[0].Kind == "Widget", "%+v", list)
			return
		}
	}
	t.Fatalf("%s is not among the groups", defined.group)
}

func TestCustomObjectsFollowTheirSchema(t *testing.T) {
	ctx, defined, name := t.Context(), define(t), namespace(t)
	widgets := server.dynamic.Resource(defined.resource()).Namespace(name)
	made, err := widgets.Create(ctx, unstructuredWidget(defined, "one",
		map[string]any{"size": int64(1), "unknown": "field"}), metav1.CreateOptions{})
	must(t, err)
	spec := made.Object["spec"].(map[string]any)
	that(t, spec["colour"] == "red" && spec["unknown"] == nil, "spec: %v", spec)
	_, err = widgets.Create(ctx, unstructuredWidget(defined, "two",
		map[string]any{"colour": "green"}), metav1.CreateOptions{})
	that(t, apierrors.IsInvalid(err), "a colour that is none: %v", err)
	_, err = widgets.Patch(ctx, "one", types.MergePatchType,
		[]byte(`{"spec":{"size":50}}`), metav1.PatchOptions{})
	that(t, apierrors.IsInvalid(err), "growth by 49: %v", err)
	_, err = widgets.Create(ctx, unstructuredWidget(defined, "three",
		map[string]any{"size": int64(1), "colour": "blue"}), metav1.CreateOptions{})
	must(t, err)
	blue, err := widgets.List(ctx, metav1.ListOptions{FieldSelector: "spec.colour=blue"})
	must(t, err)
	that(t, len(blue.Items) == 1 && blue.Items[0].GetName() == "three", "blue: %v", blue.Items)
	scale, err := widgets.Get(ctx, "one", metav1.GetOptions{}, "scale")
	must(t, err)
	that(t, scale.GetKind() == "Scale", "scale: %v", scale)
	applied, err := widgets.Apply(ctx, "one", unstructuredWidget(defined, "one",
		map[string]any{"size": int64(1)}), metav1.ApplyOptions{FieldManager: "other", Force: true})
	must(t, err)
	that(t, len(applied.GetManagedFields()) == 2, "managers: %v", applied.GetManagedFields())
}

func TestDeletedKindsTakeTheirObjectsAlong(t *testing.T) {
	ctx, defined, name := t.Context(), define(t), namespace(t)
	widgets := server.dynamic.Resource(defined.resource()).Namespace(name)
	_, err := widgets.Create(ctx, unstructuredWidget(defined, "one",
		map[string]any{"size": int64(1)}), metav1.CreateOptions{})
	must(t, err)
	stream, err := widgets.Watch(ctx, metav1.ListOptions{})
	must(t, err)
	defer stream.Stop()
	must(t, server.crds.ApiextensionsV1().CustomResourceDefinitions().Delete(
		ctx, "widgets."+defined.group, metav1.DeleteOptions{}))
	for receive(t, "the deletion", stream.ResultChan()).Type != "DELETED" {
	}
	eventually(t, "the kind to go", func(ctx context.Context) (bool, error) {
		_, err := widgets.List(ctx, metav1.ListOptions{})
		return apierrors.IsNotFound(err), nil
	})
	_, err = server.kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	must(t, err)
}
