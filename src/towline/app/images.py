"""Base images for offline use, made before anything runs."""

from __future__ import annotations

import os
import sys

from towline.app.folder import DataFolder
from towline.oci import parse_reference
from towline.sandbox import Builder, BuilderOptions, machine_settings
from towline.sandbox.stand_in import seed
from towline.settings import Settings


async def seed_image(settings: Settings, name: str) -> str:
    """Makes a stand-in for a base image from this machine's packages.

    Returns:
        One line for people: what it is and what it holds.

    Raises:
        ConflictError: Towline runs on the data folder; it makes stand-ins by itself when needed.
        InputError: `name` is not an image reference.
        NotFoundError: There is no stand-in of that kind.
    """
    folder = DataFolder(settings.data_dir)
    try:
        builder = Builder(
            BuilderOptions(
                directory=folder.folder("builds"),
                instance=folder.instance,
                pip=machine_settings(os.environ),
                isolation=settings.build.isolation,
            )
        )
        await builder.prepare()
        made = await seed(builder, str(parse_reference(name)), _say)
        await builder.close()
    finally:
        folder.close()
    how = "was there already" if made.cached else "was made"
    return f"{made.image}: a stand-in {how}, with this machine's Python {made.python}"


def _say(chunk: bytes) -> None:
    sys.stderr.buffer.write(chunk)
    sys.stderr.flush()
