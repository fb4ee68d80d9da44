"""Durations as people write them (`90s`, `1h30m`) and in Jenkins's units. Pure."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\Z")

_JENKINS_UNITS = {
    "NANOSECONDS": 1e-9,
    "MICROSECONDS": 1e-6,
    "MILLISECONDS": 1e-3,
    "SECONDS": 1.0,
    "MINUTES": 60.0,
    "HOURS": 3600.0,
    "DAYS": 86400.0,
}


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `1h30m`.

    Raises:
        ValueError: When the text is not a duration.
    """
    if len(text) > 40 or not _WHOLE.match(text):
        raise ValueError(f"'{text[:40]}' is not a duration")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def jenkins_seconds(amount: float, unit: str) -> float:
    """Seconds of an amount in one of Jenkins's time units.

    Raises:
        ValueError: When the unit is unknown.
    """
    try:
        return amount * _JENKINS_UNITS[unit.upper()]
    except KeyError:
        known = ", ".join(_JENKINS_UNITS)
        raise ValueError(f"unknown time unit '{unit}'; known: {known}") from None
