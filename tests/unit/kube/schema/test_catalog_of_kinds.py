# ruff: noqa: E501  # one case per line reads best
import json
from typing import Any

import pytest

from towline.errors import NotFoundError
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.catalog import load_catalog
from towline.kube.schema.structural import crd_kinds

CATALOG = load_catalog()


def node(kind: Any, *path: Any, group: Any = "", version: Any = "v1") -> Any:
    found = CATALOG.kind(GroupVersionKind(group, version, kind)).schema
    for key in path:
        found = found.items if key == "[]" else found.properties[key]
    return found


def test_kinds_carry_what_discovery_serves() -> None:
    kind = CATALOG.kind(GroupVersionKind("apps", "v1", "Deployment"))
    assert (kind.resource, kind.singular, kind.namespaced) == ("deployments", "deployment", True)
    assert kind.short_names == ("deploy",)
    assert kind.categories == ("all",)
    assert kind.verbs == (
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
    )  # fmt: skip
    assert kind.subresources["scale"].gvk == GroupVersionKind("autoscaling", "v1", "Scale")
    assert kind.subresources["status"].verbs == ("get", "patch", "update")
    assert CATALOG.by_resource("apps", "v1", "deployments") is kind
    assert CATALOG.kind(GroupVersionKind("apps", "v2", "Deployment")) is None
    assert CATALOG.by_resource("", "v1", "nonsense") is None
    namespace = CATALOG.by_resource("", "v1", "namespaces")
    assert "deletecollection" not in namespace.verbs
    assert not namespace.namespaced


@pytest.mark.parametrize(
    "group",
    [
        "", "apps", "batch", "policy", "networking.k8s.io", "rbac.authorization.k8s.io",
        "storage.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io",
        "scheduling.k8s.io", "autoscaling", "apiextensions.k8s.io", "authentication.k8s.io",
        "authorization.k8s.io",
    ],
)  # fmt: skip
def test_every_group_is_served(group: Any) -> None:
    assert any(kind.gvk.group == group for kind in CATALOG.kinds())


def test_the_preferred_version_comes_first() -> None:
    versions = [k.gvk.version for k in CATALOG.kinds() if k.gvk.group == "autoscaling"]
    assert versions == ["v2", "v1"]


def test_lists_know_how_they_merge() -> None:
    containers = node("Deployment", "spec", "template", "spec", "containers", group="apps")
    assert (containers.list_type, containers.list_map_keys) == ("map", ("name",))
    assert (containers.patch_strategy, containers.patch_merge_key) == ("merge", "name")
    ports = containers.items.properties["ports"]
    assert ports.list_map_keys == ("containerPort", "protocol")
    assert ports.patch_merge_key == "containerPort"
    assert ports.key_defaults == {"protocol": "TCP"}
    assert node("Pod", "spec", "tolerations").atomic
    assert node("Pod", "metadata", "finalizers").list_type == "set"
    assert node("Deployment", "spec", "selector", group="apps").atomic
    strategy = node("Deployment", "spec", "strategy", group="apps")
    assert strategy.patch_strategy == "retainKeys"
    assert strategy.properties["type"].type == "string"


def test_special_types_are_known() -> None:
    assert node("Service", "spec", "ports", "[]", "targetPort").int_or_string
    limits = node("Pod", "spec", "containers", "[]", "resources", "limits")
    assert limits.shape == "map"
    assert limits.additional_properties.format == "quantity"
    assert node("Secret", "data").additional_properties.format == "byte"
    assert node("ControllerRevision", "data", group="apps").shape == "any"


def test_every_schema_resolves() -> None:
    seen = set()

    def walk(schema: Any, depth: Any) -> None:
        if schema.name in seen or depth > 12:
            return
        seen.add(schema.name or id(schema))
        for child in schema.properties.values():
            walk(child, depth + 1)
        if schema.shape == "list":
            walk(schema.items, depth + 1)
        if schema.additional_properties is not None:
            walk(schema.additional_properties, depth + 1)

    for kind in CATALOG.kinds():
        walk(kind.schema, 0)
    assert "PodSpec" in seen
    assert "JSONSchemaProps" in seen


# --- OpenAPI documents -----------------------------------------------------------------------------


def document(path: Any) -> Any:
    return json.loads(CATALOG.openapi_v3(path))


def test_every_group_version_has_a_document_with_all_its_references() -> None:
    for path in CATALOG.openapi_v3_index():
        text = CATALOG.openapi_v3(path).decode()
        found = json.loads(text)
        assert found["openapi"] == "3.0.0"
        assert found["paths"]
        schemas = found["components"]["schemas"]
        for part in text.split('"#/components/schemas/')[1:]:
            assert part.partition('"')[0] in schemas


def test_patches_name_their_media_types_and_parameters() -> None:
    paths = document("apis/apps/v1")["paths"]
    patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
    }
    assert patch["x-kubernetes-action"] == "patch"
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]
    names = {parameter["name"] for parameter in patch["parameters"]}
    assert names == {"dryRun", "fieldManager", "fieldValidation", "force"}
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale" in paths
    assert "get" in paths["/apis/apps/v1/deployments"]


def test_schemas_have_descriptions_and_merge_extensions() -> None:
    schemas = document("apis/apps/v1")["components"]["schemas"]
    spec = schemas["io.k8s.api.apps.v1.DeploymentSpec"]
    assert "Number of desired pods" in spec["properties"]["replicas"]["description"]
    strategy = spec["properties"]["strategy"]
    assert strategy["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy"}
    ]
    assert strategy["x-kubernetes-patch-strategy"] == "retainKeys"
    kind = schemas["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"]
    assert kind == [{"group": "apps", "version": "v1", "kind": "Deployment"}]
    assert "x-omit-zero" not in json.dumps(schemas)


def test_unknown_group_versions_have_no_document() -> None:
    with pytest.raises(NotFoundError):
        CATALOG.openapi_v3("apis/nonsense/v1")


def test_custom_kinds_get_a_document_of_their_own() -> None:
    crd = {
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"scale": {"specReplicasPath": ".spec.replicas"}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {"spec": {"type": "object"}},
                        }
                    },
                }
            ],
        }
    }
    found = json.loads(CATALOG.custom_openapi_v3(crd_kinds(crd)))
    schemas = found["components"]["schemas"]
    assert schemas["com.example.v1.Widget"]["properties"].keys() >= {"spec", "metadata", "kind"}
    assert "com.example.v1.WidgetList" in schemas
    assert "io.k8s.api.autoscaling.v1.Scale" in schemas
    path = "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"
    content = found["paths"][path]["patch"]["requestBody"]["content"]
    assert "application/strategic-merge-patch+json" not in content
    assert "application/merge-patch+json" in content
