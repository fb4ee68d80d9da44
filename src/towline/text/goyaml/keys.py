"""The order of mapping keys in YAML written by Go: natural, so `a2` comes before `a10`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cmp_to_key
from typing import Final

# Among these characters code point order and natural order agree.
_PLAIN_ORDER: Final = re.compile(r"[A-Za-z./-]*\Z")
_INT64_SIGN: Final = 2**63
_INT64_RANGE: Final = 2**64


def ordered(keys: Iterable[str]) -> list[str]:
    """The keys in the order of goyaml.v2: numbers by value, other signs before letters."""
    result = list(keys)
    if len(result) < 2:
        return result
    if _PLAIN_ORDER.match("".join(result)):
        result.sort()
    else:
        result.sort(key=_natural)
    return result


def compare_keys(left: str, right: str) -> int:
    """The order of goyaml.v2 as a comparison: negative, zero or positive."""
    return _compare(left, right, after_digits=-1)


def compare_keys_v3(left: str, right: str) -> int:
    """The order of goyaml.v3, where behind a digit letters come before other signs."""
    return _compare(left, right, after_digits=1)


def _compare(left: str, right: str, *, after_digits: int) -> int:
    if left == right:
        return 0
    index = 0
    shorter = min(len(left), len(right))
    while index < shorter and left[index] == right[index]:
        index += 1
    if index == shorter:
        return len(left) - len(right)
    first, second = left[index], right[index]
    letters = first.isalpha(), second.isalpha()
    if all(letters):
        return ord(first) - ord(second)
    if any(letters):
        other_first = after_digits if index and left[index - 1].isdecimal() else -1
        return -other_first if letters[0] else other_first
    return _compare_numbers(left, right, index)


def _compare_numbers(left: str, right: str, index: int) -> int:
    """Compares where two keys differ and neither has a letter."""
    lead = 0
    if "0" in (left[index], right[index]):
        lead = _leading(left, index)
    number, end = _digits(left, index, lead)
    other, other_end = _digits(right, index, lead)
    if number != other:
        return -1 if number < other else 1
    if end != other_end:
        return end - other_end
    return ord(left[index]) - ord(right[index])


def _leading(text: str, index: int) -> int:
    """1 when the digits before `index` make a zero at `index` significant."""
    for place in range(index - 1, -1, -1):
        if not text[place].isdecimal():
            return 0
        if text[place] != "0":
            return 1
    return 0


def _digits(text: str, index: int, lead: int) -> tuple[int, int]:
    number = lead
    while index < len(text) and text[index].isdecimal():
        # Go's int64 wraps around.
        number = number * 10 + ord(text[index]) - ord("0")
        number = (number + _INT64_SIGN) % _INT64_RANGE - _INT64_SIGN
        index += 1
    return number, index


_natural: Final = cmp_to_key(compare_keys)
