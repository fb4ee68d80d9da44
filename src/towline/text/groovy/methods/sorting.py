"""Sorting by closures: a merge sort whose comparisons are computations of the script. Pure."""

from __future__ import annotations

import functools
from typing import Any

from towline.text.groovy.methods.table import Code, Frame, integer
from towline.text.groovy.operators import compare
from towline.text.groovy.values import ClosureValue


def sorted_items(frame: Frame, items: list[Any], by: ClosureValue | None) -> Code:
    """The items in order: natural, by a key (one parameter) or by a comparison (two)."""
    order = functools.cmp_to_key(lambda first, second: compare(first, second, frame.meter))
    if by is None:
        return sorted(items, key=order)
    if by.arity >= 2:
        ordered = yield _merge_sort(frame, list(items), by)
        return ordered
    keyed = []
    for item in items:
        key = yield frame.call(by, item)
        keyed.append((key, item))
    return [item for _, item in sorted(keyed, key=lambda pair: order(pair[0]))]


def _merge_sort(frame: Frame, items: list[Any], by: ClosureValue) -> Code:
    runs = [[item] for item in items]
    while len(runs) > 1:
        merged: list[list[Any]] = []
        for index in range(0, len(runs) - 1, 2):
            joined = yield _merge(frame, runs[index], runs[index + 1], by)
            merged.append(joined)
        if len(runs) % 2:
            merged.append(runs[-1])
        runs = merged
    return runs[0] if runs else []


def _merge(frame: Frame, left: list[Any], right: list[Any], by: ClosureValue) -> Code:
    found: list[Any] = []
    first = second = 0
    while first < len(left) and second < len(right):
        order = yield frame.call(by, left[first], right[second])
        if integer(order) <= 0:
            found.append(left[first])
            first += 1
        else:
            found.append(right[second])
            second += 1
    return found + left[first:] + right[second:]
