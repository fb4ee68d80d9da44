"""Durations in nanoseconds and their text: `1h30m`, `2.5s`, `300ms`."""

from __future__ import annotations

import re
from typing import Final

from towline.errors import InputError
from towline.text.gotime.quoting import quote

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART: Final = re.compile(r"(?P<whole>[0-9]*)(?P<point>\.)?(?P<fraction>[0-9]*)(?P<unit>[^.0-9]*)")
_SECOND: Final = _NANOSECONDS["s"]
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_LONGEST: Final = 1000


class DurationError(InputError):
    """A text that is no duration; the message is Go's."""


def parse_duration(text: str) -> int:
    """The nanoseconds of a duration such as `-1.5h` or `1h2m3s`.

    Raises:
        DurationError: It is none, or does not fit into 64 bits.
    """
    sign, rest = 1, text
    if text[:1] in {"+", "-"}:
        sign, rest = (-1 if text[0] == "-" else 1), text[1:]
    if rest == "0":
        return 0
    if not rest or len(text) > _LONGEST:
        raise _invalid(text)
    total = 0
    position = 0
    while position < len(rest):
        match = _PART.match(rest, position)
        if match is None or not (match["whole"] or match["fraction"]):
            raise _invalid(text)
        total += _nanoseconds(match, text)
        if total > 2**63:
            raise _invalid(text)
        position = match.end()
    total *= sign
    if total > _MOST:
        raise _invalid(text)
    return total


def format_duration(nanoseconds: int) -> str:
    """The duration as Go prints it: `1h30m0s`, `2.5s`, `300ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    sign = "-" if nanoseconds < 0 else ""
    size = abs(nanoseconds)
    if size < _SECOND:
        for unit in ("ms", "\u00b5s", "ns"):
            if size >= _NANOSECONDS[unit]:
                return f"{sign}{_decimal(size, _NANOSECONDS[unit])}{unit}"
    seconds = size // _SECOND
    shown = f"{_decimal(size % (60 * _SECOND), _SECOND)}s"
    if seconds >= 60:
        shown = f"{seconds // 60 % 60}m{shown}"
    if seconds >= 3600:
        shown = f"{seconds // 3600}h{shown}"
    return sign + shown


def truncate_duration(nanoseconds: int, multiple: int) -> int:
    """The duration rounded toward zero to a multiple; unchanged when that is not positive."""
    if multiple <= 0:
        return nanoseconds
    rest = abs(nanoseconds) % multiple
    return nanoseconds + rest if nanoseconds < 0 else nanoseconds - rest


def round_duration(nanoseconds: int, multiple: int) -> int:
    """The duration rounded to the nearest multiple, halves away from zero."""
    if multiple <= 0:
        return nanoseconds
    rest = abs(nanoseconds) % multiple
    size = abs(nanoseconds) - rest + (multiple if rest + rest >= multiple else 0)
    return max(_LEAST, min(_MOST, -size if nanoseconds < 0 else size))


def _nanoseconds(match: re.Match[str], text: str) -> int:
    unit = match["unit"]
    if int(match["whole"] or "0") > 2**63:
        raise _invalid(text)
    if not unit:
        raise DurationError(f"time: missing unit in duration {quote(text)}")
    if unit not in _NANOSECONDS:
        raise DurationError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
    scale = _NANOSECONDS[unit]
    fraction = match["fraction"]
    value = int(match["whole"] or "0") * scale
    if fraction:
        # Go keeps as many digits as fit, and reckons with floats.
        kept = fraction
        while kept and int(kept) > _MOST:
            kept = kept[:-1]
        value += int(float(int(kept)) * (float(scale) / 10.0 ** len(kept)))
    return value


def _decimal(size: int, unit: int) -> str:
    whole, rest = divmod(size, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _invalid(text: str) -> DurationError:
    return DurationError(f"time: invalid duration {quote(text)}")
