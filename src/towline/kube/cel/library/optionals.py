"""Values that may be absent: `optional.of`, `orValue`, `a[?b]`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.values import NONE, Duration, Optional, Value, is_list, some

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload


@_overload("optional.of", "(V) -> optional_type(V)")
def _of(value: Value) -> Optional:
    return some(value)


@_overload("optional.ofNonZeroValue", "(V) -> optional_type(V)")
def _of_non_zero(value: Value) -> Optional:
    empty = (
        not len(value)
        if isinstance(value, (str, bytes, Mapping)) or is_list(value)
        else not value
        if isinstance(value, (int, float, type(None)))
        else value == Duration(0)
    )
    return NONE if empty else some(value)


@_overload("optional.none", "() -> optional_type(V)")
def _none() -> Optional:
    return NONE


@_overload("value", "optional_type(V).() -> V")
def _value(value: Optional) -> Value:
    if not value.present:
        raise EvaluationError("optional.none() dereference")
    return value.value


@_overload("hasValue", "optional_type(V).() -> bool")
def _has_value(value: Optional) -> bool:
    return value.present


@_overload("or", "optional_type(V).(optional_type(V)) -> optional_type(V)")
@_overload("orValue", "optional_type(V).(V) -> V")
def _planned(value: Optional, other: Value) -> Value:
    """The planner runs these itself: it evaluates `other` only when it is needed."""
    return value if value.present else other


@_overload(
    "_[?_]",
    "(list(V), int) -> optional_type(V)",
    "(optional_type(list(V)), int) -> optional_type(V)",
    "(map(K, V), K) -> optional_type(V)",
    "(optional_type(map(K, V)), K) -> optional_type(V)",
)
def _index(container: Value, key: Value) -> Optional:
    if isinstance(container, Optional):
        if not container.present:
            return NONE
        container = container.value
    if isinstance(container, Mapping):
        known = isinstance(key, (str, int, float)) and key in container
        return some(container[key]) if known else NONE
    inside = isinstance(key, int) and 0 <= key < len(container)
    return some(container[key]) if inside else NONE


@_overload("_[_]", "(optional_type(list(V)), int) -> optional_type(V)")
@_overload("_[_]", "(optional_type(map(K, V)), K) -> optional_type(V)")
def _index_inside(container: Optional, key: Value) -> Value:
    return _index(container, key)


@_overload("first", "list(V).() -> optional_type(V)")
def _first(items: Sequence[Value]) -> Optional:
    return some(items[0]) if items else NONE


@_overload("last", "list(V).() -> optional_type(V)")
def _last(items: Sequence[Value]) -> Optional:
    return some(items[-1]) if items else NONE


@_overload("optional.unwrap", "(list(optional_type(V))) -> list(V)")
@_overload("unwrapOpt", "list(optional_type(V)).() -> list(V)")
def _unwrap(items: Sequence[Optional]) -> list[Value]:
    return [item.value for item in items if item.present]
