"""A running child process: its output, its end, its process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Literal, cast

import msgspec

Stream = Literal["stdout", "stderr"]
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
_MOST_UNREAD = 1 << 20


class Grace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between interrupt, terminate and kill."""

    interrupt: float = 3.0
    terminate: float = 2.0


class ChildProtocol(asyncio.SubprocessProtocol):
    """Hands a child's output to whoever reads, and knows when it ended.

    The end of the child is told apart from the end of its output: something that it left behind may
    hold its pipes open.
    """

    def __init__(self) -> None:
        self.exited = asyncio.Event()
        self.ended: dict[Stream, asyncio.Event] = {
            "stdout": asyncio.Event(),
            "stderr": asyncio.Event(),
        }
        self.failure: Exception | None = None
        self._takers: dict[Stream, Callable[[bytes], None]] = {}
        self._unread: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}

    def attach(self, stream: Stream, take: Callable[[bytes], None]) -> None:
        """Sends what comes, and what came already, to a reader."""
        self._takers[stream] = take
        if self._unread[stream]:
            take(bytes(self._unread[stream]))
            self._unread[stream].clear()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Output arrived; without a reader the first part of it is kept."""
        stream = _STREAMS[fd]
        if take := self._takers.get(stream):
            try:
                take(data)
            except Exception as error:  # noqa: BLE001  # raised to the reader, not to the loop
                self.failure = self.failure or error
                self.ended[stream].set()
        else:
            unread = self._unread[stream]
            unread += data[: _MOST_UNREAD - len(unread)]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """A pipe was closed."""
        if fd in _STREAMS:
            self.ended[_STREAMS[fd]].set()

    def process_exited(self) -> None:
        """The child ended."""
        self.exited.set()


class Child:
    """A running child that owns its process group. Made by `spawn`."""

    def __init__(
        self, transport: asyncio.SubprocessTransport, protocol: ChildProtocol, name: str
    ) -> None:
        self._transport = transport
        self._protocol = protocol
        self._pid = transport.get_pid()
        self.name = name

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._transport.get_returncode()

    async def wait(self) -> int:
        """Waits for its end and returns the exit code."""
        await self._protocol.exited.wait()
        return cast("int", self._transport.get_returncode())

    async def stop(self, grace: Grace = Grace()) -> int:  # noqa: B008  # a frozen value
        """Interrupts, terminates, then kills the whole group; returns the exit code."""
        for number, patience in (
            (signal.SIGINT, grace.interrupt),
            (signal.SIGTERM, grace.terminate),
        ):
            if self._protocol.exited.is_set():
                break
            self._signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._protocol.exited.wait()
        self.kill_group()
        code = await self.wait()
        self.close()
        return code

    def kill_group(self) -> None:
        """Kills what is left of the group at once."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Closes our ends of its pipes."""
        self._transport.close()

    @property
    def failure(self) -> Exception | None:
        """What a reader raised, if one did."""
        return self._protocol.failure

    def attach(self, stream: Stream, take: Callable[[bytes], None]) -> None:
        """Hands everything that the child writes to the stream to `take`, as it comes."""
        self._protocol.attach(stream, take)

    async def drained(self, seconds: float) -> bool:
        """Waits until all output was handed over, at most that long; tells whether it was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for ended in self._protocol.ended.values():
                    await ended.wait()
        return all(ended.is_set() for ended in self._protocol.ended.values())

    async def read(self, stream: Stream, take: Callable[[bytes], None]) -> None:
        """Hands over everything that the child writes to the stream, until its end.

        What `take` raises is raised here.
        """
        self._protocol.attach(stream, take)
        await self._protocol.ended[stream].wait()
        if self._protocol.failure is not None:
            raise self._protocol.failure

    def write(self, data: bytes) -> None:
        """Writes to the child's standard input; dropped when it has ended."""
        pipe = self._transport.get_pipe_transport(0)
        if pipe is not None and not pipe.is_closing():
            cast("asyncio.WriteTransport", pipe).write(data)

    def feed(self, data: bytes) -> None:
        """Writes the child's standard input and closes it."""
        pipe = self._transport.get_pipe_transport(0)
        if pipe is not None:
            writer = cast("asyncio.WriteTransport", pipe)
            if not writer.is_closing():  # else it has ended already
                writer.write(data)
            writer.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, number)
