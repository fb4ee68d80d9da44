from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from towline.errors import LimitError, NotFoundError
from towline.sandbox import leftovers, process
from towline.sandbox.process import Grace, Limits

ENV = {"PATH": "/usr/bin:/bin"}
QUICK = Grace(interrupt=0.2, terminate=0.2)


def gone(pid: int) -> bool:
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.asyncio
async def test_output_and_exit_code_are_captured() -> None:
    done = await process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], env=ENV)
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


@pytest.mark.asyncio
async def test_s32_nothing_of_our_environment_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWLINE_CANARY", "secret-canary")
    done = await process.run(["env"], env={"A": "b"}, instance="i1")
    assert sorted(done.stdout.decode().split()) == [
        "A=b",
        f"PATH={process.DEFAULT_PATH}",
        "TOWLINE_INSTANCE=i1",
    ]


@pytest.mark.asyncio
async def test_s18_no_descriptor_of_ours_is_inherited(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        done = await process.run(["ls", "/proc/self/fd"], env=ENV)
    assert len(done.stdout.split()) <= 4


@pytest.mark.asyncio
async def test_input_is_fed_and_output_is_streamed() -> None:
    chunks: list[tuple[str, bytes]] = []
    done = await process.run(
        ["cat"], env=ENV, stdin=b"hello", on_output=lambda name, chunk: chunks.append((name, chunk))
    )
    assert done.stdout == b""
    assert chunks == [("stdout", b"hello")]


@pytest.mark.asyncio
async def test_captured_output_is_bounded() -> None:
    done = await process.run(
        ["sh", "-c", "head -c 100000 /dev/zero"], env=ENV, limits=Limits(captured=1000)
    )
    assert (len(done.stdout), done.truncated) == (1000, True)


@pytest.mark.asyncio
async def test_a_timeout_kills_the_whole_group() -> None:
    pids: list[int] = []

    def note(_name: str, chunk: bytes) -> None:
        pids.extend(int(word) for word in chunk.split())

    script = "trap '' INT TERM; sleep 60 & echo $!; echo $$; wait; sleep 60"
    with pytest.raises(LimitError):
        await process.run(["sh", "-c", script], env=ENV, timeout=0.3, on_output=note, grace=QUICK)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


@pytest.mark.asyncio
async def test_cancellation_interrupts_first() -> None:
    seen: list[bytes] = []
    started = asyncio.Event()

    def note(_name: str, chunk: bytes) -> None:
        seen.append(chunk)
        started.set()

    script = "trap 'echo interrupted; exit 0' INT; echo started; while :; do sleep 0.05; done"
    task = asyncio.create_task(process.run(["sh", "-c", script], env=ENV, on_output=note))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
async def test_a_daemon_left_behind_ends_with_the_child() -> None:
    done = await process.run(["sh", "-c", "sleep 60 & echo $!"], env=ENV)
    assert gone(int(done.stdout))


@pytest.mark.asyncio
async def test_limits_hold() -> None:
    done = await process.run(
        ["sh", "-c", "head -c 200000 /dev/zero > big"],
        env=ENV,
        cwd=Path("/tmp"),
        limits=Limits(file_size=1000),
    )
    Path("/tmp/big").unlink(missing_ok=True)
    assert done.exit_code != 0


@pytest.mark.asyncio
async def test_unknown_programs_are_named() -> None:
    with pytest.raises(NotFoundError, match="no-such-program"):
        await process.run(["no-such-program"], env=ENV)


def test_r05_children_die_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from towline.sandbox import process\n"
        "async def main():\n"
        "    child = await process.spawn(['sleep', '60'], env={}, instance=sys.argv[1])\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, "pdeath"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(pid)


@pytest.mark.asyncio
async def test_r05_what_escaped_its_group_is_found_by_its_cookie() -> None:
    cookie = f"test-{os.getpid()}"
    done = await process.run(
        ["sh", "-c", "setsid sh -c 'sleep 60 & echo $!'"], env=ENV, instance=cookie
    )
    pid = int(done.stdout)
    assert not gone_now(pid)
    assert pid in leftovers.reap(f"{process.COOKIE}={cookie}")
    assert gone(pid)
    assert leftovers.reap(f"{process.COOKIE}={cookie}") == []


def gone_now(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_reaping_spares_this_process_and_its_ancestors(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    for pid, parent in ((os.getpid(), os.getppid()), (os.getppid(), 0)):
        folder = proc / str(pid)
        folder.mkdir(parents=True)
        (folder / "stat").write_text(f"{pid} (a) b) S {parent} 0")
        (folder / "environ").write_bytes(b"A=1\0COOKIE=x\0")
    assert leftovers.reap("COOKIE=x", proc=proc) == []
