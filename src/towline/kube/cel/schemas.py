"""Structural schemas as types of expressions, and how their data becomes values. Pure.

A `Shape` is both: the declared type that the checker sees, and the way from JSON to values.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from towline.kube.cel import types
from towline.kube.cel.escaping import escape
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.moments import read_date, read_duration, read_timestamp
from towline.kube.cel.types import CelType, list_of, map_of, object_of
from towline.kube.cel.values import Value

Raw = Mapping[str, Any]

_STRING: Raw = {"type": "string"}
RESOURCE_FIELDS: Raw = {
    "apiVersion": _STRING,
    "kind": _STRING,
    "metadata": {"type": "object", "properties": {"name": _STRING, "generateName": _STRING}},
}
"""What expressions see of every resource, whatever its schema says."""


class Shape(msgspec.Struct, frozen=True, eq=False):
    """A schema that expressions can see.

    Attributes:
        type: The declared type.
        kind: `list`, `map`, `object`, or how a scalar is read.
        nullable: Whether null is a value.
        below: Of a list's items or a map's values.
        fields: Of an object, by escaped name.
        names: An object's field names by their escaped names.
        list_type: `atomic`, `set` or `map`.
        list_keys: Of a list of type `map`.
    """

    type: CelType
    kind: str
    nullable: bool = False
    below: Shape | None = None
    fields: Mapping[str, Shape] = {}
    names: Mapping[str, str] = {}
    list_type: str = "atomic"
    list_keys: tuple[str, ...] = ()


def shape_of(raw: Raw, name: str, *, resource: bool) -> Shape | None:
    """The shape of a schema, or None when expressions cannot see it.

    Args:
        raw: The schema.
        name: Of its type when it is an object; what is below is named after it.
        resource: Whether it is a whole resource, at the root or embedded.
    """
    nullable = bool(raw.get("nullable"))
    if raw.get("x-kubernetes-int-or-string"):
        return Shape(types.DYN, "int-or-string", nullable)
    if resource:
        raw = with_resource_fields(raw)
    match raw.get("type"):
        case "array":
            return _list_shape(raw, name, nullable)
        case "object":
            return _object_shape(raw, name, nullable)
        case "string":
            return _string_shape(raw, nullable)
        case "boolean":
            return Shape(types.BOOL, "boolean", nullable)
        case "number":
            return Shape(types.DOUBLE, "number", nullable)
        case "integer":
            return Shape(types.INT, "integer", nullable)
        case _:
            return None


def with_resource_fields(raw: Raw) -> Raw:
    """The schema with `apiVersion`, `kind` and the names in `metadata`."""
    return {**raw, "properties": {**(raw.get("properties") or {}), **RESOURCE_FIELDS}}


def is_resource(raw: Raw) -> bool:
    """Whether a schema describes an embedded resource."""
    return bool(raw.get("x-kubernetes-embedded-resource"))


def _list_shape(raw: Raw, name: str, nullable: bool) -> Shape | None:
    items = raw.get("items")
    if not isinstance(items, Mapping):
        return None
    below = shape_of(items, f"{name}.@idx", resource=is_resource(items))
    if below is None:
        return None
    return Shape(
        list_of(below.type),
        "list",
        nullable,
        below=below,
        list_type=raw.get("x-kubernetes-list-type") or "atomic",
        list_keys=tuple(raw.get("x-kubernetes-list-map-keys") or ()),
    )


def _object_shape(raw: Raw, name: str, nullable: bool) -> Shape | None:
    additional = raw.get("additionalProperties")
    if isinstance(additional, Mapping):
        below = shape_of(additional, f"{name}.@elem", resource=is_resource(additional))
        if below is None:
            return None
        return Shape(map_of(types.STRING, below.type), "map", nullable, below=below)
    fields: dict[str, Shape] = {}
    names: dict[str, str] = {}
    for key, field in (raw.get("properties") or {}).items():
        escaped = escape(key)
        shape = shape_of(field, f"{name}.{escaped}", resource=is_resource(field))
        if shape is not None and escaped:
            fields[escaped] = shape
            names[escaped] = key
    return Shape(object_of(name), "object", nullable, fields=fields, names=names)


_FORMATS: Mapping[str, tuple[CelType, str]] = {
    "byte": (types.BYTES, "byte"),
    "duration": (types.DURATION, "duration"),
    "date": (types.TIMESTAMP, "date"),
    "date-time": (types.TIMESTAMP, "date-time"),
}


def _string_shape(raw: Raw, nullable: bool) -> Shape:
    type_, kind = _FORMATS.get(raw.get("format") or "", (types.STRING, "string"))
    return Shape(type_, kind, nullable)


def declared_fields(shape: Shape) -> dict[str, dict[str, CelType]]:
    """Types of fields by the names of the objects' types, of a shape and everything below it."""
    found: dict[str, dict[str, CelType]] = {}
    pending = [shape]
    while pending:
        each = pending.pop()
        if each.kind == "object":
            found[each.type.name] = {name: field.type for name, field in each.fields.items()}
            pending.extend(each.fields.values())
        if each.below is not None:
            pending.append(each.below)
    return found


# --- scalars -------------------------------------------------------------------------------------


def scalar(data: Any, shape: Shape) -> Value:
    """A scalar of JSON as a value.

    Raises:
        EvaluationError: It is not what the schema says.
    """
    return _SCALARS[shape.kind](data)


def _int_or_string(data: Any) -> Value:
    if isinstance(data, (str, int)) and not isinstance(data, bool):
        return data
    raise EvaluationError(
        "invalid data, expected XIntOrString value to be either a string or integer"
    )


def _go_type(data: Any) -> str:
    match data:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"


def _boolean(data: Any) -> Value:
    if isinstance(data, bool):
        return data
    raise EvaluationError(f"invalid data, expected bool, got {_go_type(data)}")


def _integer(data: Any) -> Value:
    if isinstance(data, int) and not isinstance(data, bool):
        return data
    raise EvaluationError(f"invalid data, expected int, got {_go_type(data)}")


def _number(data: Any) -> Value:
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return float(data)
    raise EvaluationError(f"invalid data, expected float, got {_go_type(data)}")


def _text(data: Any) -> str:
    if isinstance(data, str):
        return data
    raise EvaluationError(f"invalid data, expected string, got {_go_type(data)}")


def _read(data: Any, read: Callable[[str], Value], what: str) -> Value:
    text = _text(data)
    try:
        return read(text)
    except (ValueError, binascii.Error) as error:
        raise EvaluationError(f"Invalid {what} {text}: {error}") from None


_SCALARS: Mapping[str, Callable[[Any], Value]] = {
    "int-or-string": _int_or_string,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "string": _text,
    "byte": lambda data: _read(data, base64.b64decode, "byte formatted string"),
    "duration": lambda data: _read(data, read_duration, "duration"),
    "date": lambda data: _read(data, read_date, "date formatted string"),
    "date-time": lambda data: _read(data, read_timestamp, "date-time formatted string"),
}
