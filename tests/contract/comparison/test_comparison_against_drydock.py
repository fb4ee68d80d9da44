"""Verdicts of the comparison against what a server says that an apply would change."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from towline.argo.application import parse_application
from towline.argo.manifest import Manifest
from towline.argo.names import LAST_APPLIED
from towline.controllers.application.controller import builtin_schemas
from towline.controllers.application.differing import Differ
from towline.controllers.application.memory import Memory
from towline.errors import InputError
from towline.gitops.attribution import Cause
from towline.gitops.diff import Strategy, three_way_patch
from towline.gitops.targets import TargetSet, settle
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey
from towline.kube.status import ApiError
from towline.kubeclient import KubeClient, load_kubeconfig
from towline.kubeclient.objects import CachedObject, cached_object
from towline.workers.jq_pool import JqPool

Obj = dict[str, Any]
SCHEMAS = builtin_schemas()
MANAGER = "argocd-controller"
CONFIG = ObjectKey("", "ConfigMap", "argocd", "argocd-cm")


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("drydock")
    path = folder / "kubeconfig"
    argv = ["--data", str(folder / "data"), "--port", "0", "--kubeconfig", str(path)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "towline.drydock.server", *argv, "--node", "none"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("https://"), (folder / "log").read_text()
    yield path
    process.terminate()
    process.wait(20)
    process.stdout.close()


class Settings:
    """A cache that holds the configuration and definitions only."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self.definitions: dict[ObjectKey, CachedObject] = {}

    def get(self, key: ObjectKey) -> CachedObject | None:
        version = str(hash(json.dumps(self.data, sort_keys=True)))
        meta = {"name": "argocd-cm", "namespace": "argocd", "resourceVersion": version}
        raw = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": self.data}
        if key == CONFIG:
            return _cached(raw) if self.data else None
        return self.definitions.get(key)


class World:
    """A server, and what compares with it."""

    def __init__(self, client: KubeClient, pool: JqPool) -> None:
        self.client = client
        self.settings = Settings()
        self.differ = Differ(client, self.settings, SCHEMAS, "argocd", jq=pool)  # type: ignore[arg-type]

    async def apply(self, manifest: Obj, *, server_side: bool) -> Obj:
        """Applies a manifest in the way of the engine."""
        wanted = _target(manifest).object
        live = await self.live(manifest)
        if server_side:
            return await self.client.apply(wanted, manager=MANAGER)
        if live is None:
            return await self.client.create(_recorded(wanted), manager=MANAGER)
        return await self.patch(wanted, live, dry_run=False)

    async def patch(self, wanted: Obj, live: Obj, *, dry_run: bool) -> Obj:
        gvk, meta = _target(wanted).gvk, wanted["metadata"]
        notes = live["metadata"].get("annotations") or {}
        original = json.loads(notes.get(LAST_APPLIED) or "{}")
        patch = three_way_patch(original, _recorded(wanted), live, SCHEMAS(gvk))
        return await self.client.patch(
            gvk,
            meta["namespace"],
            meta["name"],
            patch,
            type="merge" if SCHEMAS(gvk) is None else "strategic",
            manager=MANAGER,
            dry_run=dry_run,
        )

    async def live(self, manifest: Obj) -> Obj | None:
        target = _target(manifest)
        return await self.client.get(target.gvk, target.key.namespace, target.key.name)

    async def edit(self, manifest: Obj, change: Callable[[Obj], Any], by: str = "editor") -> None:
        while True:
            live = await self.live(manifest)
            assert live is not None
            change(live)
            try:
                await self.client.replace(live, manager=by)
            except ApiError as error:
                if error.reason != "Conflict":  # the cluster's own controllers write as well
                    raise
            else:
                return

    async def differs(self, manifest: Obj, strategy: Strategy, **spec: Any) -> bool:
        live = await self.live(manifest)
        assert live is not None
        target = _target(manifest)
        targets = TargetSet(objects={target.key: target}, hooks=(), conditions=())
        app = _app(strategy, **spec)
        found = await self.differ.verdicts(app, Memory(), targets, [_cached(live)])
        return found[target.key]

    async def would_change(self, manifest: Obj, *, server_side: bool) -> bool:
        """What the server itself says of applying the manifest."""
        live, wanted = await self.live(manifest), _target(manifest).object
        assert live is not None
        if server_side:
            after = await self.client.apply(wanted, manager=MANAGER, dry_run=True)
        else:
            after = await self.patch(wanted, live, dry_run=True)
        return _plain(after) != _plain(live)


