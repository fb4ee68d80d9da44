"""`fieldPath` of a rule: `.spec.x`, `.map['a key']`, checked against the schema. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"'(?:\\.|[^'\\])*'|[.\[\]]|[^.\[\]']+|'")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class FieldPathError(ValueError):
    """A path that the schema does not have."""


def field_path(text: str, schema: Mapping[str, Any]) -> str:
    """The path as messages print it, without a leading dot.

    Raises:
        FieldPathError: It is malformed, or names nothing of the schema.
    """
    tokens = _TOKEN.findall(text)
    shown = ""
    position = 0
    while position < len(tokens):
        match tokens[position]:
            case ".":
                name, position = _at(tokens, position + 1), position + 2
            case "[":
                name, position = _quoted(tokens, position + 1), position + 3
            case other:
                raise FieldPathError(f"expected [ or . but got: {other}")
        named = "properties" in schema
        schema = _step(schema, name)
        shown += (f".{name}" if shown else name) if named else f"[{name}]"
    return shown


def _at(tokens: list[str], position: int) -> str:
    if position >= len(tokens):
        raise FieldPathError("unexpected end of JSON path")
    return tokens[position]


def _quoted(tokens: list[str], position: int) -> str:
    token = _at(tokens, position)
    if len(token) < 2 or token[0] != "'" or token[-1] != "'":
        raise FieldPathError(f"expected single quoted string but got {token}")
    closing = _at(tokens, position + 1)
    if closing != "]":
        raise FieldPathError(f"expected ] but got {closing}")
    return _ESCAPE.sub(_unescaped, token[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    char = match[1]
    if char in _SIMPLE:
        return _SIMPLE[char]
    if char in "'\\":
        return char
    raise FieldPathError(f"invalid string literal: invalid escape char {match.group()}")


def _step(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    properties = schema.get("properties")
    below = schema.get("additionalProperties")
    found = properties.get(name) if isinstance(properties, Mapping) else below
    if not isinstance(found, Mapping):
        raise FieldPathError("does not refer to a valid field")
    return found
