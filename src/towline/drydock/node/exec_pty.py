"""A pseudo-terminal whose controlling side is read and written from the event loop."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable

_BLOCK = 32 * 1024


class Terminal:
    """A terminal to start a process on.

    Attributes:
        device: The process's side; to be closed here once the process has it.
    """

    def __init__(self) -> None:
        self._control, self.device = pty.openpty()
        os.set_blocking(self._control, False)

    def release_device(self) -> None:
        """Closes our copy of the process's side, so that its end can be seen."""
        if self.device >= 0:
            os.close(self.device)
            self.device = -1

    def resize(self, width: int, height: int) -> None:
        """Sets the size, in characters."""
        if self._control >= 0:
            size = struct.pack("HHHH", height, width, 0, 0)
            fcntl.ioctl(self._control, termios.TIOCSWINSZ, size)

    async def read(self) -> bytes:
        """What the process wrote; empty when nobody has the other side any more."""
        while self._control >= 0:
            try:
                return os.read(self._control, _BLOCK)
            except BlockingIOError:
                await self._ready(reading=True)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                break
        return b""

    async def write(self, data: bytes) -> None:
        """Types; waits while the process does not read."""
        view = memoryview(data)
        while view and self._control >= 0:
            try:
                view = view[os.write(self._control, view) :]
            except BlockingIOError:
                await self._ready(reading=False)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return

    async def _ready(self, *, reading: bool) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        add: Callable[..., None] = loop.add_reader if reading else loop.add_writer
        drop = loop.remove_reader if reading else loop.remove_writer
        add(self._control, _wake, waiter)
        try:
            await waiter
        finally:
            drop(self._control)

    def close(self) -> None:
        """Hangs up."""
        self.release_device()
        if self._control >= 0:
            os.close(self._control)
            self._control = -1


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
