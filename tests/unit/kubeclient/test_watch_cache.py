from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from towline.aio.clock import SystemClock
from towline.errors import TransientError
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey
from towline.kubeclient import CachedObject, Informer, KubeClient, WatchCache

CONFIG_MAP = GroupKind("", "ConfigMap")
WIDGET = GroupKind("ex.com", "Widget")


class Recorder:
    """Notes changes; `until` waits for one that makes a condition true."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []
        self._changed = asyncio.Event()

    def __call__(self, type_: str, new: CachedObject, old: CachedObject | None) -> None:
        self.changes.append((type_, new.name))
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()


@pytest_asyncio.fixture
async def cache(client: KubeClient) -> AsyncIterator[WatchCache]:
    cache = WatchCache(client, SystemClock())
    async with running(cache.run(lambda resource: resource.kind != "Namespace")):
        yield cache


@pytest.fixture
def seen(cache: WatchCache) -> Recorder:
    recorder = Recorder()
    cache.subscribe(recorder)
    return recorder


def names(cache: WatchCache) -> list[str]:
    return sorted(obj.name for obj in cache.objects(CONFIG_MAP))


def versions(api: Any) -> dict[str, str]:
    stored = api.stored.get("v1/configmaps", {}).values()
    return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in stored}


def held(cache: WatchCache) -> dict[str, str]:
    return {obj.name: obj.resource_version for obj in cache.objects(CONFIG_MAP)}


@pytest.mark.asyncio
async def test_lists_then_follows_changes(api: Any, cache: WatchCache, seen: Recorder) -> None:
    api.put("configmaps", "default", "a", data={"x": "1"})
    await cache.synced(10)
    assert names(cache) == ["a"]
    api.put("configmaps", "default", "b")
    api.remove("configmaps", "default", "a")
    await api.publish()
    await seen.until(lambda: names(cache) == ["b"])
    assert seen.changes == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


@pytest.mark.asyncio
async def test_keeps_header_and_body(api: Any, cache: WatchCache) -> None:
    owner = {"uid": "o", "kind": "Deployment", "name": "d", "controller": True}
    meta = {"labels": {"l": "1"}, "annotations": {"a": "2"}, "ownerReferences": [owner]}
    api.put("configmaps", "default", "a", metadata=meta, data={"x": "1"})
    await cache.synced(10)
    found = cache.get(ObjectKey("", "ConfigMap", "default", "a"))
    assert found is not None
    assert (found.labels, found.annotations) == ({"l": "1"}, {"a": "2"})
    assert found.owner_references == (("o", "Deployment", "d", True),)
    body = found.body()
    assert (body["apiVersion"], body["kind"], body["data"]) == ("v1", "ConfigMap", {"x": "1"})
    assert cache.by_uid(found.uid) is found
    assert cache.children("o") == [found]
    assert cache.objects(CONFIG_MAP, "other") == []


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", ["cut", "repeat", "bookmark"])
async def test_r19_r20_watch_faults_lose_and_double_nothing(
    api: Any, cache: WatchCache, seen: Recorder, fault: str
) -> None:
    await cache.synced(10)
    api.watch_faults = ["", fault, fault, ""] * 3
    for round_ in range(6):
        for number in range(4):
            api.put("configmaps", "default", f"c{number}", data={"round": str(round_)})
        api.remove("configmaps", "default", f"c{round_ % 4}")
        await api.publish()
    await seen.until(lambda: held(cache) == versions(api))
    added = seen.changes.count(("ADDED", "c1"))
    deleted = seen.changes.count(("DELETED", "c1"))
    assert added - deleted == (1 if "c1" in held(cache) else 0)


@pytest.mark.asyncio
async def test_r19_expired_history_becomes_changes(
    api: Any, cache: WatchCache, seen: Recorder
) -> None:
    for name in "abc":
        api.put("configmaps", "default", name)
    await cache.synced(10)
    api.log.clear()
    api.remove("configmaps", "default", "a")
    api.put("configmaps", "default", "b", data={"new": "1"})
    api.put("configmaps", "default", "d")
    api.log.clear()
    api.expire()
    seen.changes.clear()
    await api.cut_watches()
    await seen.until(lambda: held(cache) == versions(api))
    assert sorted(seen.changes) == [("ADDED", "d"), ("DELETED", "a"), ("MODIFIED", "b")]


@pytest.mark.asyncio
async def test_new_definition_is_watched_and_removed_one_dropped(
    api: Any, cache: WatchCache, seen: Recorder
) -> None:
    crds = ("customresourcedefinitions", "", "widgets.ex.com", "apiextensions.k8s.io/v1")
    await cache.synced(10)
    api.kinds["ex.com/v1"] = {"widgets": ("Widget", True)}
    api.put("widgets", "default", "w", at="ex.com/v1")
    api.put(*crds)
    await api.publish()
    await seen.until(lambda: len(cache.objects(WIDGET)) == 1)
    del api.kinds["ex.com/v1"]
    api.remove(*crds)
    await api.publish()
    await seen.until(lambda: ("DELETED", "w") in seen.changes)
    assert not cache.watched(WIDGET)


@pytest.mark.asyncio
async def test_r23_broken_discovery_drops_no_kind(api: Any, cache: WatchCache) -> None:
    api.kinds["ex.com/v1"] = {"widgets": ("Widget", True)}
    api.put("widgets", "default", "w", at="ex.com/v1")
    await cache.synced(10)
    api.broken_groups.add("ex.com/v1")
    cache._definitions_changed.set()
    await cache._client.discovery.refresh()
    assert len(cache.objects(WIDGET)) == 1


@pytest.mark.asyncio
async def test_write_through_answers_at_once_and_never_goes_back(
    api: Any, cache: WatchCache, seen: Recorder
) -> None:
    first = api.put("configmaps", "default", "a")
    await cache.synced(10)
    typed = {"apiVersion": "v1", "kind": "ConfigMap"}
    second = api.put("configmaps", "default", "a", data={"x": "2"})
    cache.put({**typed, **second})
    assert held(cache)["a"] == second["metadata"]["resourceVersion"]
    cache.put({**typed, **first})
    assert held(cache)["a"] == second["metadata"]["resourceVersion"]
    api.remove("configmaps", "default", "a")
    await api.publish()
    await seen.until(lambda: names(cache) == [])
    cache.put({**typed, **second})
    assert names(cache) == []
    assert seen.changes == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


@pytest.mark.asyncio
async def test_r20_list_from_a_lagging_replica_deletes_nothing(
    api: Any, cache: WatchCache, seen: Recorder
) -> None:
    api.put("configmaps", "default", "a")
    await cache.synced(10)
    api.put("configmaps", "default", "b")
    await api.publish()
    await seen.until(lambda: names(cache) == ["a", "b"])
    lost = api.stored["v1/configmaps"].pop(("default", "b"))
    api.list_revision = api.revision - 1
    api.log.clear()
    api.expire()
    api.oldest += 1
    lists = len(api.requests)
    await api.cut_watches()
    await api.until(lambda: len([r for r in api.requests[lists:] if r[1].endswith("maps")]) >= 3)
    assert names(cache) == ["a", "b"]
    api.stored["v1/configmaps"]["default", "b"] = lost
    api.list_revision = None


@pytest.mark.asyncio
async def test_recreated_object_is_a_deletion_and_an_addition(
    api: Any, cache: WatchCache, seen: Recorder
) -> None:
    api.put("configmaps", "default", "a")
    await cache.synced(10)
    del api.stored["v1/configmaps"]["default", "a"]
    api.put("configmaps", "default", "a")
    await api.publish()
    await seen.until(lambda: len(seen.changes) == 3)
    assert seen.changes == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


@pytest.mark.asyncio
async def test_failing_subscriber_stops_nobody(
    api: Any, cache: WatchCache, seen: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("bug")

    cache.subscribe(fails)
    await cache.synced(10)
    api.put("configmaps", "default", "a")
    await api.publish()
    await seen.until(lambda: names(cache) == ["a"])
    assert "subscriber failed" in caplog.text


@pytest.mark.asyncio
async def test_not_synced_in_time_names_what_lacks(api: Any, client: KubeClient) -> None:
    cache = WatchCache(client, SystemClock())
    with pytest.raises(TransientError, match="waiting for: discovery"):
        await cache.synced(0.01)


@pytest.mark.asyncio
async def test_informer_waits_for_its_kind_and_follows_one_namespace(
    api: Any, client: KubeClient
) -> None:
    api.kinds["ex.com/v1"] = {"widgets": ("Widget", True)}
    api.put("widgets", "team", "w", at="ex.com/v1")
    api.put("widgets", "other", "x", at="ex.com/v1")
    informer = Informer(client, GroupVersionKind("ex.com", "v1", "Widget"), "team")
    seen = Recorder()
    informer.subscribe(seen)
    async with running(informer.run()):
        await informer.synced(10)
        assert [obj.name for obj in informer.list()] == ["w"]
        api.put("widgets", "other", "y", at="ex.com/v1")
        api.put("widgets", "team", "z", at="ex.com/v1")
        await api.publish()
        await seen.until(lambda: informer.get("team", "z") is not None)
    assert [name for _, name in seen.changes] == ["w", "z"]


@pytest.mark.asyncio
async def test_s65_objects_that_cannot_be_read_stop_only_their_own_kind(
    api: Any, client: KubeClient
) -> None:
    api.kinds["ex.com/v1"] = {"widgets": ("Widget", True)}
    deep = b'{"metadata":{},"items":[{"metadata":{"name":"deep"},"spec":%b%b}]}'
    bottomless = deep % (b"[" * 200_000, b"]" * 200_000)

    def answer(request: web.Request) -> web.Response | None:
        if "widgets" not in request.path:
            return None
        api.answers.append(answer)
        return web.Response(body=bottomless, content_type="application/json")

    api.answers.append(answer)
    cache = WatchCache(client, SystemClock())
    async with running(cache.run(lambda resource: True)):
        await cache.synced(10)
        assert cache.watched(CONFIG_MAP)
        assert not cache.watched(WIDGET)
