"""OpenAPI v3 documents: an index with hashes, one document for each group and version."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from towline.drydock.registry import Kinds, ServedKind
from towline.kube.schema.catalog import Catalog, KindInfo, Subresource
from towline.kube.schema.openapi import document, kind_paths

Obj = dict[str, Any]

MAX_KEPT = 24
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_REF = "#/components/schemas/"
# The smallest document that holds the meta types which every kind needs.
_META_SOURCE = "apis/coordination.k8s.io/v1"


class OpenApi:
    """Makes the documents and keeps the latest ones compressed.

    Args:
        kinds: What is served.
    """

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._builtin = frozenset(kinds.catalog.openapi_v3_index())

    def index(self) -> bytes:
        """The paths of all documents with their hashes, JSON."""
        paths = {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self.hash(path)}"}
            for path in self.paths()
        }
        return orjson.dumps({"paths": paths})

    def paths(self) -> list[str]:
        """Where the documents are, such as `apis/apps/v1`."""
        return [
            f"apis/{group}/{version}" if group else f"api/{version}"
            for group, versions in self._kinds.groups().items()
            for version in versions
        ]

    def hash(self, path: str) -> str:
        """The hash that changes when the document at a path changes; empty without one."""
        if path in self._builtin:
            seed = f"{self._kinds.catalog.version}:{path}".encode()
        else:
            kinds = self._custom(path)
            if not kinds:
                return ""
            seed = orjson.dumps([[list(k.gvk), k.schema.raw, list(k.subresources)] for k in kinds])
        return hashlib.sha256(seed).hexdigest().upper()

    def document(self, path: str) -> bytes | None:
        """The document at a path such as `apis/apps/v1`, gzip-compressed JSON."""
        digest = self.hash(path)
        if not digest:
            return None
        key = (path, digest)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = gzip.compress(self._make(path), 6, mtime=0)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return kept

    def _make(self, path: str) -> bytes:
        catalog = self._kinds.catalog
        if path in self._builtin:
            return catalog.openapi_v3(path)
        return _custom_document(self._custom(path), catalog)

    def _custom(self, path: str) -> list[ServedKind]:
        root, _, rest = path.partition("/")
        group, _, version = rest.partition("/")
        if root != "apis" or not version:
            return []
        return [kind for kind in self._kinds.version(group, version) if kind.custom]


def _custom_document(kinds: list[ServedKind], catalog: Catalog) -> bytes:
    schemas = dict(_meta_schemas(catalog))
    paths: Obj = {}
    for kind in kinds:
        info = _info(kind)
        paths.update(kind_paths(info, strategic=False))
        schemas[info.definition] = _kind_schema(kind)
        schemas[f"{info.definition}List"] = _list_schema(kind, info.definition)
    return document(paths, schemas, catalog.version)


@lru_cache(maxsize=1)
def _meta_schemas(catalog: Catalog) -> Obj:
    whole = orjson.loads(catalog.openapi_v3(_META_SOURCE))["components"]["schemas"]
    return {name: schema for name, schema in whole.items() if name.startswith(_META)}


def _info(kind: ServedKind) -> KindInfo:
    reverse = ".".join(reversed(kind.gvk.group.split(".")))
    return KindInfo(
        gvk=kind.gvk,
        resource=kind.plural,
        singular=kind.singular,
        namespaced=kind.namespaced,
        short_names=kind.short_names,
        categories=kind.categories,
        verbs=kind.verbs,
        subresources={n: Subresource(s.gvk, s.verbs) for n, s in kind.subresources.items()},
        definition=f"{reverse}.{kind.gvk.version}.{kind.gvk.kind}",
        schema=kind.schema,
    )


def _published(raw: Any) -> Any:
    """A schema with its references as paths within the document."""
    if isinstance(raw, list):
        return [_published(each) for each in raw]
    if not isinstance(raw, Mapping):
        return raw
    shown = {name: _published(value) for name, value in raw.items()}
    if shown.get("x-kubernetes-int-or-string") is True and "anyOf" not in shown:
        shown["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    reference = shown.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        shown["$ref"] = f"{_REF}{reference}"
    return shown


def _kind_schema(kind: ServedKind) -> Obj:
    whole = _published(kind.schema.raw)
    raw: Obj = {name: value for name, value in whole.items() if name != "properties"}
    own = whole.get("properties") or {}
    properties = {
        **own,
        "apiVersion": {"type": "string", "description": "Group and version of the object."},
        "kind": {"type": "string", "description": "Kind of the object."},
        "metadata": {
            "allOf": [{"$ref": f"{_REF}{_META}.ObjectMeta"}],
            "description": "Standard object's metadata.",
        },
    }
    raw["type"] = "object"
    raw["properties"] = properties
    raw["x-kubernetes-group-version-kind"] = [kind.gvk._asdict()]
    return raw


def _list_schema(kind: ServedKind, definition: str) -> Obj:
    gvk = kind.gvk._replace(kind=kind.list_kind)
    return {
        "description": f"{kind.list_kind} is a list of {kind.gvk.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": f"{_REF}{_META}.ListMeta"},
            "items": {"type": "array", "items": {"$ref": f"{_REF}{definition}"}},
        },
        "x-kubernetes-group-version-kind": [gvk._asdict()],
    }
