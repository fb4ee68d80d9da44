"""Workers that take fields out of objects by jq, within limits of time and memory.

Expressions come from applications, and a few characters of jq can ask for endless work. Each runs
in a process that the kernel ends; one that was ended is left out for a while; and an application
keeps at most one worker busy, so that others find a free one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec
import orjson

from towline.errors import InputError, LimitError
from towline.gitops.ignore import Obj, Removal, needs_jq, without_pointers
from towline.sandbox.process import Child, Grace, Limits, spawn
from towline.workers.jq_messages import (
    ANSWERS,
    Frames,
    JqJob,
    JqRefused,
    JqResult,
    JqStarted,
    framed,
)

_log = logging.getLogger("towline.workers")
_WORKER: Final = (sys.executable, "-m", "towline.workers.jq_worker")
_GRACE: Final = Grace(interrupt=0.0, terminate=0.1)
_REMEMBERED: Final = 1024
_TRIES: Final = 3


class JqLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the pool.

    Attributes:
        workers: Processes at most.
        cpu_seconds: Processor time for one expression on one object.
        seconds: Time for the same by the clock, when the machine is busy.
        memory: Bytes of address space of one worker.
        left_out: Seconds for which an expression that did not end is not tried again.
        idle: Seconds after which a worker without work ends.
    """

    workers: int = 4
    cpu_seconds: float = 1.0
    seconds: float = 10.0
    memory: int = 512 << 20
    left_out: float = 600.0
    idle: float = 60.0


class JqPool:
    """Carries out removals; fits `towline.gitops.ignore.PathRemover`.

    Args:
        limits: Bounds.
        instance: Value of the cookie by which left-over workers are found.
        monotonic: The time, in seconds; the event loop's own when not given.
    """

    def __init__(
        self,
        limits: JqLimits | None = None,
        *,
        instance: str = "",
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._limits = limits or JqLimits()
        self._instance = instance
        self._monotonic = monotonic
        self._slots = asyncio.Semaphore(self._limits.workers)
        self._owners: dict[str, tuple[asyncio.Lock, int]] = {}
        self._idle: list[_JqWorker] = []
        self._all: set[_JqWorker] = set()
        self._left_out: OrderedDict[str, float] = OrderedDict()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return sorted(worker.pid for worker in self._all)

    async def remove(
        self, documents: Sequence[Obj], removals: Sequence[Removal], owner: str
    ) -> list[Obj]:
        """See `PathRemover.remove`."""
        tries = 0
        async with self._alone(owner):
            while True:
                todo = tuple(item for item in removals if not self._is_left_out(item))
                if not needs_jq(todo):
                    return without_pointers(documents, todo)
                try:
                    return await self._attempt(documents, todo, owner)
                except _GoneError:
                    tries += 1
                    if tries == _TRIES:
                        raise
                except _EndlessError as error:
                    self._leave_out(error.expression)
                    _log.warning(
                        "an expression was stopped owner=%s expression=%r reason=%s",
                        owner,
                        error.expression,
                        error.reason,
                    )

    async def run(self) -> None:
        """Ends workers that have been idle, until cancelled; then ends all of them."""
        try:
            while True:
                await asyncio.sleep(self._limits.idle / 4)
                oldest = self._now() - self._limits.idle
                for worker in [w for w in self._idle if w.used_at < oldest]:
                    self._idle.remove(worker)
                    await self._end(worker)
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends all workers."""
        self._idle.clear()
        for worker in list(self._all):
            await self._end(worker)

    async def _attempt(
        self, documents: Sequence[Obj], removals: tuple[Removal, ...], owner: str
    ) -> list[Obj]:
        job = JqJob(tuple(map(orjson.dumps, documents)), removals, self._limits.cpu_seconds)
        async with self._slots, self._worker() as worker:
            reply = await worker.ask(job, self._limits.seconds)
        if isinstance(reply, JqRefused):
            raise InputError(f"{reply.expression!r} is no jq path expression: {reply.message}")
        for expression, reason in reply.failed:
            _log.debug("not ignored owner=%s expression=%r reason=%s", owner, expression, reason)
        return [orjson.loads(document) for document in reply.documents]

    @contextlib.asynccontextmanager
    async def _alone(self, owner: str) -> AsyncIterator[None]:
        """Lets one job of an owner run at a time."""
        lock, waiting = self._owners.get(owner) or (asyncio.Lock(), 0)
        self._owners[owner] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            left = self._owners[owner][1] - 1
            if left:
                self._owners[owner] = (lock, left)
            else:
                del self._owners[owner]

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[_JqWorker]:
        worker = self._taken() or await self._start()
        try:
            yield worker
        except BaseException:
            # It may still be at work.
            await asyncio.shield(self._end(worker))
            raise
        worker.used_at = self._now()
        self._idle.append(worker)

    def _taken(self) -> _JqWorker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._all.discard(worker)
        return None

    async def _start(self) -> _JqWorker:
        limits = Limits(address_space=self._limits.memory, open_files=64)
        worker = _JqWorker(
            await spawn(_WORKER, env={}, limits=limits, instance=self._instance, stdin=True)
        )
        self._all.add(worker)
        return worker

    async def _end(self, worker: _JqWorker) -> None:
        await worker.stop()
        self._all.discard(worker)

    def _is_left_out(self, removal: Removal) -> bool:
        return removal.jq and self._left_out.get(removal.text, 0.0) > self._now()

    def _leave_out(self, expression: str) -> None:
        self._left_out[expression] = self._now() + self._limits.left_out
        self._left_out.move_to_end(expression)
        while len(self._left_out) > _REMEMBERED:
            self._left_out.popitem(last=False)

    def _now(self) -> float:
        return (self._monotonic or asyncio.get_running_loop().time)()


class _GoneError(LimitError):
    """A worker ended before it began with an expression; a new one may do better."""


class _EndlessError(LimitError):
    """An expression took more than it may."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"a jq expression {reason}")
        self.expression = expression
        self.reason = reason


class _JqWorker:
    """One process; one job at a time."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._frames = Frames()
        self._replies: asyncio.Queue[JqResult | JqRefused] = asyncio.Queue()
        self._moved = asyncio.Event()
        self._expression = ""
        self.used_at = 0.0
        child.attach("stdout", self._take)
        child.attach("stderr", lambda _: None)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.exit_code is None

    async def ask(self, job: JqJob, seconds: float) -> JqResult | JqRefused:
        self._expression = ""
        self._child.write(framed(job))
        reply = asyncio.create_task(self._replies.get())
        end = asyncio.create_task(self._child.wait())
        try:
            while True:
                self._moved.clear()
                async with asyncio.timeout(seconds):
                    moved = asyncio.create_task(self._moved.wait())
                    try:
                        await asyncio.wait({reply, end, moved}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        moved.cancel()
                if reply.done():
                    return reply.result()
                if end.done():
                    raise self._stopped("needs too much time or memory")
        except TimeoutError:
            raise self._stopped("takes too long") from None
        finally:
            reply.cancel()
            end.cancel()

    async def stop(self) -> None:
        await self._child.stop(_GRACE)

    def _stopped(self, reason: str) -> LimitError:
        if not self._expression:
            return _GoneError("a jq worker ended before it began")
        return _EndlessError(self._expression, reason)

    def _take(self, chunk: bytes) -> None:
        for body in self._frames.feed(chunk):
            message = ANSWERS.decode(body)
            if isinstance(message, JqStarted):
                self._expression = message.expression
                self._moved.set()
            else:
                self._replies.put_nowait(message)
