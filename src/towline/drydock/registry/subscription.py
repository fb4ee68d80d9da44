"""Watching from inside the process: committed changes as events, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from towline.drydock.cluster import ClusterEvent
from towline.drydock.storage import ADDED, Change, Store
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Notice = tuple[GroupResource, ClusterEvent]

MAX_WAITING = 100_000


class Subscription:
    """A queue of events that the store fills and one reader empties.

    Args:
        namespace: Only this namespace, all when empty.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._queue: deque[Notice] = deque()
        self._ready = asyncio.Event()
        self._ended = False
        self._overflowed = False

    def offer(self, change: Change) -> None:
        """Takes a change from the store."""
        key = change.record.key
        if self._namespace and key.namespace != self._namespace:
            return
        if len(self._queue) >= MAX_WAITING:
            self._overflowed = True
        else:
            old = None if change.old is None else change.old.obj
            event = ClusterEvent(change.type, change.record.obj, old)
            self._queue.append((key.resource, event))
        self._ready.set()

    def end(self) -> None:
        """No more changes will come."""
        self._ended = True
        self._ready.set()

    def add(self, resource: GroupResource, event: ClusterEvent) -> None:
        """Queues an event that is not a change: a present object, or the end of them."""
        self._queue.append((resource, event))
        self._ready.set()

    async def events(self) -> AsyncIterator[Notice]:
        """Yields events until the store ends the subscription.

        Raises:
            ApiError: Expired, the reader fell behind and has to start again.
        """
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._overflowed:
                raise ApiError(
                    "too old resource version: the watcher was too slow", reason="Expired"
                )
            if self._ended:
                return
            self._ready.clear()
            await self._ready.wait()


async def watch(
    store: Store, resources: tuple[GroupResource, ...], namespace: str
) -> AsyncIterator[Notice]:
    """Present objects as `ADDED`, `SYNCED` once per resource, then every change."""
    subscription = Subscription(namespace)
    try:
        for resource in resources:
            for record in store.records(resource, namespace):
                subscription.add(resource, ClusterEvent(ADDED, record.obj, None))
            subscription.add(resource, ClusterEvent("SYNCED", {}, None))
            store.subscribe(resource, subscription)
        async for notice in subscription.events():
            yield notice
    finally:
        for resource in resources:
            store.unsubscribe(resource, subscription)
