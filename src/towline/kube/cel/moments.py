"""Timestamps and durations as text. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from towline.kube.cel.values import MAX_SECONDS, MIN_SECONDS, NANO, Duration, Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:\d\d)"
)
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": NANO,
    "m": 60 * NANO,
    "h": 3600 * NANO,
}


def read_timestamp(text: str) -> Timestamp:
    """The moment that an RFC 3339 text names.

    Raises:
        ValueError: It names none, or one outside the years 1 to 9999.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    parts = [int(each) for each in match.groups()[:6]]
    moment = datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]
    zone = match[8]
    shift = timedelta()
    if zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 24 or minutes > 59:
            raise ValueError(text)
        shift = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    seconds = (moment - _EPOCH - shift) // timedelta(seconds=1)
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise ValueError(text)
    fraction = int((match[7] or "0")[:9].ljust(9, "0"))
    return Timestamp(seconds * NANO + fraction, shift // timedelta(minutes=1))


def read_date(text: str) -> Timestamp:
    """Midnight of a date such as `2024-02-29`.

    Raises:
        ValueError: It is no date.
    """
    return read_timestamp(f"{text}T00:00:00Z")


def show_timestamp(moment: Timestamp) -> str:
    """RFC 3339 with as many decimals as needed, in the zone that it was written with."""
    nanos = moment.nanos % NANO
    at = as_datetime(moment) + timedelta(minutes=moment.offset)
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    zone = "Z"
    if moment.offset:
        hours, minutes = divmod(abs(moment.offset), 60)
        zone = f"{'-' if moment.offset < 0 else '+'}{hours:02d}:{minutes:02d}"
    return f"{at.year:04d}-{at:%m-%dT%H:%M:%S}{fraction}{zone}"


def as_datetime(moment: Timestamp) -> datetime:
    """The moment in UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=moment.nanos // 1000)


def read_duration(text: str) -> Duration:
    """The span that a text such as `1h30m` or `-1.5s` names, as Go reads it.

    Raises:
        ValueError: It names none, or one that does not fit 64 bits of nanoseconds.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return Duration(0)
    total = 0
    position = 0
    while position < len(rest):
        match = _PART.match(rest, position)
        if match is None:
            raise ValueError(text)
        whole, _, fraction = match[1].partition(".")
        unit = _UNITS[match[2]]
        total += int(whole or 0) * unit
        if fraction:
            total += int(fraction[:18]) * unit // 10 ** len(fraction[:18])
        position = match.end()
    if not position or total > 2**63 - 1:
        raise ValueError(text)
    return Duration(sign * total)
