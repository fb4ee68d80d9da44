"""Brings a database file to the present schema and refuses what it cannot read."""

from __future__ import annotations

import subprocess
import sys

import sqlalchemy as sa

from towline.errors import SettingsError
from towline.store.tables import metadata

REVISION = "0001"
_SECONDS = 300


def migrate(engine: sa.Engine) -> None:
    """Checks the file and upgrades its schema, in one transaction per step.

    Raises:
        SettingsError: The file is damaged, or was written by a newer version.
    """
    try:
        with engine.connect() as connection:
            present = _revision(connection)
            verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    except sa.exc.DatabaseError as error:
        raise _damaged(str(error.orig)) from error
    if verdict != "ok":
        raise _damaged(str(verdict))
    if present == REVISION:
        return
    if not present:
        _create(engine)
        return
    if present > REVISION:
        raise SettingsError(
            f"the store has schema {present}, this version knows up to {REVISION}",
            hint="run the newer version, or restore a backup made by this one",
        )
    _upgrade(engine)


def _revision(connection: sa.Connection) -> str:
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return str(found or "")


def _create(engine: sa.Engine) -> None:
    """A new file gets the present tables at once; migrations are for files that have a past."""
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"
        )
        connection.execute(
            sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION}
        )


def _upgrade(engine: sa.Engine) -> None:
    """Upgrades in a process of its own: the tool for it would stay in our memory (16 MB)."""
    path = str(engine.url.database)
    argv = [sys.executable, "-m", "towline.store.migrations", path]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise SettingsError(f"the store cannot be upgraded: {done.stderr.strip()[-500:]}")


def _damaged(detail: str) -> SettingsError:
    return SettingsError(
        f"the store is damaged: {detail}",
        hint="restore the file from a backup; the cluster and the repositories are not affected",
    )
