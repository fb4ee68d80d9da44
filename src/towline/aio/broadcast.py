"""Fan-out of small notices to many readers; a slow reader loses the oldest, never the newest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Broadcast(Generic[T]):
    """A topic within one event loop.

    Args:
        depth: Notices kept for a reader that lags; older ones are dropped.
    """

    def __init__(self, *, depth: int = 256) -> None:
        self._depth = depth
        self._readers: dict[asyncio.Event, deque[T]] = {}

    def publish(self, notice: T) -> None:
        """Hands the notice to every reader, without waiting."""
        for ready, queue in self._readers.items():
            queue.append(notice)
            ready.set()

    async def subscribe(self) -> AsyncGenerator[T, None]:
        """Yields notices from now on until the caller stops reading."""
        queue: deque[T] = deque(maxlen=self._depth)
        ready = asyncio.Event()
        self._readers[ready] = queue
        try:
            while True:
                await ready.wait()
                ready.clear()
                while queue:
                    yield queue.popleft()
        finally:
            del self._readers[ready]
