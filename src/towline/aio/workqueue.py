"""A keyed work queue: one worker per key at a time, additions merge, failures back off.

The semantics are those of client-go's rate-limited queue: a key that is added while it is being
worked on runs once more afterwards; a key that waits is never in the queue twice.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from towline.aio.attempt import attempt, first_leaf
from towline.errors import TowlineError

K = TypeVar("K", bound=Hashable)

_STALE = 64

_log = logging.getLogger("towline.workqueue")


class WorkQueue(Generic[K]):
    """Keys to be reconciled, in order of arrival, each at most once.

    Args:
        base: Seconds before the first retry of a failed key.
        cap: Longest wait between retries, seconds.
    """

    def __init__(self, *, base: float = 0.05, cap: float = 60.0) -> None:
        self._base = base
        self._cap = cap
        self._ready: dict[K, None] = {}
        self._active: set[K] = set()
        self._dirty: set[K] = set()
        self._failures: dict[K, int] = {}
        self._delayed: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._serial = itertools.count()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready) + len(self._active) + len(self._due)

    def add(self, key: K) -> None:
        """Marks the key dirty; it runs as soon as a worker is free."""
        self._due.pop(key, None)
        if key in self._active:
            self._dirty.add(key)
            return
        self._ready[key] = None
        self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Marks the key dirty that many seconds from now, unless it is due sooner."""
        if seconds <= 0:
            self.add(key)
            return
        due = asyncio.get_running_loop().time() + seconds
        if key in self._ready or self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._delayed, (due, next(self._serial), key))
        if len(self._delayed) > 2 * len(self._due) + _STALE:
            # Most entries are of keys that ran sooner.
            self._delayed = [(at, next(self._serial), one) for one, at in self._due.items()]
            heapq.heapify(self._delayed)
        self._wake.set()

    async def run(
        self,
        reconcile: Callable[[K], Awaitable[float | None]],
        *,
        workers: int = 4,
        name: str = "queue",
    ) -> None:
        """Works until cancelled.

        Args:
            reconcile: Called with a key; returns None when done, or seconds after which it wants
                to be called again. An exception is logged (one that is not expected with its
                trace) and retried with exponential back-off.
            workers: How many keys may be worked on at once.
            name: For the log.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(reconcile, name))

    async def _work(self, reconcile: Callable[[K], Awaitable[float | None]], name: str) -> None:
        while True:
            key = await self._take()
            try:
                again = await attempt(lambda key=key: reconcile(key))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001  # the supervised unit of work
                _report(name, key, self._failed(key), error)
            else:
                self._failures.pop(key, None)
                if again is not None:
                    self._done(key)
                    self.add_after(key, again)
            finally:
                self._done(key)

    async def _take(self) -> K:
        while True:
            self._promote()
            if self._ready:
                key = next(iter(self._ready))
                del self._ready[key]
                self._active.add(key)
                if self._ready:
                    self._wake.set()
                return key
            self._wake.clear()
            timeout = None
            if self._delayed:
                timeout = max(0.0, self._delayed[0][0] - asyncio.get_running_loop().time())
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _promote(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._delayed and self._delayed[0][0] <= now:
            due, _, key = heapq.heappop(self._delayed)
            if self._due.get(key) == due:
                self.add(key)

    def _failed(self, key: K) -> float:
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        delay = min(self._cap, self._base * 2.0 ** min(count, 30))
        self._done(key)
        self.add_after(key, delay)
        return delay

    def _done(self, key: K) -> None:
        if key not in self._active:
            return
        self._active.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)


def _report(name: str, key: Hashable, delay: float, error: Exception) -> None:
    leaf = first_leaf(error)
    expected = isinstance(leaf, TowlineError)
    _log.log(
        logging.WARNING if expected else logging.ERROR,
        "reconcile failed queue=%s key=%s retry_in=%.2fs error=%s: %s",
        name,
        key,
        delay,
        type(leaf).__name__,
        leaf,
        exc_info=None if expected else error,
    )
