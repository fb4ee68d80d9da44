"""What podman leaves mounted, and the processes that may mount it again.

A container's monitor becomes `podman container cleanup` when the container has ended, and every
podman process mounts its storage folder when it starts. So a mount counts as removed only when
none of these processes is left.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

_log = logging.getLogger("towline.drydock.engine")
_ATTEMPTS = 5


async def clear_mounts(
    root: Path, *, patience: float = 5.0, poll: float = 0.02, proc: Path = Path("/proc")
) -> list[str]:
    """Unmounts everything below a storage folder, after the processes that use it.

    Containers must be gone and the service must have ended.

    Args:
        root: The engine's folder.
        patience: Seconds that monitors and clean-ups get before they are killed.
        poll: Seconds between two looks.
        proc: The proc file system.

    Returns:
        Mount points that could not be removed.
    """
    for attempt in range(_ATTEMPTS):
        await _processes_ended(root, patience if attempt == 0 else 0.0, poll, proc)
        for mount in mounts_below(root, proc):
            await _unmount(mount)
        # A process has no arguments for a moment while it becomes another program: look again.
        await asyncio.sleep(poll)
        left = mounts_below(root, proc)
        if not left and not users_of(root, proc):
            return []
    _log.warning("still mounted below=%s count=%d", root, len(left))
    return left


def users_of(root: Path, proc: Path = Path("/proc")) -> list[int]:
    """Processes whose arguments name something below a folder, apart from this one."""
    needle = f"{root}/".encode()
    found: list[int] = []
    for entry in proc.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended
        if needle in arguments:
            found.append(int(entry.name))
    return sorted(found)


def mounts_below(folder: Path, proc: Path = Path("/proc")) -> list[str]:
    """Mount points below a folder, the deepest first."""
    prefix = f"{folder}/"
    points = (
        line.split()[4].encode().decode("unicode_escape")
        for line in (proc / "self" / "mountinfo").read_text().splitlines()
    )
    return sorted((point for point in points if point.startswith(prefix)), key=len, reverse=True)


async def _processes_ended(root: Path, patience: float, poll: float, proc: Path) -> None:
    deadline = asyncio.get_running_loop().time() + patience
    while pids := users_of(root, proc):
        if asyncio.get_running_loop().time() >= deadline:
            _log.warning("monitors killed below=%s count=%d", root, len(pids))
            for pid in pids:
                _kill(pid)
        await asyncio.sleep(poll)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError) as error:
        _log.info("process not killed pid=%d error=%s", pid, error)


async def _unmount(point: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "umount",
        "-l",
        point,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()
