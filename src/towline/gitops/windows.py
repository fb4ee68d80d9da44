"""Sync windows of projects: when applications may be synced. Pure: the time is handed in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from towline.argo.application import Application
from towline.argo.durations import parse_duration
from towline.argo.globs import matches
from towline.argo.names import IN_CLUSTER_NAME, IN_CLUSTER_SERVER
from towline.argo.project import Project, SyncWindow
from towline.errors import InputError
from towline.kube.cron import Schedule, parse_schedule

Zones = Callable[[str], dt.tzinfo | None]
"""Time zones by their IANA names; None for one that is not known."""

_KINDS: Final = ("allow", "deny")


class Window:
    """One window with its schedule read.

    Args:
        spec: The window.
        zones: Time zones.
        at: Where it stands, for errors.

    Raises:
        InputError: Schedule, duration, kind or zone is none.
    """

    def __init__(self, spec: SyncWindow, zones: Zones, *, at: str) -> None:
        if spec.kind not in _KINDS:
            raise InputError(f"{spec.kind!r} is not allow or deny", field=f"{at}.kind")
        zone = zones(spec.time_zone or "UTC")
        if zone is None:
            raise InputError(f"unknown time zone {spec.time_zone!r}", field=f"{at}.timeZone")
        self.spec = spec
        self._zone = zone
        self._length = dt.timedelta(seconds=parse_duration(spec.duration, field=f"{at}.duration"))
        try:
            self._schedule: Schedule = parse_schedule(spec.schedule)
        except InputError as error:
            raise InputError(error.message, field=f"{at}.schedule") from error

    def active(self, now: dt.datetime) -> bool:
        """Whether the window is open."""
        start = self._schedule.next(now - self._length, self._zone)
        return start is not None and start < now

    def next_change(self, now: dt.datetime) -> dt.datetime | None:
        """When it opens or closes next; None when it never opens again."""
        start = self._schedule.next(now - self._length, self._zone)
        if start is None:
            return None
        return start + self._length if start < now else max(start, now)


def windows_of(project: Project, app: Application, zones: Zones) -> list[Window]:
    """The windows that concern an application.

    Raises:
        InputError: One of them cannot be read; its field is named.
    """
    return [
        Window(spec, zones, at=f"spec.syncWindows[{index}]")
        for index, spec in enumerate(project.spec.sync_windows)
        if _concerns(spec, app)
    ]


def may_sync(
    windows: Sequence[Window],
    now: dt.datetime,
    *,
    manual: bool,
    started: dt.datetime | None = None,
) -> bool:
    """Whether an application may be synced.

    Args:
        windows: The windows that concern it.
        now: The time.
        manual: Whether a person asks for it.
        started: When the running operation began, None for one that has not.
    """
    denies = [window for window in windows if window.spec.kind == "deny"]
    allows = [window for window in windows if window.spec.kind == "allow"]
    closing = [window for window in denies if window.active(now)]
    if not closing and (not allows or any(window.active(now) for window in allows)):
        return True
    barriers = closing or allows
    if manual and all(window.spec.manual_sync for window in barriers):
        return True
    overruns = started is not None and all(window.spec.sync_overrun for window in barriers)
    return overruns and started is not None and may_sync(windows, started, manual=manual)


def next_change(windows: Sequence[Window], now: dt.datetime) -> float | None:
    """Seconds until one of the windows opens or closes; None when none ever does."""
    times = [at for window in windows if (at := window.next_change(now)) is not None]
    return max(0.0, (min(times) - now).total_seconds()) if times else None


def _concerns(spec: SyncWindow, app: Application) -> bool:
    destination = app.spec.destination
    server = destination.server or IN_CLUSTER_SERVER
    name = destination.name or (IN_CLUSTER_NAME if server == IN_CLUSTER_SERVER else "")
    lists = (
        (spec.applications, (app.name,)),
        (spec.namespaces, (destination.namespace,)),
        (spec.clusters, (server, name)),
    )
    verdicts = [
        any(matches(pattern, text) for pattern in patterns for text in texts if text)
        for patterns, texts in lists
        if patterns
    ]
    return bool(verdicts) and (all(verdicts) if spec.and_operator else any(verdicts))
