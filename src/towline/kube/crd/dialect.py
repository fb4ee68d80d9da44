"""The subset of OpenAPI that schemas of custom resources may use. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from towline.kube.cel.fieldpath import FieldPathError, field_path
from towline.kube.schema.fielderror import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)

Raw = Mapping[str, Any]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_UNSUPPORTED = {
    "id": "id is not supported",
    "additionalItems": "additionalItems is not supported",
    "patternProperties": "patternProperties is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "$ref": "$ref is not supported",
}
_META = ("metadata", "kind", "apiVersion")


def check_dialect(schema: Raw, path: str) -> list[FieldError]:
    """What a schema says that it may not."""
    return list(_node(schema, path, root=True, no_defaults="", inside_meta=False))


def is_readable(schema: Raw) -> bool:
    """Whether a schema has only keywords that a structure can be made of."""
    pending: list[Any] = [schema]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            return False
        if not isinstance(each, Mapping):
            continue
        if any(each.get(key) for key in _UNSUPPORTED):
            return False
        pending += [each.get("items"), each.get("additionalProperties"), each.get("not")]
        pending += (each.get("properties") or {}).values()
        for union in ("allOf", "oneOf", "anyOf"):
            pending += each.get(union) or ()
    return True


def _node(
    schema: Raw, path: str, *, root: bool, no_defaults: str, inside_meta: bool
) -> Iterator[FieldError]:
    yield from _keywords(schema, path, no_defaults, inside_meta=inside_meta)
    if schema.get("uniqueItems"):
        text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield forbidden(f"{path}.uniqueItems", text)
    additional = schema.get("additionalProperties")
    if additional is not None and schema.get("properties") and additional is not True:
        text = "additionalProperties and properties are mutual exclusive"
        yield forbidden(f"{path}.additionalProperties", text)
    for below, where, reason, meta in _below(schema, path, root, no_defaults, inside_meta):
        yield from _node(below, where, root=False, no_defaults=reason, inside_meta=meta)
    yield from _map_type(schema, path)
    yield from _list_type(schema, path)
    if schema.get("x-kubernetes-list-type") == "map":
        yield from _list_keys(schema, path)
    yield from _items_of_sets(schema, path)
    yield from _rules(schema, path)


def _below(
    schema: Raw,
    path: str,
    root: bool,
    no_defaults: str,
    inside_meta: bool,
) -> Iterator[tuple[Raw, str, str, bool]]:
    """Schemas below, where they stand, why they may have no defaults, whether in metadata."""
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        reason = no_defaults
        if inside_meta:
            reason = "inside additionalProperties applying to object metadata"
        yield additional, f"{path}.additionalProperties", reason, inside_meta
    resource = root or bool(schema.get("x-kubernetes-embedded-resource"))
    for name, below in (schema.get("properties") or {}).items():
        if not isinstance(below, Mapping):
            continue
        meta = inside_meta or (resource and name in _META)
        reason = f"in top-level {name}" if root and name in _META else no_defaults
        yield below, f"{path}.properties[{name}]", reason, meta
    if isinstance(schema.get("not"), Mapping):
        yield schema["not"], f"{path}.not", no_defaults, inside_meta
    for union in ("allOf", "oneOf", "anyOf"):
        for position, part in enumerate(schema.get(union) or ()):
            if isinstance(part, Mapping):
                yield part, f"{path}.{union}[{position}]", no_defaults, inside_meta
    if isinstance(schema.get("items"), Mapping):
        yield schema["items"], f"{path}.items", no_defaults, inside_meta


def _keywords(
    schema: Raw, path: str, no_defaults: str, *, inside_meta: bool
) -> Iterator[FieldError]:
    type_ = schema.get("type")
    if type_ and type_ not in _TYPES:
        yield not_supported(f"{path}.type", type_, _TYPES)
    if schema.get("default") is not None and no_defaults:
        yield forbidden(f"{path}.default", f"must not be set {no_defaults}")
    for key, text in _UNSUPPORTED.items():
        if schema.get(key):
            yield forbidden(f"{path}.{key}", text)
    if type_ == "null":
        text = "type cannot be set to null, use nullable as an alternative"
        yield forbidden(f"{path}.type", text)
    if isinstance(schema.get("items"), list):
        yield forbidden(f"{path}.items", "items must be a schema object and not an array")
    if inside_meta and schema.get("x-kubernetes-embedded-resource"):
        text = "must not be used inside of resource meta"
        yield forbidden(f"{path}.x-kubernetes-embedded-resource", text)
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        where = f"{path}.x-kubernetes-preserve-unknown-fields"
        yield invalid(where, False, "must be true or undefined")


def _needs_type(schema: Raw, path: str, wanted: str, key: str) -> Iterator[FieldError]:
    type_ = schema.get("type") or ""
    if type_ == wanted:
        return
    text = f"must be {wanted} if {key} is specified"
    yield invalid(f"{path}.type", type_, text) if type_ else required(f"{path}.type", text)


def _map_type(schema: Raw, path: str) -> Iterator[FieldError]:
    key = "x-kubernetes-map-type"
    value = schema.get(key)
    if value is None:
        return
    yield from _needs_type(schema, path, "object", key)
    if value not in {"atomic", "granular"}:
        yield not_supported(f"{path}.{key}", value, ("atomic", "granular"))


def _list_type(schema: Raw, path: str) -> Iterator[FieldError]:
    key = "x-kubernetes-list-type"
    value = schema.get(key)
    where = f"{path}.{key}"
    if value is not None:
        yield from _needs_type(schema, path, "array", key)
        if value == "set":
            yield from _set_items(schema.get("items"), path)
        if value not in {"atomic", "set", "map"}:
            yield not_supported(where, value, ("atomic", "set", "map"))
    if schema.get("x-kubernetes-list-map-keys") and value != "map":
        text = "must be map if x-kubernetes-list-map-keys is non-empty"
        yield required(where, text) if value is None else invalid(where, value, text)


def _set_items(items: Any, path: str) -> Iterator[FieldError]:
    """Items of sets are compared as a whole."""
    if not isinstance(items, Mapping):
        return
    text = "must be atomic as item of a list with x-kubernetes-list-type=set"
    list_type, map_type = items.get("x-kubernetes-list-type"), items.get("x-kubernetes-map-type")
    if items.get("type") == "array" and list_type not in {None, "atomic"}:
        yield invalid(f"{path}.items.x-kubernetes-list-type", list_type, text)
    if items.get("type") == "object" and map_type != "atomic":
        yield invalid(f"{path}.items.x-kubernetes-map-type", list_type, text)


def _list_keys(schema: Raw, path: str) -> Iterator[FieldError]:
    keys = schema.get("x-kubernetes-list-map-keys") or []
    where = f"{path}.x-kubernetes-list-map-keys"
    items = schema.get("items")
    if not keys:
        yield required(where, "must not be empty if x-kubernetes-list-type is map")
    if items is None:
        yield required(f"{path}.items", "must have a schema if x-kubernetes-list-type is map")
    if not isinstance(items, Mapping):
        return
    if items.get("type") != "object":
        text = "must be object if parent array's x-kubernetes-list-type is map"
        yield invalid(f"{path}.items.type", items.get("type") or "", text)
        return
    properties = items.get("properties") or {}
    for position, key in enumerate(keys):
        if key not in properties:
            yield invalid(where, keys, "entries must all be names of item properties")
        elif properties[key].get("type") in {"array", "object"}:
            text = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield invalid(f"{path}.items.properties[{key}].type", items["type"], text)
        if key in keys[:position]:
            yield invalid(where, keys, "must not contain duplicate entries")


def _items_of_sets(schema: Raw, path: str) -> Iterator[FieldError]:
    """Items of sets and maps are never null, and keys always there."""
    list_type, items = schema.get("x-kubernetes-list-type"), schema.get("items")
    if list_type not in {"set", "map"} or not isinstance(items, Mapping):
        return
    if items.get("nullable"):
        text = f"cannot be nullable when x-kubernetes-list-type is {list_type}"
        yield forbidden(f"{path}.items.nullable", text)
    if list_type != "map":
        return
    head = "this property is in x-kubernetes-list-map-keys, so it"
    for key in schema.get("x-kubernetes-list-map-keys") or ():
        field = (items.get("properties") or {}).get(key)
        if not isinstance(field, Mapping):
            continue
        where = f"{path}.items.properties[{key}]"
        if key not in (items.get("required") or ()) and field.get("default") is None:
            yield required(
                f"{where}.default", f"{head} must have a default or be a required property"
            )
        if field.get("nullable"):
            yield forbidden(f"{where}.nullable", f"{head} cannot be nullable")


_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")


def _rules(schema: Raw, path: str) -> Iterator[FieldError]:
    for position, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        where = f"{path}.x-kubernetes-validations[{position}]"
        yield from _rule_texts(rule, where)
        if rule.get("fieldPath") and not _leads(rule["fieldPath"], schema):
            yield invalid(f"{where}.fieldPath", rule["fieldPath"], "must be a valid path")
        reason = rule.get("reason")
        if reason is not None and reason not in _REASONS:
            yield not_supported(f"{where}.reason", reason, _REASONS)


def _leads(path: str, schema: Raw) -> bool:
    try:
        field_path(path, schema)
    except FieldPathError:
        return False
    return True


def _rule_texts(rule: Raw, where: str) -> Iterator[FieldError]:
    text, message = (rule.get("rule") or "").strip(), rule.get("message") or ""
    if not text:
        yield required(f"{where}.rule", "rule is not specified")
    elif message and not message.strip():
        yield invalid(f"{where}.message", message, "must be non-empty if specified")
    elif "\n" in message.strip():
        yield invalid(f"{where}.message", message, "must not contain line breaks")
    elif "\n" in text and not message.strip():
        why = "message must be specified if rule contains line breaks"
        yield required(f"{where}.message", why)
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        yield required(
            f"{where}.messageExpression", "messageExpression must be non-empty if specified"
        )
    path = rule.get("fieldPath") or ""
    if path and not path.strip():
        yield invalid(f"{where}.fieldPath", path, "must be non-empty if specified")
    if "\n" in path:
        yield invalid(f"{where}.fieldPath", path, "must not contain line breaks")
