"""The built-in kinds of one Kubernetes version: discovery facts, schemas, OpenAPI documents.

Pure: the data are package resources, read when first asked for. Definitions stay packed JSON slices
until a kind's schema is walked, so an idle catalog costs a few hundred kilobytes.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec

from towline.kube.refs import GroupVersionKind
from towline.kube.schema.node import SchemaNode
from towline.kube.schema.openapi import custom_document, openapi_v3_document, openapi_v3_index


class Subresource(msgspec.Struct, frozen=True):
    """A subresource of a kind.

    Attributes:
        gvk: The kind that its requests and answers carry, such as autoscaling/v1 Scale.
        verbs: What it supports.
    """

    gvk: GroupVersionKind
    verbs: tuple[str, ...]


class KindInfo(msgspec.Struct, frozen=True):
    """A served kind.

    Attributes:
        gvk: Group, version, kind.
        resource: Plural name in URLs.
        singular: Singular name.
        namespaced: Whether its objects live in namespaces.
        short_names: Abbreviations such as `po`.
        categories: Groups such as `all`.
        verbs: What the resource supports.
        subresources: By name, such as `status`.
        definition: Full name of its schema.
        schema: What its objects look like.
    """

    gvk: GroupVersionKind
    resource: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    verbs: tuple[str, ...]
    subresources: dict[str, Subresource]
    definition: str
    schema: SchemaNode


class _KindData(msgspec.Struct):
    group: str
    version: str
    kind: str
    resource: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    verbs: tuple[str, ...]
    subresources: dict[str, tuple[str, str, str, tuple[str, ...]]]
    schema: str


class _KindsFile(msgspec.Struct):
    version: str
    kinds: list[_KindData]


def read_data(name: str) -> bytes:
    """The unpacked bytes of one data file."""
    path = files("towline.kube.schema").joinpath("data", f"{name}.json.gz")
    return gzip.decompress(path.read_bytes())


class Definitions:
    """Schema definitions by full name, decoded one at a time."""

    def __init__(self, packed: bytes) -> None:
        self._packed = msgspec.json.decode(packed, type=dict[str, msgspec.Raw])
        self._nodes: dict[str, SchemaNode] = {}

    def names(self) -> list[str]:
        """All definitions."""
        return list(self._packed)

    def raw(self, name: str) -> dict[str, Any]:
        """The definition as data."""
        return msgspec.json.decode(self._packed[name], type=dict[str, Any])

    def node(self, name: str) -> SchemaNode:
        """The definition as a schema node, the same one for every reference to it."""
        found = self._nodes.get(name)
        if found is None:
            short = name.rpartition(".")[2]
            found = SchemaNode(self.raw(name), self.node, name=short)
            self._nodes[name] = found
        return found


class Catalog:
    """All built-in kinds.

    Attributes:
        version: The Kubernetes version that they come from, such as `v1.36.1`.
    """

    def __init__(self, kinds: bytes, definitions: bytes) -> None:
        data = msgspec.json.decode(kinds, type=_KindsFile)
        self.version = data.version
        self.definitions = Definitions(definitions)
        self._kinds = [_kind_info(entry, self.definitions) for entry in data.kinds]
        self._by_gvk = {kind.gvk: kind for kind in self._kinds}
        self._by_resource = {
            (kind.gvk.group, kind.gvk.version, kind.resource): kind for kind in self._kinds
        }

    def kinds(self) -> list[KindInfo]:
        """Every served kind; versions of a group in order of preference."""
        return list(self._kinds)

    def kind(self, gvk: GroupVersionKind) -> KindInfo | None:
        """One kind, or None."""
        return self._by_gvk.get(gvk)

    def by_resource(self, group: str, version: str, resource: str) -> KindInfo | None:
        """The kind behind a URL's plural name, or None."""
        return self._by_resource.get((group, version, resource))

    def schema(self, definition: str) -> SchemaNode:
        """A schema by its full name, for kinds that are no resources (Scale, Eviction)."""
        return self.definitions.node(definition)

    def openapi_v3_index(self) -> list[str]:
        """The group versions that have a document, as paths: `api/v1`, `apis/apps/v1`."""
        return openapi_v3_index(self._kinds)

    def openapi_v3(self, group_version_path: str) -> bytes:
        """The OpenAPI v3 document (JSON) of one group version.

        Args:
            group_version_path: One of `openapi_v3_index()`.

        Raises:
            NotFoundError: There is no such group version.
        """
        return openapi_v3_document(
            group_version_path,
            self._kinds,
            self.definitions,
            read_data("descriptions"),
            self.version,
        )

    def custom_openapi_v3(self, kinds: list[KindInfo]) -> bytes:
        """The OpenAPI v3 document (JSON) of one group version of custom resources."""
        return custom_document(kinds, self.definitions, read_data("descriptions"), self.version)


def _kind_info(entry: _KindData, definitions: Definitions) -> KindInfo:
    return KindInfo(
        gvk=GroupVersionKind(entry.group, entry.version, entry.kind),
        resource=entry.resource,
        singular=entry.singular,
        namespaced=entry.namespaced,
        short_names=entry.short_names,
        categories=entry.categories,
        verbs=entry.verbs,
        subresources={
            name: Subresource(GroupVersionKind(group, version, kind), verbs)
            for name, (group, version, kind, verbs) in entry.subresources.items()
        },
        definition=entry.schema,
        schema=definitions.node(entry.schema),
    )


@lru_cache(maxsize=1)
def load_catalog() -> Catalog:
    """The catalog of the shipped Kubernetes version; read once per process."""
    return Catalog(read_data("kinds"), read_data("definitions"))
