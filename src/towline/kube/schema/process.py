"""Work on objects with their schema: prune, default, bring to the canonical form, validate.

Pure and copy-on-write: what does not change is shared with the input. Built-in kinds use
`normalize` (what a Go server's decode and encode does to an object) and the rules in `defaults`;
custom resources use `prune`, `apply_defaults` and `validate`.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from towline.errors import InputError
from towline.kube import quantity
from towline.kube.schema.fielderror import FieldError
from towline.kube.schema.node import SchemaNode
from towline.kube.schema.validate import validate

__all__ = ["FieldError", "apply_defaults", "normalize", "prune", "validate", "zero_object"]


# --- pruning -------------------------------------------------------------------------------------


def prune(obj: Any, schema: SchemaNode) -> tuple[Any, list[str]]:
    """Drops fields that the schema does not know.

    Returns:
        The object (the same one when nothing was dropped) and the paths of the dropped fields such
        as `spec.template.spec.containers[0].foo`.
    """
    unknown: list[str] = []
    return _prune(obj, schema, "", unknown), unknown


def _prune(value: Any, node: SchemaNode, path: str, unknown: list[str]) -> Any:
    if isinstance(value, dict):
        if node.shape in {"any", "scalar"}:
            return value
        return _prune_fields(value, node, path, unknown)
    if isinstance(value, list) and node.shape == "list":
        items = node.items
        if items.shape in {"scalar", "any"}:
            return value
        kept = [_prune(item, items, f"{path}[{n}]", unknown) for n, item in enumerate(value)]
        changed = any(a is not b for a, b in zip(kept, value, strict=True))
        return kept if changed else value
    return value


def _prune_fields(value: dict[str, Any], node: SchemaNode, path: str, unknown: list[str]) -> Any:
    properties = node.properties
    extra = node.additional_properties
    out = value
    for key, below in value.items():
        child = properties.get(key) or extra
        if child is None:
            if not node.preserve_unknown:
                unknown.append(f"{path}.{key}" if path else key)
                out = dict(out) if out is value else out
                del out[key]
            continue
        if not isinstance(below, (dict, list)):
            continue
        kept = _prune(below, child, f"{path}.{key}" if path else key, unknown)
        if kept is not below:
            out = dict(out) if out is value else out
            out[key] = kept
    return out


# --- defaults of structural schemas --------------------------------------------------------------


def apply_defaults(obj: Any, schema: SchemaNode) -> Any:
    """Fills in the schema's default values; null counts as absent unless it is allowed.

    A null that is not allowed and has no default goes.
    """
    if isinstance(obj, dict):
        return _default_fields(obj, schema)
    if isinstance(obj, list) and schema.shape == "list":
        filled = [apply_defaults(item, schema.items) for item in obj]
        changed = any(a is not b for a, b in zip(filled, obj, strict=True))
        return filled if changed else obj
    return obj


def _default_fields(value: dict[str, Any], node: SchemaNode) -> dict[str, Any]:
    out = dict(value)
    changed = False
    properties = node.properties
    for key, child in properties.items():
        present = key in out
        if child.default is UNSET:
            if present and out[key] is None and not child.nullable:
                del out[key]
                changed = True
            continue
        if not present or (out[key] is None and not child.nullable):
            out[key] = copy.deepcopy(child.default)
            changed = True
    for key, below in list(out.items()):
        if not isinstance(below, (dict, list)):
            continue
        known = properties.get(key) or node.additional_properties
        if known is None:
            continue
        filled = apply_defaults(below, known)
        if filled is not below:
            out[key] = filled
            changed = True
    return out if changed else value


# --- canonical form of built-in kinds ------------------------------------------------------------


def zero_object(schema: SchemaNode | None) -> dict[str, Any]:
    """An empty object as a server writes it: the fields that are never left out."""
    if schema is None or not schema.always:
        return {}
    properties = schema.properties
    return {
        key: zero_object(properties[key]) if zero == {} else zero
        for key, zero in schema.always.items()
    }


def normalize(obj: Any, schema: SchemaNode) -> Any:
    """The object as a decode and encode by its Go type leaves it.

    Empty maps and lists and zero values go where their type leaves them out, fields that are always
    written appear, quantities and times take their canonical text, null is dropped.

    Raises:
        InputError: A quantity is malformed.
    """
    match schema.shape:
        case "struct" if isinstance(obj, dict):
            return _normalize_struct(obj, schema)
        case "map" if isinstance(obj, dict):
            return _normalize_map(obj, schema)
        case "list" if isinstance(obj, list):
            items = schema.items
            if items.shape == "scalar" and not items.format:
                return obj
            structs = items.shape == "struct"
            # A null among structures is one without fields.
            given = [{} if item is None and structs else item for item in obj]
            out = [normalize(item, items) for item in given]
            return out if any(a is not b for a, b in zip(out, obj, strict=True)) else obj
        case "scalar" if obj is not None and schema.format:
            return _normalize_scalar(obj, schema)
        case _:
            return obj


def _normalize_struct(value: dict[str, Any], node: SchemaNode) -> dict[str, Any]:
    properties = node.properties
    omit_zero = node.omit_zero
    out = value
    for key, below in value.items():
        child = properties.get(key)
        if child is None:
            continue
        kept = below
        if isinstance(below, (dict, list)) or (child.format and below is not None):
            kept = normalize(below, child)
        if (kept is None and key not in node.always) or (not kept and key in omit_zero):
            out = dict(out) if out is value else out
            del out[key]
        elif kept is not below:
            out = dict(out) if out is value else out
            out[key] = kept
    for key, zero in node.always.items():
        if out.get(key) is None and (zero is not None or key not in out):
            out = dict(out) if out is value else out
            out[key] = zero_object(properties[key]) if zero == {} else zero
    return out


def _normalize_map(value: dict[str, Any], node: SchemaNode) -> dict[str, Any]:
    child = node.additional_properties
    if child is None:
        return value
    if child.type == "string" and child.format in {None, "", "byte"}:
        if None not in value.values():
            return value
        return {key: below or "" for key, below in value.items()}
    out = {key: normalize(below, child) for key, below in value.items()}
    return out if any(out[key] is not value[key] for key in value) else value


def _normalize_scalar(value: Any, node: SchemaNode) -> Any:
    match node.format:
        case "quantity":
            canonical = quantity.canonical(value)
            return value if canonical == value else canonical
        case "date-time" if isinstance(value, str):
            micro = node.name == "MicroTime"
            if len(value) == (27 if micro else 20) and value.endswith("Z"):
                return value
            return _normalize_time(value, micro=micro)
        case _:
            return value


def _normalize_time(value: str, *, micro: bool) -> str:
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise InputError(f'parsing time "{value}": it is not an RFC 3339 time') from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
