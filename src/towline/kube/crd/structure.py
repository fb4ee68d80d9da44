"""Structural schemas: every field has a type, and unions only constrain. Pure.

Source of the rules: Kubernetes's definition of structural schemas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from towline.kube.cel.patterns import PatternError, compiled
from towline.kube.schema.fielderror import FieldError, forbidden, invalid, required

Raw = Mapping[str, Any]

MAX_DEPTH = 60
_ROLES = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_NESTED = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}
_EVEN_EMPTY = frozenset({"additionalProperties", "default"})
_UNIONS = ("anyOf", "allOf", "oneOf")


def check_structure(schema: Raw, path: str) -> list[FieldError]:
    """Why a schema is not structural; empty when it is."""
    errors = [*_node(schema, "root", path, 0), *_complete(schema, schema, path, path)]
    return sorted(errors, key=str)


def _node(schema: Any, role: str, path: str, depth: int) -> Iterator[FieldError]:
    if not isinstance(schema, Mapping):
        yield invalid(path, schema, "must be an object")
        return
    if depth > MAX_DEPTH:
        yield forbidden(path, f"must not be nested more than {MAX_DEPTH} deep")
        return
    yield from _below(schema, role, path, depth)
    yield from _extensions(schema, path)
    yield from _unions(schema, role, path)
    yield from _type(schema, role, path)
    yield from _resource_fields(schema, role, path)


def _below(schema: Raw, role: str, path: str, depth: int) -> Iterator[FieldError]:
    items, additional = schema.get("items"), schema.get("additionalProperties")
    if schema.get("type") == "array" and items is None:
        yield required(f"{path}.items", "must be specified")
    if isinstance(items, Mapping):
        yield from _node(items, "item", f"{path}.items", depth + 1)
    for name, below in (schema.get("properties") or {}).items():
        yield from _node(below, "field", f"{path}.properties[{name}]", depth + 1)
    if additional is not None:
        if role == "root":
            yield forbidden(f"{path}.additionalProperties", "must not be used at the root")
        if isinstance(additional, Mapping):
            yield from _node(additional, "field", f"{path}.additionalProperties", depth + 1)
        if schema.get("x-kubernetes-embedded-resource"):
            text = "must not be used if x-kubernetes-embedded-resource is set"
            yield forbidden(f"{path}.additionalProperties", text)


def _extensions(schema: Raw, path: str) -> Iterator[FieldError]:
    if not schema.get("x-kubernetes-int-or-string"):
        return
    for key in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
        if schema.get(key):
            text = "must be false if x-kubernetes-int-or-string is true"
            yield invalid(f"{path}.{key}", True, text)


def _type(schema: Raw, role: str, path: str) -> Iterator[FieldError]:
    type_ = schema.get("type") or ""
    where = f"{path}.type"
    free = schema.get("x-kubernetes-int-or-string") or schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    embedded = schema.get("x-kubernetes-embedded-resource")
    if embedded and type_ != "object":
        text = "must be object if x-kubernetes-embedded-resource is true"
        yield invalid(where, type_, text) if type_ else required(where, text)
    elif not type_ and not free:
        yield required(where, _ROLES[role])
    if role == "root" and type_ and type_ != "object":
        yield invalid(where, type_, "must be object at the root")
    preserves = schema.get("x-kubernetes-preserve-unknown-fields")
    if embedded and not preserves and not schema.get("properties"):
        text = (
            "must not be empty if x-kubernetes-embedded-resource is true without"
            " x-kubernetes-preserve-unknown-fields"
        )
        yield required(f"{path}.properties", text)


def _resource_fields(schema: Raw, role: str, path: str) -> Iterator[FieldError]:
    properties = schema.get("properties") or {}
    whole = role == "root" or bool(schema.get("x-kubernetes-embedded-resource"))
    for name in ("kind", "apiVersion"):
        below = properties.get(name)
        if whole and isinstance(below, Mapping) and below.get("type") != "string":
            where = f"{path}.properties[{name}].type"
            yield invalid(where, below.get("type") or "", "must be string")
    metadata = properties.get("metadata")
    if not isinstance(metadata, Mapping):
        return
    where = f"{path}.properties[metadata]"
    if whole and metadata.get("type") != "object":
        yield invalid(f"{where}.type", metadata.get("type") or "", "must be object")
    if role == "root" and _restricts(metadata):
        text = (
            "must not specify anything other than name and generateName, but metadata is implicitly"
            " specified"
        )
        yield forbidden(where, text)


def _restricts(metadata: Raw) -> bool:
    """Whether the schema of the metadata says more than that names exist."""
    named = set(metadata.get("properties") or ()) <= {"name", "generateName"}
    kept = {"type", "default", "description"} | ({"properties"} if named else set())
    return any(value for key, value in metadata.items() if key not in kept)


# --- unions --------------------------------------------------------------------------------------


def _unions(schema: Raw, role: str, path: str) -> Iterator[FieldError]:
    """The unions of a node; the two patterns that spell `int-or-string` may name types."""
    skip_any = schema.get("anyOf") == _INT_OR_STRING
    first = (schema.get("allOf") or [None])[0]
    skip_first = isinstance(first, Mapping) and first.get("anyOf") == _INT_OR_STRING
    yield from _values(schema, path, skip_any=skip_any, skip_first=skip_first)


def _values(
    schema: Raw, path: str, *, skip_any: bool = False, skip_first: bool = False
) -> Iterator[FieldError]:
    for union in _UNIONS:
        if union == "anyOf" and skip_any:
            continue
        for position, part in enumerate(schema.get(union) or ()):
            first = skip_first and union == "allOf" and not position
            yield from _nested(part, f"{path}.{union}[{position}]", skip_any=first)
    if schema.get("not") is not None:
        yield from _nested(schema["not"], f"{path}.not")
    pattern = schema.get("pattern")
    if pattern:
        try:
            compiled(pattern)
        except PatternError as error:
            text = f"must be a valid regular expression, but isn't: {error}"
            yield invalid(f"{path}.pattern", pattern, text)


def _nested(schema: Any, path: str, *, skip_any: bool = False) -> Iterator[FieldError]:
    if not isinstance(schema, Mapping):
        yield invalid(path, schema, "must be an object")
        return
    yield from _values(schema, path, skip_any=skip_any)
    if schema.get("items") is not None:
        yield from _nested(schema["items"], f"{path}.items")
    properties = schema.get("properties") or {}
    for name, below in properties.items():
        yield from _nested(below, f"{path}.properties[{name}]")
    for key, text in _NESTED.items():
        value = schema.get(key)
        given = value is not None if key in _EVEN_EMPTY else bool(value)
        if given:
            yield forbidden(f"{path}.{key}", text)
    if "metadata" in properties:
        text = "must not be specified in a nested context"
        yield forbidden(f"{path}.properties[metadata]", text)


def _complete(values: Raw, schema: Any, path: str, where: str) -> Iterator[FieldError]:
    """What the unions of the root constrain has to be described outside of them."""
    for union in (*_UNIONS, "not"):
        given = values.get(union)
        parts = [given] if union == "not" and given is not None else given or ()
        for position, part in enumerate(parts):
            if isinstance(part, Mapping):
                place = f"{where}.not" if union == "not" else f"{where}.{union}[{position}]"
                yield from _complete_part(part, schema, path, place)


def _complete_part(part: Raw, schema: Raw, path: str, where: str) -> Iterator[FieldError]:
    yield from _complete(part, schema, path, where)
    if isinstance(part.get("items"), Mapping):
        items = schema.get("items")
        if isinstance(items, Mapping):
            yield from _complete_part(part["items"], items, f"{path}.items", f"{where}.items")
        else:
            yield required(f"{path}.items", f"because it is defined in {where}.items")
    for name, below in (part.get("properties") or {}).items():
        field = (schema.get("properties") or {}).get(name)
        place, spot = f"{where}.properties[{name}]", f"{path}.properties[{name}]"
        if isinstance(field, Mapping) and isinstance(below, Mapping):
            yield from _complete_part(below, field, spot, place)
        elif field is None:
            yield required(spot, f"because it is defined in {place}")
