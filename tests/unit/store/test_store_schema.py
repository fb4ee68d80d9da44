from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from towline.errors import ConflictError, SettingsError
from towline.store import Store
from towline.store.database import Database
from towline.store.schema import REVISION, migrate
from towline.store.tables import metadata


def test_migrations_lead_to_the_tables_that_queries_use(tmp_path: Path) -> None:
    engine = Database(tmp_path / "x.db").engine
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        sync = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    assert (mode, sync) == ("wal", 2)


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    engine = Database(tmp_path / "x.db").engine
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()
        assert list(found) == [REVISION]


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    engine = Database(tmp_path / "x.db").engine
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match="9999"):
        migrate(engine)


def test_r30_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    engine = Database(path).engine
    migrate(engine)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 3] = os.urandom(4096 * 2)
    path.write_bytes(data)
    with pytest.raises(SettingsError, match="damaged"):
        migrate(engine)


@pytest.mark.asyncio
async def test_r32_a_second_process_cannot_open_the_same_store(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s")
    with pytest.raises(ConflictError, match="in use"):
        await Store.open(tmp_path / "s")
    await store.close()
    again = await Store.open(tmp_path / "s")
    await again.close()


@pytest.mark.asyncio
async def test_files_are_private(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s")
    store.logs.append("run-1", b"x")
    await store.kv.put("a", b"b")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").rglob("*")}
    await store.close()
    assert modes["store.key"] == 0o600
    assert modes["towline.db"] == 0o600
    assert modes["towline.db-wal"] == 0o600
    assert modes["run-1.log"] == 0o600
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
