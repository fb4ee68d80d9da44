"""Snapshots of the cluster's state: taken while it runs, put into a folder that has none."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from towline.drydock.storage import checks
from towline.drydock.storage.highwater import mark_path
from towline.drydock.storage.journal import Journal
from towline.errors import InputError, NotFoundError, SettingsError

# Revisions that clients saw after the snapshot was taken must not come again for other changes:
# a restored cluster continues beyond any of them, and watches from before start over.
REVISION_GAP = 1_000_000_000


class Snapshot(msgspec.Struct, frozen=True):
    """What a snapshot holds.

    Attributes:
        objects: Number of objects.
        revision: The newest revision in it.
    """

    objects: int
    revision: int


def take_snapshot(database: Path, target: Path) -> Snapshot:
    """Copies the state, of a running or a stopped cluster, as of one moment.

    Writers are not held up. The target appears whole, checked and flushed, or not at all, and only
    its owner can read it: it holds the cluster's Secrets.

    Args:
        database: The state file.
        target: File to write; replaced when present.

    Raises:
        NotFoundError: There is no state.
        SettingsError: The state is damaged, or the target cannot be written.
    """
    if not database.exists():
        raise NotFoundError(f"{database}: no such state file")
    checks.examine(database)
    with _draft(target) as draft:
        source = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        copy = sqlite3.connect(draft, isolation_level=None)
        try:
            source.execute("PRAGMA busy_timeout=5000")
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
            source.close()
        try:
            return _verified(draft)
        except SettingsError as error:
            raise checks.damaged(database, "a checksum in it is wrong") from error


def restore_snapshot(snapshot: Path, database: Path) -> Snapshot:
    """Puts a snapshot where there is no state.

    Args:
        snapshot: What `take_snapshot` wrote.
        database: The state file to make.

    Returns:
        What was restored; later revisions are higher by more than `REVISION_GAP`.

    Raises:
        NotFoundError: There is no snapshot.
        InputError: The snapshot is damaged or something else.
        SettingsError: There is a state already, or it cannot be written.
    """
    if not snapshot.is_file():
        raise NotFoundError(f"{snapshot}: no such snapshot")
    present = [path for path in (database, mark_path(database)) if path.exists()]
    if present:
        raise SettingsError(
            f"{present[0]}: a state is there already",
            hint=f"move {database.name}* out of {database.parent} first",
        )
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _draft(database) as draft:
        draft.write_bytes(snapshot.read_bytes())
        try:
            found = _verified(draft)
        except SettingsError as error:
            text = "damaged, or no snapshot of a cluster's state"
            raise InputError(text, file=str(snapshot)) from error
        _continue_beyond(draft, found.revision + REVISION_GAP)
        return found


def _verified(database: Path) -> Snapshot:
    """Reads every object through its checksum."""
    if not database.stat().st_size:
        raise SettingsError("an empty file is no state")
    journal = Journal(database)
    try:
        return Snapshot(sum(1 for _ in journal.current()), journal.last_revision())
    finally:
        journal.checkpoint(truncate=True)
        journal.close()
        mark_path(database).unlink()


def _continue_beyond(database: Path, floor: int) -> None:
    db = sqlite3.connect(database, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM log WHERE rev NOT IN (SELECT rev FROM cur)")
        db.execute("INSERT OR REPLACE INTO meta VALUES ('floor', ?)", (floor,))
        db.execute("COMMIT")
    finally:
        db.close()


@contextlib.contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its place, flushed, when all went well."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.touch(mode=0o600)
        yield draft
        _flush(draft)
        draft.replace(target)
        _flush(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f"{target}: cannot be written: {error}") from error
    finally:
        for leftover in target.parent.glob(f"{draft.name}*"):
            leftover.unlink()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
