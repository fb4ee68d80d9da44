"""What a controller is, and the loop that runs a set of them on one watch.

Every controller is level-triggered: an event only says which keys to look at, `reconcile` reads
the cluster as it is and may run at any time, also twice. When the set of served kinds changes, or
the watch falls behind, the watch starts again and replays what exists; nothing else is needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from towline.aio.clock import Clock
from towline.aio.workqueue import WorkQueue
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.resources import DEFINITIONS, EVENTS, NEW_EVENTS
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

RETRY_BASE = 0.01
RETRY_CAP = 30.0
# Lets a change of the served kinds settle, and bounds a watch that ends at once.
WATCH_PAUSE = 0.001
WATCH_BROKEN_PAUSE = 1.0
_UNWATCHED = frozenset({EVENTS, NEW_EVENTS})

T = TypeVar("T")

_log = logging.getLogger("towline.control")


class Key(NamedTuple):
    """Names an object of a controller's own kind; `namespace` is empty for cluster-scoped ones."""

    namespace: str
    name: str


class Controller(Protocol):
    """Drives one kind of object towards what its spec says.

    Attributes:
        name: As component in Events and in the log.
        watches: Resources whose changes it wants; None means every resource.
    """

    name: str
    watches: frozenset[GroupResource] | None

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Hashable]:
        """What a change makes worth looking at."""
        ...

    async def reconcile(self, key: Any) -> float | None:
        """Looks and acts; returns seconds after which to look again, or None."""
        ...


class ControllerLoop:
    """Runs controllers on one shared watch.

    Args:
        cluster: What they work on.
        clock: To wait by.
        controllers: Each gets its own queue.
        workers: Keys of one controller that are worked on at the same time.
    """

    def __init__(
        self, cluster: Cluster, clock: Clock, controllers: Sequence[Controller], *, workers: int = 8
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._workers = workers
        self._queues: list[tuple[Controller, WorkQueue[Hashable]]] = [
            (controller, WorkQueue(base=RETRY_BASE, cap=RETRY_CAP)) for controller in controllers
        ]

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            for controller, queue in self._queues:
                group.create_task(
                    queue.run(controller.reconcile, workers=self._workers, name=controller.name)
                )
            group.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            pause = WATCH_PAUSE
            try:
                await self._watch_once()
            except ApiError as error:
                _log.warning("watch ended error=%s", error)
            except Exception:  # noqa: BLE001  # the next watch replays everything
                _log.exception("watch broke")
                pause = WATCH_BROKEN_PAUSE
            await self._clock.sleep(pause)

    async def _watch_once(self) -> None:
        resources = self._watched()
        interested = {
            resource: [
                (controller, queue)
                for controller, queue in self._queues
                if controller.watches is None or resource in controller.watches
            ]
            for resource in resources
        }
        stream = self._cluster.watch(*resources)
        try:
            async for resource, event in stream:
                if resource == DEFINITIONS and self._watched() != resources:
                    return
                if event.type == "SYNCED":
                    continue
                for controller, queue in interested[resource]:
                    _enqueue(controller, queue, resource, event)
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    def _watched(self) -> list[GroupResource]:
        served = (resource for resource, _, _ in self._cluster.resources())
        return sorted(resource for resource in served if resource not in _UNWATCHED)


def _enqueue(
    controller: Controller,
    queue: WorkQueue[Hashable],
    resource: GroupResource,
    event: ClusterEvent,
) -> None:
    try:
        for key in controller.keys(resource, event):
            queue.add(key)
    except Exception:  # noqa: BLE001  # one odd object must not stop every controller
        _log.exception("event not understood controller=%s resource=%s", controller.name, resource)


def key_of(obj: Obj) -> Key:
    """The key of an object."""
    meta = obj["metadata"]
    return Key(meta.get("namespace") or "", meta["name"])


def namespace_terminating(error: ApiError) -> bool:
    """Whether a create was refused because the namespace is going away: no use to retry."""
    causes = error.details.get("causes") or []
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Runs writes at the same time, so that the store can commit them together.

    Raises:
        ExceptionGroup: What they raised; the others are cancelled then.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]
