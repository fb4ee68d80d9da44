"""Notices for live pages, gathered from the store and the cluster cache."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from towline.aio.broadcast import Broadcast
from towline.kubeclient.cache import WatchCache
from towline.kubeclient.objects import CachedObject
from towline.store import Store

_KINDS = frozenset({"Application", "Pod", "Deployment", "ReplicaSet"})
_TOPICS = {"run": "runs", "stage": "runs", "log": "runs", "delivery": "deliveries"}


class ChangeFeed:
    """Implements `web.ports.Changes`."""

    def __init__(self, store: Store, cache: WatchCache) -> None:
        self._store = store
        self._topics: Broadcast[str] = Broadcast(depth=64)
        cache.subscribe(self._changed)

    async def run(self) -> None:
        """Passes the store's notices on until cancelled."""
        async for subject, _ in self._store.changes.subscribe():
            self._topics.publish(_TOPICS.get(subject, "deliveries"))

    def subscribe(self) -> AsyncGenerator[str, None]:
        """Yields topics: `applications`, `runs`, `deliveries`."""
        return self._topics.subscribe()

    def _changed(self, _type: str, new: CachedObject, _old: CachedObject | None) -> None:
        if new.key.kind in _KINDS:
            self._topics.publish("applications")
