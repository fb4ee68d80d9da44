"""Lists of a strategic merge: entries are matched by merge keys, as the original matches them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from towline.errors import InputError
from towline.render.kustomize.schema import Shape
from towline.render.kustomize.values import Value, is_empty, is_null, text_of

ABSENT: Final[Any] = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()
MergeEntry = Callable[[Value, Value, Shape | None, tuple[str, ...]], Value]
_NAMES: Final[dict[Any, str]] = {dict: "MappingNode", list: "SequenceNode"}


class ListMerge:
    """One list that merges by keys, or by value when there are none.

    Args:
        walk: Merges two entries: of the object, of the patch, their shape, their path. An entry
            of the object may be changed in place.
        dest: The object's list.
        patch: The patch's list, or no list.
        keys: The merge keys.
        prepend: Whether new entries come first.
    """

    def __init__(
        self,
        walk: MergeEntry,
        dest: list[Value],
        patch: Value,
        keys: tuple[str, ...],
        prepend: bool,
    ) -> None:
        self._walk = walk
        self._prepend = prepend
        # The entries are merged in place, so they are copied first.
        self._dest = [dict(item) if isinstance(item, dict) else item for item in dest]
        self._patch = self._dest if dest is patch else patch
        self._keys = keys

    def merged(self, elements: Shape | None, path: tuple[str, ...]) -> list[Value]:
        """The merged list.

        Raises:
            InputError: An entry is of another kind than its counterpart.
        """
        keys: tuple[str, ...] = self._keys or ("",)
        rows = self._rows() if self._keys else self._plain_rows()
        if len(keys) > 1:
            rows = _completed(rows)
        added: list[Value] = []
        valid: tuple[str, ...] = keys
        for row in rows:
            valid, values = _valid(rows, row, keys)
            value = self._element(valid, values, elements, path)
            if is_missing(value) or value == {}:
                self._dest[:] = set_element(self._dest, ABSENT, valid, values)
                continue
            if isinstance(value, dict):
                value = _with_keys(value, valid, values, self._dest)
            added[:] = set_element(added, value, valid, values)
        if not rows:
            return self._dest
        if self._prepend:
            return _append(added, self._dest, valid)
        return _append(self._dest, added, valid)

    def _element(
        self,
        keys: tuple[str, ...],
        values: tuple[str, ...],
        elements: Shape | None,
        path: tuple[str, ...],
    ) -> Value:
        keys, values = _valid([values], values, keys)
        before = _find(self._dest, keys, values)
        change = _find(self._patch, keys, values) if isinstance(self._patch, list) else ABSENT
        return self._walk(before, change, elements, (*path, "[]"))

    def _sources(self) -> list[list[Value]]:
        sources = [self._dest, self._patch]
        if self._prepend:
            sources.reverse()
        return [source for source in sources if isinstance(source, list)]

    def _rows(self) -> list[tuple[str, ...]]:
        rows: dict[tuple[str, ...], None] = {}
        for source in self._sources():
            for item in source:
                fields = item if isinstance(item, dict) else {}
                rows.setdefault(tuple(_field_text(fields, key) for key in self._keys))
        return list(rows)

    def _plain_rows(self) -> list[tuple[str, ...]]:
        rows: dict[tuple[str, ...], None] = {}
        for source in self._sources():
            for item in source:
                rows.setdefault((text_of(item),))
        return list(rows)


def _with_keys(
    value: dict[str, Value], keys: tuple[str, ...], values: tuple[str, ...], own: list[Value]
) -> dict[str, Value]:
    lacking = {k: t for k, t in zip(keys, values, strict=False) if t and k not in value}
    if not lacking:
        return value
    if any(item is value for item in own):
        value.update(lacking)
        return value
    return {**value, **lacking}


def _field_text(fields: dict[str, Value], key: str) -> str:
    value = fields.get(key, ABSENT)
    return "" if value is ABSENT or is_empty(value) else text_of(value)


def _completed(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows that agree where both say something are made the same."""
    rows = list(rows)
    for i, left in enumerate(rows):
        for j, right in enumerate(rows):
            pairs = list(zip(left, right, strict=True))
            if any(a != b and a and b for a, b in pairs) or all(a != b for a, b in pairs):
                continue
            left = rows[i] = rows[j] = tuple(a or b for a, b in pairs)  # noqa: PLW2901
    return rows


def _valid(
    rows: list[tuple[str, ...]], row: tuple[str, ...], keys: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys that any row has a value for, and this row's values of them."""
    used = {key for each in rows for key, value in zip(keys, each, strict=False) if value}
    if not used:
        return keys, row
    values = tuple(v for key, v in zip(keys, row, strict=False) if v or key in used)
    return tuple(key for key in keys if key in used), values


def _find(items: list[Value], keys: tuple[str, ...], values: tuple[str, ...]) -> Value:
    for item in items:
        if keys[0] == "":
            if text_of(item) == values[0]:
                return item
        elif isinstance(item, dict) and all(
            key in item and text_of(item[key]) == value
            for key, value in zip(keys, values, strict=True)
        ):
            return item
    return ABSENT


def set_element(
    items: list[Value], element: Value, keys: tuple[str, ...], values: tuple[str, ...]
) -> list[Value]:
    """The list with the matching entries replaced by the element, or removed; else it is added."""
    result: list[Value] = []
    matched = False
    for item in items:
        if is_null(item) or item == {}:
            continue
        if not isinstance(item, dict) and keys[0] and values and values[0]:
            result.append(item)
        elif not _matches(item, keys, values):
            if values:
                result.append(item)
        else:
            matched = True
            if element is not ABSENT:
                result.append(element)
    if element is not ABSENT and not is_null(element) and not matched:
        result.append(element)
    return result


def _matches(item: Value, keys: tuple[str, ...], values: tuple[str, ...]) -> bool:
    found = False
    for index, key in enumerate(keys):
        if index < len(values):
            wanted = values[index]
            if key == "":
                found = is_null(item) is False and text_of(item) == wanted
            elif not isinstance(item, dict):
                wrong_kind(dict, item, ())
            else:
                found = key in item and (not wanted or text_of(item[key]) == wanted)
        if not found:
            return False
    return True


def _append(first: list[Value], second: list[Value], keys: tuple[str, ...]) -> list[Value]:
    """The entries of the second list set into the first by their keys."""
    result = list(first)
    for item in second:
        if keys[0] == "":
            result = set_element(result, item, ("",), (text_of(item),))
            continue
        values: tuple[str, ...] = ()
        if not isinstance(item, dict) and not is_null(item):
            wrong_kind(dict, item, ())
        for key in keys:
            if isinstance(item, dict) and key in item:
                values = (*values, text_of(item[key]))
            else:
                result.append(item)
        if len(keys) > 1:
            result = set_element(result, ABSENT, keys, values)
        result = set_element(result, item, keys, values)
    return result


def is_missing(node: Value) -> bool:
    """Whether there is no node, or a null."""
    return node is ABSENT or is_null(node)


def node_kind(node: Value) -> type | None:
    """dict, list, or None for a scalar."""
    return type(node) if isinstance(node, dict | list) else None


def wrong_kind(kind: type | None, node: Value, path: tuple[str, ...]) -> NoReturn:
    """Says that a node is of another kind than the other side.

    Raises:
        InputError: Always.
    """
    expected = _NAMES.get(kind, "ScalarNode")
    found = _NAMES.get(type(node), "ScalarNode")
    raise InputError(f"wrong node kind: expected {expected} but got {found}", field=".".join(path))
