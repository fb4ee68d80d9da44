"""Snapshots: consistent while writes go on, refused when damaged, restored beyond old revisions."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.drydock.storage import Store, StoreKey
from towline.drydock.storage.snapshot import REVISION_GAP, restore_snapshot, take_snapshot
from towline.errors import InputError, NotFoundError, SettingsError
from towline.kube.refs import GroupResource

MAPS = GroupResource("", "configmaps")


def config_map(name: str, value: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}


def open_store(folder: Path) -> Store:
    return Store.open(folder / "state.db", SystemClock(), sync="normal")


async def put(store: Store, name: str, value: str = "1") -> int:
    record = await store.put(StoreKey(MAPS, "default", name), config_map(name, value))
    return record.rev


def names(store: Store) -> list[str]:
    return [record.key.name for record in store.records(MAPS)]


@pytest.mark.asyncio
async def test_a_snapshot_of_a_running_store_is_one_moment_of_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    # Two objects always change in one commit: a torn copy would show them apart.
    stop = asyncio.Event()

    async def keep_writing() -> int:
        value = 0
        while not stop.is_set():
            value += 1
            await asyncio.gather(put(store, "left", str(value)), put(store, "right", str(value)))
        return value

    await asyncio.gather(put(store, "left", "0"), put(store, "right", "0"))
    writing = asyncio.create_task(keep_writing())
    for turn in range(5):
        target = tmp_path / f"snapshot-{turn}"
        taken = await asyncio.to_thread(take_snapshot, tmp_path / "state.db", target)
        assert taken.objects == 2
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    stop.set()
    assert await writing > 5
    await store.close()
    for turn in range(5):
        folder = tmp_path / f"restored-{turn}"
        restore_snapshot(tmp_path / f"snapshot-{turn}", folder / "state.db")
        again = open_store(folder)
        left, right = again.records(MAPS)
        assert left.obj["data"] == right.obj["data"]
        await again.close()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.asyncio
async def test_a_restored_state_never_repeats_a_revision_that_clients_saw(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await put(store, "kept", "old")
    await put(store, "kept", "new")
    await put(store, "dropped")
    await store.remove(StoreKey(MAPS, "default", "dropped"), config_map("dropped", "1"))
    taken = take_snapshot(tmp_path / "state.db", tmp_path / "snapshot")
    assert (taken.objects, taken.revision) == (1, 4)
    seen = await put(store, "later")
    await store.close()

    restore_snapshot(tmp_path / "snapshot", tmp_path / "again" / "state.db")
    store = open_store(tmp_path / "again")
    assert names(store) == ["kept"]
    assert store.history.floor == 4 + REVISION_GAP
    assert await put(store, "fresh") > seen
    await put(store, "kept", "newest")
    last = store.history.since(store.revision - 1, lambda _: True)[0]
    assert last.old is not None
    assert last.old.obj["data"] == {"value": "new"}
    await store.close()


@pytest.mark.asyncio
async def test_a_snapshot_is_not_put_over_a_state(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await put(store, "a")
    await store.close()
    take_snapshot(tmp_path / "state.db", tmp_path / "snapshot")
    before = (tmp_path / "state.db").read_bytes()
    with pytest.raises(SettingsError, match="a state is there already"):
        restore_snapshot(tmp_path / "snapshot", tmp_path / "state.db")
    (tmp_path / "state.db").rename(tmp_path / "aside")
    with pytest.raises(SettingsError, match=r"state\.db-mark"):
        restore_snapshot(tmp_path / "snapshot", tmp_path / "state.db")
    assert (tmp_path / "aside").read_bytes() == before


@pytest.mark.asyncio
async def test_a_damaged_state_gives_no_snapshot(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await put(store, "a")
    await store.close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("UPDATE log SET value = replace(value, '1', '2')")
    db.close()
    with pytest.raises(SettingsError, match="checksum"):
        take_snapshot(tmp_path / "state.db", tmp_path / "snapshot")
    assert not [path for path in tmp_path.iterdir() if "snapshot" in path.name]


@pytest.mark.parametrize("content", [b"", b"no database" * 500])
def test_a_file_that_is_no_snapshot_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "snapshot").write_bytes(content)
    with pytest.raises(InputError, match="snapshot"):
        restore_snapshot(tmp_path / "snapshot", tmp_path / "again" / "state.db")
    assert list((tmp_path / "again").iterdir()) == []


def test_what_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"state\.db"):
        take_snapshot(tmp_path / "state.db", tmp_path / "snapshot")
    with pytest.raises(NotFoundError, match="snapshot"):
        restore_snapshot(tmp_path / "snapshot", tmp_path / "state.db")


@pytest.mark.asyncio
async def test_a_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await put(store, "a")
    await store.close()
    with pytest.raises(SettingsError, match="cannot be written"):
        take_snapshot(tmp_path / "state.db", tmp_path / "nowhere" / "snapshot")
