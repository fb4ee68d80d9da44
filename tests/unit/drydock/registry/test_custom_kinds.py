"""Custom resource definitions: served at once, versions, defaults, clean-up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from towline.drydock.registry import Registry, Target, WriteOptions, settle
from towline.drydock.registry.versions import to_served
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

CRDS = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
WIDGETS = GroupResource("ex.com", "widgets")

pytestmark = pytest.mark.asyncio

_SPEC_SCHEMA = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
    },
}


def version(name: str, *, storage: bool) -> Obj:
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": _SPEC_SCHEMA, "status": status}}
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }


def definition() -> Obj:
    return {
        "metadata": {"name": "widgets.ex.com"},
        "spec": {
            "group": "ex.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [version("v1beta1", storage=False), version("v1", storage=True)],
        },
    }


def widget(name: str = "w", **spec: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec or {"size": 1}}


async def test_a_definition_is_established_and_served_by_its_create(registry: Registry) -> None:
    made = await registry.create(CRDS, definition(), manager="me")
    conditions = {c["type"]: c["status"] for c in made["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert made["status"]["storedVersions"] == ["v1"]
    assert made["spec"]["names"]["listKind"] == "WidgetList"
    assert registry.kinds.groups()["ex.com"] == ["v1", "v1beta1"]
    assert (WIDGETS, "Widget", True) in registry.resources()


async def test_objects_are_pruned_defaulted_and_validated(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")
    made = await registry.create(WIDGETS, widget(size=2, foo=1), manager="me")
    assert made["spec"] == {"size": 2, "color": "red"}
    assert made["metadata"]["generation"] == 1
    with pytest.raises(ApiError) as caught:
        await registry.create(WIDGETS, widget("x", size="big", color="green"), manager="me")
    assert caught.value.code == 422
    assert 'spec.color: Unsupported value: "green"' in caught.value.message
    assert "spec.size in body must be of type integer" in caught.value.message
    with pytest.raises(ApiError, match=r"spec\.size: Required value"):
        await registry.create(WIDGETS, widget("x", color="red"), manager="me")


async def test_every_version_shows_the_same_object(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")
    old = registry.kinds.served("ex.com", "v1beta1", "widgets")
    assert old is not None
    body = {"apiVersion": "ex.com/v1beta1", "kind": "Widget", **widget(size=3)}
    outcome = await settle(registry.writes.create(old, "default", body, WriteOptions("me")))
    assert outcome.obj["apiVersion"] == "ex.com/v1"
    assert to_served(old, outcome.obj)["apiVersion"] == "ex.com/v1beta1"
    assert outcome.obj["metadata"]["managedFields"][0]["apiVersion"] == "ex.com/v1beta1"


async def test_status_of_a_custom_object_has_its_own_path(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")
    made = await registry.create(WIDGETS, {**widget(), "status": {"a": 1}}, manager="me")
    assert "status" not in made
    changed = await registry.mutate(
        WIDGETS,
        "default",
        "w",
        lambda o: o.update(status={"a": 1}),
        manager="me",
        subresource="status",
    )
    assert changed is not None
    assert changed["status"] == {"a": 1}
    assert changed["metadata"]["generation"] == 1


async def test_a_definition_with_a_taken_name_is_not_served(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")
    other = definition()
    other["metadata"]["name"] = "gadgets.ex.com"
    other["spec"]["names"] = {"plural": "gadgets", "kind": "Widget"}
    made = await registry.create(CRDS, other, manager="me")
    conditions = {c["type"]: (c["status"], c["reason"]) for c in made["status"]["conditions"]}
    assert conditions == {
        "NamesAccepted": ("False", "ListKindConflict"),
        "Established": ("False", "NotAccepted"),
    }
    assert registry.kinds.stored(GroupResource("ex.com", "gadgets")) is None


async def test_a_definition_takes_its_objects_along(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")
    for number in range(3):
        await registry.create(WIDGETS, widget(f"w{number}"), manager="me")
    upkeep = asyncio.ensure_future(registry._empty_definitions())
    await registry.delete(CRDS, "", "widgets.ex.com")
    while registry.get(CRDS, "", "widgets.ex.com") is not None:
        await asyncio.sleep(0)
    upkeep.cancel()
    assert registry.store.count(WIDGETS) == 0
    assert registry.kinds.stored(WIDGETS) is None
    assert "ex.com" not in registry.kinds.groups()


async def test_served_kinds_come_back_after_a_restart(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")
    epoch = registry.kinds.epoch
    again = Registry(
        registry.store,
        registry.kinds.catalog,
        registry._clock,
        registry.writes._rng,
        registry.writes._plan,
    )
    assert again.kinds.stored(WIDGETS) is not None
    assert epoch > 1


async def test_a_changed_definition_changes_validation(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")

    def loosen(crd: Obj) -> None:
        for each in crd["spec"]["versions"]:
            schema = each["schema"]["openAPIV3Schema"]["properties"]["spec"]
            schema["properties"]["color"]["enum"].append("green")

    await registry.mutate(CRDS, "", "widgets.ex.com", loosen, manager="me")
    made = await registry.create(WIDGETS, widget(size=1, color="green"), manager="me")
    assert made["spec"]["color"] == "green"
    place = Target(registry.kinds.stored(WIDGETS), "default", "w")  # type: ignore[arg-type]
    with pytest.raises(ApiError, match="must be specified for an update"):
        registry.writes.update(place, {**widget(size=2)}, WriteOptions("me"))
