# ruff: noqa: E501  # one case per line reads best
import copy
from typing import Any

import pytest

from towline.kube.crd.definition import check_definition
from towline.kube.crd.status import settled_status, terminating_status
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.structural import crd_defaults, crd_kinds


def crd(**changes: Any) -> Any:
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {
            "plural": "widgets",
            "kind": "Widget",
            "shortNames": ["w"],
            "categories": ["all"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object"}},
                    }
                },
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                    },
                },
            }
        ],
        **changes,
    }
    return crd_defaults(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": spec,
        }
    )


def version(name: Any = "v1", schema: Any = None, **fields: Any) -> Any:
    schema = schema or {"type": "object"}
    return {
        "name": name,
        "served": True,
        "storage": name == "v1",
        "schema": {"openAPIV3Schema": schema},
        **fields,
    }


def with_property(**schema: Any) -> Any:
    return {"type": "object", "properties": {"x": schema}}


def test_names_are_filled_in() -> None:
    spec = crd()["spec"]
    assert spec["names"]["singular"] == "widget"
    assert spec["names"]["listKind"] == "WidgetList"
    assert spec["conversion"] == {"strategy": "None"}
    assert check_definition(crd()) == []


def test_a_definition_becomes_kinds() -> None:
    versions = [version("v1alpha1"), version("v1"), version("v2beta1"), version("v2", served=False)]
    kinds = crd_kinds(crd(versions=versions))
    assert [kind.gvk.version for kind in kinds] == ["v1", "v2beta1", "v1alpha1"]
    (kind,) = crd_kinds(crd())
    assert kind.gvk == GroupVersionKind("example.com", "v1", "Widget")
    assert (kind.resource, kind.singular, kind.short_names) == ("widgets", "widget", ("w",))
    assert kind.namespaced
    assert kind.subresources.keys() == {"status", "scale"}
    assert kind.subresources["scale"].gvk.kind == "Scale"
    assert kind.schema.properties["metadata"].properties["finalizers"].list_type == "set"


def types_of(status: Any) -> Any:
    return [(c["type"], c["status"], c["reason"]) for c in status["conditions"]]


def test_the_status_is_established_at_once_and_keeps_its_times() -> None:
    first = settled_status(crd(), (), (), "2024-01-01T00:00:00Z")
    assert types_of(first) == [
        ("NamesAccepted", "True", "NoConflicts"),
        ("Established", "True", "InitialNamesAccepted"),
    ]
    assert first["storedVersions"] == ["v1"]
    assert first["acceptedNames"]["listKind"] == "WidgetList"
    again = settled_status({**crd(), "status": first}, (), (), "2025-01-01T00:00:00Z")
    assert again == first


@pytest.mark.parametrize(
    ("resources", "kinds", "reason", "message"),
    [
        (["widgets"], [], "PluralConflict", '"widgets" is already in use'),
        (["widget"], [], "SingularConflict", '"widget" is already in use'),
        (["w"], [], "ShortNamesConflict", '"w" is already in use'),
        ([], ["Widget"], "KindConflict", '"Widget" is already in use'),
        ([], ["WidgetList"], "ListKindConflict", '"WidgetList" is already in use'),
    ],
)
def test_names_of_others_are_not_accepted(
    resources: Any, kinds: Any, reason: Any, message: Any
) -> None:
    status = settled_status(crd(), resources, kinds, "2024-01-01T00:00:00Z")
    assert types_of(status) == [
        ("NamesAccepted", "False", reason),
        ("Established", "False", "NotAccepted"),
    ]
    assert status["conditions"][0]["message"] == message


def test_what_was_accepted_stays_when_a_new_short_name_is_taken() -> None:
    first = settled_status(crd(), (), (), "2024-01-01T00:00:00Z")
    names = {**crd()["spec"]["names"], "shortNames": ["w", "pods"]}
    changed = {**crd(names=names), "status": first}
    status = settled_status(changed, ["pods"], (), "2025-01-01T00:00:00Z")
    assert types_of(status)[0] == ("NamesAccepted", "False", "ShortNamesConflict")
    assert types_of(status)[1][:2] == ("Established", "True")
    assert status["acceptedNames"]["shortNames"] == ["w"]


