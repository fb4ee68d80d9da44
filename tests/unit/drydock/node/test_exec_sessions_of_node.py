"""Processes, terminals, attaching and connections of the node, with stand-ins for the engine."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from towline.drydock.node.attach import AttachedContainer
from towline.drydock.node.exec import NodeExec
from towline.drydock.node.exec_process import ExecProcess
from towline.drydock.node.exec_pty import Terminal
from towline.drydock.node.model import ContainerSeen
from towline.kube.status import ApiError

pytestmark = pytest.mark.asyncio

# A runtime as far as exec needs it: it runs the command on this machine.
_RUNTIME = """#!/bin/sh
log=$2; pid=$7; shift 7
[ "$1" = --tty ] && shift 3
shift
if ! command -v "$1" > /dev/null; then
  echo "complains here as well" >&2
  echo '{"level":"error","msg":"exec failed: no '"$1"'"}' > "$log"
  exit 255
fi
echo $$ > "$pid"
exec "$@"
"""


class Heard:
    def __init__(self) -> None:
        self.got: dict[int, bytes] = {}
        self.changed = asyncio.Event()

    async def __call__(self, stream: int, data: bytes) -> None:
        self.got[stream] = self.got.get(stream, b"") + data
        self.changed.set()

    async def until(self, text: bytes, stream: int = 1) -> None:
        async with asyncio.timeout(5):
            while text not in self.got.get(stream, b""):
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def runtime(tmp_path: Path) -> str:
    file = tmp_path / "runtime"
    file.write_text(_RUNTIME)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def _process(runtime: str, *command: str, **streams: bool) -> ExecProcess:
    wanted = {"stdin": False, "stdout": True, "stderr": True, "tty": False, **streams}
    return ExecProcess(runtime, "container", command, folder=Path(runtime).parent, **wanted)


async def test_output_and_exit_code(runtime: str) -> None:
    heard = Heard()
    async with _process(runtime, "sh", "-c", "echo out; echo err >&2; exit 3") as process:
        assert await process.run(heard) == 3
    assert heard.got == {1: b"out\n", 2: b"err\n"}
    assert [entry.name for entry in Path(runtime).parent.iterdir()] == ["runtime"]


async def test_what_is_not_wanted_is_not_read(runtime: str) -> None:
    heard = Heard()
    command = ("sh", "-c", "echo out; echo err >&2; cat")
    async with _process(runtime, *command, stderr=False) as process:
        assert await process.run(heard) == 0
    assert heard.got == {1: b"out\n"}


async def test_a_command_that_cannot_start_is_no_exit_code(runtime: str) -> None:
    heard = Heard()
    async with _process(runtime, "no-such-program") as process:
        with pytest.raises(ApiError, match="exec failed: no no-such-program"):
            await process.run(heard)
    assert heard.got == {}, "the runtime's own words are no output"


async def test_input_is_taken_until_it_ends(runtime: str) -> None:
    heard = Heard()
    async with _process(runtime, "cat", stdin=True) as process:
        running = asyncio.create_task(process.run(heard))
        await process.write(b"one ")
        await heard.until(b"one ")
        await process.write(b"two")
        await process.end_input()
        assert await running == 0
        await process.write(b"too late")
    assert heard.got[1] == b"one two"


async def test_input_waits_while_the_command_does_not_read(runtime: str) -> None:
    async with _process(runtime, "sleep", "100", stdin=True) as process:
        assert await _blocks(process.write)


@pytest.mark.parametrize("tty", [False, True])
async def test_leaving_ends_the_command(runtime: str, tty: bool) -> None:
    heard = Heard()
    command = ("sh", "-c", "trap '' TERM HUP; echo $$; while :; do sleep 0.1; done")
    async with _process(runtime, *command, tty=tty) as process:
        running = asyncio.create_task(process.run(heard))
        await heard.until(b"\n")
        running.cancel()
        await asyncio.wait([running])
    pid = int(heard.got[1])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_terminal_has_a_size_and_takes_keys(runtime: str) -> None:
    heard = Heard()
    command = ("sh", "-c", "read line; stty size; echo got $line; exit 6")
    async with _process(runtime, *command, stdin=True, tty=True) as process:
        await process.resize(91, 33)
        running = asyncio.create_task(process.run(heard))
        await process.write(b"keys\n")
        assert await running == 6
    assert b"33 91" in heard.got[1]
    assert b"got keys" in heard.got[1]


async def test_a_terminal_holds_back_what_is_not_read() -> None:
    terminal = Terminal()
    try:
        assert await _blocks(terminal.write)
    finally:
        terminal.close()
    assert await terminal.read() == b""


async def _blocks(write: Callable[[bytes], Awaitable[None]]) -> bool:
    """Whether writing on and on comes to wait."""
    for _ in range(10_000):
        try:
            async with asyncio.timeout(0.2):
                await write(b"x" * 1000 + b"\n")
        except TimeoutError:
            return True
    return False


Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _engine(path: Path, handler: Handler) -> AsyncIterator[list[bytes]]:
    """A service on a unix socket, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split(b"\r\n")[0])
        await handler(head, reader, writer)
        writer.close()

    async with await asyncio.start_unix_server(serve, str(path)):
        yield asked


