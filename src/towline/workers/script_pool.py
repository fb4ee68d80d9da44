"""Runs an operator's scripts in worker processes, so that none of them can hold up the engine.

A script that does not end is ended by the kernel together with its worker, and left out for a
while; and one script keeps at most one worker busy, so that others find a free one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec
import orjson

from towline.aio.clock import Clock
from towline.errors import InputError
from towline.gitops.lua.answers import ActionInfo, Change
from towline.gitops.lua.script import Script, ScriptLimitError
from towline.gitops.verdict import Health
from towline.sandbox.process import Child, Grace, Limits, spawn
from towline.workers.messages import Frames
from towline.workers.script_messages import (
    ANSWERS,
    Changed,
    Judged,
    Offered,
    ScriptAnswer,
    ScriptFailed,
    ScriptJob,
    framed,
)

_log = logging.getLogger("towline.workers")
_WORKER: Final = (sys.executable, "-m", "towline.workers.script_worker")
_GRACE: Final = Grace(interrupt=0.0, terminate=0.1)
_REMEMBERED: Final = 1024


class ScriptPoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the pool.

    Attributes:
        workers: Processes at most.
        cpu_seconds: Processor time for one script on one object.
        seconds: Time for the same by the clock, when the machine is busy.
        memory: Bytes of address space of one worker.
        left_out: Seconds for which a script that reached a limit is not tried again.
        idle: Seconds after which a worker without work ends.
    """

    workers: int = 2
    cpu_seconds: float = 1.0
    seconds: float = 10.0
    memory: int = 512 << 20
    left_out: float = 60.0
    idle: float = 60.0


class ScriptPool:
    """Health and actions by script.

    Args:
        clock: Time; what scripts take for the present too.
        limits: Bounds.
        instance: Value of the cookie by which left-over workers are found.
    """

    def __init__(
        self, clock: Clock, limits: ScriptPoolLimits | None = None, *, instance: str = ""
    ) -> None:
        self._clock = clock
        self._limits = limits or ScriptPoolLimits()
        self._instance = instance
        self._slots = asyncio.Semaphore(self._limits.workers)
        self._running: dict[Script, tuple[asyncio.Lock, int]] = {}
        self._idle: list[_ScriptWorker] = []
        self._all: set[_ScriptWorker] = set()
        self._left_out: OrderedDict[Script, tuple[float, str]] = OrderedDict()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return sorted(worker.pid for worker in self._all)

    async def health(self, script: Script, obj: dict[str, Any]) -> Health | None:
        """Health by script; Unknown with the reason when the script fails.

        Raises:
            ScriptLimitError: It reached a limit now, or a short time ago.
        """
        answer = await self._ask("health", script, obj, {})
        return answer.health if isinstance(answer, Judged) else None

    async def actions(self, script: Script, obj: dict[str, Any]) -> tuple[ActionInfo, ...]:
        """The actions that an object offers, by a discovery script.

        Raises:
            InputError: The script fails.
            ScriptLimitError: It reached a limit.
        """
        answer = await self._ask("discovery", script, obj, {})
        return answer.actions if isinstance(answer, Offered) else ()

    async def action(
        self, script: Script, obj: dict[str, Any], params: Mapping[str, str]
    ) -> tuple[Change, ...]:
        """What an action wants changed.

        Raises:
            InputError: The script fails.
            ScriptLimitError: It reached a limit.
        """
        answer = await self._ask("action", script, obj, params)
        return answer.changes if isinstance(answer, Changed) else ()

    async def run(self) -> None:
        """Ends workers that have been idle, until cancelled; then ends all of them."""
        try:
            while True:
                await asyncio.sleep(self._limits.idle / 4)
                oldest = self._clock.monotonic() - self._limits.idle
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

    async def _ask(
        self, task: Any, script: Script, obj: dict[str, Any], params: Mapping[str, str]
    ) -> ScriptAnswer:
        job = ScriptJob(
            task=task,
            script=script,
            document=orjson.dumps(obj),
            now=self._clock.now().timestamp(),
            params=dict(params),
            cpu_seconds=self._limits.cpu_seconds,
        )
        async with self._alone(script):
            self._refuse_left_out(script)
            try:
                answer = await self._run(job)
            except ScriptLimitError as error:
                self._leave_out(script, error.message)
                raise
        if isinstance(answer, ScriptFailed):
            raise InputError(answer.message)
        return answer

    async def _run(self, job: ScriptJob) -> ScriptAnswer:
        async with self._slots, self._worker() as worker:
            answer = await worker.ask(job, self._limits.seconds)
        if isinstance(answer, ScriptFailed) and answer.limit:
            raise ScriptLimitError(answer.message)
        return answer

    @contextlib.asynccontextmanager
    async def _alone(self, script: Script) -> AsyncIterator[None]:
        """Lets one run of a script happen at a time."""
        lock, waiting = self._running.get(script) or (asyncio.Lock(), 0)
        self._running[script] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            left = self._running[script][1] - 1
            if left:
                self._running[script] = (lock, left)
            else:
                del self._running[script]

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[_ScriptWorker]:
        worker = self._taken() or await self._start()
        try:
            yield worker
        except BaseException:
            # It may still be at work.
            await asyncio.shield(self._end(worker))
            raise
        worker.used_at = self._clock.monotonic()
        self._idle.append(worker)

    def _taken(self) -> _ScriptWorker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._all.discard(worker)
        return None

    async def _start(self) -> _ScriptWorker:
        limits = Limits(address_space=self._limits.memory, open_files=64)
        worker = _ScriptWorker(
            await spawn(_WORKER, env={}, limits=limits, instance=self._instance, stdin=True)
        )
        self._all.add(worker)
        return worker

    async def _end(self, worker: _ScriptWorker) -> None:
        await worker.stop()
        self._all.discard(worker)

    def _refuse_left_out(self, script: Script) -> None:
        until, reason = self._left_out.get(script, (0.0, ""))
        if self._clock.monotonic() < until:
            raise ScriptLimitError(reason)

    def _leave_out(self, script: Script, reason: str) -> None:
        _log.warning("a script is left out name=%s reason=%s", script.name, reason)
        self._left_out[script] = (self._clock.monotonic() + self._limits.left_out, reason)
        self._left_out.move_to_end(script)
        while len(self._left_out) > _REMEMBERED:
            self._left_out.popitem(last=False)


class _ScriptWorker:
    """One process; one job at a time."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._frames = Frames()
        self._replies: asyncio.Queue[ScriptAnswer] = asyncio.Queue()
        self.used_at = 0.0
        child.attach("stdout", self._take)
        child.attach("stderr", lambda _: None)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.exit_code is None

    async def ask(self, job: ScriptJob, seconds: float) -> ScriptAnswer:
        self._child.write(framed(job))
        reply = asyncio.create_task(self._replies.get())
        end = asyncio.create_task(self._child.wait())
        try:
            done, _ = await asyncio.wait(
                {reply, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            reply.cancel()
            end.cancel()
        if reply in done:
            return reply.result()
        reason = "needs too much time or memory" if end in done else "takes too long"
        raise ScriptLimitError(f"{job.script.name}: the script {reason}")

    async def stop(self) -> None:
        await self._child.stop(_GRACE)

    def _take(self, chunk: bytes) -> None:
        for body in self._frames.feed(chunk):
            self._replies.put_nowait(ANSWERS.decode(body))
