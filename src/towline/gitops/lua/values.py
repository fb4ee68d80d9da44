"""Plain data to Lua tables and back.

Lua has one empty table for both `{}` and `[]`. It becomes what stood in the same place of the
object that the script was given, else what members of that name are anywhere in it, else a list.
"""

from __future__ import annotations

import math
from typing import Any, Final

from lupa import lua51, lua52  # type: ignore[import-untyped]

from towline.errors import InputError

MAX_NODES: Final = 500_000
MAX_DEPTH: Final = 200
_LARGEST: Final = 1 << 53


def tabular(runtime: Any, value: Any) -> Any:
    """A value that a script can use; integers that Lua cannot hold become floats."""
    if not isinstance(value, dict | list):
        return _number(value)
    try:
        return runtime.table_from(value, recursive=True)
    except OverflowError:
        return runtime.table_from(_held(value), recursive=True)


def plain(value: Any, like: Any = None) -> Any:
    """What JSON can hold.

    Args:
        value: What a script answered.
        like: The object that it was given, to tell empty objects from empty lists.

    Raises:
        InputError: A function, a number that is not finite, a table with mixed keys; too large, or
            a table that contains itself.
    """
    return _Reader(_mappings(like)).read(value, like, 0)


def as_scripts_see(value: Any) -> Any:
    """A value as it comes back from a script that changes nothing."""
    if isinstance(value, dict):
        return {key: as_scripts_see(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [as_scripts_see(item) for item in value if item is not None]
    return int(_number(value)) if type(value) is int else value


class _Reader:
    """Reads tables; counts what it reads."""

    def __init__(self, mappings: frozenset[str]) -> None:
        self._mappings = mappings
        self._left = MAX_NODES

    def read(self, value: Any, like: Any, depth: int, name: str = "") -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise InputError("a script's answer is too large")
        if value is None or isinstance(value, bool | str | int):
            return value
        if isinstance(value, float):
            return _finite(value)
        if _is_table(value):
            return self._table(value, like, depth, name)
        raise InputError("a script may answer tables, texts, numbers and booleans only")

    def _table(self, table: Any, like: Any, depth: int, name: str) -> Any:
        items = list(table.items())
        if not items:
            empty_object = isinstance(like, dict) or (
                not isinstance(like, list) and name in self._mappings
            )
            return {} if empty_object else []
        if all(isinstance(key, str) for key, _ in items):
            before = like if isinstance(like, dict) else {}
            return {key: self.read(item, before.get(key), depth + 1, key) for key, item in items}
        numbered = {key: item for key, item in items if type(key) is int}
        if sorted(numbered) != list(range(1, len(items) + 1)):
            raise InputError("a table is neither a list nor an object: its keys are mixed")
        old = like if isinstance(like, list) else []
        return [
            self.read(numbered[i + 1], old[i] if i < len(old) else None, depth + 1)
            for i in range(len(items))
        ]


def _mappings(value: Any) -> frozenset[str]:
    """Names of members that hold objects."""
    found: set[str] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            found.update(key for key, item in one.items() if isinstance(item, dict))
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return frozenset(found)


def _held(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _held(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_held(item) for item in value]
    return _number(value)


def _number(value: Any) -> Any:
    large = isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST
    return float(value) if large else value


def _finite(value: float) -> float | int:
    if not math.isfinite(value):
        raise InputError("a script's answer holds a number that is not finite")
    return int(value) if value.is_integer() and abs(value) <= _LARGEST else value


def _is_table(value: Any) -> bool:
    return "table" in (lua51.lua_type(value), lua52.lua_type(value))
