"""Defaults of a schema have to be valid themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from towline.kube.cel.rules import compile_rules
from towline.kube.cel.schemas import is_resource
from towline.kube.cel.validation import check_rules
from towline.kube.schema.fielderror import FieldError, invalid
from towline.kube.schema.node import SchemaNode
from towline.kube.schema.process import prune
from towline.kube.schema.validate import validate

Raw = Mapping[str, Any]


def check_defaults(schema: Raw, path: str) -> Iterator[FieldError]:
    """What is wrong with the defaults of a structural schema."""
    default = schema.get("default")
    if default is not None:
        yield from _default(schema, default, f"{path}.default")
    items = schema.get("items")
    if isinstance(items, Mapping):
        yield from check_defaults(items, f"{path}.items")
    for name, below in (schema.get("properties") or {}).items():
        yield from check_defaults(below, f"{path}.properties[{name}]")


def _default(schema: Raw, default: Any, path: str) -> Iterator[FieldError]:
    node = SchemaNode(schema)
    _, unknown = prune(default, node)
    if unknown and not is_resource(schema):
        yield invalid(path, default, "must not have unknown fields")
    errors = [_moved(error, path) for error in validate(default, node)]
    yield from errors
    rules = compile_rules(schema) if not errors and schema.get("type") == "object" else None
    if rules is not None:
        yield from (_moved(error, path) for error in check_rules(rules, default).errors)


def _moved(error: FieldError, path: str) -> FieldError:
    """The error with its path below that of the default; its text names the path inside."""
    if error.path in {"", "<nil>"}:
        message = error.message.replace(": in body must", ":  in body must")
        return FieldError(path, error.kind, message)
    where = f"{path}{error.path}" if error.path.startswith("[") else f"{path}.{error.path}"
    return FieldError(where, error.kind, error.message)
