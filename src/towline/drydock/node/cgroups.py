"""Control groups of an instance: what is left in them when its containers are gone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

_log = logging.getLogger("towline.drydock.engine")
_ROOT = Path("/sys/fs/cgroup")


async def clear_cgroups(
    parent: str, *, root: Path = _ROOT, patience: float = 5.0, poll: float = 0.02
) -> None:
    """Kills what still runs below a control group and removes the group, in every hierarchy.

    A container whose creation was interrupted is a process that the engine does not know.

    Args:
        parent: Name of the group; this instance's own.
        root: Where control groups are mounted.
        patience: Seconds in which killed processes must be gone.
        poll: Seconds between two looks.
    """
    tops = _tops(parent, root)
    deadline = asyncio.get_running_loop().time() + patience
    while pids := _members(tops):
        for pid in pids:
            _kill(pid)
        if asyncio.get_running_loop().time() >= deadline:
            _log.warning("processes stay parent=%s count=%d", parent, len(pids))
            break
        await asyncio.sleep(poll)
    for top in tops:
        _remove(top)


def _tops(parent: str, root: Path) -> list[Path]:
    name = parent.strip("/")
    if not name or not root.is_dir():
        return []
    hierarchies = [root, *(entry for entry in root.iterdir() if entry.is_dir())]
    return [top for hierarchy in hierarchies if (top := hierarchy / name).is_dir()]


def _members(tops: list[Path]) -> set[int]:
    pids: set[int] = set()
    for top in tops:
        for folder, _, names in os.walk(top):
            if "cgroup.procs" in names:
                try:
                    pids.update(map(int, (Path(folder) / "cgroup.procs").read_text().split()))
                except OSError:
                    continue  # the group went away meanwhile
    return pids


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError) as error:
        _log.info("process not killed pid=%d error=%s", pid, error)


def _remove(top: Path) -> None:
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError as error:
            _log.info("control group stays path=%s error=%s", folder, error)
