"""The OpenAPI v2 document as JSON and as protobuf, made of the v3 documents."""

from __future__ import annotations

import gzip
from typing import Any

import orjson

from towline.drydock.api.negotiate import clauses
from towline.drydock.api.openapi import OpenApi
from towline.drydock.api.openapi_protobuf import encode_document
from towline.drydock.registry import Kinds, ServedKind
from towline.kube.schema.swagger import custom_schema, swagger_paths, swagger_schema
from towline.kube.status import ApiError

Obj = dict[str, Any]

JSON = "application/json"
PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_PROTOBUF_AT = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_OFFERED = {
    "": JSON,
    "*/*": JSON,
    "application/*": JSON,
    JSON: JSON,
    PROTOBUF: PROTOBUF,
    _PROTOBUF_AT: PROTOBUF,
}
_SECURITY = {
    "BearerToken": {
        "description": "Bearer Token authentication",
        "type": "apiKey",
        "name": "authorization",
        "in": "header",
    }
}


def negotiated(accept: str) -> str:
    """The media type of the document that a client wants most.

    Raises:
        ApiError: NotAcceptable, it wants neither.
    """
    for media, _ in clauses(accept):
        if media in _OFFERED:
            return _OFFERED[media]
    raise ApiError(
        f"only the following media types are accepted: {JSON}, {PROTOBUF}", reason="NotAcceptable"
    )


class OpenApiV2:
    """Makes the document and keeps it until a kind changes.

    Args:
        kinds: What is served.
        v3: The documents that it is made of.
    """

    def __init__(self, kinds: Kinds, v3: OpenApi) -> None:
        self._kinds = kinds
        self._v3 = v3
        self._kept: dict[str, tuple[int, bytes]] = {}

    def document(self, media: str) -> bytes:
        """The document in one of the two media types, gzip-compressed."""
        epoch = self._kinds.epoch
        made, packed = self._kept.get(media, (0, b""))
        if made != epoch:
            whole = self._make()
            plain = encode_document(whole) if media == PROTOBUF else orjson.dumps(whole)
            packed = gzip.compress(plain, 4, mtime=0)
            self._kept[media] = (epoch, packed)
        return packed

    def _make(self) -> Obj:
        paths: Obj = {}
        definitions: Obj = {}
        for path in self._v3.paths():
            packed = self._v3.document(path)
            if packed is None:
                # A definition went while this was being made.
                continue
            part = orjson.loads(gzip.decompress(packed))
            paths |= swagger_paths(part["paths"])
            for name, schema in part["components"]["schemas"].items():
                if name not in definitions:
                    definitions[name] = swagger_schema(schema)
        for group, versions in self._kinds.groups().items():
            for version in versions:
                for kind in self._kinds.version(group, version):
                    if kind.custom:
                        name = definition_name(kind)
                        definitions[name] = custom_schema(kind.schema.raw, kind.gvk._asdict())
        return {
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": self._kinds.catalog.version},
            "paths": dict(sorted(paths.items())),
            "definitions": dict(sorted(definitions.items())),
            "securityDefinitions": _SECURITY,
            "security": [{"BearerToken": []}],
        }


def definition_name(kind: ServedKind) -> str:
    """The name of a custom kind's definition: the group backwards, version, kind."""
    reverse = ".".join(reversed(kind.gvk.group.split(".")))
    return f"{reverse}.{kind.gvk.version}.{kind.gvk.kind}"
