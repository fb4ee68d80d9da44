"""Mounts of a container engine are gone only when nothing is left that mounts them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from towline.drydock.node.engine_mounts import clear_mounts, mounts_below, users_of

_MOUNTINFO = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 254:0 /d /data/engine/graph/overlay rw - ext4 /dev/vda rw
31 30 0:40 / /data/engine/graph/overlay/ab/merged rw - overlay overlay rw
32 22 0:41 / /data/engine/with\\040blank rw - tmpfs tmpfs rw
33 22 0:42 / /data/engine2/graph rw - tmpfs tmpfs rw
"""


def test_mounts_below_a_folder_come_deepest_first_and_neighbours_do_not_count(
    tmp_path: Path,
) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_text(_MOUNTINFO)
    assert mounts_below(Path("/data/engine"), tmp_path) == [
        "/data/engine/graph/overlay/ab/merged",
        "/data/engine/graph/overlay",
        "/data/engine/with blank",
    ]


def _process(folder: Path, ends_after: str) -> subprocess.Popen[bytes]:
    """A process that names a file in the folder; it runs its script when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"print(flush=True); {ends_after}", f"{folder}/graph"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


def test_processes_that_name_the_folder_are_found_and_neighbours_are_not(tmp_path: Path) -> None:
    mine = _process(tmp_path / "engine", "input()")
    other = _process(tmp_path / "engine2", "input()")
    try:
        assert users_of(tmp_path / "engine") == [mine.pid]
    finally:
        _end(mine, other)


@pytest.mark.asyncio
async def test_a_monitor_that_still_works_is_waited_for(tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = f"import time; time.sleep(0.3); open({str(done)!r}, 'w').close()"
    monitor = _process(tmp_path / "engine", script)
    try:
        waiting = clear_mounts(tmp_path / "engine", patience=20)
        # A zombie has no arguments any more, so it does not count as a user.
        assert await waiting == []
        assert done.exists()
    finally:
        _end(monitor)


@pytest.mark.asyncio
async def test_a_monitor_that_never_ends_is_killed(tmp_path: Path) -> None:
    monitor = _process(tmp_path / "engine", "import time; time.sleep(600)")
    try:
        assert await clear_mounts(tmp_path / "engine", patience=0.1) == []
        assert monitor.wait(5) == -9
    finally:
        _end(monitor)
