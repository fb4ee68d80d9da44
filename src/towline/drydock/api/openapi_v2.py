"""The OpenAPI v2 document in its protobuf form: all definitions, and the patch operations.

Clients use it where v3 has no answer: which kinds take `fieldValidation`, and how lists merge. The
field numbers are those of gnostic's `openapi.v2.Document`.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from towline.drydock.registry import Kinds, ServedKind

CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
ACCEPTED = frozenset(
    {CONTENT_TYPE, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "*/*"}
)

_REF = "#/definitions/"
_PATCH_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")
_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)
_STRATEGIC = "application/strategic-merge-patch+json"


class OpenApiV2:
    """Makes the document and keeps it until a kind changes.

    Args:
        kinds: What is served.
    """

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._epoch = 0
        self._kept = b""

    def document(self) -> bytes:
        """The document, gzip-compressed."""
        epoch = self._kinds.epoch
        if self._epoch != epoch:
            self._kept = gzip.compress(self._make(), 6, mtime=0)
            self._epoch = epoch
        return self._kept

    def _make(self) -> bytes:
        catalog = self._kinds.catalog
        served = [
            kind
            for group, versions in self._kinds.groups().items()
            for version in versions
            for kind in self._kinds.version(group, version)
        ]
        definitions = [
            _named(name, _schema(catalog.definitions.raw(name)))
            for name in sorted(catalog.definitions.names())
        ]
        definitions += [_named(_definition(k), _custom(k)) for k in served if k.custom]
        paths = [_path(kind) for kind in served if "patch" in kind.verbs]
        return b"".join(
            (
                _text(1, "2.0"),
                _message(2, _text(1, "Kubernetes") + _text(2, catalog.version)),
                _message(8, b"".join(_message(2, path) for path in paths)),
                _message(9, b"".join(_message(1, each) for each in definitions)),
            )
        )


def _definition(kind: ServedKind) -> str:
    reverse = ".".join(reversed(kind.gvk.group.split(".")))
    return f"{reverse}.{kind.gvk.version}.{kind.gvk.kind}"


def _custom(kind: ServedKind) -> bytes:
    gvks = [kind.gvk._asdict()]
    return _schema({**kind.schema.raw, "x-kubernetes-group-version-kind": gvks})


def _path(kind: ServedKind) -> bytes:
    """The patch operation of a kind, as NamedPathItem."""
    gvk = kind.gvk
    base = f"/apis/{gvk.group}/{gvk.version}" if gvk.group else f"/api/{gvk.version}"
    scope = f"{base}/namespaces/{{namespace}}" if kind.namespaced else base
    consumes = _PATCH_TYPES if kind.custom else (*_PATCH_TYPES, _STRATEGIC)
    operation = b"".join(
        (
            _texts(7, consumes),
            *(_message(8, _parameter(name)) for name in _PATCH_PARAMETERS),
            _message(13, _extension("x-kubernetes-action", "patch")),
            _message(13, _extension("x-kubernetes-group-version-kind", gvk._asdict())),
        )
    )
    return _named(f"{scope}/{kind.plural}/{{name}}", _message(8, operation))


def _parameter(name: str) -> bytes:
    """A query parameter, as ParametersItem."""
    kind = "boolean" if name == "force" else "string"
    query = _text(2, "query") + _text(4, name) + _text(6, kind)
    return _message(1, _message(2, _message(3, query)))


def _schema(raw: Mapping[str, Any]) -> bytes:
    """A schema, of the keywords that clients read."""
    parts = []
    if reference := raw.get("$ref"):
        parts.append(_text(1, f"{_REF}{reference}"))
    type_, format_ = _type_of(raw)
    if format_:
        parts.append(_text(2, format_))
    if raw.get("description"):
        parts.append(_text(4, raw["description"]))
    if "default" in raw:
        parts.append(_message(5, _any(raw["default"])))
    parts.append(_texts(19, raw.get("required") or ()))
    additional = raw.get("additionalProperties")
    if isinstance(additional, Mapping):
        parts.append(_message(21, _message(1, _schema(additional))))
    if type_:
        parts.append(_message(22, _text(1, type_)))
    if isinstance(raw.get("items"), Mapping):
        parts.append(_message(23, _message(1, _schema(raw["items"]))))
    if properties := raw.get("properties"):
        named = (_named(name, _schema(below)) for name, below in properties.items())
        parts.append(_message(25, b"".join(_message(1, each) for each in named)))
    parts += [
        _message(31, _extension(name, value))
        for name, value in raw.items()
        if name.startswith("x-kubernetes-")
    ]
    return b"".join(parts)


def _type_of(raw: Mapping[str, Any]) -> tuple[str, str]:
    format_ = str(raw.get("format") or "")
    if raw.get("x-kubernetes-int-or-string") or format_ == "int-or-string":
        return "string", "int-or-string"
    if format_ == "quantity":
        return "string", ""
    return str(raw.get("type") or ""), format_


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


def _extension(name: str, value: Any) -> bytes:
    return _named(name, _any(value))
