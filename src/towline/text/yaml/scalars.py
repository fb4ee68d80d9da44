"""What a plain YAML scalar means: the table of Go's YAML 1.1 reader, then JSON.

Differences to PyYAML that matter for manifests: `y` and `n` are booleans, `0o755` and `0755` are
octal, `08` is 8, `1e3` is a number, `12:30:45` and dates are text, whole floats are integers.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
}
_NOT_JSON: Final = frozenset(
    [".nan", ".NaN", ".NAN"]
    + [sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")]
)
_INTEGER: Final = re.compile(
    r"[-+]?(?:(?P<hex>0[xX][0-9a-fA-F]+)|(?P<bin>0[bB][01]+)|(?P<oct>0[oO]?[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))\Z"
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_LONGEST_NUMBER: Final = 400
_INT_LIMIT: Final = 2**64
_EXACT_FLOAT: Final = 2.0**63


class NotJsonError(ValueError):
    """A scalar that YAML knows and JSON does not: NaN and the infinities."""


def resolve_plain(text: str) -> Scalar:
    """The value of an unquoted, untagged scalar.

    Raises:
        NotJsonError: For `.nan` and `.inf`.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _LONGEST_NUMBER:
        return text
    if text in _NOT_JSON:
        raise NotJsonError(f"{text} has no JSON form")
    return _number(text)


def resolve_tagged(text: str, tag: Literal["bool", "int", "float", "null"]) -> Scalar:
    """The value of a scalar with one of YAML's own tags, such as `!!int "5"`.

    Raises:
        ValueError: When the text is not of that type.
    """
    value = resolve_plain(text)
    fits = {
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "null": value is None,
    }
    if not fits[tag]:
        raise ValueError(f"cannot decode {text!r} as a !!{tag}")
    return value


def key_text(value: Scalar) -> str:
    """A mapping key as JSON has it: a string.

    Raises:
        ValueError: For null, which has no text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        raise ValueError("null cannot be a key")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f"{value:g}"


def _number(text: str) -> Scalar:
    plain = text.replace("_", "")
    if match := _INTEGER.match(plain):
        value = int(_digits(plain, match.lastgroup or "dec"), _BASES[match.lastgroup or "dec"])
        value = -value if plain[0] == "-" else value
        if -(_INT_LIMIT // 2) <= value < _INT_LIMIT:
            return value
    if text[0] == ".":
        plain = text
    if not _FLOAT.match(plain):
        return text
    number = float(plain)
    if number in {float("inf"), float("-inf")}:
        raise NotJsonError(f"{text} is out of range")
    # Go writes whole floats to JSON without a fraction, and JSON then reads an integer.
    return int(number) if number.is_integer() and abs(number) < _EXACT_FLOAT else number


def _digits(plain: str, base: str) -> str:
    digits = plain.lstrip("+-")
    if base in {"hex", "bin"}:
        return digits[2:]
    return digits.replace("o", "").replace("O", "") if base == "oct" else digits
