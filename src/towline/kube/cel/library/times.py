"""Parts of moments and spans: `getFullYear`, `getHours` and so on. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.moments import as_datetime
from towline.kube.cel.values import NANO, Duration, Timestamp

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)")

_PARTS: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda at: at.year,
    "getMonth": lambda at: at.month - 1,
    "getDayOfYear": lambda at: at.timetuple().tm_yday - 1,
    "getDayOfMonth": lambda at: at.day - 1,
    "getDate": lambda at: at.day,
    "getDayOfWeek": lambda at: at.isoweekday() % 7,
    "getHours": lambda at: at.hour,
    "getMinutes": lambda at: at.minute,
    "getSeconds": lambda at: at.second,
    "getMilliseconds": lambda at: at.microsecond // 1000,
}


def _part(read: Callable[[datetime], int]) -> Callable[..., int]:
    def run(moment: Timestamp, zone: str = "") -> int:
        at = as_datetime(moment)
        return read(_moved(at, zone) if zone else at)

    return run


def _moved(at: datetime, zone: str) -> datetime:
    """The moment in a zone, given by name or as `+02:00`."""
    match = _OFFSET.fullmatch(zone)
    try:
        if match is None:
            return at.astimezone(ZoneInfo(zone))
        shift = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return at.astimezone(timezone(-shift if match[1] == "-" else shift))
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        raise EvaluationError(f"unknown time zone {zone}") from None


for _name, _read in _PARTS.items():
    _overload(_name, "timestamp.() -> int", "timestamp.(string) -> int")(_part(_read))


def _whole(nanos: int, unit: int) -> int:
    """Whole units, towards zero."""
    return abs(nanos) // unit * (1 if nanos >= 0 else -1)


@_overload("getHours", "duration.() -> int")
def _hours(span: Duration) -> int:
    return _whole(span.nanos, 3600 * NANO)


@_overload("getMinutes", "duration.() -> int")
def _minutes(span: Duration) -> int:
    return _whole(span.nanos, 60 * NANO)


@_overload("getSeconds", "duration.() -> int")
def _seconds(span: Duration) -> int:
    return _whole(span.nanos, NANO)


@_overload("getMilliseconds", "duration.() -> int")
def _milliseconds(span: Duration) -> int:
    return _whole(span.nanos, NANO // 1000)
