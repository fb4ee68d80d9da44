"""Go's time layouts: the reference time `Mon Jan 2 15:04:05 MST 2006` shows the form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from towline.text.gotime import civil
from towline.text.gotime.moment import Moment

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS: Final = (*("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),)
_CHUNK: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|_2(?!006)|__2|[345]"
    r"|PM|pm|(?:-|Z)(?:070000|07:00:00|0700|07:00|07)|[.,](?:0+|9+)(?![0-9])"
)
RFC3339_NANO: Final = "2006-01-02T15:04:05.999999999Z07:00"
STRING: Final = "2006-01-02 15:04:05.999999999 -0700 MST"


@lru_cache(maxsize=256)
def split_layout(layout: str) -> tuple[tuple[str, str], ...]:
    """The layout in pairs of literal text and the chunk behind it, which ends up empty."""
    parts: list[tuple[str, str]] = []
    last = 0
    for match in _CHUNK.finditer(layout):
        parts.append((layout[last : match.start()], match[0]))
        last = match.end()
    parts.append((layout[last:], ""))
    return tuple(parts)


def format_moment(moment: Moment, layout: str) -> str:
    """The moment in the form of a layout."""
    return "".join(
        literal + (_shown(moment, chunk) if chunk else "")
        for literal, chunk in split_layout(layout)
    )


def _shown(moment: Moment, chunk: str) -> str:
    if chunk[0] in ".,":
        return _fraction(moment.nanoseconds, chunk)
    if chunk[0] in "-Z" and len(chunk) > 1:
        return _offset(moment.offset, chunk)
    if chunk == "MST":
        return moment.zone or _numeric_zone(moment.offset)
    if chunk in {"15", "3", "03", "4", "04", "5", "05", "PM", "pm"}:
        return _of_clock(moment.clock, chunk)
    return _of_date(moment, chunk)


def _of_clock(clock: tuple[int, int, int], chunk: str) -> str:
    hour, minute, second = clock
    if chunk in {"PM", "pm"}:
        half = "PM" if hour >= 12 else "AM"
        return half if chunk == "PM" else half.lower()
    if chunk == "15":
        return f"{hour:02d}"
    value = {"3": (hour + 11) % 12 + 1, "4": minute, "5": second}[chunk[-1]]
    return f"{value:02d}" if len(chunk) > 1 else str(value)


def _of_date(moment: Moment, chunk: str) -> str:
    year, month, day = moment.date
    match chunk:
        case "2006":
            return f"{year:04d}" if year >= 0 else f"-{-year:04d}"
        case "06":
            return f"{year % 100:02d}"
        case "January" | "Jan":
            return MONTHS[month - 1][: None if chunk == "January" else 3]
        case "Monday" | "Mon":
            return DAYS[moment.weekday][: None if chunk == "Monday" else 3]
        case "1" | "01":
            return f"{month:0{len(chunk)}d}"
        case "2" | "02":
            return f"{day:0{len(chunk)}d}"
        case "_2":
            return f"{day:2d}"
    number = civil.day_of_year(year, month, day)
    return f"{number:3d}" if chunk == "__2" else f"{number:03d}"


def _fraction(nanoseconds: int, chunk: str) -> str:
    digits = f"{nanoseconds:09d}"[: len(chunk) - 1].ljust(len(chunk) - 1, "0")
    if chunk[1] == "9":
        digits = digits.rstrip("0")
        return chunk[0] + digits if digits else ""
    return chunk[0] + digits


def _offset(offset: int, chunk: str) -> str:
    if chunk[0] == "Z" and offset == 0:
        return "Z"
    sign = "-" if offset < 0 else "+"
    size = abs(offset)
    colon = ":" if ":" in chunk else ""
    shown = f"{sign}{size // 3600:02d}"
    if len(chunk) > len("-07"):
        shown += f"{colon}{size // 60 % 60:02d}"
    if len(chunk) > len("-07:00"):
        shown += f"{colon}{size % 60:02d}"
    return shown


def _numeric_zone(offset: int) -> str:
    minutes = abs(offset) // 60
    shown = f"{'-' if offset < 0 else '+'}{minutes // 60:02d}"
    return f"{shown}{minutes % 60:02d}"
