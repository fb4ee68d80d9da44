"""Resource quantities: `100m`, `1.5Gi`, `1e3`; exact arithmetic and the canonical text.

Pure. Kubernetes keeps at most nine decimal places (rounded up) and prints a quantity with the
largest suffix that keeps it an integer, in the family (1024s, 1000s, exponent) it was given in.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from towline.errors import InputError

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()}
_SYNTAX = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*(?:[+-]?[0-9]*))")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,2})")
_MESSAGE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_BAD_SUFFIX = "unable to parse quantity's suffix"
_NANO = Decimal("1e-9")
_LIMIT = Decimal(2**63 - 1)
_MAX_LENGTH = 64
_EXACT = Context(prec=120)


class _Parts(NamedTuple):
    """A quantity's text taken apart.

    `exponent` is a power of 1024 for the family `binary`, of 10 for `decimal` and `exponent`.
    """

    sign: str
    whole: str
    fraction: str
    family: str
    exponent: int


def _split(text: str) -> _Parts:
    match = _SYNTAX.fullmatch(text) if 0 < len(text) <= _MAX_LENGTH else None
    if match is None:
        raise InputError(_MESSAGE)
    sign, whole, fraction, suffix = match[1], match[2].lstrip("0"), match[3] or "", match[4]
    if suffix in _BINARY:
        return _Parts(sign, whole or "0", fraction, "binary", _BINARY[suffix])
    if suffix in _DECIMAL:
        return _Parts(sign, whole or "0", fraction, "decimal", _DECIMAL[suffix])
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None:
        raise InputError(_BAD_SUFFIX)
    return _Parts(sign, whole or "0", fraction, "exponent", int(exponent[1]))


def _value(parts: _Parts) -> Decimal:
    number = Decimal(f"{parts.sign}{parts.whole}.{parts.fraction or '0'}")
    if parts.family == "binary":
        value = _EXACT.multiply(number, Decimal(1024**parts.exponent))
        value = min(max(value, -_LIMIT), _LIMIT)
    else:
        value = _EXACT.scaleb(number, parts.exponent)
    if value != value.to_integral_value(context=_EXACT):
        # Away from zero, so that a tiny request never becomes none.
        rounded = abs(value).quantize(_NANO, rounding=ROUND_CEILING, context=_EXACT)
        value = rounded.copy_sign(value)
    return value


def _kept_as_given(parts: _Parts) -> bool:
    """Whether the API shows the text unchanged: short numbers that look canonical enough."""
    digits = parts.whole + parts.fraction
    if parts.family == "binary":
        room = 15 - len(parts.whole) - parts.exponent * 3 - 1
        return not parts.fraction and room >= 0 and int(digits) % 8 != 0
    scale = parts.exponent - len(parts.fraction)
    fits = len(digits) <= 18 and scale >= -9 and scale % 3 == 0
    return fits and not digits.endswith("000") and not digits.startswith("0")


def parse(value: str | int | float) -> Decimal:  # noqa: PYI041  # JSON numbers arrive as either
    """The exact value.

    Raises:
        InputError: It is not a quantity.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(_MESSAGE)
    return _value(_split(value if isinstance(value, str) else _plain(value)))


def canonical(value: str | int | float) -> str:  # noqa: PYI041
    """The text that the API shows for the quantity: `1000m` is `1`, `1024Mi` is `1Gi`.

    Raises:
        InputError: It is not a quantity.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(_MESSAGE)
    return _canonical(value if isinstance(value, str) else _plain(value))


def _plain(number: int | float) -> str:  # noqa: PYI041
    return str(number) if isinstance(number, int) else format(Decimal(repr(number)), "f")


@lru_cache(maxsize=1024)
def _canonical(text: str) -> str:
    parts = _split(text)
    if _kept_as_given(parts):
        return text
    value = _value(parts)
    if value == 0:
        return "0"
    whole = value == value.to_integral_value(context=_EXACT)
    if parts.family == "binary" and whole and abs(value) >= 1024:
        return _binary_text(int(value))
    return _decimal_text(value, exponent_form=parts.family == "exponent")


def _binary_text(number: int) -> str:
    power = 0
    while power < 6 and number % 1024 == 0:
        number //= 1024
        power += 1
    return f"{number}{_BINARY_SUFFIX.get(power, '')}"


def _decimal_text(value: Decimal, *, exponent_form: bool) -> str:
    digits = int(_EXACT.scaleb(value, 9).to_integral_value(context=_EXACT))
    exponent = -9
    while digits % 1000 == 0 and (exponent < 18 or exponent_form):
        digits //= 1000
        exponent += 3
    if exponent_form:
        return f"{digits}e{exponent}" if exponent else str(digits)
    return f"{digits}{_DECIMAL_SUFFIX[exponent]}"
