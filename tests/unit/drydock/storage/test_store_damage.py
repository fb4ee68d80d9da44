"""R30: damage of the state file is noticed at the start, and the refusal says what to do."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.drydock.storage import Store, StoreKey
from towline.drydock.storage.highwater import Mark, read_mark
from towline.errors import SettingsError
from towline.kube.refs import GroupResource

MAPS = GroupResource("", "configmaps")
OBJECTS = 60
FRAME = 24 + 4096


def config_map(name: str, value: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}


def open_store(folder: Path, sync: str = "full") -> Store:
    return Store.open(folder / "state.db", SystemClock(), sync=sync)


async def fill(store: Store, value: str) -> None:
    for number in range(OBJECTS):
        name = f"object-{number:03}"
        await store.put(StoreKey(MAPS, "default", name), config_map(name, value * 700))


def copy_state(source: Path, target: Path) -> Path:
    """The files as a killed process leaves them."""
    target.mkdir()
    for path in source.glob("state.db*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, target)
    return target


def make_states(folder: Path, sync: str) -> None:
    async def run() -> None:
        live = folder / "live"
        live.mkdir()
        store = open_store(live, sync)
        await fill(store, "v")
        await store.compact(keep_seconds=1000, keep_changes=1000)
        await fill(store, "w")
        copy_state(live, folder / "killed")
        await store.close()
        copy_state(live, folder / "stopped")

    asyncio.run(run())


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`killed` has its newest 60 writes in the write-ahead log only; `stopped` was closed."""
    folder = tmp_path_factory.mktemp("states")
    make_states(folder, "full")
    return folder


def start(folder: Path) -> tuple[int, list[tuple[str, str]]]:
    async def run() -> tuple[int, list[tuple[str, str]]]:
        store = open_store(folder)
        try:
            found = [(r.key.name, r.obj["data"]["value"]) for r in store.records(MAPS)]
            return store.revision, found
        finally:
            await store.close()

    return asyncio.run(run())


def flip(path: Path, offset: int, bit: int = 0x20) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ bit]))


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def wal(folder: Path) -> Path:
    return folder / "state.db-wal"


