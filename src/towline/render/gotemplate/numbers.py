"""Numeric literals, by the rules of Go's strconv and text/template's ideal constants."""

from __future__ import annotations

import re
from typing import Final

from towline.render.gotemplate.nodes import Number
from towline.render.gotemplate.quoting import LiteralSyntaxError, quote, unquote_rune

_INTEGER = re.compile(
    r"([+-]?)(?:0[xX](?P<hex>_?[0-9a-fA-F][0-9a-fA-F_]*)|0[oO]?(?P<octal>_?[0-7][0-7_]*)"
    r"|0[bB](?P<binary>_?[01][01_]*)|(?P<decimal>0|[1-9][0-9_]*))\Z"
)
_FLOAT = re.compile(r"[+-]?(?:[0-9_]+\.?[0-9_]*|\.[0-9_]+)(?:[eE][+-]?[0-9_]+)?\Z")
_HEX_FLOAT = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F_]+\.?[0-9a-fA-F_]*|\.[0-9a-fA-F_]+)[pP][+-]?[0-9_]+\Z"
)
_PREFIX = re.compile(r"[+-]?(?:0[xX]|0[oO]|0[bB])?")
_BASES: Final = {"hex": 16, "octal": 8, "binary": 2, "decimal": 10}
_LONGEST: Final = 1000  # digits; 64 bits take 64 at most, but for leading zeros
_MIN, _MAX, _MAX_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1


def parse_number(position: int, source: str, kind: str) -> Number:
    """The literal of a `number`, `rune` or `complex` token.

    Raises:
        LiteralSyntaxError: It is none; the message is Go's.
    """
    if kind == "rune":
        code = unquote_rune(source)
        return Number(
            position=position, source=source, integer=code, unsigned=code, floating=float(code)
        )
    if kind == "complex" or source.endswith("i"):
        return _complex(position, source)
    integer = parse_int(source)
    unsigned = integer if integer is not None and source[0] not in "+-" else None
    if integer == 0:
        unsigned = 0
    if unsigned is not None and not unsigned <= _MAX_UNSIGNED:
        unsigned = None
    if integer is not None and not _MIN <= integer <= _MAX:
        integer = None
    if integer is not None or unsigned is not None:
        floating = float(integer if integer is not None else unsigned or 0)
        return Number(
            position=position,
            source=source,
            integer=integer,
            unsigned=unsigned,
            floating=floating,
        )
    return _floating(position, source)


def parse_int(source: str) -> int | None:
    """The integer that a literal denotes, of any size; None when it is no integer literal."""
    match = _INTEGER.match(source)
    if match is None or not _underscores_separate_digits(source):
        return None
    digits = match[match.lastgroup or 0].replace("_", "")
    if len(digits) > _LONGEST:
        return _MAX_UNSIGNED + 1
    value = int(digits, _BASES[match.lastgroup or "decimal"])
    return -value if match[1] == "-" else value


def parse_float(source: str) -> float | None:
    """The float64 that a literal denotes; None when it is none or overflows."""
    if not _underscores_separate_digits(source):
        return None
    plain = source.replace("_", "")
    if _HEX_FLOAT.match(source):
        try:
            return float.fromhex(plain)
        except OverflowError:
            return None
    if not _FLOAT.match(source):
        return None
    value = float(plain)
    return None if value in {float("inf"), float("-inf")} else value


def _underscores_separate_digits(source: str) -> bool:
    """Whether each underscore stands between digits, or between a base prefix and a digit."""
    if "_" not in source:
        return True
    prefix = _PREFIX.match(source)
    body = "0" + source[prefix.end() :] if prefix and prefix.end() > 1 else source.lstrip("+-")
    digits = "0123456789abcdefABCDEF" if "x" in source[:3].lower() else "0123456789"
    return all(
        before in digits and after in digits
        for before, char, after in zip("_" + body, body, body[1:] + "_", strict=False)
        if char == "_"
    )


def _floating(position: int, source: str) -> Number:
    value = parse_float(source)
    if value is None:
        raise LiteralSyntaxError(f"illegal number syntax: {quote(source)}")
    if not any(char in ".eEpP" for char in source):
        raise LiteralSyntaxError(f"integer overflow: {quote(source)}")
    whole = int(value) if value == int(value) else None
    return Number(
        position=position,
        source=source,
        integer=whole if whole is not None and _MIN <= whole <= _MAX else None,
        unsigned=whole if whole is not None and 0 <= whole <= _MAX_UNSIGNED else None,
        floating=value,
    )


def _complex(position: int, source: str) -> Number:
    if complex_value(source) is None:
        raise LiteralSyntaxError(f"illegal number syntax: {quote(source)}")
    return Number(position=position, source=source, is_complex=True)


def complex_value(source: str) -> complex | None:
    """The value of an imaginary or complex literal such as `2i` or `1+2i`."""
    body = source[:-1]
    cut = max(body.rfind("+", 1), body.rfind("-", 1))
    while cut > 0 and body[cut - 1] in "eEpP":
        cut = max(body.rfind("+", 1, cut), body.rfind("-", 1, cut))
    real = parse_float(body[:cut]) if cut > 0 else 0.0
    imaginary = parse_float(body[cut:] if cut > 0 else body)
    if real is None or imaginary is None:
        return None
    return complex(real, imaginary)
