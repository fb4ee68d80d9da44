"""The live objects of a cluster, every kind that matters, kept by watch.

One reflector per kind, all into one store. The set of kinds follows discovery: a new custom
resource is watched as soon as its definition is served, a removed one is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson

from towline.aio.clock import Clock
from towline.errors import TowlineError, TransientError
from towline.kube.refs import GroupKind, ObjectKey, gvk_of
from towline.kube.status import ApiError
from towline.kubeclient.client import KubeClient
from towline.kubeclient.discovery import ApiResource
from towline.kubeclient.objects import CachedObject, cached_object
from towline.kubeclient.objectstore import Callback, ObjectStore
from towline.kubeclient.reflector import Reflector

LISTS_AT_ONCE = 8
REDISCOVER_SECONDS = 300.0
VANISHED_SECONDS = 1.0
# A definition is served a moment after it is stored: look at once, then a few times more.
SETTLE_SECONDS = (0.0, 0.25, 1.0, 4.0)

_DEFINITIONS = (
    GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
    GroupKind("apiregistration.k8s.io", "APIService"),
)

_log = logging.getLogger("towline.kubeclient")


class WatchCache:
    """All objects of the chosen kinds: header and raw JSON.

    Args:
        client: Connection to the cluster.
        clock: To wait by.
    """

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._store = ObjectStore()
        self._gate = asyncio.Semaphore(LISTS_AT_ONCE)
        self._reflectors: dict[GroupKind, tuple[Reflector, asyncio.Task[None]]] = {}
        self._discovered = asyncio.Event()
        self._definitions_changed = asyncio.Event()

    async def run(self, selector: Callable[[ApiResource], bool]) -> None:
        """Follows every kind that the selector accepts, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_definitions(group))
                await self._follow_discovery(group, selector)
        finally:
            self._reflectors.clear()

    async def synced(self, timeout: float | None = None) -> None:
        """Returns once every kind has been listed, or has been refused by the server.

        Raises:
            TransientError: Not within that many seconds; names the kinds that lack.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._discovered.wait()
                while waiting := self._unsettled():
                    await waiting[0].settled.wait()
        except TimeoutError as error:
            missing = [str(one.resource.group_kind) for one in self._unsettled()]
            raise TransientError(
                f"the cluster's objects are not known after {timeout} s; waiting for: "
                + (", ".join(missing) or "discovery")
            ) from error

    def _unsettled(self) -> list[Reflector]:
        return [one for one, _ in self._reflectors.values() if not one.settled.is_set()]

    def watched(self, group_kind: GroupKind) -> bool:
        """Whether a kind is followed and has been listed: only then absence means absence."""
        entry = self._reflectors.get(group_kind)
        return entry is not None and entry[0].listed.is_set()

    def get(self, key: ObjectKey) -> CachedObject | None:
        """The object with that identity."""
        return self._store.get(key)

    def by_uid(self, uid: str) -> CachedObject | None:
        """The object with that uid."""
        return self._store.by_uid(uid)

    def children(self, uid: str) -> list[CachedObject]:
        """Objects of every kind with an owner reference to that uid."""
        return self._store.children(uid)

    def objects(
        self, group_kind: GroupKind | None = None, namespace: str | None = None
    ) -> list[CachedObject]:
        """Objects of a kind (all kinds when None), of one namespace unless None."""
        return self._store.objects(group_kind, namespace)

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Calls back with (type, object, object before) of every change; returns the way out.

        The callback runs in the middle of a watch: it should only note what is to be done.
        """
        return self._store.subscribe(callback)

    def put(self, obj: dict[str, Any]) -> None:
        """Takes in the answer to our own write; ignored when older than what is known."""
        gvk = gvk_of(obj)
        if gvk.group_kind in self._reflectors:
            self._store.written(cached_object(orjson.dumps(obj), gvk))

    async def _follow_discovery(
        self, group: asyncio.TaskGroup, selector: Callable[[ApiResource], bool]
    ) -> None:
        rounds = iter(SETTLE_SECONDS)
        while True:
            try:
                await self._client.discovery.refresh()
                self._adjust(group, selector, await self._client.discovery.all())
                self._discovered.set()
            except TowlineError as error:
                _log.warning("discovery failed error=%s", error)
                await self._clock.sleep(1.0)
                continue
            try:
                async with asyncio.timeout(next(rounds, REDISCOVER_SECONDS)):
                    await self._definitions_changed.wait()
            except TimeoutError:
                continue
            self._definitions_changed.clear()
            rounds = iter(SETTLE_SECONDS[1:])

    def _adjust(
        self,
        group: asyncio.TaskGroup,
        selector: Callable[[ApiResource], bool],
        resources: list[ApiResource],
    ) -> None:
        wanted = {one.group_kind: one for one in resources if one.watchable and selector(one)}
        for kind, (reflector, task) in list(self._reflectors.items()):
            new = wanted.get(kind)
            if new is not None and new.path() == reflector.resource.path() and not task.done():
                continue
            task.cancel()
            del self._reflectors[kind]
            reflector.settled.set()
            if new is None:
                _log.info("kind dropped kind=%s", kind)
                self._store.forget(kind)
        for kind, resource in wanted.items():
            if kind not in self._reflectors:
                reflector = Reflector(
                    self._client, resource, self._store, self._clock, gate=self._gate
                )
                task = group.create_task(self._reflect(reflector), name=f"watch {kind}")
                self._reflectors[kind] = (reflector, task)

    async def _reflect(self, reflector: Reflector) -> None:
        try:
            await reflector.run()
        except ApiError as error:
            # The server no longer has the kind; discovery decides what that means.
            _log.info("kind is not served kind=%s error=%s", reflector.resource.kind, error)
            await self._clock.sleep(VANISHED_SECONDS)
            self._definitions_changed.set()

    async def _follow_definitions(self, group: asyncio.TaskGroup) -> None:
        """Notices new and removed kinds at once."""
        await self._discovered.wait()
        for kind in _DEFINITIONS:
            resource = self._client.discovery.known(kind)
            if resource is not None and resource.watchable:
                store = ObjectStore()
                store.subscribe(lambda *_: self._definitions_changed.set())
                reflector = Reflector(
                    self._client, resource, store, self._clock, metadata_only=True
                )
                group.create_task(self._reflect(reflector), name=f"definitions {kind}")
