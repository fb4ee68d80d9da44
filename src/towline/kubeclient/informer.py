"""A cache of one kind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from towline.aio.clock import Clock, SystemClock
from towline.errors import TowlineError, TransientError
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kube.status import ApiError
from towline.kubeclient.client import KubeClient
from towline.kubeclient.objects import CachedObject
from towline.kubeclient.objectstore import Callback, ObjectStore
from towline.kubeclient.reflector import Reflector

UNKNOWN_KIND_SECONDS = 2.0

_log = logging.getLogger("towline.kubeclient")


class Informer:
    """The objects of one kind, kept up to date by watch while `run` runs.

    A kind that the server does not have yet (a CRD to come) is waited for.

    Args:
        client: Connection to the server.
        gvk: The kind.
        namespace: One namespace only, unless empty.
        clock: To wait by.
    """

    def __init__(
        self,
        client: KubeClient,
        gvk: GroupVersionKind,
        namespace: str = "",
        *,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._gvk = gvk
        self._namespace = namespace
        self._clock = clock or SystemClock()
        self._store = ObjectStore()
        self._listed = asyncio.Event()

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        while True:
            try:
                resource = await self._client.discovery.resource(self._gvk)
            except TowlineError as error:
                _log.warning("discovery failed kind=%s error=%s", self._gvk.kind, error)
                resource = None
            if resource is None:
                await self._clock.sleep(UNKNOWN_KIND_SECONDS)
                continue
            reflector = Reflector(
                self._client,
                resource,
                self._store,
                self._clock,
                namespace=self._namespace,
                listed=self._listed,
            )
            try:
                await reflector.run()
            except ApiError as error:
                _log.warning("kind vanished kind=%s error=%s", self._gvk.kind, error)
                self._store.forget(self._gvk.group_kind)
                await self._clock.sleep(UNKNOWN_KIND_SECONDS)
                await self._refresh()

    async def _refresh(self) -> None:
        try:
            await self._client.discovery.refresh()
        except TowlineError as error:
            _log.warning("discovery failed kind=%s error=%s", self._gvk.kind, error)

    async def synced(self, timeout: float | None = None) -> None:
        """Returns once the first list is in.

        Raises:
            TransientError: Not within that many seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._listed.wait()
        except TimeoutError as error:
            raise TransientError(f"no list of {self._gvk.kind} within {timeout} s") from error

    def get(self, namespace: str, name: str) -> CachedObject | None:
        """The object, or None."""
        return self._store.get(ObjectKey(self._gvk.group, self._gvk.kind, namespace, name))

    def list(self, namespace: str = "") -> list[CachedObject]:
        """All objects, of one namespace unless empty."""
        return self._store.objects(self._gvk.group_kind, namespace or None)

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Calls back with (type, object, object before) of every change; returns the way out."""
        return self._store.subscribe(callback)
