"""Strategic merge as Kustomize does it: patch over object, by the merge keys of the schema.

The walk goes over all fields of both sides, so a patch also drops empty values (`key:`) and
repeated list entries elsewhere in the object. Lists that merge keep the patch's entries first.
The rules are those of the original's walker, its oddities with missing keys included.
"""

from __future__ import annotations

from typing import Final

from towline.errors import InputError
from towline.render.kustomize.merge_lists import (
    ABSENT,
    ListMerge,
    is_missing,
    node_kind,
    set_element,
    wrong_kind,
)
from towline.render.kustomize.schema import Schemas, Shape
from towline.render.kustomize.values import (
    Shared,
    Spelled,
    Value,
    is_null,
    set_everywhere,
    text_of,
)

_DIRECTIVE: Final = "$patch"


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
        first = next((node for node in (dest, patch) if not is_missing(node)), ABSENT)
        if first is ABSENT:
            return self._mapping(dest, patch, shape, path, owned)
        kind = type(first) if isinstance(first, dict | list) else None
        for node in (dest, patch):
            if not is_missing(node) and node_kind(node) is not kind:
                wrong_kind(kind, node, path)
        if kind is dict:
            return self._mapping(dest, patch, shape, path, owned)
        if kind is list:
            keys = shape.merge_keys if shape else None
            if keys is None:
                return dest if patch is ABSENT else patch
            return self._sequence(dest, patch, shape, keys, path)
        return self._scalar(dest, patch)

    def _scalar(self, dest: Value, patch: Value) -> Value:
        if patch is ABSENT:
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
        directive, patch = _mapping_directive(patch, strict=not is_missing(dest))
        if is_missing(dest):
            if directive == "delete":
                return ABSENT
            if patch is ABSENT and dest is not ABSENT and text_of(dest):
                return _Kept(dest)
            dest, owned = patch, False
        elif is_null(patch) or directive == "delete":
            return ABSENT
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
            before = dest.get(key, ABSENT)
            change = before if itself else given.get(key, ABSENT)
            if change is ABSENT and not isinstance(before, dict | list | Spelled):
                continue
            inner = shape.field(key) if shape else None
            value = self.walk(before, change, inner, (*path, key))
            if isinstance(value, _Kept):
                value = value.null
            elif is_missing(value):
                value = ABSENT
            if value is before:
                continue
            if result is dest and not owned:
                result = dict(dest)
            if value is ABSENT:
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
        if is_missing(dest):
            dest = patch
        elif is_null(patch):
            return ABSENT
        else:
            directive, patch = _sequence_directive(patch)
            if directive == "delete":
                return ABSENT
            if directive == "replace":
                dest = patch
        if not isinstance(dest, list):
            return dest
        elements = shape.elements() if shape else None
        return ListMerge(self._entry, dest, patch, keys, self._prepend).merged(elements, path)

    def _entry(
        self, dest: Value, patch: Value, shape: Shape | None, path: tuple[str, ...]
    ) -> Value:
        return self.walk(dest, patch, shape, path, owned=True)


class _Kept:
    """A null of the object that stays."""

    __slots__ = ("null",)

    def __init__(self, null: Value) -> None:
        self.null = null


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
    return directive, set_element(patch, ABSENT, (_DIRECTIVE,), (directive,))
