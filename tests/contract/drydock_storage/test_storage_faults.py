"""Faults of the disk, made by the kernel's tracer, under a process that writes to the store."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from towline.aio.clock import SystemClock
from towline.drydock.storage import Store, StoreKey
from towline.kube.refs import GroupResource

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

SCRIBE = Path(__file__).with_name("scribe.py")
MAPS = GroupResource("", "configmaps")


class Report(NamedTuple):
    """What the writer printed, and the traced system calls in order."""

    lines: list[list[str]]
    calls: list[str]

    def of(self, word: str) -> list[list[str]]:
        return [line for line in self.lines if line[0] == word]


def write_under(folder: Path, fault: str, files: tuple[str, ...], writes: int = 12) -> Report:
    """Runs the writer; the fault is in force from its first write on."""
    trace = folder / "trace"
    writer = subprocess.Popen(
        [sys.executable, str(SCRIBE), str(folder), str(writes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    paths = [argument for name in files for argument in ("-P", str(folder / name))]
    tracer = subprocess.Popen(
        [
            *("strace", "-f", "-y", "-s", "0", "-o", str(trace), "-p", str(writer.pid), *paths),
            *("-e", "trace=pwrite64,ftruncate,fsync,fdatasync", "-e", f"inject={fault}"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    attached = tracer.stderr.readline()
    if "attached" not in attached:
        writer.kill()
        writer.communicate()
        tracer.communicate()
        pytest.skip(f"tracing is not allowed: {attached}")
    said, _ = writer.communicate("\n", timeout=40)
    tracer.communicate(timeout=10)
    assert writer.returncode == 0
    return Report([line.split() for line in said.splitlines()], trace.read_text().splitlines())


def stored(folder: Path) -> tuple[dict[str, int], int]:
    """Revisions of the objects, and the newest revision, as a restart finds them."""

    async def read() -> tuple[dict[str, int], int]:
        store = Store.open(folder / "state.db", SystemClock())
        found = {record.key.name: record.rev for record in store.records(MAPS)}
        fresh = await store.put(
            StoreKey(MAPS, "default", "fresh"),
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fresh"}},
        )
        await store.close()
        return found, fresh.rev

    return asyncio.run(read())


def acknowledged(report: Report) -> dict[str, int]:
    """Revision of the last acknowledged version of each object that is there."""
    state: dict[str, int] = {}
    for word, *rest in report.lines:
        if word == "ack":
            state[rest[0]] = int(rest[1])
        elif word == "gone":
            state.pop(rest[0], None)
    return state


def highest(report: Report) -> int:
    return max((int(line[2]) for line in report.of("ack") + report.of("gone")), default=0)


@pytest.mark.parametrize("call", [1, 2, 5, 14, 31])
def test_r28_a_full_disk_at_any_write_call_loses_nothing_and_passes(
    tmp_path: Path, call: int
) -> None:
    fault = f"pwrite64:error=ENOSPC:when={call}..{call + 1}"
    report = write_under(tmp_path, fault, ("state.db-wal",))
    assert [line for line in report.calls if "ENOSPC" in line], "the fault was not met"
    assert {line[1] for line in report.of("fail")} == {"500"}
    assert report.of("ack")[-1][1:2] == ["c"], "writes go on when there is space again"
    assert report.of("end") == [["end", "True"]]
    found, fresh = stored(tmp_path)
    assert found == acknowledged(report)
    assert fresh > highest(report)


@pytest.mark.parametrize("call", [1, 4])
def test_r28_a_full_disk_during_a_checkpoint_fails_no_write(tmp_path: Path, call: int) -> None:
    fault = f"pwrite64,ftruncate:error=ENOSPC:when={call}..{call + 1}"
    report = write_under(tmp_path, fault, ("state.db",))
    assert [line for line in report.calls if "ENOSPC" in line], "the fault was not met"
    assert not report.of("fail")
    assert report.of("end") == [["end", "True"]]
    found, _ = stored(tmp_path)
    assert found == acknowledged(report)


@pytest.mark.parametrize("flush", [1, 2, 4])
def test_r29_after_a_failed_flush_the_file_is_not_written_again(tmp_path: Path, flush: int) -> None:
    fault = f"fsync,fdatasync:error=EIO:when={flush}"
    report = write_under(tmp_path, fault, ("state.db-wal",))
    failed = next(i for i, line in enumerate(report.calls) if "EIO" in line)
    later = [
        line for line in report.calls[failed + 1 :] if re.search(r"pwrite64\(\d+<.*-wal", line)
    ]
    assert later == []
    codes = [line[1] for line in report.of("fail")]
    assert codes[0] == "500", "the request whose flush failed"
    assert codes[-1] == "503", "every later one"
    assert report.of("end") == [["end", "False"]]
    words = [line[0] for line in report.lines]
    assert not {"ack", "gone"} & set(words[words.index("fail") :])
    assert "read-only until a restart" in " ".join(" ".join(line) for line in report.of("log"))
    found, fresh = stored(tmp_path)
    for name, rev in acknowledged(report).items():
        assert found[name] >= rev
    assert fresh > highest(report)


def test_r29_a_failed_flush_of_a_checkpoint_ends_writing(tmp_path: Path) -> None:
    report = write_under(tmp_path, "fsync,fdatasync:error=EIO:when=1", ("state.db",))
    assert report.of("end") == [["end", "False"]]
    assert report.of("fail")[-1][1] == "503"
    found, _ = stored(tmp_path)
    for name, rev in acknowledged(report).items():
        assert found[name] >= rev
