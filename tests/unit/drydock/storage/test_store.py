"""The store: commits, order, history, restarts."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.drydock.storage import Change, Record, Store, StoreKey
from towline.drydock.storage.journal import Journal
from towline.errors import SettingsError
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

MAPS = GroupResource("", "configmaps")


def key(name: str, namespace: str = "default") -> StoreKey:
    return StoreKey(MAPS, namespace, name)


def config_map(name: str, value: str = "1", **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **meta},
        "data": {"value": value},
    }


def open_store(folder: Path) -> Store:
    return Store.open(folder / "state.db", SystemClock(), sync="normal")


class Listener:
    """Collects what the store offers."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.ended = False

    def offer(self, change: Change) -> None:
        self.changes.append(change)

    def end(self) -> None:
        self.ended = True

    def seen(self) -> list[tuple[str, str, int]]:
        return [(c.type, c.record.key.name, c.rev) for c in self.changes]


@pytest.mark.asyncio
async def test_a_write_is_readable_with_its_revision_once_it_is_durable(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    pending = store.put(key("a"), config_map("a"))
    assert store.get(key("a")) is None
    assert store.head(key("a")) is not None
    record = await pending
    assert store.get(key("a")) is record
    assert record.obj["metadata"]["resourceVersion"] == str(record.rev) == "1"
    assert record.raw.startswith(b'{"apiVersion":"v1","kind":"ConfigMap","metadata":')
    await store.close()


@pytest.mark.asyncio
async def test_writes_build_on_writes_that_are_still_on_their_way(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    listener = Listener()
    store.subscribe(MAPS, listener)
    pending = [
        store.put(key("a"), config_map("a", "1")),
        store.put(key("a"), config_map("a", "2")),
        store.remove(key("a"), config_map("a", "2")),
        store.put(key("a"), config_map("a", "3")),
        store.remove(key("a"), config_map("a", "3")),
    ]
    assert store.head(key("a")) is None
    await asyncio.gather(*pending)
    assert listener.seen() == [
        ("ADDED", "a", 1),
        ("MODIFIED", "a", 2),
        ("DELETED", "a", 3),
        ("ADDED", "a", 4),
        ("DELETED", "a", 5),
    ]
    assert store.get(key("a")) is None
    assert store.revision == 5
    await store.close()


@pytest.mark.asyncio
async def test_watchers_hear_before_the_writer_is_answered(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    listener = Listener()
    store.subscribe(MAPS, listener)
    heard: list[int] = []
    pending = store.put(key("a"), config_map("a"))
    pending.add_done_callback(lambda _: heard.append(len(listener.changes)))
    await pending
    await asyncio.sleep(0)
    assert heard == [1]
    await store.close()


@pytest.mark.asyncio
async def test_a_cancelled_writer_does_not_undo_the_write(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    pending = store.put(key("a"), config_map("a"))
    pending.cancel()
    await store.put(key("b"), config_map("b"))
    assert store.get(key("a")) is not None
    await store.close()


@pytest.mark.asyncio
async def test_a_failed_commit_fails_everything_that_was_decided_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "state.db", sync="normal")

    class Failing:
        broken = False

        def __getattr__(self, name: str) -> Any:
            return getattr(journal, name)

        def append(self, rows: Any) -> None:
            if self.broken:
                raise sqlite3.OperationalError("disk is full")
            journal.append(rows)

    failing = Failing()
    store = Store(failing, SystemClock())  # type: ignore[arg-type]
    await store.put(key("a"), config_map("a"))
    failing.broken = True
    results = await asyncio.gather(
        store.put(key("a"), config_map("a", "2")),
        store.put(key("a"), config_map("a", "3")),
        return_exceptions=True,
    )
    assert all(isinstance(result, ApiError) and result.code == 500 for result in results)
    failing.broken = False
    kept = store.head(key("a"))
    assert kept is not None
    assert kept.obj["data"]["value"] == "1"
    record = await store.put(key("a"), config_map("a", "4"))
    assert record.rev == 4
    await store.close()


@pytest.mark.asyncio
async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.put(key("a"), config_map("a"))
    await store.put(key("b"), config_map("b", ownerReferences=[{"uid": "uid-a"}]))
    await store.put(key("a"), config_map("a", "2"))
    await store.remove(key("b"), config_map("b"))
    await store.put(key("c"), config_map("c", ownerReferences=[{"uid": "uid-a"}]))
    await store.close()

    store = open_store(tmp_path)
    assert store.revision == 5
    assert [record.key.name for record in store.records(MAPS)] == ["a", "c"]
    assert [record.key.name for record in store.by_owner("uid-a")] == ["c"]
    found = store.by_uid("uid-a")
    assert found is not None
    assert (found.rev, found.create_rev) == (3, 1)
    replay = store.history.since(2, lambda _: True)
    assert [(c.type, c.record.key.name, c.old and c.old.rev) for c in replay] == [
        ("MODIFIED", "a", 1),
        ("DELETED", "b", 2),
        ("ADDED", "c", None),
    ]
    await store.close()


@pytest.mark.asyncio
async def test_no_revision_is_used_twice_when_the_last_deletion_was_compacted(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    await store.put(key("a"), config_map("a"))
    await store.remove(key("a"), config_map("a"))
    removed = await store.compact(keep_seconds=-10, keep_changes=1000)
    assert removed == 2
    await store.close()

    store = open_store(tmp_path)
    assert store.revision == 2
    assert store.history.floor == 2
    record = await store.put(key("b"), config_map("b"))
    assert record.rev == 3
    await store.close()


@pytest.mark.asyncio
async def test_compaction_keeps_the_versions_that_kept_changes_came_from(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for value in range(6):
        await store.put(key("a"), config_map("a", str(value)))
    await store.compact(keep_seconds=1000, keep_changes=2)
    await store.close()

    store = open_store(tmp_path)
    assert store.history.floor == 4
    first = store.history.since(4, lambda _: True)[0]
    assert first.old is not None
    assert first.old.obj["data"]["value"] == "3"
    await store.close()


@pytest.mark.asyncio
async def test_a_change_of_a_compacted_version_still_knows_what_it_came_from(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    await store.put(key("a"), config_map("a", "1"))
    await store.compact(keep_seconds=-10, keep_changes=1000)
    await store.put(key("a"), config_map("a", "2"))
    await store.close()

    store = open_store(tmp_path)
    (change,) = store.history.since(1, lambda _: True)
    assert change.old is not None
    assert change.old.obj["data"]["value"] == "1"
    await store.close()


@pytest.mark.asyncio
async def test_compaction_leaves_one_step_per_object_and_none_of_the_deleted(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    for value in range(40):
        await asyncio.gather(
            *(store.put(key(f"a-{n}"), config_map(f"a-{n}", str(value))) for n in range(30))
        )
        await store.put(key("brief"), config_map("brief"))
        await store.remove(key("brief"), config_map("brief"))
    assert await store.compact(keep_seconds=-10, keep_changes=10_000) == 40 * 32
    await store.close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        assert db.execute("SELECT count(*) FROM log").fetchone() == (30,)
    db.close()


@pytest.mark.asyncio
async def test_an_earlier_state_can_be_listed_until_the_history_ends(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.put(key("a"), config_map("a", "1"))
    await store.put(key("b"), config_map("b", "1"))
    await store.remove(key("a"), config_map("a", "1"))
    await store.put(key("b"), config_map("b", "2"))

    def state(rev: int) -> dict[str, str]:
        records = store.records_at(MAPS, "", rev)
        return {record.key.name: record.obj["data"]["value"] for record in records}

    assert state(1) == {"a": "1"}
    assert state(2) == {"a": "1", "b": "1"}
    assert state(3) == {"b": "1"}
    assert state(4) == state(99) == {"b": "2"}
    await store.compact(keep_seconds=-10, keep_changes=1000)
    with pytest.raises(ApiError) as caught:
        state(3)
    assert caught.value.reason == "Expired"
    await store.close()


@pytest.mark.asyncio
async def test_records_come_in_key_order(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for name in ("b", "a-1", "a", "c"):
        for namespace in ("y", "x"):
            await store.put(key(name, namespace), config_map(name))
    keys = [(r.key.namespace, r.key.name) for r in store.records(MAPS)]
    assert keys == sorted(keys)
    assert [r.key.name for r in store.records(MAPS, "x")] == ["a", "a-1", "b", "c"]
    await store.close()


@pytest.mark.asyncio
async def test_waiting_for_a_revision_ends_with_its_commit_or_the_time(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    waiting = asyncio.ensure_future(store.reached(1, 5.0))
    await store.put(key("a"), config_map("a"))
    assert await waiting
    assert not await store.reached(9, 0.01)
    await store.close()


@pytest.mark.asyncio
async def test_closing_ends_watches_and_refuses_writes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    listener = Listener()
    store.subscribe(MAPS, listener)
    pending = store.put(key("a"), config_map("a"))
    await store.close()
    assert isinstance(pending.result(), Record)
    assert listener.ended
    with pytest.raises(ApiError, match="closed"):
        await store.put(key("b"), config_map("b"))


def test_a_damaged_file_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database, and never was one" * 100)
    with pytest.raises(SettingsError, match=r"state\.db"):
        Journal(path)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = 99 WHERE name = 'format'")
    db.close()
    with pytest.raises(SettingsError, match="format 99"):
        Journal(path)
