"""Deletes the paths that a jq expression leads to.

jq says which places an expression names; taking them out is done here. So numbers and everything
else in the object stay exactly as they were, which the program itself does not promise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

_GONE: Final = object()

Path = Sequence[Any]


class PathError(ValueError):
    """A path does not fit the document."""


def without_paths(document: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """The document without the places at some paths, all read against the document as it is.

    Args:
        document: An object; not changed.
        paths: As jq's `path` gives them: names, indices, and slices (`start`, `end`).

    Raises:
        PathError: A path does not fit the document, or leads to all of it.
    """
    left = _without(document, list(paths))
    if not isinstance(left, dict):
        raise PathError("nothing would be left")
    return left


def _without(value: Any, paths: list[Path]) -> Any:
    if not paths:
        return value
    if any(not path for path in paths):
        return _GONE
    if value is None:
        return None
    if isinstance(value, dict):
        return _members(value, paths)
    if isinstance(value, list):
        return _items(value, paths)
    raise PathError(f"a path leads into a {type(value).__name__}")


def _members(value: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
    below: dict[str, list[Path]] = {}
    for path in paths:
        if not isinstance(path[0], str):
            raise PathError("an object has names, no indices")
        below.setdefault(path[0], []).append(path[1:])
    out = {}
    for name, item in value.items():
        kept = _without(item, below.get(name, []))
        if kept is not _GONE:
            out[name] = kept
    return out


def _items(value: list[Any], paths: list[Path]) -> list[Any]:
    below: dict[int, list[Path]] = {}
    for path in paths:
        for index, rest in _places(len(value), path):
            below.setdefault(index, []).append(rest)
    kept = [_without(item, below.get(index, [])) for index, item in enumerate(value)]
    return [item for item in kept if item is not _GONE]


def _places(size: int, path: Path) -> Iterable[tuple[int, Path]]:
    """The items that the head of a path names, each with the rest of the path."""
    head, rest = path[0], path[1:]
    if isinstance(head, dict):
        chosen = range(size)[slice(_bound(head.get("start")), _bound(head.get("end"), up=True))]
        if not rest:
            return [(index, rest) for index in chosen]
        return [(chosen[index], left) for index, left in _places(len(chosen), rest)]
    if isinstance(head, bool) or not isinstance(head, (int, float)):
        raise PathError("a list has indices, no names")
    index = math.floor(head)
    index = index + size if index < 0 else index
    return [(index, rest)] if 0 <= index < size else []


def _bound(value: Any, *, up: bool = False) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PathError("a slice has numbers as bounds")
    return math.ceil(value) if up else math.floor(value)
