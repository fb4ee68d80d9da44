"""Writes the engine's progress into the lineage: refresh, sync, ready of a manifest commit."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

from towline.app.deliveries import APPLICATION_MARK
from towline.argo.application import Application
from towline.controllers.application.ports import Drift, EngineObserver
from towline.kube.refs import ObjectKey
from towline.store import Store

_log = logging.getLogger("towline.engine")


class Observers(EngineObserver):
    """Tells everything to several observers, in order.

    Args:
        observers: The observers.
    """

    def __init__(self, *observers: EngineObserver) -> None:
        self._observers = observers

    def refreshed(self, app: str, revision: str, at: dt.datetime) -> None:
        """A new revision was rendered and compared."""
        for one in self._observers:
            one.refreshed(app, revision, at)

    def sync_started(self, app: str, revision: str, at: dt.datetime) -> None:
        """An operation begins to change objects."""
        for one in self._observers:
            one.sync_started(app, revision, at)

    def synced(
        self, app: str, revision: str, at: dt.datetime, resources: tuple[ObjectKey, ...]
    ) -> None:
        """An operation succeeded."""
        for one in self._observers:
            one.synced(app, revision, at, resources)

    def healthy(self, app: str, revision: str, at: dt.datetime) -> None:
        """Synced at the revision, and Healthy."""
        for one in self._observers:
            one.healthy(app, revision, at)

    def drift(self, app: str, key: ObjectKey, kind: Drift, at: dt.datetime) -> None:
        """A live object strayed."""
        for one in self._observers:
            one.drift(app, key, kind, at)

    def healed(self, app: str, key: ObjectKey, at: dt.datetime) -> None:
        """It was repaired."""
        for one in self._observers:
            one.healed(app, key, at)

    def changed(self, before: Application, after: Application) -> None:
        """The engine has written an application."""
        for one in self._observers:
            one.changed(before, after)

    def compared(self, app: Application, seconds: float) -> None:
        """An application was compared."""
        for one in self._observers:
            one.compared(app, seconds)


class LineageObserver(EngineObserver):
    """Records in order, without making the engine wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: asyncio.Queue[tuple[str, str, dt.datetime, str]] = asyncio.Queue(10_000)

    async def run(self) -> None:
        """Writes what is queued, until cancelled."""
        while True:
            subject, name, at, detail = await self._queue.get()
            await self._store.lineage.mark(subject, name, at, detail)

    def refreshed(self, app: str, revision: str, at: dt.datetime) -> None:
        """A new revision was rendered and compared."""
        self._put(revision, APPLICATION_MARK, at, app.rpartition("/")[2])
        self._put(revision, "refresh", at, f"application {app}")

    def synced(
        self, app: str, revision: str, at: dt.datetime, resources: tuple[ObjectKey, ...]
    ) -> None:
        """An operation succeeded."""
        self._put(revision, "sync", at, f"{len(resources)} objects")

    def healthy(self, app: str, revision: str, at: dt.datetime) -> None:
        """Synced at the revision, and Healthy."""
        # The first mark stays. This one counts only if a crash came between sync and its mark.
        self._put(revision, "sync", at, "seen when the application was healthy")
        self._put(revision, "ready", at, f"application {app}")

    def drift(self, app: str, key: ObjectKey, kind: Drift, at: dt.datetime) -> None:
        """A live object strayed."""
        _log.info("drift app=%s object=%s kind=%s", app, key, kind.value)

    def healed(self, app: str, key: ObjectKey, at: dt.datetime) -> None:
        """It was repaired."""
        _log.info("healed app=%s object=%s", app, key)

    def _put(self, subject: str, name: str, at: dt.datetime, detail: str) -> None:
        try:
            self._queue.put_nowait((subject, name, at, detail))
        except asyncio.QueueFull:
            _log.warning("lineage is behind: a mark was dropped subject=%s name=%s", subject, name)
