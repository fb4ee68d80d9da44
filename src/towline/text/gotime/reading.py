"""Reads a time in the form of a Go layout, with Go's error texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from towline.errors import InputError
from towline.text.gotime import civil
from towline.text.gotime.layout import DAYS, MONTHS, split_layout
from towline.text.gotime.moment import Moment, clamp, in_zone
from towline.text.gotime.quoting import quote

_DAY: Final = 86_400
_FRACTION: Final = re.compile(r"[.,]([0-9]+)")
_ZONE_NAME: Final = re.compile(
    r"ChST|MeST|GMT(?:[+-](?:2[0-3]|[01]?[0-9])(?![0-9]))?|[+-](?:2[0-3]|[01]?[0-9])(?![0-9])"
    r"|WITA(?![A-Z])|[A-Z]{3,4}T(?![A-Z])|[A-Z]{3}(?![A-Z])"
)
_NUMBERS: Final = {
    "2006": re.compile(r"[0-9]{4}"),
    "06": re.compile(r"[0-9]{2}|[+-][0-9]"),
    "_2": re.compile(r" ?[0-9]{1,2}"),
    "002": re.compile(r"[0-9]{3}"),
    "__2": re.compile(r" {0,2}[0-9]{1,3}"),
}
_TWO_DIGITS: Final = re.compile(r"[0-9]{2}")
_ONE_OR_TWO: Final = re.compile(r"[0-9]{1,2}")
_PARTS: Final = {
    "2006": "year",
    "06": "year",
    "1": "month",
    "2": "day",
    "3": "hour",
    "15": "hour",
    "4": "minute",
    "5": "second",
    "_2": "day",
    "002": "day_of_year",
    "__2": "day_of_year",
}
_RANGES: Final = {
    "1": ("month", 1, 12),
    "15": ("hour", 0, 23),
    "3": ("hour", 0, 12),
    "4": ("minute", 0, 59),
    "5": ("second", 0, 59),
}
_CENTURY_TURN: Final = 69  # two digits of a year from here on mean 19xx


class TimeError(InputError):
    """A text that is no time of the layout; the message is Go's."""


class _Fields(msgspec.Struct):
    """What has been read so far; -1 where nothing was."""

    year: int = 0
    month: int = -1
    day: int = -1
    day_of_year: int = -1
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanosecond: int = 0
    afternoon: bool | None = None
    offset: int | None = None
    zone: str = ""
    utc: bool = False


def parse_moment(layout: str, text: str, zone: tzinfo, location: str) -> Moment:
    """The time that a text gives in the form of a layout.

    Args:
        layout: The form.
        text: The text.
        zone: The zone of a time that names none.
        location: The zone's name.

    Raises:
        TimeError: The text has another form, or a number is out of range.
    """
    return _Reader(layout, text).read(zone, location)


