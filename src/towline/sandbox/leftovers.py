"""Finds and kills what children left behind, by cookie or by the root they run in."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger("towline.sandbox")


def reap(cookie: str, *, roots: tuple[Path, ...] = (), proc: Path = Path("/proc")) -> list[int]:
    """Kills every process that carries the cookie or whose root lies in one of the folders.

    Args:
        cookie: `NAME=VALUE` as it stands in the environment of a child.
        roots: Folders of container storage; a process whose root mount is in one is a build step
            that outlived its builder.
        proc: The proc file system.

    Returns:
        The ids of the processes that were killed. This process and its ancestors never are.
    """
    spared = _ancestry(proc)
    killed: list[int] = []
    for _ in range(5):  # what is killed may have just forked
        found = [
            pid
            for pid in _processes(proc)
            if pid not in spared and (_carries(proc, pid, cookie) or _rooted(proc, pid, roots))
        ]
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
    if killed:
        _log.info("left-over processes killed count=%d", len(set(killed)))
    return sorted(set(killed))


def _processes(proc: Path) -> Iterator[int]:
    return (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())


def _ancestry(proc: Path) -> set[int]:
    pids = {os.getpid()}
    pid = os.getppid()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        pid = _parent(proc, pid)
    return pids


def _parent(proc: Path, pid: int) -> int:
    try:
        stat = (proc / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _carries(proc: Path, pid: int, cookie: str) -> bool:
    try:
        environment = (proc / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return cookie.encode() in environment.split(b"\0")


def _rooted(proc: Path, pid: int, roots: tuple[Path, ...]) -> bool:
    if not roots:
        return False
    try:
        mounts = (proc / str(pid) / "mountinfo").read_text(errors="replace")
    except OSError:
        return False
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) > 4 and fields[4] == "/":
            return any(_mentions(line, fields[3], root) for root in roots)
    return False


def _mentions(line: str, source: str, root: Path) -> bool:
    prefix = f"{root}/"
    return f"upperdir={prefix}" in line or source.startswith(prefix)
