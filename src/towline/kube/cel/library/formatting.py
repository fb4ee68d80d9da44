"""`"...".format([...])`: the verbs %s %d %f %e %b %x %X %o. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.library.conversions import show_duration
from towline.kube.cel.moments import show_timestamp
from towline.kube.cel.numbers import general
from towline.kube.cel.values import (
    Duration,
    Timestamp,
    TypeValue,
    UInt,
    Value,
    is_list,
    type_name,
)

FUNCTIONS = Functions()
_CLAUSE = re.compile(r"%(?:(%)|(\.[0-9]*)?(.?))", re.DOTALL)
_MAX_PRECISION = 1000


@FUNCTIONS.overload("format", "string.(list(dyn)) -> string", cost=costs.traversal)
def _format(text: str, args: Sequence[Value]) -> str:
    position = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal position
        if match[1]:
            return "%"
        verb = match[3]
        if not verb:
            raise EvaluationError("unexpected end of string")
        if position >= len(args):
            raise EvaluationError(f"index {position} out of range")
        made = _VERBS.get(verb)
        if made is None:
            raise EvaluationError(
                f'could not parse formatting clause: unrecognized formatting clause "{verb}"'
            )
        value = args[position]
        position += 1
        return made(value, _precision(match[2]))

    return _CLAUSE.sub(replace, text)


def _precision(text: str | None) -> int:
    if not text:
        return 6
    digits = text[1:]
    if len(digits) > 4 or int(digits or 0) > _MAX_PRECISION:
        raise EvaluationError(f"precision must be at most {_MAX_PRECISION}")
    return int(digits or 0)


def _unfit(verb: str, kinds: str, value: Value) -> EvaluationError:
    return EvaluationError(
        f"error during formatting: {verb} clause can only be used on {kinds}, was given"
        f" {type_name(value)}"
    )


def _string(value: Value, _: int) -> str:
    return show(value)


def show(value: Value) -> str:
    """A value as `%s` prints it."""
    match value:
        case str():
            return value
        case bytes():
            return value.decode(errors="replace")
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return general(value)
        case Timestamp():
            return show_timestamp(value)
        case Duration():
            return show_duration(value)
        case TypeValue():
            return value.name
        case Mapping():
            pairs = sorted((show(key), _inside(value[key])) for key in value)
            return "{" + ", ".join(f"{key}: {shown}" for key, shown in pairs) + "}"
    if is_list(value):
        return "[" + ", ".join(_inside(item) for item in value) + "]"
    raise _unfit(
        "string",
        "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
        value,
    )


def _inside(value: Value) -> str:
    """A value inside a list or map."""
    return show(value)


def _whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _decimal(value: Value, _: int) -> str:
    if not _whole(value):
        raise _unfit("decimal", "integers", value)
    return str(int(value))


def _fixed(value: Value, precision: int) -> str:
    if not isinstance(value, float):
        raise _unfit("fixed-point", "doubles", value)
    return f"{value:.{precision}f}"


def _scientific(value: Value, precision: int) -> str:
    if not isinstance(value, float):
        raise _unfit("scientific", "doubles", value)
    return f"{value:.{precision}e}"


def _binary(value: Value, _: int) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if not isinstance(value, (int, UInt)):
        raise _unfit("binary", "integers and bools", value)
    return f"{int(value):b}"


def _octal(value: Value, _: int) -> str:
    if not _whole(value):
        raise _unfit("octal", "integers", value)
    return f"{int(value):o}"


def _hex(value: Value, _: int) -> str:
    if _whole(value):
        return f"{int(value):x}"
    if isinstance(value, str):
        return value.encode().hex()
    if isinstance(value, bytes):
        return value.hex()
    raise _unfit("hex", "integers, byte buffers, and strings", value)


def _upper_hex(value: Value, precision: int) -> str:
    return _hex(value, precision).upper()


_VERBS: Mapping[str, Callable[[Value, int], str]] = {
    "s": _string,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _binary,
    "o": _octal,
    "x": _hex,
    "X": _upper_hex,
}
