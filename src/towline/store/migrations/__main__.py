"""`python -m towline.store.migrations FILE`: upgrades a database file."""

from __future__ import annotations

import sys

from alembic import command
from alembic.config import Config

from towline.store.database import open_engine
from towline.store.schema import REVISION


def main() -> None:
    """Upgrades the file named on the command line to the present schema."""
    engine = open_engine(sys.argv[1])
    config = Config()
    config.set_main_option("script_location", "towline.store:migrations")
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)


if __name__ == "__main__":
    main()
