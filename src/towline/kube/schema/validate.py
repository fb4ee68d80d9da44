"""Validation of objects against their schema, with the messages that Kubernetes gives.

Covers the structural dialect of custom resources (types, formats, bounds, patterns, unions, unique
list items) and the required fields of built-in kinds. Pure. Expressions in
`x-kubernetes-validations` are the business of `towline.kube.cel`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from towline.kube.schema.correlation import Correlation
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from towline.kube.schema.node import SchemaNode
from towline.text.re2 import Pattern, RegexError, compile_pattern

MAX_ERRORS = 100
_WHOLE = "<nil>"


def validate(
    obj: Any, schema: SchemaNode, correlation: Correlation | None = None
) -> list[FieldError]:
    """What is wrong with an object; empty when it is valid.

    Args:
        obj: The object.
        schema: What it must be.
        correlation: With what it replaces: parts that did not change are not judged.

    At most 100 errors are reported.
    """
    errors: list[FieldError] = []
    for error in _check(obj, schema, "", correlation):
        errors.append(error)
        if len(errors) >= MAX_ERRORS:
            break
    return errors


def _check(
    value: Any, node: SchemaNode, path: str, before: Correlation | None = None
) -> Iterator[FieldError]:
    if before is not None and before.same:
        return
    problem = _type_problem(value, node)
    if problem:
        where = path or _WHOLE
        detail = f'{_body(path)} must be of type {problem}: "{_type_name(value)}"'
        yield type_invalid(where, _type_name(value), detail)
        return
    if value is None:
        return
    if node.enum and value not in node.enum:
        yield not_supported(path, value, (str(choice) for choice in node.enum))
    if isinstance(value, dict):
        yield from _check_fields(value, node, path, before)
    elif isinstance(value, list):
        yield from _check_items(value, node, path, before)
    else:
        yield from _check_scalar(value, node, path)
    yield from _check_unions(value, node, path)


def _body(path: str) -> str:
    return f"{path} in body" if path else "in body"


def _type_name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _type_problem(value: Any, node: SchemaNode) -> str:
    """The expected type when the value has another one, else an empty text."""
    if value is None:
        return "" if node.nullable or not node.type or node.name else node.type
    given = _type_name(value)
    if node.int_or_string:
        return "" if given in {"integer", "string"} else "integer,string"
    if node.format == "quantity":
        return "" if given in {"integer", "number", "string"} else "string"
    expected = node.type
    if not expected or given == expected:
        return ""
    whole = isinstance(value, float) and value.is_integer()
    if expected == "number" and given == "integer":
        return ""
    return "" if expected == "integer" and whole else expected


# --- containers ----------------------------------------------------------------------------------


def _check_fields(
    value: dict[str, Any], node: SchemaNode, path: str, before: Correlation | None
) -> Iterator[FieldError]:
    prefix = f"{path}." if path else ""
    builtin = bool(node.name)
    for name in node.required:
        if name not in value or (builtin and value[name] is None):
            yield required(prefix + name)
    raw = node.raw
    if (limit := raw.get("maxProperties")) is not None and len(value) > limit:
        yield too_many(path, len(value), limit)
    if (limit := raw.get("minProperties")) is not None and len(value) < limit:
        yield invalid(path, value, f"{_body(path)} should have at least {limit} properties")
    properties = node.properties
    extra = node.additional_properties
    for name, below in value.items():
        child = properties.get(name) or extra
        if child is not None and not (builtin and below is None):
            old = None if before is None else before.key(name)
            yield from _check(below, child, prefix + name, old)


def _check_items(
    value: list[Any], node: SchemaNode, path: str, before: Correlation | None
) -> Iterator[FieldError]:
    raw = node.raw
    if (limit := raw.get("maxItems")) is not None and len(value) > limit:
        yield too_many(path, len(value), limit)
    if (limit := raw.get("minItems")) is not None and len(value) < limit:
        yield invalid(path, value, f"{_body(path)} should have at least {limit} items")
    if raw.get("uniqueItems") and any(item in value[:n] for n, item in enumerate(value)):
        yield invalid(path, value, f"{_body(path)} shouldn't contain duplicates")
    items = node.items
    for position, item in enumerate(value):
        old = None if before is None else before.index(position)
        yield from _check(item, items, f"{path}[{position}]", old)
    if node.list_type != "atomic":
        yield from _check_unique(value, node, path)


def _check_unique(value: list[Any], node: SchemaNode, path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for position, item in enumerate(value):
        shown = item
        if node.list_type == "map" and isinstance(item, dict):
            keys = {**node.key_defaults, **item}
            shown = {name: keys[name] for name in node.list_map_keys if name in keys}
        identity = repr(shown)
        if identity in seen:
            yield duplicate(f"{path}[{position}]", shown)
        seen.add(identity)


# --- scalars -------------------------------------------------------------------------------------


def _check_scalar(value: Any, node: SchemaNode, path: str) -> Iterator[FieldError]:
    if isinstance(value, bool):
        return
    if isinstance(value, str):
        yield from _check_text(value, node, path)
    else:
        yield from _check_number(value, node, path)


def _check_text(value: str, node: SchemaNode, path: str) -> Iterator[FieldError]:
    raw = node.raw
    if (limit := raw.get("maxLength")) is not None and len(value) > limit:
        yield too_long(path, limit)
    if (limit := raw.get("minLength")) is not None and len(value) < limit:
        yield invalid(path, value, f"{_body(path)} should be at least {limit} chars long")
    pattern = raw.get("pattern")
    if pattern and (compiled := _compiled(pattern)) and not compiled.matches(value):
        yield invalid(path, value, f"{_body(path)} should match '{pattern}'")
    check = _FORMATS.get(node.format)
    if check and not _fits(check, value):
        yield invalid(path, value, f'{_body(path)} must be of type {node.format}: "{value}"')


def _check_number(value: int | float, node: SchemaNode, path: str) -> Iterator[FieldError]:  # noqa: PYI041
    raw = node.raw
    if (limit := raw.get("minimum")) is not None:
        strict = bool(raw.get("exclusiveMinimum"))
        if value < limit or (strict and value == limit):
            words = "greater than" if strict else "greater than or equal to"
            yield invalid(path, value, f"{_body(path)} should be {words} {limit}")
    if (limit := raw.get("maximum")) is not None:
        strict = bool(raw.get("exclusiveMaximum"))
        if value > limit or (strict and value == limit):
            words = "less than" if strict else "less than or equal to"
            yield invalid(path, value, f"{_body(path)} should be {words} {limit}")
    if (factor := raw.get("multipleOf")) and abs(value / factor - round(value / factor)) > 1e-9:
        yield invalid(path, value, f"{_body(path)} should be a multiple of {factor}")
    bits = {"int32": 31, "int64": 63}.get(node.format)
    if bits and not -(2**bits) <= value < 2**bits:
        yield invalid(path, value, f"{_body(path)} must be of type {node.format}: {value}")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Pattern | None:
    """None for what is no pattern: a definition with one is refused, a stored one not enforced."""
    try:
        return compile_pattern(pattern)
    except RegexError:
        return None


def _fits(check: Callable[[str], Any], value: str) -> bool:
    try:
        return check(value) is not False
    except (ValueError, binascii.Error):
        return False


def _is_base64(value: str) -> bool:
    base64.b64decode(value.replace("\n", ""), validate=True)
    return True


_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_DURATION = re.compile(r"[+-]?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h|d|w))+|0")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

_FORMATS: dict[str, Callable[[str], Any]] = {
    "byte": _is_base64,
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "duration": lambda value: _DURATION.fullmatch(value) is not None,
    "email": lambda value: _EMAIL.fullmatch(value) is not None,
    "ipv4": lambda value: ip_address(value).version == 4,
    "ipv6": lambda value: ip_address(value).version == 6,
    "cidr": lambda value: bool(ip_network(value, strict=False)),
    "uuid": lambda value: _UUID.fullmatch(value) is not None,
}


# --- unions --------------------------------------------------------------------------------------


def _check_unions(value: Any, node: SchemaNode, path: str) -> Iterator[FieldError]:
    raw = node.raw
    if node.format in {"quantity", "int-or-string"}:
        return
    where = path or _WHOLE
    for part in raw.get("allOf") or ():
        if "$ref" not in part:
            yield from _check(value, _partial(part, node), path)
    if parts := raw.get("anyOf"):
        if node.int_or_string or any(_passes(value, part, node) for part in parts):
            pass
        else:
            yield invalid(where, value, f'"{path}" must validate at least one schema (anyOf)')
    if parts := raw.get("oneOf"):
        matching = sum(_passes(value, part, node) for part in parts)
        if matching != 1:
            found = "none valid" if not matching else f"{matching} valid alternatives"
            text = f'"{path}" must validate one and only one schema (oneOf). Found {found}'
            yield invalid(where, value, text)
    part = raw.get("not")
    if isinstance(part, dict) and _passes(value, part, node):
        yield invalid(where, value, f'"{path}" must not validate the schema (not)')


def _partial(part: dict[str, Any], node: SchemaNode) -> SchemaNode:
    """A union's part constrains the value but takes its type from the node around it."""
    return SchemaNode({"nullable": node.nullable, **part})


def _passes(value: Any, part: dict[str, Any], node: SchemaNode) -> bool:
    return next(_check(value, _partial(part, node), ""), None) is None
