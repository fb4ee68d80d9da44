"""What runs in an instance's control groups when its containers are gone is killed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from towline.drydock.node.cgroups import clear_cgroups


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def _group(root: Path, hierarchy: str, name: str, pid: int) -> Path:
    folder = root / hierarchy / name / "libpod-1"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text(f"{pid}\n")
    (root / hierarchy / name / "cgroup.procs").write_text("")
    return folder


@pytest.mark.asyncio
async def test_leftovers_are_killed_and_other_instances_are_spared(tmp_path: Path) -> None:
    mine, other = _sleeper(), _sleeper()
    try:
        _group(tmp_path, "memory", "dd7", mine.pid)
        _group(tmp_path, "memory", "dd8", other.pid)
        await clear_cgroups("dd7", root=tmp_path, patience=0.0)
        assert mine.wait(10) == -9
        assert other.poll() is None
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()


@pytest.mark.asyncio
async def test_without_a_name_nothing_is_touched(tmp_path: Path) -> None:
    other = _sleeper()
    try:
        _group(tmp_path, "memory", "dd8", other.pid)
        await clear_cgroups("/", root=tmp_path, patience=0.0)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.asyncio
async def test_empty_groups_are_removed(tmp_path: Path) -> None:
    (tmp_path / "memory" / "dd7" / "libpod-1").mkdir(parents=True)
    (tmp_path / "memory" / "dd8").mkdir(parents=True)
    await clear_cgroups("dd7", root=tmp_path)
    assert not (tmp_path / "memory" / "dd7").exists()
    assert (tmp_path / "memory" / "dd8").exists()
