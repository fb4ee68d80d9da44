"""Resource quantities: `100m`, `1.5Gi`, `1e3`; exact arithmetic and the canonical text.

Pure. Kubernetes keeps at most nine decimal places (rounded up) and prints a quantity with the
largest suffix that keeps it an integer, in the family (1024s, 1000s, exponent) it was given in.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache

from towline.errors import InputError

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()}
_SYNTAX = re.compile(
    r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
)
_MESSAGE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_NANO = Decimal("1e-9")
_LIMIT = Decimal(2**63 - 1)
_MAX_LENGTH = 64
_EXACT = Context(prec=120)


def _split(text: str) -> tuple[Decimal, str]:
    """The value and the suffix; raises InputError."""
    if len(text) > _MAX_LENGTH or not (match := _SYNTAX.fullmatch(text)):
        raise InputError(_MESSAGE)
    sign, digits, suffix = match[1], match[2], match[3] or ""
    number = Decimal(f"{sign}{digits}")
    if suffix in _BINARY:
        value = _EXACT.multiply(number, Decimal(1024 ** _BINARY[suffix]))
    elif suffix in _DECIMAL:
        value = _EXACT.scaleb(number, _DECIMAL[suffix])
    else:
        value = _EXACT.scaleb(number, int(suffix[1:]))
    value = min(max(value, -_LIMIT), _LIMIT)
    if value != value.to_integral_value(context=_EXACT):
        # Away from zero, so that a tiny request never becomes none.
        rounded = abs(value).quantize(_NANO, rounding=ROUND_CEILING, context=_EXACT)
        value = rounded.copy_sign(value)
    return value, suffix


def parse(value: str | int | float) -> Decimal:  # noqa: PYI041  # JSON numbers arrive as either
    """The exact value.

    Raises:
        InputError: It is not a quantity.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(_MESSAGE)
    return _split(value if isinstance(value, str) else _plain(value))[0]


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
    value, suffix = _split(text)
    if value == 0:
        return "0"
    whole = value == value.to_integral_value(context=_EXACT)
    if suffix in _BINARY and whole and abs(value) >= 1024:
        return _binary_text(int(value))
    exponent_form = suffix not in _DECIMAL and suffix not in _BINARY
    return _decimal_text(value, exponent_form=exponent_form)


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
