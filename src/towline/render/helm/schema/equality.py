"""JSON values: their types, and when two are the same."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from towline.render.helm.schema.documents import Number


def type_of(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
    return "number"


def exact(value: Any) -> Fraction:
    """A number as its shortest digits say."""
    if isinstance(value, Number):
        return value.value
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(int(value))


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same; numbers compare by value."""
    if type_of(left) != type_of(right):
        return False
    match left:
        case dict():
            return left.keys() == right.keys() and all(
                equal(item, right[key]) for key, item in left.items()
            )
        case list():
            return len(left) == len(right) and all(map(equal, left, right))
        case None | bool() | str():
            return bool(left == right)
    return exact(left) == exact(right)


def duplicates(items: Sequence[Any]) -> tuple[int, int] | None:
    """Where the first two equal entries are."""
    for second in range(1, len(items)):
        for first in range(second):
            if equal(items[second], items[first]):
                return first, second
    return None