@pytest_asyncio.fixture
async def world(kubeconfig: Path) -> AsyncIterator[World]:
    pool = JqPool()
    async with KubeClient(load_kubeconfig(kubeconfig)) as client:
        try:
            yield World(client, pool)
        finally:
            await pool.close()


def _cached(obj: Obj) -> CachedObject:
    target = _target(obj)
    return cached_object(orjson.dumps(obj), target.gvk)


def _target(manifest: Obj) -> Any:
    found = settle(
        [Manifest(copy.deepcopy(manifest), "a.yaml", 1)],
        instance="web",
        namespace="default",
        scope=lambda _: True,
    )
    return next(iter(found.objects.values()))


def _recorded(wanted: Obj) -> Obj:
    meta = wanted["metadata"]
    notes = {**meta["annotations"], LAST_APPLIED: json.dumps(wanted) + "\n"}
    return {**wanted, "metadata": {**meta, "annotations": notes}}


def _plain(obj: Obj) -> Obj:
    own = {"managedFields", "resourceVersion", "generation"}
    meta = {k: v for k, v in obj["metadata"].items() if k not in own}
    foreign = {LAST_APPLIED, "deployment.kubernetes.io/revision"}
    notes = {k: v for k, v in meta.get("annotations", {}).items() if k not in foreign}
    plain = {k: v for k, v in obj.items() if k != "status"}
    return {**plain, "metadata": {**meta, "annotations": notes}}


def _app(strategy: Strategy, **spec: Any) -> Any:
    options = ["ServerSideApply=true"] if strategy is not Strategy.THREE_WAY else []
    server = {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}
    notes = server if strategy is Strategy.SERVER_SIDE else {}
    return parse_application(
        {
            "metadata": {"name": "web", "namespace": "argocd", "annotations": notes},
            "spec": {"syncPolicy": {"syncOptions": options}, **spec},
        }
    )


