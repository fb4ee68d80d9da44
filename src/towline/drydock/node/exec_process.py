"""A process that the container runtime starts in a running container, with its streams.

The runtime itself is the child process here: it leaves nothing behind when it ends, and its exit
code is the process's. Its log and the file with the process id tell a command that could not be
started from one that failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self

import msgspec

from towline.aio.pipes import hand_over
from towline.drydock.node.exec_pty import Terminal
from towline.kube.status import ApiError

Sink = Callable[[int, bytes], Awaitable[None]]

_STDOUT, _STDERR = 1, 2
_BLOCK = 32 * 1024
_LOOK = 0.005
_GRACE = 1.0
_LOG = 16 * 1024


class ExecProcess:
    """A process in a container, as an asynchronous context manager that ends it.

    Args:
        runtime: The container runtime's program.
        container: The engine's identifier of the container.
        command: Program and arguments.
        folder: Where the runtime may write.
        stdin: Whether there is input.
        stdout: Whether output is wanted.
        stderr: Whether error output is wanted.
        tty: Whether it gets a terminal.
    """

    def __init__(
        self,
        runtime: str,
        container: str,
        command: Sequence[str],
        *,
        folder: Path,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        tty: bool,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="exec-", dir=folder))
        self._argv = [
            *(["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []),
            runtime,
            *("--log", str(self._folder / "log"), "--log-format", "json"),
            *("exec", "--pid-file", str(self._folder / "pid")),
            *(["--tty", "--env", "TERM=xterm"] if tty else []),
            *(container, *command),
        ]
        self._wanted = (stdin, stdout, stderr)
        self._terminal = Terminal() if tty else None
        self._process: asyncio.subprocess.Process | None = None
        self._begun = False

    async def __aenter__(self) -> Self:
        try:
            self._process = await self._spawn()
        except BaseException:
            self._clear()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._end()
        finally:
            self._clear()

    async def run(self, sink: Sink) -> int:
        """Hands output on until the process ends; returns its exit code.

        Raises:
            ApiError: The command could not be started.
        """
        process = self._running()
        async with asyncio.TaskGroup() as group:
            if self._terminal is not None:
                group.create_task(self._copy(_STDOUT, self._terminal.read, sink))
            for stream, reader in ((_STDOUT, process.stdout), (_STDERR, process.stderr)):
                if reader is not None:
                    group.create_task(self._copy(stream, _reading(reader), sink))
        code = await process.wait()
        if not self._started():
            raise ApiError(
                "Internal error occurred: error executing command in container: "
                + self._complaint(code),
                reason="InternalError",
            )
        return code if code >= 0 else 128 - code

    async def write(self, data: bytes) -> None:
        """Hands input on; dropped when the process takes none."""
        if self._terminal is not None:
            await self._terminal.write(data)
            return
        stdin = self._running().stdin
        if stdin is not None:
            await hand_over(stdin, data)

    async def end_input(self) -> None:
        """There is no more input; a terminal is told as a person would tell it."""
        if self._terminal is not None:
            await self._terminal.write(b"\x04")
            return
        stdin = self._running().stdin
        if stdin is not None:
            stdin.close()

    async def resize(self, width: int, height: int) -> None:
        """The terminal has a new size."""
        if self._terminal is not None:
            self._terminal.resize(width, height)
            self._signal(signal.SIGWINCH)

    async def _spawn(self) -> asyncio.subprocess.Process:
        if self._terminal is not None:
            ends = [self._terminal.device] * 3
        else:
            ends = [
                asyncio.subprocess.PIPE if wanted else asyncio.subprocess.DEVNULL
                for wanted in self._wanted
            ]
        process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=ends[0], stdout=ends[1], stderr=ends[2], start_new_session=True
        )
        if self._terminal is not None:
            self._terminal.release_device()
        return process

    async def _copy(self, stream: int, read: Callable[[], Awaitable[bytes]], sink: Sink) -> None:
        while data := await read():
            if await self._has_begun():
                await sink(stream, data)

    async def _has_begun(self) -> bool:
        """Whether output is the command's own: before it starts, the runtime may complain there."""
        process = self._running()
        while not self._begun:
            ended = process.returncode is not None
            self._begun = self._started()
            if ended or self._begun:
                break
            await asyncio.sleep(_LOOK)
        return self._begun

    def _started(self) -> bool:
        return (self._folder / "pid").exists()

    def _complaint(self, code: int) -> str:
        """The last thing that the runtime logged."""
        try:
            lines = (self._folder / "log").read_bytes()[-_LOG:].splitlines()
            return str(msgspec.json.decode(lines[-1])["msg"])
        except (OSError, IndexError, KeyError, TypeError, msgspec.DecodeError):
            return f"the runtime ended with code {code}"

    async def _end(self) -> None:
        """Asks the process to end, and soon makes it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        # The runtime passes signals on. A shell on a terminal heeds only that the line is gone.
        self._signal(signal.SIGHUP if self._terminal is not None else signal.SIGTERM)
        try:
            async with asyncio.timeout(_GRACE):
                await self._drained(process)
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                self._kill_inside()
                self._signal(signal.SIGKILL)
        await self._drained(process)

    async def _drained(self, process: asyncio.subprocess.Process) -> None:
        """Waits for the end; what it still says is thrown away, so that it can end."""

        async def nowhere(_: int, data: bytes) -> None:
            del data

        async with asyncio.TaskGroup() as group:
            if self._terminal is not None:
                group.create_task(self._copy(_STDOUT, self._terminal.read, nowhere))
            for reader in (process.stdout, process.stderr):
                if reader is not None:
                    group.create_task(self._copy(_STDOUT, _reading(reader), nowhere))
            await process.wait()

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    def _kill_inside(self) -> None:
        """Kills the process itself: the runtime that is still there has not reaped it."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self._folder / "pid").read_text()), signal.SIGKILL)

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the process was not started")
        return self._process

    def _clear(self) -> None:
        if self._terminal is not None:
            self._terminal.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _reading(reader: asyncio.StreamReader) -> Callable[[], Awaitable[bytes]]:
    return lambda: reader.read(_BLOCK)
