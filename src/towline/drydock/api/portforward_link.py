"""One forwarded connection: bytes from the client wait in an inbox, those of the pod go out."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Awaitable, Callable

from towline.kube.status import ApiError

Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
_BLOCK = 32 * 1024
_BUDGET = 1 << 20


class Budget:
    """Bytes that were read from a client for all its connections and not handed on yet.

    Connections that share a WebSocket cannot be slowed down one by one: when too much waits,
    nothing more is read.
    """

    def __init__(self, limit: int = _BUDGET) -> None:
        self._limit = limit
        self._used = 0
        self._freed = asyncio.Event()

    async def take(self, size: int) -> None:
        """Waits until there is room; a piece larger than all the room needs an empty one."""
        while self._used and self._used + size > self._limit:
            self._freed.clear()
            await self._freed.wait()
        self._used += size

    def give(self, size: int) -> None:
        """Frees room."""
        self._used -= size
        self._freed.set()


class Link:
    """A connection to a port of the pod.

    Args:
        budget: Shared with the other connections of the client.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._waiting: collections.deque[bytes] = collections.deque()
        self._ended = False
        self._closed = False
        self._changed = asyncio.Event()

    async def put(self, data: bytes) -> None:
        """Takes bytes from the client; drops them when the pod's side is gone."""
        if self._ended or not data:
            return
        await self._budget.take(len(data))
        if self._closed:
            self._budget.give(len(data))
        else:
            self._waiting.append(data)
            self._changed.set()

    def end(self) -> None:
        """The client sends no more."""
        self._ended = True
        self._changed.set()

    async def run(
        self, connect: Connect, port: int, deliver: Callable[[bytes], Awaitable[None]]
    ) -> str:
        """Carries bytes both ways until the pod's side ends.

        Args:
            connect: Reaches the pod.
            port: Which port.
            deliver: Sends bytes to the client, waiting while it takes none.

        Returns:
            What went wrong; empty for nothing.
        """
        try:
            reader, writer = await connect(port)
        except ApiError as error:
            self._drop()
            return error.message
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._upstream(writer))
                try:
                    while data := await reader.read(_BLOCK):
                        await deliver(data)
                except OSError as error:
                    return f"error forwarding port {port}: {error.strerror or error}"
                finally:
                    sending.cancel()
            return ""
        finally:
            self._drop()
            writer.transport.abort()

    async def _upstream(self, writer: asyncio.StreamWriter) -> None:
        """Writes what waits. A pod that takes no more still may have something to say."""
        try:
            while not (self._ended and not self._waiting):
                self._changed.clear()
                while self._waiting:
                    data = self._waiting.popleft()
                    writer.write(data)
                    self._budget.give(len(data))
                    await writer.drain()
                if not self._ended:
                    await self._changed.wait()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        self._closed = True
        while self._waiting:
            self._budget.give(len(self._waiting.popleft()))
