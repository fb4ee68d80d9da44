"""Sprig's functions on dates, and those on durations that Helm 4 adds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any, Final

from towline.render.gotemplate.functions import (
    ANY,
    FLOAT64,
    INT64,
    STRING,
    Function,
    FunctionError,
)
from towline.render.gotemplate.kinds import GoNumber, Int32, Int64, type_name
from towline.render.gotemplate.quoting import quote
from towline.render.sprig.conversion import float_to_integer, read_float
from towline.render.sprig.environment import Environment
from towline.render.sprig.strings import SPACE
from towline.render.sprig.times import DURATION, TIME, GoDuration, GoTime, in_units, shifted
from towline.text.gotime import (
    ZERO,
    DurationError,
    Moment,
    TimeError,
    at,
    format_duration,
    format_moment,
    in_zone,
    parse_duration,
    parse_moment,
    round_duration,
    truncate_duration,
)

_BILLION: Final = 1_000_000_000
_HOUR: Final = 3600 * _BILLION
_HTML: Final = "2006-01-02"
_ROUNDED: Final = (
    ("y", 365 * 24 * _HOUR),
    ("mo", 30 * 24 * _HOUR),
    ("d", 24 * _HOUR),
    ("h", _HOUR),
    ("m", 60 * _BILLION),
    ("s", _BILLION),
)
_MOST: Final = 2**63 - 1
_DIGITS: Final = frozenset("0123456789")


class Dates:
    """The functions that need a clock or zones.

    Args:
        environment: Where these come from.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def now(self) -> GoTime:
        """The time, in the local zone."""
        return GoTime(at(self._environment.now(), self._environment.local_zone, "Local"))

    def in_zone(self, layout: str, date: Any, zone: str) -> str:
        """A date in the form of a layout, in a zone; UTC when that is unknown.

        Args:
            layout: The form.
            date: A time, or seconds since 1970; anything else stands for now.
            zone: The zone's name; empty is UTC, and `Local` the local zone.
        """
        known, name = self._zone(zone)
        return format_moment(in_zone(self._moment(date), known, name), layout)

    def local(self, layout: str, date: Any) -> str:
        """A date in the form of a layout, in the local zone."""
        return self.in_zone(layout, date, "Local")

    def ago(self, date: Any) -> str:
        """How long ago a date was, in whole seconds."""
        then = self._moment(date, int32=False).total_nanoseconds
        gap = max(-_MOST - 1, min(_MOST, self._environment.now() - then))
        return format_duration(round_duration(gap, _BILLION))

    def rounded(self, duration: Any) -> str:
        """A duration, or the time since a date, in its largest unit alone."""
        size = abs(self._nanoseconds(duration))
        for unit, length in _ROUNDED:
            if size > length:
                return f"{size // length}{unit}"
        return "0s"

    def parsed(self, layout: str, text: str) -> GoTime:
        """The time of a text; the zero time when it has another form."""
        try:
            return self.must_parse(layout, text)
        except FunctionError:
            return GoTime(ZERO)

    def must_parse(self, layout: str, text: str) -> GoTime:
        """The time of a text.

        Raises:
            FunctionError: It has another form.
        """
        try:
            return GoTime(parse_moment(layout, text, self._environment.local_zone, "Local"))
        except TimeError as error:
            raise FunctionError(error.message) from error

    def _zone(self, name: str) -> tuple[tzinfo, str]:
        if name == "Local":
            return self._environment.local_zone, "Local"
        zone = None if name in {"", "UTC"} else self._environment.load_zone(name)
        return (UTC, "UTC") if zone is None else (zone, name)

    def _moment(self, date: Any, *, int32: bool = True) -> Moment:
        if isinstance(date, GoTime):
            return date.moment
        if type(date) in {int, Int64} or (int32 and type(date) is Int32):
            return Moment(int(date))
        return at(self._environment.now())

    def _nanoseconds(self, duration: Any) -> int:
        if isinstance(duration, str):
            try:
                return parse_duration(duration)
            except DurationError:
                return 0
        if isinstance(duration, GoTime):
            return self._environment.now() - duration.moment.total_nanoseconds
        return int(duration) if type(duration) is Int64 else 0


def modify(duration: str, date: GoTime) -> GoTime:
    """The date so much later; unchanged when the duration is none."""
    try:
        return must_modify(duration, date)
    except FunctionError:
        return date


def must_modify(duration: str, date: GoTime) -> GoTime:
    """The date so much later.

    Raises:
        FunctionError: The duration is none.
    """
    try:
        return GoTime(shifted(date.moment, parse_duration(duration)))
    except DurationError as error:
        raise FunctionError(error.message) from error


def seconds_text(value: Any) -> str:
    """So many seconds as a duration; only int64 and text are counted."""
    seconds = 0
    if type(value) is Int64:
        seconds = int(value)
    elif isinstance(value, str):
        digits = value.removeprefix("-") if value[:1] == "-" else value.removeprefix("+")
        if digits and _DIGITS.issuperset(digits) and len(digits) < 100:
            seconds = max(-_MOST - 1, min(_MOST, int(value)))
    nanoseconds = (seconds * _BILLION + 2**63) % 2**64 - 2**63
    return format_duration(nanoseconds)


