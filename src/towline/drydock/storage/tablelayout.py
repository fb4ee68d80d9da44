"""The tables of the state file: their format, its upgrades, and the checksum of a row.

`log` has every step that is kept; `cur` says which of them are the current versions. A current
version's step stays in the log however old it is: it is what the object's next change came from.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from towline.errors import SettingsError

FORMAT = 2

ADD, MODIFY, DELETE = 0, 1, 2

_TABLES = """
CREATE TABLE IF NOT EXISTS log (
    rev INTEGER PRIMARY KEY, key TEXT NOT NULL, op INTEGER NOT NULL, prev INTEGER NOT NULL,
    create_rev INTEGER NOT NULL, at REAL NOT NULL, sum INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cur (key TEXT PRIMARY KEY, rev INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)
"""


class Row(NamedTuple):
    """A step in the log.

    Attributes:
        rev: Its revision.
        key: The object's key text.
        op: `ADD`, `MODIFY` or `DELETE`.
        prev: Revision of the version before it, 0 when there was none.
        create_rev: Revision that created the object.
        at: Seconds since the epoch.
        value: JSON of the version after it.
    """

    rev: int
    key: str
    op: int
    prev: int
    create_rev: int
    at: float
    value: bytes

    def checksum(self) -> int:
        """CRC-32 over everything but the time."""
        head = f"{self.rev}\n{self.key}\n{self.op}\n{self.prev}\n{self.create_rev}\n"
        return zlib.crc32(self.value, zlib.crc32(head.encode()))


def read_row(fields: Sequence[Any], checksum: Any) -> Row | None:
    """The row, or None when it is not what was written: damage may change types as well."""
    row = Row(*fields)
    intact = isinstance(fields[-1], bytes) and row.checksum() == checksum
    return row if intact else None


def last_revision(db: sqlite3.Connection, database: Path) -> int:
    """The highest revision that a state file of any known format says was committed.

    Raises:
        SettingsError: The format is not known.
        sqlite3.DatabaseError: The file is damaged.
    """
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if "meta" not in tables:
        if tables:
            raise SettingsError(f"{database} is a database of something else")
        return 0
    found = meta(db, "format")
    if found not in (1, FORMAT):
        raise SettingsError(
            f"{database}: state format {found}, this version reads {FORMAT}",
            hint="use the version that wrote it",
        )
    newest = [db.execute(f"SELECT max(rev) FROM {table}").fetchone()[0] for table in ("log", "cur")]  # noqa: S608
    return max(meta(db, "floor"), *(int(rev or 0) for rev in newest))


def meta(db: sqlite3.Connection, name: str) -> int:
    """A number in the file's `meta` table, 0 when absent."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def prepare(db: sqlite3.Connection) -> None:
    """Creates the tables of an empty file, and upgrades those of an older format.

    Raises:
        sqlite3.Error: Nothing was changed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if "meta" in tables and meta(db, "format") == 1:
            _upgrade_from_1(db)
        else:
            _create(db)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", (FORMAT,))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _create(db: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):
        db.execute(statement)


def _upgrade_from_1(db: sqlite3.Connection) -> None:
    """Format 1 had no checksums and kept the current versions' values in `cur`."""
    db.execute("ALTER TABLE log RENAME TO log1")
    db.execute("ALTER TABLE cur RENAME TO cur1")
    _create(db)
    kept = (
        "SELECT rev, key, op, prev, create_rev, at, value FROM log1"
        " WHERE rev > (SELECT coalesce(max(value), 0) FROM meta WHERE name = 'floor')"
        " OR rev IN (SELECT prev FROM log1) OR rev IN (SELECT rev FROM cur1)"
    )
    insert(db, [Row(*row) for row in db.execute(kept)])
    only_current = (
        "SELECT rev, key, rev != create_rev, 0, create_rev, 0.0, value FROM cur1"
        " WHERE rev NOT IN (SELECT rev FROM log1)"
    )
    insert(db, [Row(*row) for row in db.execute(only_current)])
    db.execute("INSERT INTO cur SELECT key, rev FROM cur1")
    db.execute("DROP TABLE log1")
    db.execute("DROP TABLE cur1")


def insert(db: sqlite3.Connection, rows: list[Row]) -> None:
    """Adds steps to the log."""
    db.executemany(
        "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*row[:6], row.checksum(), row.value) for row in rows],
    )