def _attached(path: Path, **more: bool) -> AttachedContainer:
    wanted = {"stdin": True, "stdout": True, "stderr": True, "tty": False, "once": True, **more}
    return AttachedContainer(path, "abc", **wanted)


async def test_attached_output_is_told_apart(tmp_path: Path) -> None:
    async def handler(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\n")
        for piece in (b"\1\0\0\0\0\0\0\5he", b"llo\2\0\0", b"\0\0\0\0\3err\1\0\0\0\0\0\0\0"):
            writer.write(piece)
            await writer.drain()
        got = await reader.read()
        writer.write(b"\1\0\0\0" + len(got).to_bytes(4) + got)

    heard = Heard()
    async with _engine(tmp_path / "s", handler) as asked, _attached(tmp_path / "s") as attached:
        await attached.write(b"typed")
        await attached.end_input()
        assert await attached.run(heard) == 0
    assert heard.got == {1: b"hellotyped", 2: b"err"}
    path, _, query = asked[0].split(b" ")[1].partition(b"?")
    assert path == b"/v4.0.0/libpod/containers/abc/attach"
    assert query == b"stream=true&stdin=true&stdout=true&stderr=true"


async def test_s71_a_redirect_of_the_engine_is_not_followed(tmp_path: Path) -> None:
    async def handler(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n\r\n")

    async with _engine(tmp_path / "s", handler) as asked:
        with pytest.raises(ApiError, match="attach refused with code 307"):
            async with _attached(tmp_path / "s"):
                pass
    assert len(asked) == 1


async def test_an_engine_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="podman does not answer"):
        async with _attached(tmp_path / "none"):
            pass


class _Book:
    def __init__(self, *seen: ContainerSeen) -> None:
        self._seen = seen

    def of_pod(self, uid: str) -> tuple[ContainerSeen, ...]:
        return tuple(each for each in self._seen if each.pod_uid == uid)


class _Sandboxes:
    def get(self, uid: str) -> None:
        return None


def _pod(uid: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "default", "uid": uid},
        "spec": {"containers": [{"name": "a"}]},
    }


def _node(runtime: str, **more: int) -> NodeExec:
    seen = ContainerSeen(
        id="c1", pod_uid="u1", namespace="default", pod="p", name="a", attempt=0, state="running"
    )
    folder = Path(runtime).parent
    return NodeExec(
        _Book(seen),  # type: ignore[arg-type]
        _Sandboxes(),  # type: ignore[arg-type]
        lambda: runtime,
        socket=folder / "none",
        folder=folder / "exec",
        **more,
    )


_ALL = {"stdin": False, "stdout": True, "stderr": True, "tty": False}


async def test_s71_a_pod_is_meant_by_its_uid_not_by_its_name(runtime: str) -> None:
    node, heard = _node(runtime), Heard()
    async with node.exec(_pod("u1"), "a", ["echo", "hi"], **_ALL) as session:
        assert await session.run(heard) == 0
    with pytest.raises(ApiError, match="container not found"):
        async with node.exec(_pod("u2"), "a", ["echo", "hi"], **_ALL):
            pass
    with pytest.raises(ApiError, match="the pod is not running"):
        await node.connect(_pod("u2"), 80)


async def test_sessions_are_bounded_and_given_back(runtime: str) -> None:
    node = _node(runtime, sessions=1)
    async with node.exec(_pod("u1"), "a", ["cat"], **_ALL):
        with pytest.raises(ApiError, match="1 sessions already"):
            async with node.exec(_pod("u1"), "a", ["true"], **_ALL):
                pass
    async with node.exec(_pod("u1"), "a", ["true"], **_ALL) as session:
        assert await session.run(Heard()) == 0