def config(name: str, **data: str) -> Obj:
    meta = {"name": name, "labels": {"l": "1"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1", **data}}


def deployment(name: str, **spec: Any) -> Obj:
    container = {
        "name": "c",
        "image": "i:1",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
    }
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def service(name: str) -> Obj:
    spec = {"selector": {"a": "b"}, "ports": [{"port": 80, "name": "web"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def secret(name: str) -> Obj:
    meta = {"name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"p": "q"}}


def container(obj: Obj) -> Obj:
    found: Obj = obj["spec"]["template"]["spec"]["containers"][0]
    return found


def changed(obj: Obj, change: Callable[[Obj], Any]) -> Obj:
    other = copy.deepcopy(obj)
    change(other)
    return other


Edit = Callable[[Obj], Any]
CASES: list[tuple[str, Obj, Edit | None, Edit | None]] = [
    # name, manifest, edit of the live object, edit of the manifest
    ("config", config("x"), None, None),
    ("config-edited", config("x"), lambda o: o["data"].update(a="2"), None),
    ("config-more", config("x"), lambda o: o["data"].update(z="2"), None),
    ("config-gone", config("x"), lambda o: o["data"].pop("a"), None),
    ("config-given-up", config("x", b="2"), None, lambda o: o["data"].pop("b")),
    ("config-label-gone", config("x"), lambda o: o["metadata"].pop("labels"), None),
    ("config-new", config("x"), None, lambda o: o["data"].update(n="1")),
    ("secret", secret("x"), None, None),
    ("secret-edited", secret("x"), lambda o: o["data"].update(p="eA=="), None),
    ("service", service("x"), None, None),
    ("service-port", service("x"), lambda o: o["spec"]["ports"][0].update(targetPort=81), None),
    (
        "service-affinity",
        service("x"),
        lambda o: o["spec"].update(sessionAffinity="ClientIP"),
        None,
    ),
    ("deploy", deployment("x"), None, None),
    ("deploy-scaled", deployment("x"), lambda o: o["spec"].update(replicas=5), None),
    ("deploy-paused", deployment("x"), lambda o: o["spec"].update(paused=True), None),
    ("deploy-image", deployment("x"), lambda o: container(o).update(image="i:2"), None),
    ("deploy-env-more", deployment("x"), lambda o: container(o)["env"].append({"name": "Z"}), None),
    ("deploy-env-gone", deployment("x"), lambda o: container(o)["env"].pop(0), None),
    ("deploy-env-left", deployment("x"), None, lambda o: container(o)["env"].pop(0)),
    (
        "deploy-cpu",
        deployment("x"),
        None,
        lambda o: container(o)["resources"]["limits"].update(cpu=1),
    ),
    (
        "deploy-sidecar",
        deployment("x"),
        lambda o: o["spec"]["template"]["spec"]["containers"].append({"name": "s", "image": "s"}),
        None,
    ),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "manifest", "edit", "rewrite"), CASES, ids=[case[0] for case in CASES]
)
@pytest.mark.parametrize("strategy", list(Strategy))
async def test_there_is_a_difference_exactly_when_an_apply_changes_something(
    world: World,
    name: str,
    manifest: Obj,
    edit: Edit | None,
    rewrite: Edit | None,
    strategy: Strategy,
) -> None:
    server_side = strategy is not Strategy.THREE_WAY
    named = json.loads(json.dumps(manifest).replace('"x"', f'"{name}-{strategy.value}"'))
    await world.apply(named, server_side=server_side)
    if edit is not None:
        await world.edit(named, edit)
    wanted = named if rewrite is None else changed(named, rewrite)
    expected = await world.would_change(wanted, server_side=server_side)
    assert await world.differs(wanted, strategy) is expected
    await world.apply(wanted, server_side=server_side)
    assert not await world.differs(wanted, strategy)


@pytest.mark.asyncio
@pytest.mark.parametrize("strategy", list(Strategy))
async def test_differences_are_ignored_by_pointer_expression_and_manager(
    world: World, strategy: Strategy
) -> None:
    manifest = deployment(f"ignored-{strategy.value}")
    await world.apply(manifest, server_side=strategy is not Strategy.THREE_WAY)

    def rule(**fields: Any) -> Any:
        return {"ignoreDifferences": [{"group": "apps", "kind": "Deployment", **fields}]}

    await world.edit(manifest, lambda o: o["spec"].update(replicas=7), by="scaler")
    assert await world.differs(manifest, strategy)
    assert not await world.differs(manifest, strategy, **rule(jsonPointers=["/spec/replicas"]))
    assert not await world.differs(manifest, strategy, **rule(managedFieldsManagers=["scaler"]))
    await world.edit(manifest, lambda o: container(o).update(image="i:9"), by="setter")
    path = '.spec.template.spec.containers[] | select(.name == "c") | .image'
    image = rule(jqPathExpressions=[path, ".spec.replicas", ".spec.nothing[]"])
    assert not await world.differs(manifest, strategy, **image)
    assert await world.differs(manifest, strategy, **rule(jqPathExpressions=[path]))
    with pytest.raises(InputError, match=r"'\.a \| \(' is no jq path expression"):
        await world.differs(manifest, strategy, **rule(jqPathExpressions=[".a | ("]))


WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.ex.com"},
    "spec": {
        "group": "ex.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "mode": {"type": "string", "default": "fast"},
                                    "parts": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["name"],
                                        "items": {
                                            "type": "object",
                                            "required": ["name"],
                                            "properties": {
                                                "name": {"type": "string"},
                                                "size": {"type": "integer", "default": 1},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}
CUSTOM: list[tuple[str, Edit | None, Edit | None]] = [
    ("same", None, None),
    ("mode", lambda o: o["spec"].update(mode="slow"), None),
    ("more", lambda o: o["spec"]["parts"].append({"name": "z"}), None),
    ("size", lambda o: o["spec"]["parts"][0].update(size=3), None),
    ("gone", lambda o: o["spec"]["parts"].pop(0), None),
    ("left", None, lambda o: o["spec"]["parts"].pop(0)),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("strategy", [Strategy.STRUCTURED, Strategy.SERVER_SIDE])
async def test_custom_resources_merge_by_the_schema_of_their_definition(
    world: World, strategy: Strategy
) -> None:
    gvk = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    if await world.client.get(gvk, "", "widgets.ex.com") is None:
        await world.client.create(WIDGETS, manager="test")
    stored = await world.client.get(gvk, "", "widgets.ex.com")
    assert stored is not None
    key = ObjectKey(gvk.group, gvk.kind, "", "widgets.ex.com")
    world.settings.definitions[key] = cached_object(orjson.dumps(stored), gvk)
    while await world.client.discovery.resource(GroupKind("ex.com", "Widget")) is None:
        await asyncio.sleep(0.05)  # the server begins to serve it
    for name, edit, rewrite in CUSTOM:
        parts = [{"name": "a"}, {"name": "b", "size": 2}]
        manifest = {
            "apiVersion": "ex.com/v1",
            "kind": "Widget",
            "metadata": {"name": f"{name}-{strategy.value}"},
            "spec": {"parts": parts},
        }
        await world.apply(manifest, server_side=True)
        if edit is not None:
            await world.edit(manifest, edit)
        wanted = manifest if rewrite is None else changed(manifest, rewrite)
        expected = await world.would_change(wanted, server_side=True)
        assert (name, await world.differs(wanted, strategy)) == (name, expected)


@pytest.mark.asyncio
async def test_the_configuration_counts_and_may_change(world: World) -> None:
    manifest = config("configured")
    await world.apply(manifest, server_side=False)
    await world.edit(manifest, lambda o: o["data"].update(a="9"))
    key = "resource.customizations.ignoreDifferences.ConfigMap"
    for text, expected in (("", True), ("jqPathExpressions: [.data.a]", False), ("a: [", True)):
        world.settings.data = {key: text}
        assert await world.differs(manifest, Strategy.THREE_WAY) is expected


@pytest.mark.asyncio
async def test_each_difference_is_traced_to_its_writer(world: World) -> None:
    manifest = deployment("traced")
    await world.apply(manifest, server_side=True)
    await world.edit(manifest, lambda o: o["spec"].update(replicas=7), by="scaler")
    wanted = changed(manifest, lambda o: o["spec"].update(minReadySeconds=3))
    live = await world.live(manifest)
    assert live is not None
    app = _app(Strategy.STRUCTURED)
    found = await world.differ.explained(app, _target(wanted), _cached(live))
    told = {drift.path: (drift.cause, drift.writer and drift.writer.manager) for drift in found}
    assert told == {
        ".spec.replicas": (Cause.MANAGER, "scaler"),
        ".spec.minReadySeconds": (Cause.REMOVED, "scaler"),
    }


@pytest.mark.asyncio
async def test_s25_what_is_shown_of_a_secret_has_no_values(world: World) -> None:
    manifest = {**secret("shown"), "stringData": {"p": "canary-77"}}
    await world.apply(manifest, server_side=False)
    await world.edit(manifest, lambda o: o["data"].update(p="b3RoZXI="))
    live = await world.live(manifest)
    assert live is not None
    app = _app(Strategy.THREE_WAY)
    shown = await world.differ.shown(app, _target(manifest), _cached(live))
    drifts = await world.differ.explained(app, _target(manifest), _cached(live))
    text = repr(shown) + repr(drifts)
    assert [drift.path for drift in drifts] == [".data.p"]
    for canary in ("canary-77", "Y2FuYXJ5LTc3", "b3RoZXI"):
        assert canary not in text
