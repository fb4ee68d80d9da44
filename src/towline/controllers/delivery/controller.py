"""The delivery controller: what a push sets in motion.

An event says that a ref may have moved, nothing else is taken from it: what is built is the ref's
present head. So replayed, late and repeated events start nothing new.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from towline.aio.clock import Clock, parse_rfc3339
from towline.aio.workqueue import WorkQueue
from towline.controllers.delivery.starter import Starter
from towline.controllers.run.pipelines import PipelineRegister, key_of
from towline.controllers.run.ports import GitPort
from towline.errors import NotFoundError, TowlineError, TransientError
from towline.forge.events import PushEvent
from towline.git.urls import same_location
from towline.pipeline.model import PipelineSpec
from towline.store import Delivery, Store

_RECHECK_SECONDS = 10.0
_log = logging.getLogger("towline.deliveries")


class PushListener(Protocol):
    """Somebody who acts on pushes, such as the GitOps engine."""

    def on_push(self, event: PushEvent, head: str | None = None) -> object:
        """A ref may have moved."""
        ...


class Work(NamedTuple):
    """A key of the queue: a repository's ref to look at, or a pipeline to poll for."""

    kind: str
    subject: str
    ref: str = ""


class DeliveryController:
    """Acts on accepted deliveries in order per ref, and polls for those that never came.

    Args:
        store: Deliveries and runs.
        pipelines: The Pipelines of the cluster.
        applications: Told of every push at once.
        git: Repositories.
        clock: Time.
        canonical: Where a repository URL really leads (aliases applied).
    """

    def __init__(
        self,
        store: Store,
        pipelines: PipelineRegister,
        applications: PushListener,
        git: GitPort,
        clock: Clock,
        *,
        canonical: Callable[[str], str] = str,
    ) -> None:
        self._store = store
        self._pipelines = pipelines
        self._applications = applications
        self._git = git
        self._clock = clock
        self._canonical = canonical
        self._starter = Starter(store, git)
        self._queue: WorkQueue[Work] = WorkQueue(base=0.2, cap=30.0)
        self._waiting: dict[Work, list[tuple[Delivery, PushEvent]]] = {}
        self._known: set[int] = set()
        self._wake = asyncio.Event()
        self._polled: dict[str, PipelineSpec] = {}

    async def run(self) -> None:
        """Works until cancelled."""
        await self._pipelines.synced()
        unsubscribe = self._pipelines.subscribe(self._poll_all)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._queue.run(self._reconcile, workers=4, name="deliveries"))
                group.create_task(self._listen())
                self._poll_all()
                self._wake.set()
                while True:
                    await self._woken()
                    await self._take_pending()
        finally:
            unsubscribe()

    def notify(self) -> None:
        """Something was accepted (the store's notices say so too)."""
        self._wake.set()

    async def _listen(self) -> None:
        async for kind, _ in self._store.changes.subscribe():
            if kind == "delivery":
                self._wake.set()

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(_RECHECK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass  # the safety net: looks without having been told
        self._wake.clear()

    async def _take_pending(self) -> None:
        try:
            pending = await self._store.deliveries.pending()
        except TransientError as error:
            _log.warning("deliveries cannot be read error=%s", error)
            return
        for delivery in pending:
            if delivery.id in self._known:
                continue
            self._known.add(delivery.id)
            try:
                event = msgspec.json.decode(delivery.event, type=PushEvent)
            except msgspec.DecodeError as error:
                # Written by another version, or damaged: it must not stop the others.
                await self._store.deliveries.finish(delivery.id, f"unreadable: {error}")
                continue
            # The engine comes first: it needs nothing from what follows.
            self._applications.on_push(event)
            work = Work("push", f"{delivery.provider}/{delivery.hook}/{event.full_name}", event.ref)
            self._waiting.setdefault(work, []).append((delivery, event))
            self._queue.add(work)

    async def _reconcile(self, work: Work) -> float | None:
        if work.kind == "poll":
            return await self._poll(work.subject)
        batch = list(self._waiting.get(work, ()))
        if not batch:
            return None
        for delivery, event in batch:
            await self._mark(delivery, event)
        delivery, event = batch[-1]
        outcome = await self._pushed(delivery, event)
        for member, _ in batch:
            await self._store.deliveries.finish(member.id, outcome)
            self._known.discard(member.id)
        rest = self._waiting[work][len(batch) :]
        if rest:
            self._waiting[work] = rest
            return 0.0
        del self._waiting[work]
        return None

    async def _mark(self, delivery: Delivery, event: PushEvent) -> None:
        if event.deleted:
            return
        at = min(_pushed_at(event) or delivery.received_at, delivery.received_at)
        await self._store.lineage.mark(event.after, "push", at, event.message)
        await self._store.lineage.mark(event.after, "webhook", delivery.received_at)

    async def _pushed(self, delivery: Delivery, event: PushEvent) -> str:
        specs = [spec for spec in self._pipelines.all() if self._concerns(spec, event)]
        if not specs or not event.branch:
            return "no pipeline follows this ref"
        outcomes: list[str] = []
        for spec in specs:
            try:
                outcomes.append(await self._start(spec, delivery, event))
            except TransientError:
                raise  # the queue tries again
            except TowlineError as error:
                outcomes.append(f"{spec.job_name}: {error}")
        return "; ".join(outcomes)

    async def _start(self, spec: PipelineSpec, delivery: Delivery, event: PushEvent) -> str:
        url = spec.source.repo_url
        heads = await self._git.heads(url)
        head = heads.get(event.ref)
        if head is None:
            return f"{spec.job_name}: {event.ref} is gone"
        default = event.default_branch or await self._git.default_branch(url)
        if not spec.wants_branch(event.branch, default):
            return f"{spec.job_name}: does not follow {event.branch}"
        return await self._starter.start(
            spec,
            event.ref,
            head,
            trigger="push",
            cause=f"push by {event.pusher}" if event.pusher else "push",
            delivery=delivery.id,
        )

    def _concerns(self, spec: PipelineSpec, event: PushEvent) -> bool:
        if spec.suspend or not spec.triggers.push:
            return False
        own = self._canonical(spec.source.repo_url)
        return any(same_location(own, self._canonical(url)) for url in event.repository)

    def _poll_all(self) -> None:
        """Polls for pipelines that are new or were changed; a status alone is no change."""
        present = {key_of(spec): spec for spec in self._pipelines.all()}
        for key, spec in present.items():
            if self._polled.get(key) != spec:
                self._queue.add(Work("poll", key))
        self._polled = present

    async def _poll(self, pipeline: str) -> float | None:
        spec = self._pipelines.get(pipeline)
        if spec is None or spec.suspend or not (spec.triggers.push and spec.triggers.poll):
            return None
        url = spec.source.repo_url
        try:
            heads = await self._git.heads(url)
            default = await self._git.default_branch(url)
            for ref, head in sorted(heads.items()):
                branch = ref.removeprefix("refs/heads/")
                if branch != ref and spec.wants_branch(branch, default):
                    await self._starter.start(spec, ref, head, trigger="poll", cause="poll")
        except NotFoundError as error:
            _log.debug("repository is not there yet pipeline=%s error=%s", pipeline, error)
        except TowlineError as error:
            _log.warning("poll failed pipeline=%s error=%s", pipeline, error)
        return spec.triggers.poll_seconds


def _pushed_at(event: PushEvent) -> dt.datetime | None:
    try:
        return parse_rfc3339(event.pushed_at) if event.pushed_at else None
    except ValueError:
        return None
