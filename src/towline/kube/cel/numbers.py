"""Numbers as Go prints and reads them. Pure."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_SPECIAL = {"inf": math.inf, "infinity": math.inf, "nan": math.nan}


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def general(value: float) -> str:
    """Shortest text, with an exponent when it is below -4 or above 5."""
    if not math.isfinite(value):
        return _special(value)
    digits, exponent = _digits(value)
    sign = "-" if math.copysign(1, value) < 0 else ""
    if -4 <= exponent < 6:
        return plain(value)
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'+' if exponent >= 0 else '-'}{abs(exponent):02d}"


def plain(value: float) -> str:
    """Shortest text without an exponent."""
    if not math.isfinite(value):
        return _special(value)
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def _digits(value: float) -> tuple[str, int]:
    _, digits, exponent = Decimal(repr(abs(value))).as_tuple()
    text = "".join(map(str, digits))
    power = len(text) - 1 + int(exponent)
    return text.rstrip("0") or "0", power if value else 0


def read_float(text: str) -> float:
    """The number that a text spells.

    Raises:
        ValueError: It spells none.
    """
    bare = text.lstrip("+-").lower()
    if bare in _SPECIAL and len(text) - len(bare) <= 1:
        return -_SPECIAL[bare] if text.startswith("-") else _SPECIAL[bare]
    if _FLOAT.fullmatch(text) is None:
        raise ValueError(text)
    return float(text)


def read_int(text: str) -> int:
    """The whole number that a text spells in base 10.

    Raises:
        ValueError: It spells none.
    """
    if len(text) > 40 or _INTEGER.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: float, precision: int) -> str:
    """With that many decimals, thousands apart as in American English."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    return f"{value:,.{precision}f}"


def scientific(value: float, precision: int) -> str:
    """With that many decimals and a power of ten such as 1.5 times 10 to the 4th."""
    if not math.isfinite(value):
        return fixed(value, precision)
    mantissa, _, exponent = f"{value:.{precision}e}".partition("e")
    return f"{mantissa}\u00d710{exponent.removeprefix('+').translate(_SUPERSCRIPTS)}"


ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}


def quoted(text: str) -> str:
    """A text in quotation marks, with escapes for what does not print."""
    return '"' + "".join(ESCAPES.get(char) or _printable(char) for char in text) + '"'


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
