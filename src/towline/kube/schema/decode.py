"""Why a built-in object cannot be decoded: the text that a server answers 400 with. Pure."""

from __future__ import annotations

import re
from typing import Any

from towline.errors import InputError
from towline.kube import quantity
from towline.kube.schema.node import SchemaNode

_BASE64_DIGITS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def decode_error(obj: Any, schema: SchemaNode) -> str:
    """The first reason such as `json: cannot unmarshal string into Go struct field ...`.

    Args:
        obj: The object as the client sent it.
        schema: The built-in kind's schema.

    Returns:
        An empty text when the object decodes.
    """
    return _problem(obj, schema, schema.name, "")


def _problem(value: Any, node: SchemaNode, owner: str, path: str) -> str:
    if value is None:
        return ""
    match node.shape:
        case "struct":
            if not isinstance(value, dict):
                return _mismatch(value, f"v1.{node.name}", owner, path)
            return _struct_problem(value, node, path)
        case "map":
            return _map_problem(value, node, owner, path)
        case "list":
            if not isinstance(value, list):
                return _mismatch(value, f"[]{_go_type(node.items)}", owner, path)
            problems = (_problem(item, node.items, owner, path) for item in value)
            return next((problem for problem in problems if problem), "")
        case "scalar":
            return _scalar_problem(value, node, owner, path)
        case _:
            return ""


def _struct_problem(value: dict[str, Any], node: SchemaNode, path: str) -> str:
    properties = node.properties
    for key, below in value.items():
        child = properties.get(key)
        if child is None:
            continue
        problem = _problem(below, child, node.name, f"{path}.{key}" if path else key)
        if problem:
            return problem
    return ""


def _map_problem(value: Any, node: SchemaNode, owner: str, path: str) -> str:
    child = node.additional_properties
    if child is None:
        return ""
    if not isinstance(value, dict):
        return _mismatch(value, f"map[string]{_go_type(child)}", owner, path)
    for below in value.values():
        if problem := _problem(below, child, owner, path):
            return problem
    return ""


def _scalar_problem(value: Any, node: SchemaNode, owner: str, path: str) -> str:
    if node.format == "quantity":
        return _quantity_problem(value)
    if node.int_or_string:
        good = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
        return "" if good else _mismatch(value, "int32", owner, path)
    match node.type:
        case "string":
            if not isinstance(value, str):
                return _mismatch(value, _go_type(node), owner, path)
            return _text_problem(value, node)
        case "boolean" if not isinstance(value, bool):
            return _mismatch(value, "bool", owner, path)
        case "integer":
            return _integer_problem(value, node, owner, path)
        case "number" if isinstance(value, bool) or not isinstance(value, (int, float)):
            return _mismatch(value, "float64", owner, path)
        case _:
            return ""


def _text_problem(value: str, node: SchemaNode) -> str:
    if node.format == "byte":
        return base64_problem(value)
    if node.format == "date-time" and value and not _TIME.fullmatch(value):
        return f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}"'
    return ""


def _integer_problem(value: Any, node: SchemaNode, owner: str, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return _mismatch(value, _go_type(node), owner, path)
    bits = 63 if node.format == "int64" else 31
    if not -(2**bits) <= value < 2**bits:
        return _mismatch(value, _go_type(node), owner, path, shown=f"number {value}")
    return ""


def _quantity_problem(value: Any) -> str:
    try:
        quantity.parse(value)
    except InputError as error:
        return error.message
    return ""


def base64_problem(text: str) -> str:
    """Why a text is no standard base64: `illegal base64 data at input byte N`."""
    body = text.replace("\n", "").replace("\r", "")
    stripped = body.rstrip("=")
    padding = len(body) - len(stripped)
    for position, mark in enumerate(stripped):
        if mark not in _BASE64_DIGITS:
            return f"illegal base64 data at input byte {position}"
    if len(body) % 4 or padding > 2 or (padding and len(stripped) % 4 == 0):
        position = len(stripped) if padding else len(stripped) // 4 * 4
        return f"illegal base64 data at input byte {position}"
    return ""


def _go_type(node: SchemaNode) -> str:
    if node.format == "byte":
        return "[]uint8"
    if node.name:
        return f"v1.{node.name}"
    match node.type:
        case "boolean":
            return "bool"
        case "integer":
            return node.format or "int32"
        case "number":
            return "float64"
        case other:
            return other or "interface {}"


def _mismatch(value: Any, wanted: str, owner: str, path: str, *, shown: str = "") -> str:
    match value:
        case bool():
            given = "bool"
        case int() | float():
            given = f"number {value}" if isinstance(value, float) else "number"
        case str():
            given = "string"
        case list():
            given = "array"
        case _:
            given = "object"
    if not path:
        return f"json: cannot unmarshal {shown or given} into Go value of type {wanted}"
    field = f"{owner}.{path}"
    return f"json: cannot unmarshal {shown or given} into Go struct field {field} of type {wanted}"
