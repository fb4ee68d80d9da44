"""Brings a database file to the present schema and refuses what it cannot read."""

from __future__ import annotations

import sqlalchemy as sa

from towline.errors import SettingsError

REVISION = "0001"


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


def _upgrade(engine: sa.Engine) -> None:
    # Imported here: a start on a present schema, the usual one, does not pay for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "towline.store:migrations")
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)


def _damaged(detail: str) -> SettingsError:
    return SettingsError(
        f"the store is damaged: {detail}",
        hint="restore the file from a backup; the cluster and the repositories are not affected",
    )
