"""Floats as Go's strconv and encoding/json print them: the shortest digits that read back."""

from __future__ import annotations

import math
from typing import Final

_UINT64: Final = 2**64
_FIXED_BELOW: Final = 1e6
_FIXED_FROM: Final = 1e-4
_JSON_FIXED_BELOW: Final = 1e21
_JSON_FIXED_FROM: Final = 1e-6


def shortest(value: float) -> str:
    """The value as strconv.FormatFloat(value, 'g', -1, 64): `1e+06`, `0.25`, `NaN`, `+Inf`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    if value == 0 or _FIXED_FROM <= abs(value) < _FIXED_BELOW:
        return fixed(value)
    return exponent(value)


def json_number(value: float) -> str:
    """The value as encoding/json writes it: no exponent from 1e-6 up to 1e21.

    Raises:
        ValueError: For NaN and the infinities.
    """
    if not math.isfinite(value):
        raise ValueError(f"json: unsupported value: {shortest(value)}")
    if value == 0 or _JSON_FIXED_FROM <= abs(value) < _JSON_FIXED_BELOW:
        return fixed(value)
    text = exponent(value)
    # encoding/json drops the padding zero of negative exponents only.
    return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text


def yaml_number(value: float) -> str:
    """The value after its way through JSON into YAML: whole numbers are integers.

    Raises:
        ValueError: For NaN and the infinities.
    """
    text = json_number(value)
    if text.lstrip("-").isdigit():
        whole = int(text)
        if -_UINT64 // 2 <= whole < _UINT64:
            return str(whole)
    return shortest(value)


def fixed(value: float) -> str:
    """The value with its shortest digits and without an exponent."""
    sign, digits, point = _decompose(value)
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}" if digits else f"{sign}0"
    whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def exponent(value: float) -> str:
    """The value with its shortest digits and an exponent of at least two digits."""
    sign, digits, point = _decompose(value)
    power = point - 1 if digits else 0
    digits = digits or "0"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _decompose(value: float) -> tuple[str, str, int]:
    """Sign, significant digits (none for zero) and the place of the point before them."""
    text = repr(value)
    sign = "-" if text[0] == "-" else ""
    mantissa, _, power = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    point = len(whole) + int(power or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    return sign, stripped.rstrip("0"), point - (len(digits) - len(stripped))
