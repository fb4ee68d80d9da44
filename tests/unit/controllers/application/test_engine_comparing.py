"""The engine's comparison: kinds left alone, orphans, differences with their writers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest

from towline.argo.application import parse_application
from towline.argo.manifest import Manifest
from towline.argo.names import TRACKING_ID
from towline.argo.project import parse_project
from towline.argo.status import ConditionType, SyncCode
from towline.controllers.application.comparing import Comparer
from towline.controllers.application.controller import builtin_schemas
from towline.controllers.application.live import LiveIndex
from towline.controllers.application.memory import Memory
from towline.errors import InputError
from towline.gitops.attribution import Cause
from towline.kube.refs import gvk_of
from towline.kubeclient.objects import CachedObject, cached_object
from towline.render.result import result_of

SCHEMAS = builtin_schemas()
SPEC = {"destination": {"server": "https://kubernetes.default.svc", "namespace": "prod"}}
APP = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "web", "namespace": "argocd"},
    "spec": SPEC,
}


class Cache:
    """Live objects by hand."""

    def __init__(self, *objects: Any) -> None:
        found = [cached_object(orjson.dumps(one), gvk_of(one)) for one in objects]
        self.found = {one.key: one for one in found}

    def get(self, key: Any) -> CachedObject | None:
        return self.found.get(key)

    def objects(self, group_kind: Any = None, namespace: str | None = None) -> list[CachedObject]:
        return [one for one in self.found.values() if namespace in {None, one.key.namespace}]

    def watched(self, _: Any) -> bool:
        return True

    def subscribe(self, _: Any) -> Any:
        return lambda: None


def obj(kind: str, name: str, owner: str = "", **more: Any) -> Any:
    notes = {TRACKING_ID: f"{owner}:/{kind}:prod/{name}"} if owner else {}
    meta = {"name": name, "namespace": "prod", "annotations": notes}
    return {"apiVersion": "v1", "kind": kind, "metadata": {**meta, "uid": name}, **more}


def settings(**data: str) -> Any:
    keys = {name.replace("__", "."): text for name, text in data.items()}
    meta = {"name": "argocd-cm", "namespace": "argocd", "resourceVersion": str(keys)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": keys}


async def compared(cache: Cache, *manifests: Any, spec: Any = None, orphaned: Any = None) -> Any:
    scope = SimpleNamespace(namespaced=True, plural="things")
    client: Any = SimpleNamespace(discovery=SimpleNamespace(known=lambda _: scope))
    live: Any = cache
    index = LiveIndex(live, lambda *_: None)
    index.attach()
    comparer = Comparer(client, live, index, SCHEMAS, "argocd")
    app, memory = parse_application({**APP, "spec": {**SPEC, **(spec or {})}}), Memory()
    result = result_of([Manifest(one, "a.yaml", 1) for one in manifests], "Directory", ())
    project = parse_project(
        {
            "metadata": {"name": "default"},
            "spec": {
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                "orphanedResources": orphaned,
            },
        }
    )
    targets = await comparer.targets(app, memory, result)
    comparison = await comparer.compare(app, memory, project, targets)
    return comparison, await comparer.drifts(app, memory, comparison)


def told(comparison: Any) -> list[str]:
    return [condition.message for condition in comparison.conditions]


@pytest.mark.asyncio
async def test_excluded_kinds_are_neither_applied_nor_pruned_but_reported() -> None:
    rule = settings(resource__exclusions="- {kinds: [Secret]}")
    ours = obj("Secret", "once-ours", "web")
    comparison, _ = await compared(Cache(rule, ours), obj("Secret", "s"), obj("ConfigMap", "c"))
    assert [pair.key.name for pair in comparison.pairs] == ["c"]
    assert told(comparison) == ["Resource /Secret s is excluded in the settings"]
    assert comparison.conditions[0].type is ConditionType.EXCLUDED_RESOURCE


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("orphaned", "warnings"),
    [
        (None, []),
        ({}, []),
        ({"warn": True}, ["Application has 2 orphaned resources"]),
        ({"warn": True, "ignore": [{"name": "st*"}]}, ["Application has 1 orphaned resources"]),
    ],
)
async def test_objects_that_no_application_tracks_are_counted(orphaned: Any, warnings: Any) -> None:
    other = {**APP, "metadata": {"name": "other", "namespace": "argocd"}}
    cache = Cache(
        {**APP},
        other,
        obj("ConfigMap", "stray"),
        obj("ConfigMap", "left", "gone"),
        obj("ConfigMap", "theirs", "other"),
        obj("ConfigMap", "mine", "web"),
        obj("ConfigMap", "wanted"),
    )
    comparison, _ = await compared(cache, obj("ConfigMap", "wanted"), orphaned=orphaned)
    assert told(comparison) == warnings


@pytest.mark.asyncio
async def test_differences_are_told_with_their_writers() -> None:
    entry = {
        "manager": "editor",
        "operation": "Update",
        "time": "2026-01-01T00:00:00Z",
        "fieldsV1": {"f:data": {"f:a": {}}},
    }
    live = obj("ConfigMap", "c", "web", data={"a": "2"})
    live["metadata"]["managedFields"] = [entry]
    comparison, drifts = await compared(Cache(live), obj("ConfigMap", "c", data={"a": "1"}))
    assert comparison.sync is SyncCode.OUT_OF_SYNC
    (found,) = drifts.values()
    assert [(one.path, one.cause, one.writer.manager) for one in found] == [
        (".data.a", Cause.MANAGER, "editor")
    ]
    assert msgspec.json.encode(found).startswith(b'[{"path":".data.a","change":"change"')


@pytest.mark.asyncio
async def test_jq_expressions_are_refused_where_nobody_can_run_them() -> None:
    rule = {"kind": "ConfigMap", "jqPathExpressions": [".data.a"]}
    with pytest.raises(InputError, match="jqPathExpressions are not available"):
        await compared(
            Cache(obj("ConfigMap", "c", "web")),
            obj("ConfigMap", "c"),
            spec={"ignoreDifferences": [rule]},
        )
