"""Writes Events about applications, without making anybody wait."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Final

from towline.aio.clock import Clock, rfc3339
from towline.argo.application import Application
from towline.argo.names import APPLICATION, PLAIN_MANAGER
from towline.controllers.application.ports import ClusterApi
from towline.errors import TransientError
from towline.gitops.events import COMPONENT, EventNote, notes_of
from towline.kube.status import ApiError

_WAITING: Final = 1000
_BURST: Final = 25.0
_SECONDS_EACH: Final = 10.0
_REMEMBERED: Final = 5000

_log = logging.getLogger("towline.engine")


class EventWriter:
    """Takes changes of applications and writes the Events that they are worth.

    An application has a burst of 25 Events and one more each ten seconds; what is beyond, and
    what a slow server leaves waiting beyond a thousand, is dropped.

    Args:
        client: The API.
        clock: Time.
    """

    def __init__(self, client: ClusterApi, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._queue: asyncio.Queue[tuple[Application, EventNote]] = asyncio.Queue(_WAITING)
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def changed(self, before: Application, after: Application) -> None:
        """Notes a change that was written."""
        for note in notes_of(before, after):
            if not self._allowed(after.uid):
                return
            try:
                self._queue.put_nowait((after, note))
            except asyncio.QueueFull:
                _log.warning("event dropped app=%s reason=%s", after.qualified_name, note.reason)

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            app, note = await self._queue.get()
            try:
                await self._client.create(self._event(app, note), manager=PLAIN_MANAGER)
            except (ApiError, TransientError) as error:
                _log.warning(
                    "event not written app=%s reason=%s error=%s",
                    app.qualified_name,
                    note.reason,
                    error,
                )

    def _allowed(self, uid: str) -> bool:
        now = self._clock.monotonic()
        tokens, at = self._spent.pop(uid, (_BURST, now))
        tokens = min(_BURST, tokens + (now - at) / _SECONDS_EACH)
        allowed = tokens >= 1.0
        self._spent[uid] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._spent) > _REMEMBERED:
            self._spent.popitem(last=False)
        return allowed

    def _event(self, app: Application, note: EventNote) -> dict[str, Any]:
        now = self._clock.now()
        stamp = rfc3339(now)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{app.name[:200]}.{self._clock.uuid().replace('-', '')[-16:]}",
                "namespace": app.namespace,
            },
            "involvedObject": {
                "apiVersion": APPLICATION.api_version,
                "kind": APPLICATION.kind,
                "namespace": app.namespace,
                "name": app.name,
                "uid": app.uid,
                "resourceVersion": app.resource_version,
            },
            "reason": note.reason,
            "message": note.message,
            "type": "Warning" if note.warning else "Normal",
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": "",
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
