"""Reads what containers and the machine have used, from control groups and /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from towline.drydock.node.metrics_cgroups import (
    Groups,
    Mount,
    cpu_nanoseconds,
    groups_of,
    inactive_file_bytes,
    mounts_of,
)

# Fields of the first line of /proc/stat that are work; guest time is part of user time.
_WORK = (0, 1, 2, 5, 6, 7)


class Reading(NamedTuple):
    """What has been used up to now.

    Attributes:
        cpu: Processor time in nanoseconds since the start.
        memory: Working set in bytes: what is in use without page cache that could go.
    """

    cpu: int
    memory: int


class MachineReader:
    """Reads the kernel's files.

    Args:
        proc: Where /proc is mounted.
        top: Folder beneath which the mount points are found; `/` but in tests.
    """

    def __init__(self, proc: Path = Path("/proc"), top: Path = Path("/")) -> None:
        self._proc = proc
        self._top = top
        self._mounts: dict[str, Mount] | None = None
        self._own: Groups | None = None

    def machine(self) -> Reading | None:
        """The whole machine; None when the kernel does not tell."""
        try:
            busy = busy_nanoseconds((self._proc / "stat").read_text(), os.sysconf("SC_CLK_TCK"))
            return Reading(busy, working_set((self._proc / "meminfo").read_text()))
        except (OSError, ValueError, KeyError, IndexError):
            return None

    def container(self, pid: int) -> Reading | None:
        """The container whose first process that is.

        None when it ended, or when no control group is the container's own.
        """
        try:
            groups = self._groups(pid)
            return None if groups is None else self._read(groups)
        except (OSError, ValueError):
            return None

    def _groups(self, pid: int) -> Groups | None:
        if self._mounts is None:
            self._mounts = mounts_of((self._proc / "self" / "mountinfo").read_text())
            self._own = groups_of((self._proc / "self" / "cgroup").read_text(), self._mounts)
        found = groups_of((self._proc / str(pid) / "cgroup").read_text(), self._mounts)
        if found is None or self._own is None:
            return found
        # A group that we are in as well counts more than the container.
        shared = found.cpu == self._own.cpu or found.memory == self._own.memory
        return None if shared else found

    def _read(self, groups: Groups) -> Reading:
        cpu, memory = self._folder(groups.cpu), self._folder(groups.memory)
        spent = (cpu / ("cpu.stat" if groups.cpu_unified else "cpuacct.usage")).read_text()
        current = "memory.current" if groups.memory_unified else "memory.usage_in_bytes"
        used = int((memory / current).read_text())
        idle = inactive_file_bytes(
            (memory / "memory.stat").read_text(), unified=groups.memory_unified
        )
        return Reading(
            cpu_nanoseconds(spent, unified=groups.cpu_unified),
            max(0, used - idle),
        )

    def _folder(self, path: object) -> Path:
        return self._top / str(path).lstrip("/")


def busy_nanoseconds(stat: str, ticks: int) -> int:
    """Processor time that was not idle, from /proc/stat.

    Args:
        stat: The file.
        ticks: Its ticks in a second.

    Raises:
        ValueError: The text is something else.
        IndexError: It has too few fields.
    """
    name, *fields = stat.partition("\n")[0].split()
    if name != "cpu":
        raise ValueError("the first line is not about all processors")
    return sum(int(fields[index]) for index in _WORK) * 1_000_000_000 // ticks


def working_set(meminfo: str) -> int:
    """Bytes in use without page cache that could go, from /proc/meminfo.

    Raises:
        ValueError: The text is something else.
        KeyError: A field lacks.
    """
    sizes = {}
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemFree", "Inactive(file)"):
            sizes[name] = int(rest.split()[0]) * 1024
    return max(0, sizes["MemTotal"] - sizes["MemFree"] - sizes["Inactive(file)"])
