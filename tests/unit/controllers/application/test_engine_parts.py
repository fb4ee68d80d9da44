"""Parts of the engine without a cluster: drafts, the index of tracked objects, errors, marks."""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest

from towline.argo.application import parse_application
from towline.argo.manifest import Manifest
from towline.argo.names import REFRESH, TRACKING_ID
from towline.argo.project import Project, ProjectSpec
from towline.argo.status import Phase, ResultCode
from towline.controllers.application.apply import Applier, ApplyOptions
from towline.controllers.application.comparing import Comparer
from towline.controllers.application.controller import ApplicationController, builtin_schemas
from towline.controllers.application.draft import Draft
from towline.controllers.application.kinds import engine_kind
from towline.controllers.application.live import LiveIndex
from towline.controllers.application.memory import Level, Memory
from towline.controllers.application.refresh import Refresher
from towline.errors import InputError
from towline.forge.events import PushEvent
from towline.gitops.hooks import SyncPhase
from towline.gitops.targets import settle
from towline.gitops.tasks import Task, TaskKey, result_entry
from towline.kube.patch.merge import apply_merge_patch
from towline.kube.refs import gvk_of, key_of
from towline.kube.status import ApiError
from towline.kubeclient.discovery import ApiResource
from towline.kubeclient.objects import CachedObject, cached_object
from towline.render.result import result_of

CANARY = "c2VjcmV0LWNhbmFyeQ=="


def cached(obj: dict[str, Any]) -> CachedObject:
    return cached_object(orjson.dumps(obj), gvk_of(obj))


