"""Cron schedules as CronJobs write them: five fields, `@hourly` and the like, `@every 5m`. Pure.

A time that a change of the clocks skips does not run that day; one that happens twice runs twice.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Protocol

import msgspec

from towline.errors import InputError

_MINUTE = dt.timedelta(minutes=1)
_DAY = dt.timedelta(days=1)
_HORIZON_YEARS = 5
_MAX_LENGTH = 256
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_WEEKDAYS = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|us|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


class Schedule(Protocol):
    """Tells when something is due."""

    def next(self, after: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
        """The first time after a moment, in UTC; None when there is none in five years."""
        ...


class Every(msgspec.Struct, frozen=True):
    """A fixed distance from the last time.

    Attributes:
        seconds: The distance, at least one.
    """

    seconds: int

    def next(self, after: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
        """That many seconds later; the zone does not matter."""
        return after.astimezone(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=self.seconds)


class Calendar(msgspec.Struct, frozen=True):
    """Five fields.

    Attributes:
        minutes: 0 to 59.
        hours: 0 to 23.
        days: Days of the month, 1 to 31.
        months: 1 to 12.
        weekdays: 0 is Sunday.
        either_day: Whether a day needs to match only one of `days` and `weekdays`: both are given.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next(self, after: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
        """The first matching minute after a moment."""
        moment = after.astimezone(dt.UTC).replace(second=0, microsecond=0) + _MINUTE
        last_year = moment.astimezone(zone).year + _HORIZON_YEARS
        while True:
            local = moment.astimezone(zone)
            if local.year > last_year:
                return None
            if local.month not in self.months:
                following = (local.replace(day=1) + 32 * _DAY).replace(day=1)
                moment = _midnight(following, moment, zone)
            elif not self._on_day(local):
                moment = _midnight(local + _DAY, moment, zone)
            elif local.hour not in self.hours:
                moment += (60 - local.minute) * _MINUTE
            elif local.minute not in self.minutes:
                later = [minute for minute in self.minutes if minute > local.minute]
                moment += (min(later, default=60) - local.minute) * _MINUTE
            else:
                return moment

    def _on_day(self, local: dt.datetime) -> bool:
        by_month = local.day in self.days
        by_week = local.isoweekday() % 7 in self.weekdays
        return (by_month or by_week) if self.either_day else (by_month and by_week)


def _midnight(day: dt.datetime, now: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The first moment of a local day, always later than `now`."""
    start = dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(dt.UTC)
    return max(start, now + _MINUTE)


def parse_schedule(text: str) -> Schedule:
    """Reads a schedule.

    Raises:
        InputError: It is not one; the message says why.
    """
    if len(text) > _MAX_LENGTH:
        raise InputError(f"schedule is longer than {_MAX_LENGTH} characters")
    words = text.split()
    if not words:
        raise InputError("empty spec string")
    if words[0].startswith("@"):
        return _descriptor(text.strip())
    if len(words) != 5:
        listed = " ".join(words)
        raise InputError(f"expected exactly 5 fields, found {len(words)}: [{listed}]")
    minute, hour, day, month, weekday = words
    return Calendar(
        minutes=_field(minute, 0, 59),
        hours=_field(hour, 0, 23),
        days=_field(day, 1, 31),
        months=_field(month, 1, 12, _MONTHS),
        weekdays=frozenset(number % 7 for number in _field(weekday, 0, 6, _WEEKDAYS)),
        either_day=not (_is_open(day) or _is_open(weekday)),
    )


def _descriptor(text: str) -> Schedule:
    if text in _NAMED:
        return parse_schedule(_NAMED[text])
    word, _, length = text.partition(" ")
    if word != "@every":
        raise InputError(f"unrecognized descriptor: {text}")
    found = _DURATION.findall(length)
    if not found or "".join(number + unit for number, unit in found) != length:
        raise InputError(f"failed to parse duration {text}")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in found)
    return Every(max(1, int(seconds)))


def _is_open(field: str) -> bool:
    """Whether a field leaves the choice to others: a plain star, also with steps of one."""
    return any(part in {"*", "?", "*/1", "?/1"} for part in field.split(","))


def _field(text: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        if part:
            found.update(_range(part, low, high, names or {}))
    if not found:
        raise InputError(f"empty field: {text!r}")
    return frozenset(found)


def _range(text: str, low: int, high: int, names: dict[str, int]) -> range:
    span, *step_texts = text.split("/")
    if len(step_texts) > 1:
        raise InputError(f"too many slashes: {text}")
    first, *last = span.split("-")
    if len(last) > 1:
        raise InputError(f"too many hyphens: {text}")
    if first in {"*", "?"}:
        start, end = low, high
    else:
        start = _number(first, names)
        end = _number(last[0], names) if last else (high if step_texts else start)
    step = _number(step_texts[0], {}) if step_texts else 1
    if start < low:
        raise InputError(f"beginning of range ({start}) below minimum ({low}): {text}")
    if end > high:
        raise InputError(f"end of range ({end}) above maximum ({high}): {text}")
    if start > end:
        raise InputError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise InputError(f"step of range should be a positive number: {text}")
    return range(start, end + 1, step)


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InputError(f"failed to parse int from {text}")
    return int(text)
