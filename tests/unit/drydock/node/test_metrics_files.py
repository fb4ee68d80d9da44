"""The kernel's files about use: control groups of both versions, and the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.drydock.node.metrics_cgroups import groups_of, mounts_of
from towline.drydock.node.metrics_machine import (
    MachineReader,
    Reading,
    busy_nanoseconds,
    working_set,
)

V1 = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)
V1_PROCESS = "4:memory:/box/one\n2:cpu,cpuacct:/box/one\n0::/\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V2_PROCESS = "0::/box/one\n"
NESTED = "30 23 0:26 /outer/self /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
STAT_V1 = "cache 5000\ninactive_file 1\ntotal_inactive_file 4096\n"
STAT_V2 = "anon 1\nfile 5000\ninactive_file 4096\n"
MEMINFO = "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 600 kB\nInactive(file):  200 kB\n"
STAT = "cpu  100 20 30 9000 500 4 6 10 50 1\ncpu0 1 2 3 4\n"


def put(top: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def machine(top: Path, mounts: str, process: str, own: str) -> MachineReader:
    put(
        top,
        {
            "proc/self/mountinfo": mounts,
            "proc/self/cgroup": own,
            "proc/7/cgroup": process,
            "proc/stat": STAT,
            "proc/meminfo": MEMINFO,
        },
    )
    return MachineReader(top / "proc", top)


def test_version_1_has_a_hierarchy_for_each_controller(tmp_path: Path) -> None:
    reader = machine(tmp_path, V1, V1_PROCESS, V1_PROCESS.replace("/box/one", "/"))
    put(
        tmp_path / "sys/fs/cgroup",
        {
            "cpu,cpuacct/box/one/cpuacct.usage": "123456789\n",
            "memory/box/one/memory.usage_in_bytes": "10000\n",
            "memory/box/one/memory.stat": STAT_V1,
        },
    )
    assert reader.container(7) == Reading(123456789, 10000 - 4096)


def test_version_2_has_one_for_all(tmp_path: Path) -> None:
    reader = machine(tmp_path, V2, V2_PROCESS, "0::/\n")
    put(
        tmp_path / "sys/fs/cgroup/box/one",
        {
            "cpu.stat": "usage_usec 1500\nuser_usec 1000\n",
            "memory.current": "9000\n",
            "memory.stat": STAT_V2,
        },
    )
    assert reader.container(7) == Reading(1_500_000, 9000 - 4096)


def test_paths_are_seen_from_the_top_of_the_mount() -> None:
    mounts = mounts_of(NESTED)
    inside = groups_of("0::/outer/self/box\n", mounts)
    assert inside is not None
    assert str(inside.cpu) == "/sys/fs/cgroup/box"
    assert groups_of("0::/../other\n", mounts) is None, "outside of what is mounted"
    odd = mounts_of(r"30 23 0:26 / /sys/fs/c\040g rw - cgroup2 cgroup rw")
    found = groups_of("0::/a\n", odd)
    assert found is not None
    assert str(found.memory) == "/sys/fs/c g/a"


def test_a_group_that_is_shared_with_us_tells_nothing_of_the_container(tmp_path: Path) -> None:
    reader = machine(tmp_path, V2, V2_PROCESS, V2_PROCESS)
    put(
        tmp_path / "sys/fs/cgroup/box/one",
        {"cpu.stat": "usage_usec 1\n", "memory.current": "1\n", "memory.stat": STAT_V2},
    )
    assert reader.container(7) is None


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.stat": "usage_usec 1\n"},
        {"cpu.stat": "nothing\n", "memory.current": "1\n", "memory.stat": STAT_V2},
        {"cpu.stat": "usage_usec x\n", "memory.current": "1\n", "memory.stat": STAT_V2},
        {"cpu.stat": "usage_usec 1\n", "memory.current": "max\n", "memory.stat": STAT_V2},
        {"cpu.stat": "usage_usec 1\n", "memory.current": "1\n", "memory.stat": ""},
    ],
)
def test_what_cannot_be_read_is_absent_not_zero(tmp_path: Path, files: dict[str, str]) -> None:
    reader = machine(tmp_path, V2, V2_PROCESS, "0::/\n")
    put(tmp_path / "sys/fs/cgroup/box/one", files)
    assert reader.container(7) is None
    assert reader.container(8) is None, "no such process"


def test_the_machine_itself(tmp_path: Path) -> None:
    reader = machine(tmp_path, V2, V2_PROCESS, "0::/\n")
    found = reader.machine()
    assert found is not None
    assert found.memory == 500 * 1024
    assert found.cpu > 0
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1 kB\n")
    assert reader.machine() is None


def test_work_is_all_but_idle_waiting_and_guests() -> None:
    assert busy_nanoseconds(STAT, 100) == (100 + 20 + 30 + 4 + 6 + 10) * 10_000_000
    with pytest.raises(ValueError, match="first line"):
        busy_nanoseconds("intr 1 2 3\n", 100)


def test_memory_in_use_leaves_out_what_could_go() -> None:
    assert working_set(MEMINFO) == 500 * 1024
    assert working_set("MemTotal: 1 kB\nMemFree: 1 kB\nInactive(file): 9 kB\n") == 0