class Cache:
    """Live objects by hand."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.found = {one.key: one for one in map(cached, objects)}
        self.callbacks: list[Any] = []

    def get(self, key: Any) -> CachedObject | None:
        return self.found.get(key)

    def by_uid(self, uid: str) -> CachedObject | None:
        return next((one for one in self.found.values() if one.uid == uid), None)

    def objects(self, group_kind: Any = None, namespace: str | None = None) -> list[CachedObject]:
        return [
            one
            for one in self.found.values()
            if group_kind in {None, one.gvk.group_kind}
            if namespace in {None, one.key.namespace}
        ]

    def subscribe(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def put(self, obj: dict[str, Any]) -> None:
        self.change("ADDED", obj)

    def change(self, type_: str, obj: dict[str, Any]) -> None:
        new = cached(obj)
        old = self.found.pop(new.key, None)
        if type_ != "DELETED":
            self.found[new.key] = new
        for callback in self.callbacks:
            callback(type_, new, old)


class Refusing:
    """An API that refuses every write in the same way."""

    def __init__(self, error: ApiError) -> None:
        self.error = error

    async def create(self, *_: Any, **__: Any) -> Any:
        raise self.error


def config(name: str, uid: str = "", owner: str = "", mark: str = "") -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "namespace": "prod", "uid": uid or name}
    if mark:
        meta["annotations"] = {TRACKING_ID: mark}
    if owner:
        meta["ownerReferences"] = [{"uid": owner, "kind": "X", "name": owner}]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def app(name: str = "web", url: str = "https://git.test/a/b", revision: str = "main") -> Any:
    source = {"repoURL": url, "path": ".", "targetRevision": revision}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "resourceVersion": "1"},
        "spec": {"source": source},
        "status": {"sync": {"status": "Synced", "revision": "x"}},
    }


def test_a_draft_without_a_change_is_no_patch() -> None:
    draft = Draft(parse_application(app()), lambda *_: None)
    assert draft.patch() == {}


def test_a_draft_says_only_what_changed() -> None:
    raw = app()
    raw["operation"] = {"sync": {"revision": "x"}}
    raw["metadata"]["annotations"] = {REFRESH: "hard"}
    draft = Draft(parse_application(raw), lambda *_: None)
    draft.status["sync"] = {"status": "OutOfSync", "revision": "x"}
    draft.operation = None
    draft.refreshed = True
    assert draft.patch() == {
        "status": {"sync": {"status": "OutOfSync"}},
        "operation": None,
        "metadata": {"annotations": {REFRESH: None}},
    }
    assert draft.preview().status["sync"]["status"] == "OutOfSync"
    assert raw["status"]["sync"]["status"] == "Synced"


def test_the_index_follows_tracked_objects_and_their_children() -> None:
    mark = "web:/ConfigMap:prod/one"
    cache = Cache(config("one", mark=mark), config("other"))
    told: list[tuple[str, bool]] = []
    index = LiveIndex(cache, lambda instance, itself: told.append((instance, itself)))  # type: ignore[arg-type]
    leave = index.attach()
    assert [o.name for o in index.tracked("web")] == ["one"]
    cache.change("ADDED", config("child", owner="one"))
    cache.change("ADDED", config("grandchild", owner="child"))
    cache.change("ADDED", config("stray", owner="nobody"))
    cache.change("MODIFIED", config("one", mark="db:/ConfigMap:prod/one"))
    cache.change("DELETED", config("one", mark="db:/ConfigMap:prod/one"))
    assert told[:2] == [("web", False), ("web", False)]
    assert sorted(told[2:4]) == [("db", True), ("web", True)]
    assert told[4:] == [("db", True)]
    assert index.tracked("web") == index.tracked("db") == []
    leave()
    assert cache.callbacks == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "shown"), [("Secret", 'Secret "s" was refused (Invalid): data.a'), ("ConfigMap", None)]
)
async def test_s24_errors_about_secrets_never_quote_the_server(
    kind: str, shown: str | None
) -> None:
    details = {"causes": [{"field": "data.a", "message": CANARY}]}
    error = ApiError(f"illegal value {CANARY}", reason="Invalid", details=details)
    target = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "s", "namespace": "p"}}
    task = Task(
        key=TaskKey(key_of(target), SyncPhase.SYNC),
        gvk=gvk_of(target),
        wave=0,
        target=target,
        live=None,
        annotations={},
    )
    applier = Applier(Refusing(error), Cache(), builtin_schemas())  # type: ignore[arg-type]
    result = await applier.apply(task, ApplyOptions(options=frozenset()))
    assert (result.status, result.state) == (ResultCode.SYNC_FAILED, Phase.FAILED)
    assert result.message == (shown or error.message)
    located = msgspec.structs.replace(task, origin="app/s.yaml:3", result=result)
    assert result_entry(located)["origin"] == "app/s.yaml:3"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("Deployment", {"spec": CANARY}, "a manifest cannot be compared: AttributeError: "),
        ("ConfigMap", {"data": [CANARY]}, "failed to create typed patch object"),
        ("Secret", {"data": [CANARY]}, "the Secret cannot be compared ("),
    ],
)
async def test_a_manifest_that_cannot_be_compared_is_named(
    kind: str, change: dict[str, Any], words: str
) -> None:
    group = "apps/v1" if kind == "Deployment" else "v1"
    found = {**config("s"), "apiVersion": group, "kind": kind}
    cache = Cache({**found, "spec": {"replicas": 1}})
    cache.watched = lambda _: True  # type: ignore[attr-defined]
    discovery = SimpleNamespace(known=lambda gvk: SimpleNamespace(namespaced=True))
    client: Any = SimpleNamespace(discovery=discovery)
    live: Any = cache
    comparer = Comparer(client, live, LiveIndex(live, "argocd"), builtin_schemas(), "argocd")
    raw = app()
    server_side = kind != "Deployment"
    raw["spec"]["syncPolicy"] = {"syncOptions": ["ServerSideApply=true"] if server_side else []}
    targets = settle(
        [Manifest({**found, **change}, "app/s.yaml", 3)],
        instance="web",
        namespace="prod",
        scope=lambda _: True,
    )
    project = Project(name="default", spec=ProjectSpec())
    with pytest.raises(InputError) as error:
        await comparer.compare(parse_application(raw), Memory(), project, targets)
    assert str(error.value).startswith(words)
    assert str(error.value).endswith(f"(app/s.yaml:3, {kind} prod/s)")
    assert kind != "Secret" or CANARY not in str(error.value)


@pytest.mark.asyncio
async def test_targets_follow_their_manifests_from_file_to_file() -> None:
    discovery = SimpleNamespace(known=lambda gvk: SimpleNamespace(namespaced=True))
    client: Any = SimpleNamespace(discovery=discovery)
    cache: Any = Cache()
    comparer = Comparer(client, cache, LiveIndex(cache, "argocd"), builtin_schemas(), "argocd")
    memory, known = Memory(), parse_application(app())
    seen = []
    for file in ("a.yaml", "a.yaml", "b.yaml"):
        result = result_of([Manifest(config("one"), file, 1)], "Directory", ())
        seen.append(await comparer.targets(known, memory, result))
    assert seen[1] is seen[0]
    first, last = (next(iter(found.objects.values())) for found in (seen[0], seen[2]))
    assert (first.origin, last.origin) == ("a.yaml:1", "b.yaml:1")
    assert first.digest == last.digest


class FixedClock:
    """A clock that stands still."""

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def monotonic(self) -> float:
        return 5.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def uuid(self) -> str:
        return "u"


def push(ref: str = "refs/heads/main") -> PushEvent:
    return PushEvent(
        repository=("http://forge.test/a/b",),
        full_name="a/b",
        ref=ref,
        before="0" * 40,
        after="1" * 40,
        default_branch="main",
    )


def controller(cache: Cache, **options: Any) -> ApplicationController:
    nothing: Any = None
    return ApplicationController(nothing, cache, nothing, FixedClock(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("objects", "ref", "marked"),
    [
        ([app(url="http://forge.test/a/b.git")], "refs/heads/main", 1),
        ([app(url="http://forge.test/a/b.git")], "refs/heads/dev", 0),
        ([app(url="http://forge.test/a/c")], "refs/heads/main", 0),
        ([app("x", "http://forge.test/a/b"), app("y", "git@forge.test:a/b")], "refs/heads/main", 2),
        ([{**app(), "spec": {"source": 5}}], "refs/heads/main", 0),
    ],
)
def test_a_push_marks_the_applications_of_its_repository(
    objects: Any, ref: str, marked: int
) -> None:
    assert controller(Cache(*objects)).on_push(push(ref)) == marked


def test_a_push_finds_applications_by_the_name_that_an_alias_gives() -> None:
    def canonical(url: str) -> str:
        return url.replace("https://git.test/", "http://forge.test/")

    assert controller(Cache(app())).on_push(push()) == 0
    assert controller(Cache(app()), canonical_url=canonical).on_push(push(), "1" * 40) == 1


def test_an_application_with_a_bad_url_does_not_hide_the_others() -> None:
    def canonical(url: str) -> str:
        if url.startswith("ext::"):
            raise InputError("refused")
        return url

    cache = Cache(app("bad", "ext::sh"), app("good", "http://forge.test/a/b"))
    assert controller(cache, canonical_url=canonical).on_push(push()) == 1


def test_the_most_thorough_request_wins() -> None:
    memory = Memory(requested=None)
    for level in (Level.SUMMARY, Level.FORCE_RESOLVE, Level.RECENT):
        memory.request(level)
    assert memory.requested is Level.FORCE_RESOLVE


@pytest.mark.parametrize(
    ("group", "kind", "expected"),
    [
        ("", "Pod", True),
        ("", "Event", False),
        ("events.k8s.io", "Event", False),
        ("coordination.k8s.io", "Lease", False),
        ("discovery.k8s.io", "EndpointSlice", False),
        ("argoproj.io", "Application", True),
    ],
)
def test_which_kinds_the_engine_watches(group: str, kind: str, expected: bool) -> None:
    assert engine_kind(ApiResource(group, "v1", kind, "x", namespaced=True)) is expected


class Tree(Cache):
    """Live objects that own each other."""

    asked = 0

    def children(self, uid: str) -> list[CachedObject]:
        self.asked += 1
        return [
            one
            for one in self.found.values()
            if any(owner.uid == uid for owner in one.owner_references)
        ]


def test_s65_objects_that_own_each_other_in_circles_cost_no_more_than_others() -> None:
    names = [f"c{number}" for number in range(20)]
    circle = [config(name) for name in names]
    for obj in circle:
        obj["metadata"]["ownerReferences"] = [
            {"uid": name, "kind": "ConfigMap", "name": name} for name in names
        ]
    cache = Tree(*circle, config("root", mark="web:/ConfigMap:prod/root"))
    nothing: Any = None
    comparer: Any = SimpleNamespace(tracked=lambda _: cache.objects())
    refresher = Refresher(
        cache=cache,  # type: ignore[arg-type]
        sources=nothing,
        comparer=comparer,
        observer=nothing,
        clock=FixedClock(),
        settings=nothing,
        namespace="argocd",
    )
    draft = Draft(parse_application(app()), lambda *_: None)
    asyncio.run(refresher.refresh(draft, Memory(), Level.SUMMARY))
    assert cache.asked <= 2 * len(cache.found)


class Answering:
    """An API that takes patches of Applications."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    async def patch(self, gvk: Any, namespace: str, name: str, patch: Any, **_: Any) -> Any:
        before = next(one for one in self.cache.found.values() if one.name == name).body()
        return apply_merge_patch(before, patch)


