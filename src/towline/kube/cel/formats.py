"""Format strings: their clauses, how values print, and which types a clause takes. Pure.

The verbs are %s %d %f %e %b %x %X %o, with a precision for %f and %e.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from towline.kube.cel.issues import EvaluationError, Issue
from towline.kube.cel.moments import show_timestamp
from towline.kube.cel.numbers import fixed, general, plain, quoted, scientific
from towline.kube.cel.tree import Call, ListLiteral, Literal
from towline.kube.cel.types import CelType
from towline.kube.cel.values import (
    NANO,
    Duration,
    Timestamp,
    TypeValue,
    UInt,
    Value,
    is_list,
    type_name,
)

_CLAUSE = re.compile(r"%(?:(%)|(\.[0-9]*)?(.?))", re.DOTALL)
_MAX_PRECISION = 1000


class _Verb(msgspec.Struct, frozen=True):
    """One way to print a value.

    Attributes:
        name: In messages.
        takes: What it prints, in messages.
        kinds: Types that it takes.
        show: Prints a value with a precision; None when it cannot.
    """

    name: str
    takes: str
    kinds: frozenset[str]
    show: Callable[[Value, int], str | None]


def show_duration(span: Duration) -> str:
    """The span in seconds, such as `1.5s`."""
    return f"{plain(span.nanos / NANO)}s"


def format_text(text: str, args: Sequence[Value]) -> str:
    """The text with its clauses replaced.

    Raises:
        EvaluationError: A clause is malformed, or does not fit its value.
    """
    position = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal position
        if match[1]:
            return "%"
        verb = _verb(match[3])
        if position >= len(args):
            raise EvaluationError(f"index {position} out of range")
        value = args[position]
        position += 1
        shown = verb.show(value, _precision(match[2]))
        if shown is None:
            raise EvaluationError(_unfit(verb, type_name(value)))
        return shown

    return _CLAUSE.sub(replace, text)


def format_problems(call: Call, types: Mapping[int, CelType]) -> Iterator[Issue]:
    """What is wrong with a call whose format string and list of values are literals."""
    target, given = call.target, call.args[0] if call.args else None
    if not isinstance(target, Literal) or not isinstance(given, ListLiteral):
        return
    position = 0
    for match in _CLAUSE.finditer(target.value):
        if match[1]:
            continue
        try:
            verb = _verb(match[3])
            _precision(match[2])
        except EvaluationError as error:
            yield Issue(call.at, error.message)
            return
        if position >= len(given.items):
            yield Issue(call.at, f"index {position} out of range")
            return
        item = given.items[position]
        position += 1
        type_ = types[id(item)]
        if type_.kind not in verb.kinds and type_.kind not in {"dyn", "error", "param"}:
            yield Issue(item.at, _unfit(verb, _runtime_name(type_)))
            return
    if position < len(given.items):
        yield Issue(
            call.at,
            f"too many arguments supplied to string.format (expected {position}, got"
            f" {len(given.items)})",
        )


def _runtime_name(type_: CelType) -> str:
    names = {
        "null": "null_type",
        "timestamp": "google.protobuf.Timestamp",
        "duration": "google.protobuf.Duration",
    }
    return names.get(type_.kind, type_.name)


def _verb(char: str) -> _Verb:
    if not char:
        raise EvaluationError("unexpected end of string")
    verb = _VERBS.get(char)
    if verb is None:
        raise EvaluationError(
            f'could not parse formatting clause: unrecognized formatting clause "{char}"'
        )
    return verb


def _precision(text: str | None) -> int:
    if not text:
        return 6
    digits = text[1:]
    if len(digits) > 4 or int(digits or 0) > _MAX_PRECISION:
        raise EvaluationError(f"precision must be at most {_MAX_PRECISION}")
    return int(digits or 0)


def _unfit(verb: _Verb, given: str) -> str:
    return (
        f"error during formatting: {verb.name} clause can only be used on {verb.takes}, was given"
        f" {given}"
    )


# --- values --------------------------------------------------------------------------------------


def _string(value: Value, _: int) -> str | None:
    printed = _PRINTERS.get(type(value))
    if printed is not None:
        return printed(value)
    if isinstance(value, Mapping):
        pairs = sorted((_inside(key), _inside(value[key])) for key in value)
        return "{" + ", ".join(f"{key}:{shown}" for key, shown in pairs) + "}"
    return "[" + ", ".join(map(_inside, value)) + "]" if is_list(value) else None


_PRINTERS: Mapping[type, Callable[[Value], str]] = {
    str: str,
    bytes: lambda value: str(value.decode(errors="replace")),
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: str,
    UInt: lambda value: str(int(value)),
    float: general,
    Timestamp: show_timestamp,
    Duration: show_duration,
    TypeValue: lambda value: str(value.name),
}


def _inside(value: Value) -> str:
    """A value inside a list or map: as a literal."""
    match value:
        case str():
            return quoted(value)
        case bytes():
            return f"b{quoted(value.decode(errors='replace'))}"
        case float():
            return f"{value:.6f}"
        case Timestamp():
            return f"timestamp({quoted(show_timestamp(value))})"
        case Duration():
            return f"duration({quoted(show_duration(value))})"
    shown = _string(value, 0)
    if shown is None:
        raise EvaluationError(f"no formatting function for {type_name(value)}")
    return shown


def _whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _decimal(value: Value, _: int) -> str | None:
    return str(int(value)) if _whole(value) else None


def _fixed(value: Value, precision: int) -> str | None:
    return fixed(value, precision) if isinstance(value, float) else None


def _scientific(value: Value, precision: int) -> str | None:
    return scientific(value, precision) if isinstance(value, float) else None


def _binary(value: Value, _: int) -> str | None:
    return f"{int(value):b}" if isinstance(value, int) else None


def _octal(value: Value, _: int) -> str | None:
    return f"{int(value):o}" if _whole(value) else None


def _hex(value: Value, _: int) -> str | None:
    if _whole(value):
        return f"{int(value):x}"
    if isinstance(value, str):
        return value.encode().hex()
    return value.hex() if isinstance(value, bytes) else None


def _upper_hex(value: Value, precision: int) -> str | None:
    shown = _hex(value, precision)
    return None if shown is None else shown.upper()


_STRING_TAKES = (
    "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
)
_HEX_TAKES = "integers, byte buffers, and strings"
_INTEGERS = frozenset({"int", "uint"})
_DOUBLES = frozenset({"double"})
_PRINTED = frozenset(
    {
        *("string", "bool", "bytes", "int", "uint", "double", "map", "list", "type", "null"),
        *("duration", "timestamp"),
    }
)
_VERBS: Mapping[str, _Verb] = {
    "s": _Verb("string", _STRING_TAKES, _PRINTED, _string),
    "d": _Verb("decimal", "integers", _INTEGERS, _decimal),
    "f": _Verb("fixed-point", "doubles", _DOUBLES, _fixed),
    "e": _Verb("scientific", "doubles", _DOUBLES, _scientific),
    "b": _Verb("binary", "integers and bools", _INTEGERS | {"bool"}, _binary),
    "o": _Verb("octal", "integers", _INTEGERS, _octal),
    "x": _Verb("hex", _HEX_TAKES, _INTEGERS | {"string", "bytes"}, _hex),
    "X": _Verb("hex", _HEX_TAKES, _INTEGERS | {"string", "bytes"}, _upper_hex),
}
