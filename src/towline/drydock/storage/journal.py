"""The durable side of the store: a revision log and the current versions in one SQLite file.

Every method is synchronous and meant for the store's single writer thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from towline.errors import SettingsError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    rev INTEGER PRIMARY KEY, key TEXT NOT NULL, op INTEGER NOT NULL, prev INTEGER NOT NULL,
    create_rev INTEGER NOT NULL, at REAL NOT NULL, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cur (
    key TEXT PRIMARY KEY, rev INTEGER NOT NULL, create_rev INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
FORMAT = 1

ADD, MODIFY, DELETE = 0, 1, 2
COMPACT_SLICE = 1000


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


class Journal:
    """The SQLite file.

    Args:
        path: Where it is, created when absent.
        sync: `full` (an acknowledged write survives a power cut) or `normal` (survives a crash of
            the process, may lose the last writes in a power cut).

    Raises:
        SettingsError: When the file is damaged or of another format.
    """

    def __init__(self, path: Path, *, sync: str = "full") -> None:
        self._path = path
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._prepare(sync)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise SettingsError(
                f"{path}: not a readable cluster state: {error}",
                hint="restore the file from a snapshot or start with an empty data folder",
            ) from error
        except SettingsError:
            self._db.close()
            raise

    def _prepare(self, sync: str) -> None:
        run = self._db.execute
        run("PRAGMA journal_mode=WAL")
        run(f"PRAGMA synchronous={'FULL' if sync == 'full' else 'NORMAL'}")
        run("PRAGMA busy_timeout=5000")
        verdict = run("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(str(verdict))
        self._db.executescript(_SCHEMA)
        run("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
        found = self._meta("format")
        if found != FORMAT:
            raise SettingsError(
                f"{self._path}: state format {found}, this version reads {FORMAT}",
                hint="use the version that wrote it",
            )

    def _meta(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def last_revision(self) -> int:
        """The highest revision ever committed."""
        row = self._db.execute(
            "SELECT max(coalesce((SELECT max(rev) FROM log), 0),"
            " coalesce((SELECT max(rev) FROM cur), 0))"
        ).fetchone()
        return max(int(row[0]), self.floor())

    def floor(self) -> int:
        """Steps up to this revision were compacted away."""
        return self._meta("floor")

    def current(self) -> Iterator[tuple[str, int, int, bytes]]:
        """Every current version: key, revision, creating revision, JSON."""
        yield from self._db.execute("SELECT key, rev, create_rev, value FROM cur ORDER BY key")

    def tail(self, limit: int) -> list[Row]:
        """The newest steps above the floor, oldest first."""
        rows = self._db.execute(
            "SELECT rev, key, op, prev, create_rev, at, value FROM log WHERE rev > ?"
            " ORDER BY rev DESC LIMIT ?",
            (self.floor(), limit),
        ).fetchall()
        return [Row(*row) for row in reversed(rows)]

    def version(self, rev: int) -> tuple[int, bytes] | None:
        """Creating revision and JSON of the version that a revision wrote, if it is kept."""
        row = self._db.execute("SELECT create_rev, value FROM log WHERE rev = ?", (rev,)).fetchone()
        return (int(row[0]), row[1]) if row else None

    def append(self, rows: Sequence[Row]) -> None:
        """Commits steps in one transaction; durable when it returns.

        Raises:
            sqlite3.Error: When nothing was written.
        """
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            for row in rows:
                if row.op == DELETE:
                    db.execute("DELETE FROM cur WHERE key = ?", (row.key,))
                else:
                    db.execute(
                        "INSERT OR REPLACE INTO cur VALUES (?, ?, ?, ?)",
                        (row.key, row.rev, row.create_rev, row.value),
                    )
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def compact(self, *, before: float, keep: int, slice_rows: int = COMPACT_SLICE) -> int:
        """Forgets old steps, a slice at a time.

        A version that a kept step came from stays, so that kept steps can be replayed whole.

        Args:
            before: Steps written before this time (seconds since the epoch) go.
            keep: Steps beyond this number go as well.
            slice_rows: Most rows removed in one call.

        Returns:
            Rows removed; less than `slice_rows` means that nothing is left to do.
        """
        db = self._db
        aged = db.execute("SELECT max(rev) FROM log WHERE at < ?", (before,)).fetchone()[0]
        counted = db.execute(
            "SELECT rev FROM log ORDER BY rev DESC LIMIT 1 OFFSET ?", (keep,)
        ).fetchone()
        floor = max(int(aged or 0), int(counted[0]) if counted else 0, self.floor())
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT OR REPLACE INTO meta VALUES ('floor', ?)", (floor,))
        removed = db.execute(
            "DELETE FROM log WHERE rev IN (SELECT rev FROM log WHERE rev <= ?1"
            " AND rev NOT IN (SELECT prev FROM log WHERE rev > ?1) LIMIT ?2)",
            (floor, slice_rows),
        ).rowcount
        db.execute("COMMIT")
        return removed

    def checkpoint(self) -> None:
        """Moves the write-ahead log into the file and truncates it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
