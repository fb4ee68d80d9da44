"""What a state file must pass before it is served: structure, content, completeness."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from towline.drydock.storage import tablelayout
from towline.drydock.storage.faults import Fault, fault_of
from towline.drydock.storage.highwater import Mark, boot_id, mark_path, read_mark
from towline.errors import SettingsError

# Up to this size the whole structure is checked at every start; beyond, after an unclean stop.
ALWAYS_CHECKED_BYTES = 256 << 20


def restore_hint(database: Path) -> str:
    """What to do about a state file that cannot be used."""
    folder = database.parent
    return (
        f"move {database.name}* out of {folder} and restore a snapshot: towline drydock restore"
        f" --data {folder} SNAPSHOT, or start without {database.name}* to begin with an empty"
        " cluster"
    )


def damaged(database: Path, what: object) -> SettingsError:
    """The refusal of a damaged file."""
    return SettingsError(
        f"{database}: the cluster's state is damaged: {what}", hint=restore_hint(database)
    )


def unusable(database: Path, error: Exception) -> SettingsError:
    """The refusal of a file that an error keeps us from opening."""
    fault = fault_of(error)
    if fault is Fault.BROKEN:
        return damaged(database, error)
    reason = fault.value if fault is Fault.FULL else error
    return SettingsError(f"{database}: the cluster's state cannot be opened: {reason}")


def examine(database: Path) -> None:
    """Checks a file that may or may not exist, without changing it.

    Raises:
        SettingsError: It is damaged, of another format, or ends before an acknowledged write.
    """
    mark = read_mark(database)
    if not database.exists():
        if mark is not None and mark.revision:
            raise damaged(database, f"the file is missing, {_promise(database, mark)}")
        return
    try:
        revision = _structure_checked(database, mark)
    except (sqlite3.Error, OSError) as error:
        raise unusable(database, error) from error
    if mark is not None and revision < mark.revision and not _may_lag(mark, revision):
        raise damaged(database, f"it ends at revision {revision}, {_promise(database, mark)}")


def _promise(database: Path, mark: Mark) -> str:
    return f"but writes up to {mark.revision} were acknowledged ({mark_path(database).name})"


def _may_lag(mark: Mark, revision: int) -> bool:
    """Without full durability a power cut may take the last writes."""
    return mark.sync != "full" and mark.boot != boot_id() and revision > 0


def _structure_checked(database: Path, mark: Mark | None) -> int:
    # Read-only: the last reader that closes must not fold a damaged log into the file.
    db = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        db.execute("PRAGMA busy_timeout=5000")
        unclean = mark is None or not mark.clean
        if unclean or database.stat().st_size <= ALWAYS_CHECKED_BYTES:
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise damaged(database, verdict)
        return tablelayout.last_revision(db, database)
    finally:
        db.close()
