"""What calls cost, in cel-go's and Kubernetes's units. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from towline.kube.cel.functions import Cost
from towline.kube.cel.values import Optional, Value, is_list

TRAVERSAL = 0.1
_PATTERN = 0.25


def size(value: Value) -> int:
    """Items of a list or map, characters of a text, 1 for everything else."""
    if isinstance(value, (str, bytes, Mapping)) or is_list(value):
        return len(value)
    if isinstance(value, Optional) and value.present:
        return size(value.value)
    return 1


def traversal(value: Value, *_: Value) -> int:
    """Reading a text once."""
    return math.ceil(size(value) * TRAVERSAL)


def twice(value: Value, *_: Value) -> int:
    """Reading a text and building another."""
    return math.ceil(size(value) * 2 * TRAVERSAL)


def smaller(one: Value, two: Value) -> int:
    """Comparing two values."""
    return math.ceil(min(size(one), size(two)) * TRAVERSAL)


def both(one: Value, two: Value) -> int:
    """Joining two texts."""
    return math.ceil((size(one) + size(two)) * TRAVERSAL)


def product(one: Value, two: Value) -> int:
    """Looking for one text in another."""
    return math.ceil(size(one) * TRAVERSAL) * math.ceil(size(two) * TRAVERSAL)


def matching(text: Value, pattern: Value, *_: Value) -> int:
    """Matching a text with a pattern."""
    return math.ceil((1 + size(text)) * TRAVERSAL) * math.ceil(size(pattern) * _PATTERN)


def items(value: Value, *_: Value) -> int:
    """Visiting the items of a list, or the characters of a text."""
    return traversal(value) if isinstance(value, (str, bytes)) else size(value)


def searched(_: Value, value: Value) -> int:
    """Visiting the items of a list that is the second argument."""
    return size(value)


def fixed(cost: int) -> Cost:
    """The same for all arguments."""

    def run(*_: Value) -> int:
        return cost

    return run
