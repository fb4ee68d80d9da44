"""Lists: order, sums, positions, slices. From Kubernetes's library and CEL's extension. Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.values import (
    Duration,
    Timestamp,
    UInt,
    Value,
    checked_duration,
    checked_int,
    checked_uint,
    equal,
    is_list,
    type_name,
)

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload
_COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
_SUMMABLE = ("int", "uint", "double", "duration")
_MAX_RANGE = 100_000


def _of(kinds: Iterable[str], result: str = "") -> tuple[str, ...]:
    return tuple(f"list({kind}).() -> {result or kind}" for kind in kinds)


@_overload("isSorted", *_of(_COMPARABLE, "bool"), cost=costs.items)
def _is_sorted(items: Sequence[Value]) -> bool:
    return all(items[n] <= items[n + 1] for n in range(len(items) - 1))


@_overload("sum", "list(int).() -> int", cost=costs.items)
def _sum_ints(items: Sequence[int]) -> int:
    return functools.reduce(lambda total, item: checked_int(total + item), items, 0)


@_overload("sum", "list(uint).() -> uint", cost=costs.items)
def _sum_uints(items: Sequence[UInt]) -> UInt:
    return checked_uint(sum(items))


@_overload("sum", "list(double).() -> double", cost=costs.items)
def _sum_doubles(items: Sequence[float]) -> float:
    return functools.reduce(lambda total, item: total + item, items, 0.0)


@_overload("sum", "list(duration).() -> duration", cost=costs.items)
def _sum_durations(items: Sequence[Duration]) -> Duration:
    return checked_duration(sum(item.nanos for item in items))


def _extreme(name: str, pick: Callable[[Sequence[Value]], Value]) -> Callable[..., Value]:
    def run(items: Sequence[Value]) -> Value:
        if not items:
            raise EvaluationError(f"{name} called on empty list")
        return pick(items)

    return run


_overload("max", *_of(_COMPARABLE), cost=costs.items)(_extreme("max", max))
_overload("min", *_of(_COMPARABLE), cost=costs.items)(_extreme("min", min))


@_overload("indexOf", "list(A).(A) -> int", cost=costs.items)
def _index_of(items: Sequence[Value], wanted: Value) -> int:
    return next((n for n, item in enumerate(items) if equal(item, wanted)), -1)


@_overload("lastIndexOf", "list(A).(A) -> int", cost=costs.items)
def _last_index_of(items: Sequence[Value], wanted: Value) -> int:
    return next((n for n in range(len(items) - 1, -1, -1) if equal(items[n], wanted)), -1)


@_overload("slice", "list(T).(int, int) -> list(T)")
def _slice(items: Sequence[Value], start: int, end: int) -> Sequence[Value]:
    said = f"cannot slice({start}, {end})"
    if start < 0 or end < 0:
        raise EvaluationError(f"{said}, negative indexes not supported")
    if start > end:
        raise EvaluationError(f"{said}, start index must be less than or equal to end index")
    if end > len(items):
        raise EvaluationError(f"{said}, list is length {len(items)}")
    return items[start:end]


@_overload("flatten", "list(list(T)).() -> list(T)", cost=costs.items)
def _flatten(items: Sequence[Value]) -> list[Value]:
    return _flattened(items, 1)


@_overload("flatten", "list(dyn).(int) -> list(dyn)", cost=costs.items)
def _flatten_deep(items: Sequence[Value], depth: int) -> list[Value]:
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    return _flattened(items, depth)


def _flattened(items: Sequence[Value], depth: int) -> list[Value]:
    made: list[Value] = []
    for item in items:
        if is_list(item) and depth > 0:
            made += _flattened(item, depth - 1)
        else:
            made.append(item)
    return made


@_overload("sort", *(f"list({kind}).() -> list({kind})" for kind in _COMPARABLE), cost=costs.items)
def _sort(items: Sequence[Value]) -> list[Value]:
    return _sort_by(items, items)


@_overload(
    "@sortByAssociatedKeys",
    *(f"list(T).(list({kind})) -> list(T)" for kind in _COMPARABLE),
    cost=costs.items,
)
def _sort_by(items: Sequence[Value], keys: Sequence[Value]) -> list[Value]:
    if len({type_name(key) for key in keys}) > 1:
        raise EvaluationError("list elements must have the same type")
    if any(not isinstance(key, _ORDERED) for key in keys):
        raise EvaluationError("list elements must be comparable")
    order = sorted(range(len(items)), key=lambda position: keys[position])
    return [items[position] for position in order]


_ORDERED = (int, float, str, bytes, Timestamp, Duration)


@_overload("lists.range", "(int) -> list(int)")
def _range(count: int) -> list[int]:
    if count > _MAX_RANGE:
        raise EvaluationError(f"lists.range({count}) is longer than {_MAX_RANGE}")
    return list(range(count))


@_overload("reverse", "list(T).() -> list(T)", cost=costs.items)
def _reverse(items: Sequence[Value]) -> list[Value]:
    return list(reversed(items))


@_overload("distinct", "list(T).() -> list(T)", cost=costs.items)
def _distinct(items: Sequence[Value]) -> list[Value]:
    made: list[Value] = []
    seen: set[tuple[str, Value]] = set()
    for item in items:
        if isinstance(item, (str, bytes, bool)):
            key = (type_name(item), item)
            if key in seen:
                continue
            seen.add(key)
        elif any(equal(item, other) for other in made):
            continue
        made.append(item)
    return made