@pytest.mark.asyncio
async def test_s65_an_error_that_nobody_foresaw_stands_in_the_application_and_is_retried() -> None:
    poison = app("poison")
    cache = Cache(poison, app("good"))
    answering: Any = Answering(cache)
    nothing: Any = None
    engine = ApplicationController(answering, cache, nothing, FixedClock())  # type: ignore[arg-type]

    async def work(known: Any, _: Memory) -> None:
        if known.name == "poison":
            raise ExceptionGroup("unhandled errors", [KeyError("spec")])

    engine._work = work  # type: ignore[method-assign, assignment]
    await engine._reconcile(("argocd", "good"))
    with pytest.raises(ExceptionGroup):  # the queue logs it and tries again later
        await engine._reconcile(("argocd", "poison"))
    status = {one.name: one.body()["status"] for one in cache.found.values()}
    assert "conditions" not in status["good"]
    (condition,) = status["poison"]["conditions"]
    assert condition["type"] == "UnknownError"
    assert "KeyError" in condition["message"]


@pytest.mark.asyncio
async def test_s65_a_manifest_that_breaks_the_apply_is_a_failed_result() -> None:
    target = config("odd")
    target["metadata"]["annotations"] = 5
    task = Task(
        key=TaskKey(key_of(target), SyncPhase.SYNC),
        gvk=gvk_of(target),
        wave=0,
        target=target,
        live=None,
        annotations={},
    )
    refusing = Refusing(ApiError("never asked"))
    applier = Applier(refusing, Cache(), builtin_schemas())  # type: ignore[arg-type]
    result = await applier.apply(task, ApplyOptions(options=frozenset()))
    assert (result.status, result.state) == (ResultCode.SYNC_FAILED, Phase.FAILED)
    assert "cannot be applied" in result.message
