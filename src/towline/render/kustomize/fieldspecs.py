"""Field specifications: which fields of which kinds a transformer edits, and the edit itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from towline.errors import InputError
from towline.render.kustomize.ids import Gvk, type_order
from towline.render.kustomize.values import Value, is_null, is_scalar

Edit = Callable[[Value], Value]
MAPPING: Final = "mapping"
SCALAR: Final = "scalar"


class FieldSpec(msgspec.Struct, frozen=True):
    r"""A path in objects of some kinds.

    Attributes:
        gvk: Which kinds; empty fields match any.
        path: Field names joined by `/` (`\/` for a slash in a name, `[]` marks a list).
        create: Whether missing fields are made.
    """

    gvk: Gvk
    path: str
    create: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's field names."""
        return split_path(self.path, "/")


class BackReference(msgspec.Struct, frozen=True):
    """Fields that hold the name of a resource of some kind.

    Attributes:
        gvk: The kind that is referred to.
        referrers: Where its name stands.
    """

    gvk: Gvk
    referrers: tuple[FieldSpec, ...]


@lru_cache(maxsize=4096)
def split_path(path: str, delimiter: str) -> tuple[str, ...]:
    """Splits at a delimiter that no backslash precedes; a leading one is ignored."""
    pieces = path.split(delimiter)
    if len(pieces) > 1 and not pieces[0]:
        pieces = pieces[1:]
    parts = [pieces[0]]
    for piece in pieces[1:]:
        if parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1] + delimiter + piece
        else:
            parts.append(piece)
    return tuple(parts)


def merged_specs(
    specs: Sequence[FieldSpec], incoming: Iterable[FieldSpec]
) -> tuple[FieldSpec, ...]:
    """Adds specifications that the list does not cover yet.

    Raises:
        InputError: Two say different things about creating the same field.
    """
    result = list(specs)
    for new in incoming:
        known = next(
            (old for old in result if old.path == new.path and old.gvk.selected_by(new.gvk)), None
        )
        if known is None:
            result.append(new)
        elif known.create != new.create:
            raise InputError("conflicting fieldspecs", field=new.path)
    return tuple(result)


def merged_references(
    references: Sequence[BackReference], incoming: Iterable[BackReference]
) -> tuple[BackReference, ...]:
    """Adds name references kind by kind.

    Raises:
        InputError: Two say different things about creating the same field.
    """
    result = list(references)
    for new in incoming:
        for index, old in enumerate(result):
            if old.gvk == new.gvk:
                both = merged_specs(old.referrers, new.referrers)
                result[index] = BackReference(old.gvk, both)
                break
        else:
            result.append(new)
    return tuple(result)


def sorted_specs(specs: Iterable[FieldSpec]) -> tuple[FieldSpec, ...]:
    """In the order in which transformers use them."""
    return tuple(sorted(specs, key=lambda spec: type_order(spec.gvk)))


def edited(
    value: dict[str, Value],
    gvk: Gvk,
    spec: FieldSpec,
    edit: Edit,
    *,
    create: str = "",
    who: object = "",
) -> dict[str, Value]:
    """The object with an edit applied to the fields of a specification.

    Args:
        value: The object.
        gvk: Its kind.
        spec: Where.
        edit: From the field's value to its new value.
        create: What to make of a missing last field, `mapping` or `scalar`; empty for nothing.
        who: Names the object in errors.

    Raises:
        InputError: The path leads through a scalar.
    """
    if not gvk.selected_by(spec.gvk):
        return value
    try:
        result: dict[str, Value] = _walk(value, spec.parts, 0, edit, create if spec.create else "")
    except InputError as error:
        raise InputError(
            f"considering field '{spec.path}' of object {who}: {error.message}"
        ) from error
    return result


def _walk(value: Value, parts: tuple[str, ...], index: int, edit: Edit, create: str) -> Value:
    if index == len(parts):
        return edit(value)
    if is_null(value):
        return value
    if isinstance(value, list):
        items = [_walk(item, parts, index, edit, create) for item in value]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return items if changed else value
    if not isinstance(value, dict):
        raise InputError("expected sequence or mapping node")
    return _walk_mapping(value, parts, index, edit, create)


def _walk_mapping(
    value: dict[str, Value], parts: tuple[str, ...], index: int, edit: Edit, create: str
) -> Value:
    name = parts[index]
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    if not name:
        raise InputError("cannot set or create an empty field name")
    made = "" if is_list else create
    if name not in value:
        if not made:
            return value
        field: Value = "" if made == SCALAR and index + 1 == len(parts) else {}
    else:
        field = value[name]
        if is_null(field) and made:
            field = "" if made == SCALAR and index + 1 == len(parts) else {}
        elif is_null(field) and is_list:
            field = []
    new = _walk(field, parts, index + 1, edit, create)
    if new is value.get(name) and name in value:
        return value
    return {**value, name: new}


def entry_setter(key: str, text: str) -> Edit:
    """An edit that sets an entry of a mapping.

    Raises (when it runs):
        InputError: The field is not a mapping.
    """

    def edit(value: Value) -> Value:
        if is_null(value):
            return value
        if not isinstance(value, dict):
            kind = "ScalarNode" if is_scalar(value) else "SequenceNode"
            raise InputError(f"wrong node kind: expected MappingNode but got {kind}")
        return value if value.get(key) == text else {**value, key: text}

    return edit


def require_scalar(value: Value) -> Value:
    """The value, if it is a scalar.

    Raises:
        InputError: It is not.
    """
    if not is_scalar(value):
        kind = "MappingNode" if isinstance(value, dict) else "SequenceNode"
        raise InputError(f"wrong node kind: expected ScalarNode but got {kind}")
    return value
