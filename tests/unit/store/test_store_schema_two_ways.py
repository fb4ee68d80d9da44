"""A new file and an upgraded one have the same tables."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from towline.errors import SettingsError
from towline.store.database import open_engine
from towline.store.schema import migrate


def schema(path: Path) -> dict[str, list[str]]:
    """Parts of each definition; the order of constraints says nothing."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        found = {name: sorted(re.split(r"[\s,()]+", sql)) for name, sql in rows}
    connection.close()
    found.pop("alembic_version")
    return found


def test_tables_made_at_once_equal_those_of_the_migrations(tmp_path: Path) -> None:
    new, migrated = tmp_path / "new.db", tmp_path / "migrated.db"
    engine = open_engine(new)
    migrate(engine)
    migrate(engine)  # a second start changes nothing
    engine.dispose()
    subprocess.run(
        [sys.executable, "-m", "towline.store.migrations", str(migrated)], check=True, timeout=60
    )
    assert schema(new) == schema(migrated)


def test_a_file_with_a_past_that_no_migration_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('0000')")
    connection.close()
    engine = open_engine(path)
    with pytest.raises(SettingsError, match="cannot be upgraded"):
        migrate(engine)
    engine.dispose()