def functions(environment: Environment) -> Mapping[str, Function]:
    """The functions by name."""
    dates = Dates(environment)
    in_any_zone = Function(dates.in_zone, (STRING, ANY, STRING), result=STRING)
    modifying = Function(modify, (STRING, TIME), result=TIME)
    must_modifying = Function(must_modify, (STRING, TIME), result=TIME)
    return {
        "now": Function(dates.now, result=TIME),
        "ago": Function(dates.ago, (ANY,), result=STRING),
        "date": Function(dates.local, (STRING, ANY), result=STRING),
        "date_in_zone": in_any_zone,
        "dateInZone": in_any_zone,
        "date_modify": modifying,
        "dateModify": modifying,
        "must_date_modify": must_modifying,
        "mustDateModify": must_modifying,
        "duration": Function(seconds_text, (ANY,), result=STRING),
        "durationRound": Function(dates.rounded, (ANY,), result=STRING),
        "htmlDate": Function(lambda date: dates.local(_HTML, date), (ANY,), result=STRING),
        "htmlDateInZone": Function(
            lambda date, zone: dates.in_zone(_HTML, date, zone), (ANY, STRING), result=STRING
        ),
        "toDate": Function(dates.parsed, (STRING, STRING), result=TIME),
        "mustToDate": Function(dates.must_parse, (STRING, STRING), result=TIME),
        "unixEpoch": Function(lambda date: str(date.moment.seconds), (TIME,), result=STRING),
    }


def to_duration(value: Any) -> GoDuration:
    """The value as a duration: text, or seconds.

    Raises:
        FunctionError: It is none, or does not fit.
    """
    match value:
        case None:
            raise FunctionError("invalid duration")
        case GoDuration():
            return value
        case str():
            return _parsed_duration(value)
        case bool():
            pass
        case int() if not isinstance(value, GoNumber) or value.go_kind != "":
            limit = _MOST // _BILLION
            if not -limit <= int(value) <= limit:
                raise FunctionError(f"duration seconds overflow: {int(value)}")
            return GoDuration(int(value) * _BILLION)
        case float():
            return _from_seconds(value)
    raise FunctionError(f"unsupported duration type {type_name(value)}")


def _parsed_duration(value: str) -> GoDuration:
    text = value.strip(SPACE)
    if not text:
        raise FunctionError("empty duration")
    try:
        return GoDuration(parse_duration(text))
    except DurationError:
        seconds = read_float(text)
        if seconds is None:
            raise FunctionError(f"could not parse duration {quote(value)}") from None
        return _from_seconds(seconds)


def _from_seconds(seconds: float) -> GoDuration:
    if not math.isfinite(seconds):
        shown = "NaN" if math.isnan(seconds) else ("+Inf" if seconds > 0 else "-Inf")
        raise FunctionError(f"invalid duration seconds: {shown}")
    if abs(seconds) > _MOST / _BILLION:
        raise FunctionError(f"duration seconds overflow: {seconds:g}")
    return GoDuration(float_to_integer(seconds * float(_BILLION)))


def _measured(body: Callable[[int], Any], zero: Any) -> Callable[[Any], Any]:
    def measure(value: Any) -> Any:
        try:
            return body(int(to_duration(value)))
        except FunctionError:
            return zero

    return measure


def _fitted(fit: Callable[[int, int], int]) -> Callable[[Any, Any], GoDuration]:
    def body(value: Any, multiple: Any) -> GoDuration:
        try:
            duration = to_duration(value)
        except FunctionError:
            return GoDuration(0)
        try:
            return GoDuration(fit(int(duration), int(to_duration(multiple))))
        except FunctionError:
            return duration

    return body


def helm4_functions() -> Mapping[str, Function]:
    """The functions on durations that Helm 4 adds."""
    table = {
        "mustToDuration": Function(to_duration, (ANY,), result=DURATION),
        "durationRoundTo": Function(_fitted(round_duration), (ANY, ANY), result=DURATION),
        "durationTruncateTo": Function(_fitted(truncate_duration), (ANY, ANY), result=DURATION),
    }
    for name, unit in (("Milliseconds", 1_000_000), ("Microseconds", 1_000), ("Nanoseconds", 1)):
        table[f"duration{name}"] = Function(_whole(unit), (ANY,), result=INT64)
    for name, length, shares in (
        ("Seconds", _BILLION, ()),
        ("Minutes", 60 * _BILLION, ()),
        ("Hours", _HOUR, ()),
        ("Days", _HOUR, (24.0,)),
        ("Weeks", _HOUR, (24.0, 7.0)),
    ):
        table[f"duration{name}"] = Function(_parts(length, *shares), (ANY,), result=FLOAT64)
    return table


def _whole(unit: int) -> Callable[[Any], Any]:
    return _measured(lambda size: Int64(truncate_duration(size, unit) // unit), Int64(0))


def _parts(length: int, *shares: float) -> Callable[[Any], Any]:
    """Divided one after the other, as the original does: that rounds differently."""

    def body(size: int) -> float:
        value = in_units(size, length)
        for share in shares:
            value /= share
        return value

    return _measured(body, 0.0)
