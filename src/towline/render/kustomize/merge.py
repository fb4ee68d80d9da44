"""Strategic merge as Kustomize does it: patch over object, by the merge keys of the schema.

The walk goes over all fields of both sides, so a patch also drops empty values (`key:`) and
repeated list entries elsewhere in the object. Lists that merge keep the patch's entries first.
The rules are those of the original's walker, its oddities with missing keys included.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from towline.errors import InputError
from towline.render.kustomize.schema import Schemas, Shape
from towline.render.kustomize.values import (
    Shared,
    Spelled,
    Value,
    is_empty,
    is_null,
    set_everywhere,
    text_of,
)

_DIRECTIVE: Final = "$patch"
_ABSENT: Final[Any] = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()
_NAMES: Final[dict[Any, str]] = {dict: "MappingNode", list: "SequenceNode"}


def strategic_merge(
    patch: dict[str, Value], target: dict[str, Value], schemas: Schemas, *, prepend: bool = True
) -> dict[str, Value] | None:
    """The target with the patch merged over it; None when the patch deletes it.

    Args:
        patch: Partial object, maybe with `$patch` directives.
        target: The object; stays as it is.
        schemas: What is known of kinds.
        prepend: Whether new list entries come first.

    Raises:
        InputError: The two disagree about the kind of a node, or a directive is unknown.
    """
    if text_of(patch.get(_DIRECTIVE)) == "replace":
        # The original merges in place, so what replaces the whole object is lost.
        return target
    walk = _Walk(schemas, prepend)
    result = walk.walk(target, patch, None, ())
    if walk.changes:
        result = set_everywhere(result, walk.changes)
    return result if isinstance(result, dict) else None


class _Walk:
    def __init__(self, schemas: Schemas, prepend: bool) -> None:
        self._schemas = schemas
        self._prepend = prepend
        self.changes: dict[int, tuple[object, Value]] = {}

    def walk(
        self,
        dest: Value,
        patch: Value,
        shape: Shape | None,
        path: tuple[str, ...],
        owned: bool = False,
    ) -> Value:
        """Merges two nodes; ABSENT stands for no node, and a null result for «remove it»."""
        shape = shape or self._embedded(dest, patch)
        first = next((node for node in (dest, patch) if not _missing(node)), _ABSENT)
        if first is _ABSENT:
            return self._mapping(dest, patch, shape, path, owned)
        kind = type(first) if isinstance(first, dict | list) else None
        for node in (dest, patch):
            if not _missing(node) and _kind(node) is not kind:
                _wrong_kind(kind, node, path)
        if kind is dict:
            return self._mapping(dest, patch, shape, path, owned)
        if kind is list:
            keys = shape.merge_keys if shape else None
            if keys is None:
                return dest if patch is _ABSENT else patch
            return self._sequence(dest, patch, shape, keys, path)
        return self._scalar(dest, patch)

    def _scalar(self, dest: Value, patch: Value) -> Value:
        if patch is _ABSENT:
            return dest
        if isinstance(dest, Shared) and not is_null(patch):
            self.changes[id(dest.group)] = (dest.group, patch)
            return Shared(patch, dest.group) if isinstance(patch, str) else patch
        return patch

    def _embedded(self, *nodes: Value) -> Shape | None:
        for node in nodes:
            if isinstance(node, dict) and node.get("kind") and node.get("apiVersion"):
                shape = self._schemas.shape(text_of(node["apiVersion"]), text_of(node["kind"]))
                if shape is not None:
                    return shape
        return None

    def _mapping(
        self, dest: Value, patch: Value, shape: Shape | None, path: tuple[str, ...], owned: bool
    ) -> Value:
        directive, patch = _mapping_directive(patch, strict=not _missing(dest))
        if _missing(dest):
            if directive == "delete":
                return _ABSENT
            if patch is _ABSENT and dest is not _ABSENT and text_of(dest):
                return _Kept(dest)
            dest, owned = patch, False
        elif is_null(patch) or directive == "delete":
            return _ABSENT
        elif directive == "replace":
            dest, owned = patch, False
        if not isinstance(dest, dict):
            return dest
        return self._fields(dest, patch, shape, path, owned)

    def _fields(
        self,
        dest: dict[str, Value],
        patch: Value,
        shape: Shape | None,
        path: tuple[str, ...],
        owned: bool,
    ) -> dict[str, Value]:
        itself = dest is patch
        result = dest
        given = {} if not isinstance(patch, dict) else patch
        for key in sorted(dest.keys() | given.keys()):
            before = dest.get(key, _ABSENT)
            change = before if itself else given.get(key, _ABSENT)
            if change is _ABSENT and not isinstance(before, dict | list | Spelled):
                continue
            inner = shape.field(key) if shape else None
            value = self.walk(before, change, inner, (*path, key))
            if isinstance(value, _Kept):
                value = value.null
            elif _missing(value):
                value = _ABSENT
            if value is before:
                continue
            if result is dest and not owned:
                result = dict(dest)
            if value is _ABSENT:
                del result[key]
            else:
                result[key] = value
        return result

    def _sequence(
        self,
        dest: Value,
        patch: Value,
        shape: Shape | None,
        keys: tuple[str, ...],
        path: tuple[str, ...],
    ) -> Value:
        if _missing(dest):
            dest = patch
        elif is_null(patch):
            return _ABSENT
        else:
            directive, patch = _sequence_directive(patch)
            if directive == "delete":
                return _ABSENT
            if directive == "replace":
                dest = patch
        if not isinstance(dest, list):
            return dest
        elements = shape.elements() if shape else None
        return _ListMerge(self, dest, patch, keys, self._prepend).merged(elements, path)


class _Kept:
    """A null of the object that stays."""

    __slots__ = ("null",)

    def __init__(self, null: Value) -> None:
        self.null = null


class _ListMerge:
    """One list that merges by keys, or by value when there are none."""

    def __init__(
        self, walk: _Walk, dest: list[Value], patch: Value, keys: tuple[str, ...], prepend: bool
    ) -> None:
        self._walk = walk
        self._prepend = prepend
        # The entries are merged in place, so they are copied first.
        self._dest = [dict(item) if isinstance(item, dict) else item for item in dest]
        self._patch = self._dest if dest is patch else patch
        self._keys = keys

    def merged(self, elements: Shape | None, path: tuple[str, ...]) -> list[Value]:
        keys: tuple[str, ...] = self._keys or ("",)
        rows = self._rows() if self._keys else self._plain_rows()
        if len(keys) > 1:
            rows = _completed(rows)
        added: list[Value] = []
        valid: tuple[str, ...] = keys
        for row in rows:
            valid, values = _valid(rows, row, keys)
            value = self._element(valid, values, elements, path)
            if _missing(value) or value == {}:
                self._dest[:] = _set_element(self._dest, _ABSENT, valid, values)
                continue
            if isinstance(value, dict):
                value = _with_keys(value, valid, values, self._dest)
            added[:] = _set_element(added, value, valid, values)
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
        change = _find(self._patch, keys, values) if isinstance(self._patch, list) else _ABSENT
        return self._walk.walk(before, change, elements, (*path, "[]"), owned=True)

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
    value = fields.get(key, _ABSENT)
    return "" if value is _ABSENT or is_empty(value) else text_of(value)


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
    return _ABSENT


def _set_element(
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
            if element is not _ABSENT:
                result.append(element)
    if element is not _ABSENT and not is_null(element) and not matched:
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
                _wrong_kind(dict, item, ())
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
            result = _set_element(result, item, ("",), (text_of(item),))
            continue
        values: tuple[str, ...] = ()
        if not isinstance(item, dict) and not is_null(item):
            _wrong_kind(dict, item, ())
        for key in keys:
            if isinstance(item, dict) and key in item:
                values = (*values, text_of(item[key]))
            else:
                result.append(item)
        if len(keys) > 1:
            result = _set_element(result, _ABSENT, keys, values)
        result = _set_element(result, item, keys, values)
    return result


def _mapping_directive(patch: Value, *, strict: bool) -> tuple[str, Value]:
    if not isinstance(patch, dict) or _DIRECTIVE not in patch:
        return "merge", patch
    directive = text_of(patch[_DIRECTIVE])
    if directive in {"delete", "replace", "merge"}:
        return directive, {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if strict:
        raise InputError(f"unknown patch strategy '{directive}'")
    return "", patch


def _sequence_directive(patch: Value) -> tuple[str, Value]:
    if not isinstance(patch, list):
        return "merge", patch
    holder = next((item for item in patch if isinstance(item, dict) and _DIRECTIVE in item), None)
    if holder is None or len(holder) > 1:
        return "merge", patch
    directive = text_of(holder[_DIRECTIVE])
    if directive not in {"delete", "replace", "merge"}:
        raise InputError(f"unknown patch strategy '{directive}'")
    return directive, _set_element(patch, _ABSENT, (_DIRECTIVE,), (directive,))


def _missing(node: Value) -> bool:
    return node is _ABSENT or is_null(node)


def _kind(node: Value) -> type | None:
    return type(node) if isinstance(node, dict | list) else None


def _wrong_kind(kind: type | None, node: Value, path: tuple[str, ...]) -> NoReturn:
    expected = _NAMES.get(kind, "ScalarNode")
    found = _NAMES.get(type(node), "ScalarNode")
    raise InputError(f"wrong node kind: expected {expected} but got {found}", field=".".join(path))
