"""One stored thing that cannot be read stops neither the others nor the start."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from towline.drydock.registry import Registry
from towline.drydock.storage import StoreKey
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

CRDS = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
WIDGETS = GroupResource("ex.com", "widgets")
ESTABLISHED = [{"type": "Established", "status": "True"}]

pytestmark = pytest.mark.asyncio


def definition(plural: str = "widgets", kind: str = "Widget", **schema: Any) -> Obj:
    return {
        "metadata": {"name": f"{plural}.ex.com"},
        "spec": {
            "group": "ex.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", **schema}},
                }
            ],
        },
    }


def widget(name: str, **spec: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


async def poison(registry: Registry, name: str, **fields: Any) -> None:
    """Stores a definition as no write through the API could."""
    obj = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        **fields,
    }
    await registry.store.put(StoreKey(CRDS, "", name), obj)


def restarted(registry: Registry) -> Registry:
    writes = registry.writes
    return Registry(
        registry.store, registry.kinds.catalog, registry._clock, writes._rng, writes._plan
    )


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"group": "bad.com", "names": {}, "versions": []},
        {"group": "bad.com", "names": {"plural": "bads", "kind": "Bad"}, "versions": [{}]},
        {"group": "bad.com", "names": {"plural": "bads", "kind": "Bad"}, "versions": "v1"},
    ],
)
async def test_s65_a_malformed_definition_does_not_stop_the_others(
    registry: Registry, spec: Obj, caplog: pytest.LogCaptureFixture
) -> None:
    await registry.create(CRDS, definition(), manager="me")
    with caplog.at_level(logging.CRITICAL):
        await poison(registry, "a.bad.com", spec=spec, status={"conditions": ESTABLISHED})
        again = restarted(registry)
    assert again.kinds.stored(WIDGETS) is not None
    made = await again.create(WIDGETS, widget("w"), manager="me")
    assert made["metadata"]["name"] == "w"
    await again.create(CRDS, definition("gadgets", "Gadget"), manager="me")
    assert again.kinds.stored(GroupResource("ex.com", "gadgets")) is not None


async def test_s65_an_object_that_is_invalid_by_now_can_be_read_changed_and_deleted(
    registry: Registry,
) -> None:
    number = {"type": "object", "properties": {"n": {"type": "integer"}, "m": {"type": "string"}}}
    loose = definition(properties={"spec": number})
    await registry.create(CRDS, loose, manager="me")
    await registry.create(WIDGETS, widget("old", n=9), manager="me")

    def tighten(crd: Obj) -> None:
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        limited = schema["properties"]["spec"]["properties"]["n"]
        limited["maximum"] = 5
        limited["x-kubernetes-validations"] = [{"rule": "self != 9"}]

    await registry.mutate(CRDS, "", "widgets.ex.com", tighten, manager="me")
    with pytest.raises(ApiError, match="should be less than or equal to 5"):
        await registry.create(WIDGETS, widget("new", n=9), manager="me")
    changed = await registry.mutate(
        WIDGETS, "default", "old", lambda obj: obj["spec"].update(m="x"), manager="me"
    )
    assert changed is not None
    assert changed["spec"] == {"n": 9, "m": "x"}
    await registry.delete(WIDGETS, "default", "old")
    assert registry.get(WIDGETS, "default", "old") is None


async def test_a_definition_waits_for_names_until_they_are_free(registry: Registry) -> None:
    await registry.create(CRDS, definition(), manager="me")
    await registry.create(CRDS, definition("gadgets", "Widget"), manager="me")
    gadgets = GroupResource("ex.com", "gadgets")
    assert registry.kinds.stored(gadgets) is None
    upkeep = asyncio.ensure_future(registry._empty_definitions())
    await registry.delete(CRDS, "", "widgets.ex.com")
    async with asyncio.timeout(10):
        async for _, event in registry.watch(CRDS):
            if registry.kinds.stored(gadgets) is not None:
                break
            assert not upkeep.done(), event
    upkeep.cancel()
    assert registry.kinds.stored(WIDGETS) is None
