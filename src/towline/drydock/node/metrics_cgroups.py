"""Where a process's control groups are, and what their files say. Pure; versions 1 and 2.

Formats: proc_pid_cgroup(5), proc_pid_mountinfo(5) and the kernel's cgroup-v1 and cgroup-v2 guides.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec

CPU = "cpuacct"
MEMORY = "memory"
_UNIFIED = ""


class Mount(msgspec.Struct, frozen=True):
    """A mounted hierarchy.

    Attributes:
        point: Where it is mounted.
        root: The group that is seen there as the top.
    """

    point: PurePosixPath
    root: PurePosixPath


class Groups(msgspec.Struct, frozen=True):
    """The folders that account for a process.

    Attributes:
        cpu: Folder of its processor time.
        memory: Folder of its memory.
        cpu_unified: Whether the first is of version 2.
        memory_unified: Whether the second is of version 2.
    """

    cpu: PurePosixPath
    memory: PurePosixPath
    cpu_unified: bool
    memory_unified: bool


def mounts_of(mountinfo: str) -> dict[str, Mount]:
    """The hierarchies of a mountinfo file by controller; version 2 has an empty name."""
    found: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        mount = Mount(PurePosixPath(_unescaped(fields[4])), PurePosixPath(_unescaped(fields[3])))
        names = [_UNIFIED] if kind[0] == "cgroup2" else kind[2].split(",")
        for name in names:
            found.setdefault(name, mount)
    return found


def groups_of(membership: str, mounts: dict[str, Mount]) -> Groups | None:
    """The folders of a process from its cgroup file; None when they are not to be seen here."""
    paths: dict[str, str] = {}
    for line in membership.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for name in parts[1].split(","):
                paths[name] = parts[2]
    cpu, memory = _place(CPU, paths, mounts), _place(MEMORY, paths, mounts)
    if cpu is None or memory is None:
        return None
    return Groups(cpu[0], memory[0], cpu[1], memory[1])


def _place(
    controller: str, paths: dict[str, str], mounts: dict[str, Mount]
) -> tuple[PurePosixPath, bool] | None:
    name = controller if controller in mounts else _UNIFIED
    mount, path = mounts.get(name), paths.get(name)
    if mount is None or path is None or ".." in PurePosixPath(path).parts:
        return None
    inside = PurePosixPath(path)
    if inside.is_relative_to(mount.root):
        inside = inside.relative_to(mount.root)
    return mount.point / str(inside).lstrip("/"), name == _UNIFIED


def _unescaped(text: str) -> str:
    for code, mark in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, mark)
    return text


def cpu_nanoseconds(text: str, *, unified: bool) -> int:
    """Processor time from `cpuacct.usage` or `cpu.stat`.

    Raises:
        ValueError: The text is something else.
    """
    return _field(text, "usage_usec") * 1000 if unified else int(text)


def inactive_file_bytes(text: str, *, unified: bool) -> int:
    """Page cache that could go, from `memory.stat`.

    Raises:
        ValueError: The text is something else.
    """
    return _field(text, "inactive_file" if unified else "total_inactive_file")


def _field(text: str, name: str) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    raise ValueError(f"no field {name}")
