"""Watches: what is seen, in which form, and how they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from towline.drydock.api.watch import MAX_WAITING
from towline.kube.refs import GroupResource

pytestmark = pytest.mark.asyncio

Obj = dict[str, Any]

MAPS = "/api/v1/namespaces/default/configmaps"
RESOURCE = GroupResource("", "configmaps")
LIST = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


async def make(api: Any, name: str, **labels: str) -> Obj:
    body = {"metadata": {"name": name, "namespace": "default", "labels": labels}}
    made: Obj = await api.registry.create(RESOURCE, body, manager="me")
    return made


async def label(api: Any, name: str, **labels: str) -> None:
    await api.registry.mutate(
        RESOURCE, "default", name, lambda o: o["metadata"].update(labels=labels), manager="me"
    )


async def take(events: Any, count: int) -> list[Obj]:
    async with asyncio.timeout(5):
        return [await anext(events) for _ in range(count)]


def brief(events: list[Obj]) -> list[tuple[str, str]]:
    return [(e["type"], e["object"]["metadata"].get("name", "")) for e in events]


async def test_without_a_version_present_objects_come_first(api: Any) -> None:
    await make(api, "a")
    events = api.events(f"{MAPS}?watch=true")
    assert brief(await take(events, 1)) == [("ADDED", "a")]
    await make(api, "b")
    await label(api, "b", x="y")
    await api.registry.delete(RESOURCE, "default", "b")
    seen = await take(events, 3)
    assert brief(seen) == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))
    await events.aclose()


async def test_from_a_version_every_later_change_comes_once(api: Any) -> None:
    made = await make(api, "a")
    await make(api, "b")
    version = made["metadata"]["resourceVersion"]
    events = api.events(f"{MAPS}?watch=1&resourceVersion={version}")
    assert brief(await take(events, 1)) == [("ADDED", "b")]
    await make(api, "c")
    assert brief(await take(events, 1)) == [("ADDED", "c")]
    await events.aclose()


async def test_objects_enter_and_leave_a_selection(api: Any) -> None:
    await make(api, "a", on="no")
    events = api.events(f"{MAPS}?watch=True&labelSelector=on%3Dyes")
    await label(api, "a", on="yes")
    await label(api, "a", on="yes", more="1")
    await label(api, "a", on="no")
    await label(api, "a", on="no", more="2")
    await label(api, "a", on="yes")
    await api.registry.delete(RESOURCE, "default", "a")
    seen = await take(events, 5)
    kinds = [event["type"] for event in seen]
    assert kinds == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    left = seen[2]["object"]["metadata"]
    assert left["labels"] == {"on": "yes", "more": "1"}
    assert int(left["resourceVersion"]) > int(seen[1]["object"]["metadata"]["resourceVersion"])
    await events.aclose()


async def test_one_object_can_be_watched_by_name(api: Any) -> None:
    await make(api, "a")
    await make(api, "b")
    events = api.events(f"{MAPS}?watch=1&fieldSelector=metadata.name%3Db")
    await label(api, "a", x="y")
    await label(api, "b", x="y")
    assert brief(await take(events, 2)) == [("ADDED", "b"), ("MODIFIED", "b")]
    await events.aclose()


async def test_a_watch_list_marks_the_end_of_the_present_objects(api: Any) -> None:
    await make(api, "a")
    events = api.events(f"{MAPS}?watch=1&{LIST}")
    seen = await take(events, 2)
    assert brief(seen) == [("ADDED", "a"), ("BOOKMARK", "")]
    mark = seen[1]["object"]
    assert (mark["kind"], mark["apiVersion"]) == ("ConfigMap", "v1")
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["metadata"]["resourceVersion"] == str(api.registry.store.revision)
    await make(api, "b")
    assert brief(await take(events, 1)) == [("ADDED", "b")]
    await events.aclose()


async def test_a_watch_list_without_its_match_is_refused(api: Any) -> None:
    reply = await api.get(f"{MAPS}?watch=1&sendInitialEvents=true")
    assert reply.status == 422
    assert "sendInitialEvents requires setting resourceVersionMatch" in reply.json()["message"]


async def test_a_version_beyond_the_history_is_an_error_event(api: Any) -> None:
    made = await make(api, "a")
    await make(api, "b")
    await api.registry.store.compact(keep_seconds=-10, keep_changes=100)
    version = made["metadata"]["resourceVersion"]
    reply = await api.get(f"{MAPS}?watch=1&resourceVersion={version}")
    assert reply.status == 200
    event = reply.json()
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert event["object"]["message"] == f"too old resource version: {version} (3)"


async def test_a_watch_ends_cleanly_at_its_time_with_a_bookmark(api: Any) -> None:
    await make(api, "a")
    url = f"{MAPS}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=2"
    seen = [event async for event in api.events(url)]
    assert brief(seen) == [("BOOKMARK", "")]


async def test_tables_name_their_columns_once(api: Any) -> None:
    await make(api, "a")
    events = api.events(f"{MAPS}?watch=1", accept=TABLE)
    await make(api, "b")
    seen = await take(events, 2)
    assert all(event["object"]["kind"] == "Table" for event in seen)
    assert seen[0]["object"]["columnDefinitions"]
    assert seen[1]["object"]["columnDefinitions"] is None
    assert [event["object"]["rows"][0]["cells"][0] for event in seen] == ["a", "b"]
    await events.aclose()


async def test_metadata_can_be_watched_alone(api: Any) -> None:
    events = api.events(f"{MAPS}?watch=1", accept=PARTIAL)
    await make(api, "a")
    (event,) = await take(events, 1)
    assert event["object"]["kind"] == "PartialObjectMetadata"
    assert set(event["object"]) == {"kind", "apiVersion", "metadata"}
    await events.aclose()


async def test_watchers_of_the_same_form_share_the_encoded_event(api: Any) -> None:
    calls = [api.start("GET", f"{MAPS}?watch=1") for _ in range(3)]
    while len(api.registry.store._subscribers.get(RESOURCE, ())) < 3:
        await asyncio.sleep(0)
    await make(api, "a")
    frames = [await call.chunks.get() for call in calls]
    assert frames[0] == frames[1] == frames[2]
    for call in calls:
        call.leave()


async def test_a_watcher_that_does_not_read_is_let_go(api: Any) -> None:
    call = api.start("GET", f"{MAPS}?watch=1")
    subscribers = api.registry.store._subscribers
    while not subscribers.get(RESOURCE):
        await asyncio.sleep(0)
    (watcher,) = subscribers[RESOURCE]
    await make(api, "a")
    (change,) = api.registry.store.history.since(1, lambda _: True)
    for _ in range(MAX_WAITING + 1):
        watcher.offer(change)
    async with asyncio.timeout(5):
        while await call.chunks.get() is not None:
            pass
    assert not subscribers.get(RESOURCE)


async def test_a_client_that_leaves_is_forgotten(api: Any) -> None:
    call = api.start("GET", f"{MAPS}?watch=1")
    subscribers = api.registry.store._subscribers
    while not subscribers.get(RESOURCE):
        await asyncio.sleep(0)
    call.leave()
    async with asyncio.timeout(5):
        while subscribers.get(RESOURCE):
            await asyncio.sleep(0)