@pytest.mark.parametrize("kind", ["killed", "stopped"])
def test_r30_an_undamaged_state_starts_whole(states: Path, tmp_path: Path, kind: str) -> None:
    folder = copy_state(states / kind, tmp_path / "s")
    revision, found = start(folder)
    assert revision == 2 * OBJECTS
    assert found == [(f"object-{number:03}", "w" * 700) for number in range(OBJECTS)]


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "log deleted": ("killed", lambda s: wal(s).unlink()),
    "log emptied": ("killed", lambda s: cut(wal(s), 0)),
    "log cut in the middle": ("killed", lambda s: cut(wal(s), wal(s).stat().st_size // 2)),
    "last frame of the log cut off": ("killed", lambda s: cut(wal(s), wal(s).stat().st_size - 1)),
    "bit of the log's header": ("killed", lambda s: flip(wal(s), 9)),
    "bit in the log's first frame": ("killed", lambda s: flip(wal(s), 32 + 500)),
    "bit in the middle of the log": ("killed", lambda s: flip(wal(s), 32 + 20 * FRAME + 900)),
    "bit in the log's last frame": ("killed", lambda s: flip(wal(s), wal(s).stat().st_size - 99)),
    "database deleted": ("stopped", lambda s: (s / "state.db").unlink()),
    "database emptied": ("stopped", lambda s: cut(s / "state.db", 0)),
    "database cut": ("stopped", lambda s: cut(s / "state.db", 8 * 4096)),
    "last byte cut off": (
        "stopped",
        lambda s: cut(s / "state.db", (s / "state.db").stat().st_size - 1),
    ),
    "bit of the database's magic": ("stopped", lambda s: flip(s / "state.db", 3)),
    "older database put back": (
        "stopped",
        lambda s: (s / "state.db").write_bytes((s.parent / "older" / "state.db").read_bytes()),
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_r30_damage_is_refused_with_a_hint_to_restore(
    states: Path, tmp_path: Path, case: str
) -> None:
    kind, damage = DAMAGE[case]
    folder = copy_state(states / kind, tmp_path / "s")
    older = copy_state(states / "killed", tmp_path / "older")
    wal(older).unlink()
    damage(folder)
    for _ in range(2):
        with pytest.raises(SettingsError) as caught:
            start(folder)
        assert "state.db" in caught.value.message
        assert "damaged" in caught.value.message
        assert f"towline drydock restore --data {folder} SNAPSHOT" in caught.value.hint


def test_r30_no_flipped_bit_in_any_page_changes_what_is_served(
    states: Path, tmp_path: Path
) -> None:
    """Each page is hit at several places: the start is refused, or what is served is right."""
    folder = copy_state(states / "stopped", tmp_path / "s")
    database = folder / "state.db"
    whole = database.read_bytes()
    mark = (folder / "state.db-mark").read_bytes()
    expected = start(copy_state(folder, tmp_path / "expected"))
    refused, rng = 0, Random(20)
    for page in range(len(whole) // 4096):
        for _ in range(4):
            # Half of the places are in the first bytes, where a page says how it is built.
            place = page * 4096 + rng.choice((rng.randrange(64), rng.randrange(4096)))
            flip(database, place, 1 << rng.randrange(8))
            try:
                assert start(folder) == expected, f"silent damage by a bit at {place}"
            except SettingsError:
                refused += 1
            for path in folder.glob("state.db*"):
                path.unlink()
            database.write_bytes(whole)
            (folder / "state.db-mark").write_bytes(mark)
    assert refused > len(whole) // 4096


def test_r30_a_refused_start_leaves_the_log_for_salvage(states: Path, tmp_path: Path) -> None:
    folder = copy_state(states / "killed", tmp_path / "s")
    flip(wal(folder), 32 + 20 * FRAME + 900)
    before = {p.name: p.read_bytes() for p in folder.glob("state.db*")}
    with pytest.raises(SettingsError):
        start(folder)
    after = {p.name: p.read_bytes() for p in folder.glob("state.db*") if p.suffix != ".db-shm"}
    assert after == before


def test_r30_without_the_mark_what_is_left_is_served(states: Path, tmp_path: Path) -> None:
    folder = copy_state(states / "killed", tmp_path / "s")
    wal(folder).unlink()
    (folder / "state.db-mark").unlink()
    revision, found = start(folder)
    assert revision == OBJECTS
    assert {value for _, value in found} == {"v" * 700}


def test_a_power_cut_may_take_the_last_writes_when_they_were_not_flushed(tmp_path: Path) -> None:
    make_states(tmp_path, "normal")
    folder = tmp_path / "killed"
    cut(wal(folder), wal(folder).stat().st_size // 2)
    with pytest.raises(SettingsError):
        start(folder)
    mark = read_mark(folder / "state.db")
    assert mark is not None
    rebooted = Mark(mark.revision, clean=False, sync="normal", boot="another-boot")
    (folder / "state.db-mark").write_bytes(rebooted.encode())
    revision, _ = start(folder)
    assert OBJECTS < revision < 2 * OBJECTS


def test_a_foreign_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE holidays (day TEXT)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="something else"):
        open_store(tmp_path)
    assert path.read_bytes() == before


@pytest.fixture
def first_format(tmp_path: Path) -> Path:
    """A state file as the first format wrote it, compacted up to revision 2."""
    path = tmp_path / "state.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(
        "CREATE TABLE log (rev INTEGER PRIMARY KEY, key TEXT NOT NULL, op INTEGER NOT NULL,"
        " prev INTEGER NOT NULL, create_rev INTEGER NOT NULL, at REAL NOT NULL,"
        " value BLOB NOT NULL);"
        "CREATE TABLE cur (key TEXT PRIMARY KEY, rev INTEGER NOT NULL,"
        " create_rev INTEGER NOT NULL, value BLOB NOT NULL);"
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
        "INSERT INTO meta VALUES ('format', 1), ('floor', 2);"
    )
    value = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s","uid":"%s"}}'
    a, b = value % (b"a", b"ua"), value % (b"b", b"ub")
    text = "/configmaps/default/"
    db.execute("INSERT INTO cur VALUES (?, 1, 1, ?)", (f"{text}a", a))
    db.execute("INSERT INTO cur VALUES (?, 3, 2, ?)", (f"{text}b", b))
    steps = [(2, f"{text}b", 0, 0, 2, 5.0, b), (3, f"{text}b", 1, 2, 2, 6.0, b)]
    db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", steps)
    db.close()
    return tmp_path


@pytest.mark.asyncio
async def test_a_state_of_the_first_format_is_upgraded(first_format: Path) -> None:
    for _ in range(2):
        store = open_store(first_format)
        assert [(r.key.name, r.rev, r.create_rev) for r in store.records(MAPS)] == [
            ("a", 1, 1),
            ("b", 3, 2),
        ]
        assert (store.revision, store.history.floor) == (3, 2)
        change = store.history.since(2, lambda _: True)[0]
        assert change.old is not None
        assert change.old.rev == 2
        await store.close()
