"""The durable side of the store: a revision log in one SQLite file.

Every method is synchronous and meant for the store's single writer thread.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from towline.drydock.storage import checks, tablelayout
from towline.drydock.storage.faults import Fault, fault_of
from towline.drydock.storage.highwater import HighWater
from towline.drydock.storage.tablelayout import DELETE, Row

_log = logging.getLogger("towline.drydock.storage")

COMPACT_SLICE = 500
_CHECKPOINT_COMMITS = 400
_CHECKPOINT_BYTES = 4 << 20
_COLUMNS = "log.rev, log.key, log.op, log.prev, log.create_rev, log.at, log.value, log.sum"


class Journal:
    """The SQLite file.

    Args:
        path: Where it is, created when absent.
        sync: `full` (an acknowledged write survives a power cut) or `normal` (survives a crash of
            the process, may lose the last writes in a power cut).

    Raises:
        SettingsError: When the file is damaged, incomplete or of another format.
    """

    def __init__(self, path: Path, *, sync: str = "full") -> None:
        self._path = path
        checks.examine(path)
        self._broken = False
        self._commits = self._bytes = 0
        try:
            # It holds Secrets; SQLite gives its other files the same mode.
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            raise checks.unusable(path, error) from error
        try:
            self._open(sync)
        except (sqlite3.Error, OSError) as error:
            self._db.close()
            raise checks.unusable(path, error) from error

    def _open(self, sync: str) -> None:
        run = self._db.execute
        run("PRAGMA busy_timeout=5000")
        run("PRAGMA journal_mode=WAL")
        run(f"PRAGMA synchronous={'FULL' if sync == 'full' else 'NORMAL'}")
        # A checkpoint inside of a commit would hide its errors: they are asked for.
        run("PRAGMA wal_autocheckpoint=0")
        tablelayout.prepare(self._db)
        self._mark = HighWater(self._path, self.last_revision(), sync)

    def last_revision(self) -> int:
        """The highest revision ever committed."""
        return tablelayout.last_revision(self._db, self._path)

    def floor(self) -> int:
        """Steps up to this revision were compacted away."""
        return tablelayout.meta(self._db, "floor")

    def current(self) -> Iterator[Row]:
        """The step of every current version, in no particular order.

        Raises:
            SettingsError: One is damaged or missing.
        """
        count = 0
        for row in self._rows(f"SELECT {_COLUMNS} FROM cur JOIN log USING (rev, key)"):  # noqa: S608
            count += 1
            yield row
        listed = self._db.execute("SELECT count(*) FROM cur").fetchone()[0]
        if listed != count:
            raise checks.damaged(self._path, f"{listed - count} of {listed} objects are missing")

    def tail(self, limit: int) -> list[Row]:
        """The newest steps above the floor, oldest first."""
        query = f"SELECT {_COLUMNS} FROM log WHERE rev > ? ORDER BY rev DESC LIMIT ?"  # noqa: S608
        return list(self._rows(query, self.floor(), limit))[::-1]

    def version(self, rev: int) -> Row | None:
        """The step that a revision wrote, if it is kept."""
        return next(self._rows(f"SELECT {_COLUMNS} FROM log WHERE rev = ?", rev), None)  # noqa: S608

    def _rows(self, query: str, *values: int) -> Iterator[Row]:
        try:
            for *fields, checksum in self._db.execute(query, values):
                row = tablelayout.read_row(fields, checksum)
                if row is None:
                    raise checks.damaged(self._path, f"checksum of revision {fields[0]}")
                yield row
        except sqlite3.DatabaseError as error:
            raise checks.damaged(self._path, error) from error

    def append(self, rows: Sequence[Row]) -> None:
        """Commits steps in one transaction; durable when it returns.

        Raises:
            sqlite3.Error: Nothing was written, or after a `BROKEN` fault nobody knows.
        """
        db = self._writable()
        try:
            db.execute("BEGIN IMMEDIATE")
            tablelayout.insert(db, list(rows))
            for row in rows:
                if row.op == DELETE:
                    db.execute("DELETE FROM cur WHERE key = ?", (row.key,))
                else:
                    db.execute("INSERT OR REPLACE INTO cur VALUES (?, ?)", (row.key, row.rev))
            db.execute("COMMIT")
        except BaseException as error:
            self._undo(error)
            raise
        self._mark.raise_to(rows[-1].rev)
        self._commits += 1
        self._bytes += sum(len(row.value) for row in rows)

    def _writable(self) -> sqlite3.Connection:
        if self._broken:
            raise sqlite3.OperationalError("the file takes no writes since an earlier error")
        return self._db

    def _undo(self, error: BaseException) -> None:
        self._broken = self._broken or fault_of(error) is Fault.BROKEN
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as second:
                _log.error("rollback failed error=%s", second)
                self._broken = True

    def compact(self, *, before: float, keep: int, slice_rows: int = COMPACT_SLICE) -> int:
        """Forgets old steps, a slice at a time.

        The step that a kept step or a later change comes from stays, so that kept steps can be
        replayed whole; its turn comes when the floor passes the step that replaced it.

        Args:
            before: Steps written before this time (seconds since the epoch) go.
            keep: Steps more than this number of revisions back go as well.
            slice_rows: Most steps looked at in one call.

        Returns:
            Steps passed by the floor; less than `slice_rows` means that nothing is left to do.

        Raises:
            sqlite3.Error: Nothing was changed.
        """
        db = self._writable()
        counted = self.last_revision() - keep
        passed: list[tuple[int, int, int]] = []
        steps = "SELECT rev, op, prev, at FROM log WHERE rev > ? ORDER BY rev LIMIT ?"
        for rev, op, prev, at in db.execute(steps, (self.floor(), slice_rows)):
            if at >= before and rev > counted:
                break
            passed.append((rev, op, prev))
        if not passed:
            return 0
        gone = [(prev,) for _, _, prev in passed if prev]
        gone += [(rev,) for rev, op, _ in passed if op == DELETE]
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR REPLACE INTO meta VALUES ('floor', ?)", (passed[-1][0],))
            db.executemany("DELETE FROM log WHERE rev = ?", gone)
            db.execute("COMMIT")
        except BaseException as error:
            self._undo(error)
            raise
        self._commits += len(passed)
        return len(passed)

    @property
    def checkpoint_due(self) -> bool:
        """Whether the write-ahead log has grown enough to be folded into the file."""
        return self._commits >= _CHECKPOINT_COMMITS or self._bytes >= _CHECKPOINT_BYTES

    def checkpoint(self, *, truncate: bool = False) -> None:
        """Moves the write-ahead log into the file, and empties it when asked to.

        Raises:
            sqlite3.Error: It stays for later, or after a `BROKEN` fault for good.
        """
        db = self._writable()
        self._commits = self._bytes = 0
        try:
            db.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchone()
        except sqlite3.Error as error:
            self._broken = fault_of(error) is Fault.BROKEN
            raise

    def close(self, *, clean: bool = True) -> None:
        """Closes the file; the mark notes a clean stop unless a fault came before."""
        try:
            self._db.close()
        finally:
            self._mark.close(clean=clean and not self._broken)
