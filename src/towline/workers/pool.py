"""A bounded pool of workers: started when needed, killed on limits, ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import orjson

from towline.argo.manifest import Manifest
from towline.errors import LimitError, TowlineError
from towline.render.inputs import Foreign
from towline.render.result import RenderResult, result_of
from towline.render.source import RenderRequest
from towline.sandbox.process import Child, Grace, Limits, spawn
from towline.workers.messages import (
    ANSWERS,
    TEMPLATES,
    Address,
    Answer,
    Failed,
    Frames,
    Job,
    Rendered,
    error_of,
    frame,
)

_log = logging.getLogger("towline.workers")
_WORKER: Final = (sys.executable, "-m", "towline.workers.worker")
_PASSED_ON: Final = ("LANG", "HOME", "TZ")
_GRACE: Final = Grace(interrupt=0.0, terminate=0.5)


class WorkerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the pool.

    Attributes:
        workers: Processes at most.
        seconds: Time for one render.
        memory: Bytes of address space of one worker.
        idle: Seconds after which a worker without work ends; the last one stays.
    """

    workers: int = 1
    seconds: float = 60.0
    memory: int = 2 << 30
    idle: float = 60.0


class DamagedTreeError(TowlineError):
    """A worker could not read a tree.

    Attributes:
        trees: Which: empty for the source's own, `$NAME` for another source.
    """

    def __init__(self, message: str, trees: tuple[str, ...]) -> None:
        super().__init__(message)
        self.trees = trees


def default_workers() -> int:
    """One processor is left for the event loops; at least one worker."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


class WorkerPool:
    """Renders in worker processes.

    Args:
        limits: Bounds.
        instance: Value of the cookie by which left-over workers are found.
        environment: Our own environment; only what concerns language and time is passed on.
        command: The worker.
        templates: Folder in which workers keep compiled templates; None for no such folder.
    """

    def __init__(
        self,
        limits: WorkerLimits,
        *,
        instance: str = "",
        environment: Mapping[str, str] = os.environ,
        command: Sequence[str] = _WORKER,
        templates: Path | None = None,
    ) -> None:
        self._limits = limits
        self._instance = instance
        self._environment = {name: environment[name] for name in _PASSED_ON if name in environment}
        if templates is not None:
            self._environment[TEMPLATES] = str(templates)
        self._command = command
        self._slots = asyncio.Semaphore(limits.workers)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._numbers = itertools.count(1)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return sorted(worker.pid for worker in self._all)

    async def render(
        self,
        request: RenderRequest,
        tree: Address,
        refs: Mapping[str, Address],
        foreign: Mapping[Foreign, Address],
        age_keys: tuple[str, ...] = (),
    ) -> RenderResult:
        """Renders in a worker; waits for a free one.

        Raises:
            LimitError: Too much time or memory.
            DamagedTreeError: A tree cannot be read.
            TowlineError: As rendering says.
        """
        job = Job(
            number=next(self._numbers),
            request=request,
            tree=tree,
            refs=dict(refs),
            foreign=list(foreign.items()),
            age_keys=age_keys,
        )
        async with self._slots, self._worker() as worker:
            reply = await worker.ask(job, self._limits.seconds)
        if isinstance(reply, Failed):
            if reply.damaged:
                raise DamagedTreeError(reply.message, reply.damaged)
            raise error_of(reply)
        return await asyncio.to_thread(_result, reply)

    async def run(self) -> None:
        """Ends workers that have been idle, until cancelled; then ends all of them."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(self._limits.idle / 4)
                oldest = loop.time() - self._limits.idle
                for worker in [w for w in self._idle[:-1] if w.used_at < oldest]:
                    self._idle.remove(worker)
                    await self._end(worker)
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends all workers."""
        self._idle.clear()
        for worker in list(self._all):
            await self._end(worker)

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[_Worker]:
        worker = self._idle.pop() if self._idle else await self._start()
        try:
            yield worker
        except BaseException:
            # Its state is unknown: it may still be rendering.
            await asyncio.shield(self._end(worker))
            raise
        worker.used_at = asyncio.get_running_loop().time()
        if worker.alive:
            self._idle.append(worker)
        else:
            await self._end(worker)

    async def _start(self) -> _Worker:
        limits = Limits(address_space=self._limits.memory, open_files=256)
        child = await spawn(
            self._command,
            env=self._environment,
            limits=limits,
            instance=self._instance,
            stdin=True,
        )
        worker = _Worker(child)
        self._all.add(worker)
        return worker

    async def _end(self, worker: _Worker) -> None:
        await worker.stop()
        self._all.discard(worker)


class _Worker:
    """One process; one job at a time."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._frames = Frames()
        self._replies: asyncio.Queue[Answer] = asyncio.Queue()
        self.used_at = 0.0
        child.attach("stdout", self._take)
        child.attach("stderr", _relay)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.exit_code is None and self._child.failure is None

    async def ask(self, job: Job, seconds: float) -> Answer:
        self._child.write(frame(job))
        reply = asyncio.create_task(self._replies.get())
        end = asyncio.create_task(self._child.wait())
        try:
            done, _ = await asyncio.wait(
                {reply, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (reply, end):
                task.cancel()
        if reply in done:
            return reply.result()
        if end in done:
            raise LimitError(
                "a worker ended while rendering",
                hint="the source probably needs more memory than a worker may have",
            )
        raise LimitError(f"rendering takes longer than {seconds:.0f} s")

    async def stop(self) -> None:
        await self._child.stop(_GRACE)

    def _take(self, chunk: bytes) -> None:
        for body in self._frames.feed(chunk):
            self._replies.put_nowait(ANSWERS.decode(body))


def _relay(chunk: bytes) -> None:
    for line in chunk.decode("utf-8", "replace").splitlines():
        _log.info("worker: %s", line[:2000])


def _result(reply: Rendered) -> RenderResult:
    manifests = [Manifest(orjson.loads(raw), file, line) for file, line, raw in reply.manifests]
    result = result_of(manifests, reply.source_type, reply.read)
    return msgspec.structs.replace(result, decrypted=reply.decrypted)
