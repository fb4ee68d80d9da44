"""Asks the sync windows of an application's project whether it may be synced now."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Final

from towline.aio.clock import Clock
from towline.argo.application import Application
from towline.argo.project import Project
from towline.gitops.windows import may_sync, next_change, windows_of

_LONGEST: Final = 3600.0  # seconds after which an hour that a zone has moved is noticed


class SyncGate:
    """Opens and closes with the windows.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def closed_for(
        self, app: Application, project: Project, *, manual: bool, started: str = ""
    ) -> float:
        """Seconds until it is worth asking again; 0 when the application may be synced.

        Args:
            app: The application.
            project: Its project.
            manual: Whether a person asks.
            started: When the running operation began, RFC 3339; empty for none.

        Raises:
            InputError: A window cannot be read.
        """
        if not project.spec.sync_windows:
            return 0.0
        now = self._clock.now()
        windows = windows_of(project, app, zone_of)
        begun = dt.datetime.fromisoformat(started) if started else None
        if may_sync(windows, now, manual=manual, started=begun):
            return 0.0
        change = next_change(windows, now)
        return _LONGEST if change is None else min(_LONGEST, change + 0.01)


def zone_of(name: str) -> dt.tzinfo | None:
    """A time zone by its IANA name."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
