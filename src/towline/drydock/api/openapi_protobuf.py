"""OpenAPI v2 in its protobuf form: `openapi.v2.Document` of gnostic, as kubectl asks for it. Pure.

Clients use it where v3 has no answer: which kinds take `fieldValidation`, and how lists merge. So
it carries the definitions and of the paths the patch operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

_QUERY = ("dryRun", "fieldManager", "fieldValidation", "force")


def encode_document(document: Mapping[str, Any]) -> bytes:
    """The document.

    Args:
        document: With `info`, `paths` and `definitions` as the JSON form has them.
    """
    info = document["info"]
    paths = [
        _named(path, _message(8, _operation(item["patch"])))
        for path, item in document["paths"].items()
        if "patch" in item
    ]
    definitions = [_named(name, _schema(raw)) for name, raw in document["definitions"].items()]
    return b"".join(
        (
            _text(1, document["swagger"]),
            _message(2, _text(1, info["title"]) + _text(2, info["version"])),
            _message(8, b"".join(_message(2, path) for path in paths)),
            _message(9, b"".join(_message(1, each) for each in definitions)),
        )
    )


def _operation(operation: Mapping[str, Any]) -> bytes:
    parameters = (p for p in operation.get("parameters") or () if p["name"] in _QUERY)
    return b"".join(
        (
            _texts(7, operation.get("consumes") or ()),
            *(_message(8, _parameter(each)) for each in parameters),
            *(_message(13, each) for each in _extensions(operation)),
        )
    )


def _parameter(parameter: Mapping[str, Any]) -> bytes:
    """A query parameter, as ParametersItem."""
    query = _text(2, "query") + _text(4, parameter["name"]) + _text(6, parameter["type"])
    return _message(1, _message(2, _message(3, query)))


def _schema(raw: Mapping[str, Any]) -> bytes:
    """A schema, of the keywords that clients read."""
    parts = [
        _text(field, raw[name])
        for field, name in ((1, "$ref"), (2, "format"), (4, "description"))
        if raw.get(name)
    ]
    if "default" in raw:
        parts.append(_message(5, _any(raw["default"])))
    parts.append(_texts(19, raw.get("required") or ()))
    if isinstance(raw.get("additionalProperties"), Mapping):
        parts.append(_message(21, _message(1, _schema(raw["additionalProperties"]))))
    if raw.get("type"):
        parts.append(_message(22, _text(1, raw["type"])))
    if isinstance(raw.get("items"), Mapping):
        parts.append(_message(23, _message(1, _schema(raw["items"]))))
    if properties := raw.get("properties"):
        named = (_named(name, _schema(below)) for name, below in properties.items())
        parts.append(_message(25, b"".join(_message(1, each) for each in named)))
    parts += [_message(31, each) for each in _extensions(raw)]
    return b"".join(parts)


def _extensions(raw: Mapping[str, Any]) -> Iterable[bytes]:
    return (
        _named(name, _any(value)) for name, value in raw.items() if name.startswith("x-kubernetes-")
    )


# --- protobuf wire format ------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _message(field: int, body: bytes) -> bytes:
    return b"".join((_varint(field << 3 | 2), _varint(len(body)), body))


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _texts(field: int, values: Iterable[str]) -> bytes:
    return b"".join(_text(field, value) for value in values)


def _named(name: str, body: bytes) -> bytes:
    return _text(1, name) + _message(2, body)


def _any(value: Any) -> bytes:
    # JSON is YAML, and YAML is what the field holds.
    return _text(2, orjson.dumps(value).decode())
