"""Removes an instance: what a kill left running, its containers and networks, its data."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
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
    _unmount(path)
    shutil.rmtree(path)


def _unmount(path: Path) -> None:
    """Unmounts what a killed build or container left; the innermost first."""
    for mount in sorted(_mounts(path), key=len, reverse=True):
        subprocess.run(["umount", mount], capture_output=True, timeout=30, check=False)
    if held := _mounts(path):
        raise TowlineError(f"still mounted: {', '.join(held[:3])}", hint="umount them, try again")


def _mounts(path: Path) -> list[str]:
    # A mount point with blanks is written with octal escapes.
    listed = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = [mount.encode().decode("unicode_escape") for mount in listed]
    return [mount for mount in found if Path(mount).is_relative_to(path)]


async def _remove_containers(path: Path) -> None:
    """A start finds what is there, the clean stop after it takes everything away."""
    drydock = DrydockProcess(path / "drydock", path / "kubeconfig", DrydockSettings(), {})
    await drydock.start()
    await drydock.stop()
