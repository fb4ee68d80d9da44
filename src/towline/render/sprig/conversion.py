"""Values as numbers and strings, leniently, as Sprig converts them."""

from __future__ import annotations

import re
from typing import Any, Final

from towline.errors import LimitError
from towline.render.gotemplate.formatting import sprint
from towline.render.gotemplate.functions import FunctionError
from towline.render.gotemplate.kinds import GoNumber, GoValue, Int64, Uint8, kind_name
from towline.render.gotemplate.numbers import parse_float, parse_int
from towline.render.sprig.work import Work

_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_ZERO_DECIMALS: Final = re.compile(r"\.0+\Z")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+\Z")
_OCTAL: Final = re.compile(r"[+-]?[0-7]+\Z")
_WORDS: Final = re.compile(r"[+-]?(?:inf(?:inity)?|nan)\Z", re.IGNORECASE)
_LONGEST_NUMBER: Final = 1000
NIL_DEREFERENCE: Final = "runtime error: invalid memory address or nil pointer dereference"


def to_bytes(text: str) -> bytes:
    """The bytes of a Go string."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """The Go string of these bytes; bytes that are not UTF-8 survive."""
    return data.decode("utf-8", "surrogateescape")


def string_of(value: Any) -> str:
    """The value as a string: text as it is, bytes, what `String()` says, else as `%v`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return to_text(value)
    if isinstance(value, GoValue):
        shown = value.go_string()
        if shown is not None:
            return shown
    return sprint(value)


def strings_of(value: Any) -> list[str]:
    """The elements of a list as strings, without nils; any other value as the only one."""
    if isinstance(value, list):
        return [string_of(item) for item in value if item is not None]
    if value is None:
        return []
    if isinstance(value, bytes):
        return [str(byte) for byte in value]
    return [string_of(value)]


def to_integer(value: Any) -> int:
    """The value as an integer of 64 bits; 0 when it has no such form."""
    if isinstance(value, float):
        return float_to_integer(value)
    if isinstance(value, int):
        # Of the named number types only those of the time package's calendar are understood.
        if isinstance(value, GoNumber) and value.go_kind != "int":
            return 0
        return _wrap(int(value))
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        number = parse_int(_ZERO_DECIMALS.sub("", value))
        return number if number is not None and _LEAST <= number <= _MOST else 0
    return 0


def to_int64(value: Any) -> Int64:
    """The value as int64; 0 when it has no such form."""
    return Int64(to_integer(value))


def to_float(value: Any) -> float:
    """The value as float64; 0 when it has no such form."""
    if isinstance(value, int | float):
        if isinstance(value, GoNumber) and value.go_kind != "int":
            return 0.0
        return float(value)
    if isinstance(value, str):
        return read_float(value) or 0.0
    return 0.0


def read_float(text: str) -> float | None:
    """The float64 of a text as strconv.ParseFloat reads it; None when it is none."""
    if len(text) > _LONGEST_NUMBER:
        return None
    return float(text) if _WORDS.match(text) else parse_float(text)


def float_to_integer(value: float) -> int:
    """The float without its fraction; what does not fit becomes the least integer."""
    if -(2.0**63) <= value < 2.0**63:
        return int(value)
    return _LEAST


def atoi(text: str) -> int:
    """strconv.Atoi without its error: 0 for what is no number, the bound for what is too big."""
    if len(text) > _LONGEST_NUMBER or not _DECIMAL.match(text):
        return 0
    return max(_LEAST, min(_MOST, int(text)))


def octal_to_int64(value: Any) -> Int64:
    """The octal digits of the value as a number; 0 when it has none."""
    digits = sprint(value)
    if len(digits) > _LONGEST_NUMBER or not _OCTAL.match(digits):
        return Int64(0)
    number = int(digits, 8)
    return Int64(number if _LEAST <= number <= _MOST else 0)


def elements(value: Any, complaint: str) -> list[Any]:
    """The elements of a slice.

    Raises:
        FunctionError: It is none; the text is the complaint and the kind.
    """
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        return [Uint8(byte) for byte in value]
    if value is None:
        raise FunctionError(NIL_DEREFERENCE)
    raise FunctionError(f"{complaint} {kind_name(value)}")


def is_empty(value: Any) -> bool:
    """Whether the value is the zero value of its kind, or has no elements."""
    if isinstance(value, GoValue) and not isinstance(value, int | dict | list):
        return False
    return not value


def deep_equal(left: Any, right: Any) -> bool:
    """reflect.DeepEqual: equal values of the same types all the way down.

    Raises:
        LimitError: The values are too large, or nest too deeply.
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, dict | list):
        try:
            return _equal(left, right, Work())
        except RecursionError as error:
            raise LimitError("compared values nest too deeply") from error
    return bool(left == right)


def _equal(left: Any, right: Any, work: Work) -> bool:
    if type(left) is not type(right):
        return False
    if left is right and isinstance(left, dict):
        return True
    if isinstance(left, dict):
        work.spend(len(left))
        return len(left) == len(right) and all(
            key in right and _equal(item, right[key], work) for key, item in left.items()
        )
    if isinstance(left, list):
        work.spend(len(left))
        return len(left) == len(right) and all(
            _equal(one, other, work) for one, other in zip(left, right, strict=True)
        )
    return bool(left == right)


def _wrap(value: int) -> int:
    return value if _LEAST <= value <= _MOST else (value + 2**63) % 2**64 - 2**63
