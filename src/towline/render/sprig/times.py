"""time.Time, time.Duration and their calendar types as values of templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from towline.render.gotemplate.functions import (
    BOOL,
    FLOAT64,
    INT,
    INT64,
    STRING,
    Function,
    GoType,
    object_type,
)
from towline.render.gotemplate.kinds import GoNumber, GoObject, Int64
from towline.text.gotime import (
    ZERO,
    Moment,
    format_duration,
    format_moment,
    round_duration,
    truncate_duration,
)
from towline.text.gotime.civil import day_of_year, days_of
from towline.text.gotime.layout import DAYS, MONTHS, RFC3339_NANO
from towline.text.gotime.layout import STRING as STRING_LAYOUT

_BILLION: Final = 1_000_000_000
_DAY: Final = 86_400
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1


class GoDuration(GoNumber):
    """time.Duration, in nanoseconds."""

    go_type: ClassVar[str] = "time.Duration"
    go_kind: ClassVar[str] = "int64"

    def go_string(self) -> str:
        """As `1h30m0s`."""
        return format_duration(int(self))


class GoMonth(GoNumber):
    """time.Month."""

    go_type: ClassVar[str] = "time.Month"

    def go_string(self) -> str:
        """Its English name."""
        return MONTHS[int(self) - 1]


class GoWeekday(GoNumber):
    """time.Weekday."""

    go_type: ClassVar[str] = "time.Weekday"

    def go_string(self) -> str:
        """Its English name."""
        return DAYS[int(self)]


class GoTime(GoObject):
    """time.Time."""

    __slots__ = ("moment",)
    go_type: ClassVar[str] = "time.Time"

    def __init__(self, moment: Moment) -> None:
        self.moment = moment

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GoTime) and self.moment == other.moment

    def __hash__(self) -> int:
        return hash(self.moment)

    def go_string(self) -> str:
        """As `2006-01-02 15:04:05.999999999 -0700 MST`."""
        return format_moment(self.moment, STRING_LAYOUT)

    def go_json(self) -> str:
        """As RFC 3339 with nanoseconds."""
        return format_moment(self.moment, RFC3339_NANO)


def shifted(moment: Moment, nanoseconds: int) -> Moment:
    """The moment so much later, in the same zone."""
    seconds, rest = divmod(moment.total_nanoseconds + nanoseconds, _BILLION)
    return Moment(seconds, rest, moment.offset, moment.zone, moment.location)


def between(later: Moment, earlier: Moment) -> GoDuration:
    """The time from one moment to another, within 64 bits."""
    gap = later.total_nanoseconds - earlier.total_nanoseconds
    return GoDuration(max(_LEAST, min(_MOST, gap)))


def _add_date(moment: Moment, years: int, months: int, days: int) -> Moment:
    year, month, day = moment.date
    target = days_of(year + years, month + months, 1) + day - 1 + days
    gap = target - days_of(year, month, day)
    return shifted(moment, gap * _DAY * _BILLION)


def _utc(moment: Moment) -> Moment:
    return Moment(moment.seconds, moment.nanoseconds)


def _reading(body: Callable[[Moment], Any], result: GoType) -> Function:
    return Function(lambda this: body(this.moment), result=result)


def _comparing(body: Callable[[int, int], Any], result: GoType = BOOL) -> Function:
    return Function(
        lambda this, other: body(this.moment.total_nanoseconds, other.moment.total_nanoseconds),
        (TIME,),
        result=result,
    )


TIME: Final = object_type(GoTime)
DURATION: Final = object_type(GoDuration)
MONTH: Final = object_type(GoMonth)
WEEKDAY: Final = object_type(GoWeekday)

GoTime.go_methods = {
    "Format": Function(
        lambda this, layout: format_moment(this.moment, layout), (STRING,), result=STRING
    ),
    "String": Function(GoTime.go_string, result=STRING),
    "Year": _reading(lambda moment: moment.date[0], INT),
    "Month": _reading(lambda moment: GoMonth(moment.date[1]), MONTH),
    "Day": _reading(lambda moment: moment.date[2], INT),
    "YearDay": _reading(lambda moment: day_of_year(*moment.date), INT),
    "Weekday": _reading(lambda moment: GoWeekday(moment.weekday), WEEKDAY),
    "Hour": _reading(lambda moment: moment.clock[0], INT),
    "Minute": _reading(lambda moment: moment.clock[1], INT),
    "Second": _reading(lambda moment: moment.clock[2], INT),
    "Nanosecond": _reading(lambda moment: moment.nanoseconds, INT),
    "Unix": _reading(lambda moment: Int64(moment.seconds), INT64),
    "UnixMilli": _reading(lambda moment: Int64(moment.total_nanoseconds // 1_000_000), INT64),
    "UnixMicro": _reading(lambda moment: Int64(moment.total_nanoseconds // 1_000), INT64),
    "UnixNano": _reading(lambda moment: Int64(moment.total_nanoseconds), INT64),
    "IsZero": _reading(lambda moment: _utc(moment) == ZERO, BOOL),
    "UTC": _reading(lambda moment: GoTime(_utc(moment)), TIME),
    "Add": Function(
        lambda this, gap: GoTime(shifted(this.moment, int(gap))), (DURATION,), result=TIME
    ),
    "AddDate": Function(
        lambda this, years, months, days: GoTime(_add_date(this.moment, years, months, days)),
        (INT, INT, INT),
        result=TIME,
    ),
    "Sub": Function(
        lambda this, other: between(this.moment, other.moment), (TIME,), result=DURATION
    ),
    "Before": _comparing(lambda mine, theirs: mine < theirs),
    "After": _comparing(lambda mine, theirs: mine > theirs),
    "Equal": _comparing(lambda mine, theirs: mine == theirs),
    "Compare": _comparing(lambda mine, theirs: (mine > theirs) - (mine < theirs), INT),
}


def _counted(body: Callable[[int], Any], result: GoType) -> Function:
    return Function(lambda this: body(int(this)), result=result)


GoDuration.go_methods = {
    "String": Function(GoDuration.go_string, result=STRING),
    "Nanoseconds": _counted(Int64, INT64),
    "Microseconds": _counted(lambda size: Int64(truncate_duration(size, 1_000) // 1_000), INT64),
    "Milliseconds": _counted(
        lambda size: Int64(truncate_duration(size, 1_000_000) // 1_000_000), INT64
    ),
    "Seconds": _counted(lambda size: in_units(size, _BILLION), FLOAT64),
    "Minutes": _counted(lambda size: in_units(size, 60 * _BILLION), FLOAT64),
    "Hours": _counted(lambda size: in_units(size, 3600 * _BILLION), FLOAT64),
    "Abs": _counted(lambda size: GoDuration(min(abs(size), _MOST)), DURATION),
    "Round": Function(
        lambda this, unit: GoDuration(round_duration(int(this), int(unit))),
        (DURATION,),
        result=DURATION,
    ),
    "Truncate": Function(
        lambda this, unit: GoDuration(truncate_duration(int(this), int(unit))),
        (DURATION,),
        result=DURATION,
    ),
}
GoMonth.go_methods = {"String": Function(GoMonth.go_string, result=STRING)}
GoWeekday.go_methods = {"String": Function(GoWeekday.go_string, result=STRING)}


def in_units(nanoseconds: int, unit: int) -> float:
    """A duration as a float of larger units, reckoned as Go does."""
    size = abs(nanoseconds)
    value = float(size // unit) + float(size % unit) / float(unit)
    return -value if nanoseconds < 0 else value
