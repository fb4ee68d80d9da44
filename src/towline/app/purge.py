"""Removes an instance: what a kill left running, its containers and networks, its data."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from towline.app.drydock import DrydockProcess
from towline.app.folder import DataFolder
from towline.errors import TowlineError
from towline.sandbox.leftovers import reap
from towline.sandbox.process import COOKIE
from towline.settings import DrydockSettings


def purge(path: Path) -> None:
    """Leaves nothing of the instance behind.

    Raises:
        ConflictError: It runs.
        TowlineError: Something of it is still mounted; nothing was deleted then.
    """
    folder = DataFolder(path)
    try:
        reap(f"{COOKIE}={folder.instance}")
        reap(f"{COOKIE}={folder.instance}-build", roots=(path / "builds" / "graph",))
        if (path / "drydock" / "node").exists():
            asyncio.run(_remove_containers(path))
    finally:
        folder.close()
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    held = [mount for mount in mounted if Path(mount).is_relative_to(path)]
    if held:
        raise TowlineError(f"still mounted: {', '.join(held[:3])}", hint="umount them, try again")
    shutil.rmtree(path)


async def _remove_containers(path: Path) -> None:
    """A start finds what is there, the clean stop after it takes everything away."""
    drydock = DrydockProcess(path / "drydock", path / "kubeconfig", DrydockSettings(), {})
    await drydock.start()
    await drydock.stop()
