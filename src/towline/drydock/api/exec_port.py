"""Port to the node: processes in containers, and connections to their ports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Obj = dict[str, Any]

STDOUT, STDERR = 1, 2

Sink = Callable[[int, bytes], Awaitable[None]]
"""Takes output: which stream, and its bytes. What it does not take yet stays in the process."""


class Session(Protocol):
    """The streams of a process in a container. Leaving its context ends what is its own."""

    async def run(self, sink: Sink) -> int:
        """Hands output on until it ends, and returns the exit code (0 for an attached one).

        Raises:
            ApiError: The process could not be started.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Hands input on, waiting while the process takes none; dropped when it has closed it."""
        ...

    async def end_input(self) -> None:
        """There is no more input."""
        ...

    async def resize(self, width: int, height: int) -> None:
        """The terminal has a new size, in characters; ignored without a terminal."""
        ...


class PodExec(Protocol):
    """What a node can do in running pods. Every call names the pod by its object, hence its uid."""

    def exec(
        self,
        pod: Obj,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        tty: bool,
    ) -> AbstractAsyncContextManager[Session]:
        """A new process in a container; entering raises ApiError when there is no such container.

        It is ended when the context is left.
        """
        ...

    def attach(
        self, pod: Obj, container: str, *, stdin: bool, stdout: bool, stderr: bool
    ) -> AbstractAsyncContextManager[Session]:
        """The container's own process; it goes on when the context is left."""
        ...

    async def connect(
        self, pod: Obj, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a TCP port of the pod.

        Raises:
            ApiError: Nothing listens there, or the pod does not run.
        """
        ...
