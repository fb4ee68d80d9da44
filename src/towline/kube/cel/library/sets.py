"""Lists as sets: `sets.contains`, `sets.equivalent`, `sets.intersects`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from towline.kube.cel.costs import size
from towline.kube.cel.functions import Functions
from towline.kube.cel.values import Value, contains

FUNCTIONS = Functions()


def _cost(one: Value, two: Value) -> int:
    return size(one) * size(two) + 1


_LISTS = "(list(T), list(T)) -> bool"


@FUNCTIONS.overload("sets.contains", _LISTS, cost=_cost)
def _contains(items: Sequence[Value], wanted: Sequence[Value]) -> bool:
    return all(contains(items, item) for item in wanted)


@FUNCTIONS.overload("sets.equivalent", _LISTS, cost=_cost)
def _equivalent(one: Sequence[Value], two: Sequence[Value]) -> bool:
    return _contains(one, two) and _contains(two, one)


@FUNCTIONS.overload("sets.intersects", _LISTS, cost=_cost)
def _intersects(one: Sequence[Value], two: Sequence[Value]) -> bool:
    return any(contains(one, item) for item in two)
