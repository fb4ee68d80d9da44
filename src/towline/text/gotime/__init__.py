"""Points in time and durations as Go's time package prints, parses and reckons them. Pure."""

from towline.text.gotime.duration import (
    DurationError,
    format_duration,
    parse_duration,
    round_duration,
    truncate_duration,
)
from towline.text.gotime.layout import format_moment
from towline.text.gotime.moment import ZERO, Moment, at, in_zone
from towline.text.gotime.reading import TimeError, parse_moment

__all__ = [
    "ZERO",
    "DurationError",
    "Moment",
    "TimeError",
    "at",
    "format_duration",
    "format_moment",
    "in_zone",
    "parse_duration",
    "parse_moment",
    "round_duration",
    "truncate_duration",
]
