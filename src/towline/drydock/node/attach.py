"""A container's own streams, through a connection that podman hands over for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

from towline.kube.status import ApiError

Sink = Callable[[int, bytes], Awaitable[None]]

_STDOUT, _STDERR = 1, 2
_BLOCK = 32 * 1024
_FRAME_HEAD = 8
_ANSWER = 64 * 1024
_PATIENCE = 20.0


class AttachedContainer:
    """A running container's streams, as an asynchronous context manager; it goes on afterwards.

    Args:
        socket: Podman's unix socket.
        container: The container's identifier.
        stdin: Whether input is handed on.
        stdout: Whether output is wanted.
        stderr: Whether error output is wanted.
        tty: Whether the container has a terminal.
        once: Whether the container's input ends with this client's.
    """

    def __init__(
        self,
        socket: Path,
        container: str,
        *,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        tty: bool,
        once: bool,
    ) -> None:
        self._socket = socket
        self._path = f"/v4.0.0/libpod/containers/{quote(container, safe='')}"
        self._stdin = stdin
        self._wanted = {_STDOUT: stdout, _STDERR: stderr}
        self._tty = tty
        self._once = once
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        query = urlencode(
            {
                "stream": "true",
                "stdin": str(self._stdin).lower(),
                "stdout": str(self._wanted[_STDOUT]).lower(),
                "stderr": str(self._wanted[_STDERR] and not self._tty).lower(),
            }
        )
        upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        status, reader, writer = await self._ask(f"{self._path}/attach?{query}", upgrade)
        # Anything but the connection itself is a refusal; a redirect is not followed.
        if status not in (101, 200):
            writer.transport.abort()
            raise ApiError(
                f"Internal error occurred: attach refused with code {status}",
                reason="InternalError",
            )
        self._streams = reader, writer
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()

    async def run(self, sink: Sink) -> int:
        """Hands output on until the container ends."""
        reader = self._open()[0]
        try:
            if self._tty:
                while data := await reader.read(_BLOCK):
                    await sink(_STDOUT, data)
            else:
                await self._frames(reader, sink)
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0
        return 0

    async def _frames(self, reader: asyncio.StreamReader, sink: Sink) -> None:
        while True:
            try:
                head = await reader.readexactly(_FRAME_HEAD)
            except asyncio.IncompleteReadError:
                return
            left = int.from_bytes(head[4:])
            while left:
                data = await reader.read(min(left, _BLOCK))
                if not data:
                    return
                left -= len(data)
                if self._wanted.get(head[0]):
                    await sink(head[0], data)

    async def write(self, data: bytes) -> None:
        """Hands input on; dropped when the container takes none."""
        writer = self._open()[1]
        if self._stdin and not writer.is_closing():
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()

    async def end_input(self) -> None:
        """This client has no more input; another one may, unless the first is the only one."""
        writer = self._open()[1]
        if self._stdin and self._once and not writer.is_closing():
            with contextlib.suppress(OSError):
                writer.write_eof()

    async def resize(self, width: int, height: int) -> None:
        """The terminal has a new size."""
        if self._tty:
            _, _, writer = await self._ask(f"{self._path}/resize?h={height}&w={width}", "")
            writer.close()

    async def _ask(
        self, target: str, headers: str
    ) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
        """Sends a POST without a body; returns the status of the answer and the connection."""
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_unix_connection(
                    str(self._socket), limit=_ANSWER
                )
                writer.write(
                    f"POST {target} HTTP/1.1\r\nHost: podman\r\nContent-Length: 0\r\n{headers}"
                    "\r\n".encode("ascii")
                )
                head = await reader.readuntil(b"\r\n\r\n")
                return int(head.split(b" ", 2)[1]), reader, writer
        except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError) as error:
            raise ApiError(
                f"Internal error occurred: podman does not answer: {type(error).__name__}",
                reason="InternalError",
            ) from error

    def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise RuntimeError("not attached")
        return self._streams
