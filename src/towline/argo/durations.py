"""Durations as Go writes them: `1h30m`, `5s`, `250ms`; a bare number is seconds."""

from __future__ import annotations

import re
from typing import Final

from towline.errors import InputError

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(text: str, *, field: str = "") -> float:
    """The duration in seconds.

    Raises:
        InputError: When the text is not a duration.
    """
    if _NUMBER.fullmatch(text):
        return float(text)
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not text or end != len(text):
        raise InputError(f"invalid duration {text!r}", field=field)
    return total