class _Reader:
    """One pass over one text."""

    def __init__(self, layout: str, text: str) -> None:
        self._layout = layout
        self._text = text
        self._rest = text
        self._fields = _Fields()

    def read(self, zone: tzinfo, location: str) -> Moment:
        parts = split_layout(self._layout)
        for index, (literal, chunk) in enumerate(parts):
            self._skip(literal)
            if chunk:
                following = parts[index + 1]
                self._chunk(chunk, fraction_follows=following[1][:1] in {".", ","})
        if self._rest:
            self._fail(f": extra text: {quote(self._rest)}")
        self._settle_date()
        return self._moment(zone, location)

    def _fail(self, message: str) -> None:
        raise TimeError(f"parsing time {quote(self._text)}{message}")

    def _unlike(self, element: str, rest: str) -> None:
        raise TimeError(
            f"parsing time {quote(self._text)} as {quote(self._layout)}:"
            f" cannot parse {quote(rest)} as {quote(element)}"
        )

    def _skip(self, literal: str) -> None:
        """Passes over literal text; any number of spaces stands for a space."""
        left = literal
        while left:
            if left[0] == " ":
                if self._rest and self._rest[0] != " ":
                    self._unlike(literal, self._rest)
                left, self._rest = left.lstrip(" "), self._rest.lstrip(" ")
            elif self._rest[:1] == left[0]:
                left, self._rest = left[1:], self._rest[1:]
            else:
                self._unlike(literal, self._rest)

    def _take(self, pattern: re.Pattern[str], chunk: str) -> str:
        match = pattern.match(self._rest)
        if match is None:
            self._unlike(chunk, self._rest)
            return ""
        self._rest = self._rest[match.end() :]
        return match[0]

    def _chunk(self, chunk: str, *, fraction_follows: bool) -> None:
        if chunk in {"January", "Jan", "Monday", "Mon"}:
            self._name(chunk)
        elif chunk in {"PM", "pm"}:
            halves = ("AM", "PM") if chunk == "PM" else ("am", "pm")
            if self._rest[:2] not in halves:
                self._unlike(chunk, self._rest)
            self._fields.afternoon = self._rest[:2] == halves[1]
            self._rest = self._rest[2:]
        elif chunk == "MST":
            self._zone_name()
        elif chunk[0] in ".,":
            self._fraction(chunk)
        elif chunk[0] in "-Z":
            self._offset(chunk)
        else:
            self._number(chunk)
            if chunk in {"5", "05"} and not fraction_follows:
                self._optional_fraction()

    def _name(self, chunk: str) -> None:
        names = MONTHS if chunk[0] == "J" else DAYS
        for number, name in enumerate(names):
            shown = name if len(chunk) > len("Jan") else name[:3]
            if self._rest[: len(shown)].lower() == shown.lower():
                self._rest = self._rest[len(shown) :]
                if names is MONTHS:
                    self._fields.month = number + 1
                return
        self._unlike(chunk, self._rest)

    def _number(self, chunk: str) -> None:
        pattern = _NUMBERS.get(chunk) or (
            _TWO_DIGITS if len(chunk) > 1 and chunk[0] == "0" else _ONE_OR_TWO
        )
        value = int(self._take(pattern, chunk))
        key = chunk if chunk in _PARTS else chunk.lstrip("0")
        if chunk == "06":
            value += 1900 if value >= _CENTURY_TURN else 2000
        elif key in _RANGES:
            name, least, most = _RANGES[key]
            if not least <= value <= most:
                self._fail(f": {name} out of range")
        setattr(self._fields, _PARTS[key], value)

    def _optional_fraction(self) -> None:
        if match := _FRACTION.match(self._rest):
            self._rest = self._rest[match.end() :]
            self._fields.nanosecond = int(match[1][:9].ljust(9, "0"))

    def _fraction(self, chunk: str) -> None:
        if chunk[1] == "9":
            self._optional_fraction()
            return
        match = _FRACTION.match(self._rest[: len(chunk)])
        if match is None or match.end() != len(chunk):
            self._unlike(chunk, self._rest)
        self._rest = self._rest[len(chunk) :]
        self._fields.nanosecond = int(match[1][:9].ljust(9, "0")) if match else 0

    def _offset(self, chunk: str) -> None:
        if chunk[0] == "Z" and self._rest[:1] == "Z":
            self._rest = self._rest[1:]
            self._fields.utc = True
            return
        wanted = re.sub(r"[0-9]{2}", "([0-9]{2})", chunk[1:])
        match = re.match(rf"([+-]){wanted}", self._rest)
        if match is None:
            self._unlike(chunk, self._rest)
            return
        self._rest = self._rest[match.end() :]
        sign, *numbers = match.groups()
        hours, minutes, seconds = (*map(int, numbers), 0, 0)[:3]
        for value, most, name in ((hours, 24, "hour"), (minutes, 60, "minute")):
            if value > most:
                self._fail(f": time zone offset {name} out of range")
        size = (hours * 60 + minutes) * 60 + seconds
        self._fields.offset = -size if sign == "-" else size

    def _zone_name(self) -> None:
        if self._rest.startswith("UTC"):
            self._rest = self._rest[3:]
            self._fields.utc = True
        else:
            self._fields.zone = self._take(_ZONE_NAME, "MST")

    def _settle_date(self) -> None:
        fields = self._fields
        if fields.day_of_year >= 0:
            self._settle_day_of_year()
        fields.month = max(fields.month, 1)
        fields.day = 1 if fields.day < 0 else fields.day
        if not 1 <= fields.day <= civil.days_in(fields.year, fields.month):
            self._fail(": day out of range")

    def _settle_day_of_year(self) -> None:
        fields = self._fields
        if not 1 <= fields.day_of_year <= 365 + civil.is_leap(fields.year):
            self._fail(": day-of-year out of range")
        days = civil.days_of(fields.year, 1, fields.day_of_year)
        _, month, day = civil.date_of(days)
        if fields.month >= 0 and fields.month != month:
            self._fail(": day-of-year does not match month")
        if fields.day >= 0 and fields.day != day:
            self._fail(": day-of-year does not match day")
        fields.month, fields.day = month, day

    def _moment(self, zone: tzinfo, location: str) -> Moment:
        fields = self._fields
        hour = fields.hour
        if fields.afternoon and hour < 12:
            hour += 12
        elif fields.afternoon is False and hour == 12:
            hour = 0
        seconds = civil.days_of(fields.year, fields.month, fields.day) * _DAY
        seconds += (hour * 60 + fields.minute) * 60 + fields.second
        if fields.utc:
            return Moment(seconds, fields.nanosecond)
        if fields.offset is not None:
            return self._at_offset(seconds - fields.offset, zone, location)
        if fields.zone:
            return self._named(seconds, zone, location)
        utc = seconds - _offset_of(zone, seconds)
        return in_zone(Moment(utc, fields.nanosecond), zone, location)

    def _at_offset(self, seconds: int, zone: tzinfo, location: str) -> Moment:
        fields = self._fields
        local = in_zone(Moment(seconds, fields.nanosecond), zone, location)
        if local.offset == fields.offset and fields.zone in {"", local.zone}:
            return local
        return Moment(seconds, fields.nanosecond, fields.offset or 0, fields.zone, "")

    def _named(self, seconds: int, zone: tzinfo, location: str) -> Moment:
        fields = self._fields
        local = in_zone(
            Moment(seconds - _offset_of(zone, seconds), fields.nanosecond), zone, location
        )
        if local.zone == fields.zone:
            return local
        offset = 0
        if fields.zone.startswith("GMT") and len(fields.zone) > len("GMT"):
            offset = int(fields.zone[3:]) * 3600
        return Moment(seconds - offset, fields.nanosecond, offset, fields.zone, "")


def _offset_of(zone: tzinfo, local_seconds: int) -> int:
    """Seconds that the zone is ahead of UTC at a local time."""
    if zone is UTC:
        return 0
    local_seconds = clamp(local_seconds)
    year, month, day = civil.date_of(local_seconds // _DAY)
    rest = local_seconds % _DAY
    local = datetime(year, month, day, rest // 3600, rest // 60 % 60, rest % 60, tzinfo=zone)
    return int((local.utcoffset() or timedelta()).total_seconds())
