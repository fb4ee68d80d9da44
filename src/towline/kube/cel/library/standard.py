"""Operators and `size`, from the language definition. Pure."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.values import (
    Duration,
    Timestamp,
    TypeValue,
    UInt,
    Value,
    checked_duration,
    checked_int,
    checked_timestamp,
    checked_uint,
    contains,
    equal,
    is_list,
    type_name,
)

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload


@_overload("_&&_", "(bool, bool) -> bool")
@_overload("_||_", "(bool, bool) -> bool")
@_overload("@not_strictly_false", "(bool) -> bool")
@_overload("_?_:_", "(bool, A, A) -> A")
def _planned(*_: Value) -> Value:
    """The planner runs these itself, as they do not always evaluate their arguments."""
    raise EvaluationError("no such overload")


@_overload("!_", "(bool) -> bool")
def _not(value: bool) -> bool:
    return not value


FUNCTIONS.overload("_==_", "(A, A) -> bool", cost=costs.smaller)(equal)


@_overload("_!=_", "(A, A) -> bool", cost=costs.smaller)
def _unequal(one: Value, two: Value) -> bool:
    return not equal(one, two)


# --- order ---------------------------------------------------------------------------------------

_NUMBERS = ("int", "uint", "double")
_ORDERED = (
    "(bool, bool) -> bool",
    *(f"({one}, {two}) -> bool" for one in _NUMBERS for two in _NUMBERS),
    "(timestamp, timestamp) -> bool",
    "(duration, duration) -> bool",
)
_TEXTS = ("(string, string) -> bool", "(bytes, bytes) -> bool")


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    def run(one: Value, two: Value) -> bool:
        if one != one or two != two:  # noqa: PLR0124
            raise EvaluationError("NaN values cannot be ordered")
        return compare(one, two)

    return run


for _name, _compare in (
    ("_<_", operator.lt),
    ("_<=_", operator.le),
    ("_>_", operator.gt),
    ("_>=_", operator.ge),
):
    _overload(_name, *_ORDERED)(_ordering(_compare))
    _overload(_name, *_TEXTS, cost=costs.smaller)(_compare)


# --- arithmetic ----------------------------------------------------------------------------------


@_overload("_+_", "(int, int) -> int")
def _add_ints(one: int, two: int) -> int:
    return checked_int(one + two)


@_overload("_+_", "(uint, uint) -> uint")
def _add_uints(one: int, two: int) -> UInt:
    return checked_uint(one + two)


@_overload("_+_", "(double, double) -> double")
def _add_doubles(one: float, two: float) -> float:
    return one + two


@_overload("_+_", "(string, string) -> string", "(bytes, bytes) -> bytes", cost=costs.both)
def _add_texts(one: Value, two: Value) -> Value:
    return one + two


@_overload("_+_", "(list(A), list(A)) -> list(A)")
def _add_lists(one: Value, two: Value) -> Value:
    merged = getattr(one, "merged", None)
    return merged(two) if merged else [*one, *two]


@_overload("_+_", "(duration, duration) -> duration")
def _add_durations(one: Duration, two: Duration) -> Duration:
    return checked_duration(one.nanos + two.nanos)


@_overload("_+_", "(duration, timestamp) -> timestamp", "(timestamp, duration) -> timestamp")
def _later(one: Duration | Timestamp, two: Duration | Timestamp) -> Timestamp:
    offset = one.offset if isinstance(one, Timestamp) else getattr(two, "offset", 0)
    return checked_timestamp(one.nanos + two.nanos, offset)


@_overload("_-_", "(int, int) -> int")
def _subtract_ints(one: int, two: int) -> int:
    return checked_int(one - two)


@_overload("_-_", "(uint, uint) -> uint")
def _subtract_uints(one: int, two: int) -> UInt:
    return checked_uint(one - two)


@_overload("_-_", "(double, double) -> double")
def _subtract_doubles(one: float, two: float) -> float:
    return one - two


@_overload("_-_", "(duration, duration) -> duration", "(timestamp, timestamp) -> duration")
def _between(one: Duration | Timestamp, two: Duration | Timestamp) -> Duration:
    return checked_duration(one.nanos - two.nanos)


@_overload("_-_", "(timestamp, duration) -> timestamp")
def _earlier(one: Timestamp, two: Duration) -> Timestamp:
    return checked_timestamp(one.nanos - two.nanos, one.offset)


@_overload("_*_", "(int, int) -> int")
def _multiply_ints(one: int, two: int) -> int:
    return checked_int(one * two)


@_overload("_*_", "(uint, uint) -> uint")
def _multiply_uints(one: int, two: int) -> UInt:
    return checked_uint(one * two)


@_overload("_*_", "(double, double) -> double")
def _multiply_doubles(one: float, two: float) -> float:
    return one * two


def _quotient(one: int, two: int) -> int:
    """Division that rounds towards zero."""
    whole = abs(one) // abs(two)
    return whole if (one < 0) == (two < 0) else -whole


@_overload("_/_", "(int, int) -> int")
def _divide_ints(one: int, two: int) -> int:
    if not two:
        raise EvaluationError("division by zero")
    return checked_int(_quotient(one, two))


@_overload("_/_", "(uint, uint) -> uint")
def _divide_uints(one: int, two: int) -> UInt:
    if not two:
        raise EvaluationError("division by zero")
    return UInt(one // two)


@_overload("_/_", "(double, double) -> double")
def _divide_doubles(one: float, two: float) -> float:
    if two:
        return one / two
    if not one or math.isnan(one):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1, two)


@_overload("_%_", "(int, int) -> int")
def _modulo_ints(one: int, two: int) -> int:
    if not two:
        raise EvaluationError("modulus by zero")
    return one - _quotient(one, two) * two


@_overload("_%_", "(uint, uint) -> uint")
def _modulo_uints(one: int, two: int) -> UInt:
    if not two:
        raise EvaluationError("modulus by zero")
    return UInt(one % two)


@_overload("-_", "(int) -> int")
def _negate_int(value: int) -> int:
    return checked_int(-value)


@_overload("-_", "(double) -> double")
def _negate_double(value: float) -> float:
    return -value


# --- containers ----------------------------------------------------------------------------------


@_overload("_[_]", "(list(A), int) -> A")
@_overload("_[_]", "(map(A, B), A) -> B")
def _index(container: Value, key: Value) -> Value:
    if isinstance(container, Mapping):
        if not _hashable(key) or key not in container:
            raise EvaluationError(f"no such key: {_shown(key)}")
        return container[key]
    if not is_list(container):
        raise EvaluationError(f"no such key: {_shown(key)}")
    position = _position(key)
    if not 0 <= position < len(container):
        raise EvaluationError(f"index out of bounds: {position}")
    return container[position]


def _hashable(key: Value) -> bool:
    return isinstance(key, (str, int, float))


def _position(key: Value) -> int:
    if isinstance(key, float) and key.is_integer():
        return int(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    raise EvaluationError(f"unsupported index type '{type_name(key)}' in list")


def _shown(key: Value) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


@_overload("@in", "(A, list(A)) -> bool", cost=costs.searched)
def _in_list(value: Value, items: Value) -> bool:
    return contains(items, value)


@_overload("@in", "(A, map(A, B)) -> bool")
def _in_map(value: Value, container: Value) -> bool:
    return _hashable(value) and value in container


@_overload("size", "(string) -> int", "(bytes) -> int", "(list(A)) -> int", "(map(A, B)) -> int")
@_overload("size", "string.() -> int", "bytes.() -> int", "list(A).() -> int")
@_overload("size", "map(A, B).() -> int")
def _size(value: Value) -> int:
    return len(value)


@_overload("cel.@mapInsert", "(map(K, V), K, V) -> map(K, V)")
def _insert(container: Value, key: Value, value: Value) -> Value:
    if key in container:
        raise EvaluationError(f"insert failed: key {_shown(key)} already exists")
    return {**container, key: value}


@_overload("cel.@mapInsert", "(map(K, V), map(K, V)) -> map(K, V)")
def _insert_all(container: Value, other: Value) -> Value:
    made = container
    for key in other:
        made = _insert(made, key, other[key])
    return made


@_overload("type", "(A) -> type(A)")
def _type(value: Value) -> Value:
    return TypeValue(type_name(value))


@_overload("dyn", "(A) -> dyn")
def _dyn(value: Value) -> Value:
    return value