def test_another_storage_version_is_remembered_beside_the_first() -> None:
    first = settled_status(crd(), (), (), "2024-01-01T00:00:00Z")
    versions = [{**version("v1"), "storage": False}, {**version("v2"), "storage": True}]
    changed = {**crd(versions=versions), "status": first}
    status = settled_status(changed, (), (), "2025-01-01T00:00:00Z")
    assert status["storedVersions"] == ["v1", "v2"]
    without = {**crd(versions=versions[1:]), "status": status}
    errors = [str(error) for error in check_definition(without, {**changed, "status": status})]
    assert len(errors) == 1
    assert errors[0].startswith(
        'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was'
    )


def test_deletion_is_a_condition() -> None:
    first = settled_status(crd(), (), (), "2024-01-01T00:00:00Z")
    status = terminating_status({**crd(), "status": first}, "2025-01-01T00:00:00Z")
    assert types_of(status)[-1] == ("Terminating", "True", "InstanceDeletionInProgress")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": "example"}, 'metadata.name: Invalid value: "widgets.example.com": must be spec.names.plural+"."+spec.group'),
        ({"group": "example"}, 'spec.group: Invalid value: "example": should be a domain with at least one dot'),
        ({"scope": "World"}, 'spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"'),
        ({"scope": ""}, "spec.scope: Required value"),
        ({"names": {"plural": "widgets"}}, "spec.names.kind: Required value"),
        ({"versions": []}, "spec.versions: Invalid value: []: must have exactly one version marked as storage version"),
        ({"versions": [version("v2")]}, 'spec.versions: Invalid value: [{"name":"v2",'),
        ({"versions": [version(), version()]}, 'spec.versions: Invalid value: [{"name":"v1",'),
        ({"versions": [version(schema={"type": "string"})]}, 'spec.validation.openAPIV3Schema.type: Invalid value: "string": must be object at the root'),
        ({"versions": [version(schema={"description": "x"})]}, "spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root"),
        ({"versions": [version(schema=with_property())]}, "spec.validation.openAPIV3Schema.properties[x].type: Required value: must not be empty for specified object fields"),
        ({"versions": [version(schema=with_property(type="array"))]}, "spec.validation.openAPIV3Schema.properties[x].items: Required value: must be specified"),
        ({"versions": [version(schema=with_property(type="array", items={}))]}, "spec.validation.openAPIV3Schema.properties[x].items.type: Required value: must not be empty for specified array items"),
        ({"versions": [version(schema=with_property(type="object", **{"$ref": "#/x"}))]}, "spec.validation.openAPIV3Schema.properties[x].$ref: Forbidden: $ref is not supported"),
        ({"versions": [version(schema=with_property(type="string", default=1))]}, 'spec.validation.openAPIV3Schema.properties[x].default: Invalid value: "integer":  in body must be of type string: "integer"'),
        ({"versions": [version(schema=with_property(type="object", anyOf=[{"default": 1}]))]}, "spec.validation.openAPIV3Schema.properties[x].anyOf[0].default: Forbidden: must be undefined to be structural"),
        ({"versions": [{**version(), "schema": None}]}, "spec.versions[0].schema.openAPIV3Schema: Required value"),
        ({"preserveUnknownFields": True}, "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true"),
    ],
)  # fmt: skip
def test_wrong_definitions_are_refused(changes: Any, message: Any) -> None:
    assert any(str(error).startswith(message) for error in check_definition(crd(**changes)))


def test_map_lists_need_sound_keys() -> Any:
    def problems(**items: Any) -> Any:
        schema = with_property(
            type="array",
            items={"type": "object", **items},
            **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        )
        return [str(error) for error in check_definition(crd(versions=[version(schema=schema)]))]

    named = {"name": {"type": "string"}}
    assert problems(properties=named, required=["name"]) == []
    assert "must all be names of item properties" in problems(properties={})[0]
    assert "must have a default or be a required property" in problems(properties=named)[0]


def test_deep_schemas_are_refused() -> None:
    schema = {"type": "object"}
    for _ in range(100):
        schema = {"type": "object", "properties": {"a": schema}}
    errors = check_definition(crd(versions=[version(schema=schema)]))
    assert "must not be nested more than" in str(errors[0])


def test_identity_does_not_change() -> None:
    old = {**crd(), "status": settled_status(crd(), (), (), "2024-01-01T00:00:00Z")}
    new = copy.deepcopy(crd())
    new["spec"]["scope"] = "Cluster"
    assert [str(error) for error in check_definition(new, old)] == [
        'spec.scope: Invalid value: "Cluster": field is immutable'
    ]
