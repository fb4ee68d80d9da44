"""Which lists a strategic merge merges, and which kinds have no namespace: built in or given."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Protocol

from towline.errors import InputError
from towline.render.kustomize.builtin_kinds import (
    CLUSTER_KINDS,
    NAMESPACED_KINDS,
    PARTS,
    part_of_kind,
)
from towline.text.yaml import load_documents

BUILT_IN_VERSION: Final = "v1.21.2"
_GVK: Final = "x-kubernetes-group-version-kind"
_STRATEGY: Final = "x-kubernetes-patch-strategy"
_MAX_REFERENCES: Final = 32


class Shape(Protocol):
    """What merging needs to know of a field."""

    @property
    def merge_keys(self) -> tuple[str, ...] | None:
        """Keys of a list that merges (none: by value); None for anything else."""
        ...

    def field(self, name: str) -> Shape | None:
        """The shape of a field of a mapping."""
        ...

    def elements(self) -> Shape | None:
        """The shape of a list's elements."""
        ...


class _Part:
    """A shape from the built-in table."""

    __slots__ = ("_name", "merge_keys")

    def __init__(self, name: str, merge_keys: tuple[str, ...] | None) -> None:
        self._name = name
        self.merge_keys = merge_keys

    def field(self, name: str) -> Shape | None:
        entry = PARTS.get(self._name, {}).get(name)
        return _part(entry[1], entry[0]) if entry else None

    def elements(self) -> Shape | None:
        name = self._name.strip("[]")
        return _part(name, None) if name else None


@lru_cache(maxsize=256)
def _part(name: str, keys: tuple[str, ...] | None) -> _Part:
    return _Part(name, keys)


class _Schema:
    """A shape from an OpenAPI document that the user gave."""

    __slots__ = ("_definitions", "_schema")

    def __init__(self, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
        self._schema = schema
        self._definitions = definitions

    @property
    def merge_keys(self) -> tuple[str, ...] | None:
        strategy = self._schema.get(_STRATEGY)
        if not isinstance(strategy, str) or "merge" not in strategy.split(","):
            return None
        keys = self._schema.get("x-kubernetes-list-map-keys")
        if not isinstance(keys, list):
            key = self._schema.get("x-kubernetes-patch-merge-key")
            keys = [] if key is None else [key]
        return tuple(str(key) for key in keys)

    def field(self, name: str) -> Shape | None:
        properties = self._schema.get("properties")
        found = properties.get(name) if isinstance(properties, dict) else None
        if not isinstance(found, dict):
            found = self._schema.get("additionalProperties")
        return self._resolved(found)

    def elements(self) -> Shape | None:
        if self._schema.get("type") != "array":
            return None
        return self._resolved(self._schema.get("items"))

    def _resolved(self, schema: Any) -> Shape | None:
        for _ in range(_MAX_REFERENCES):
            if not isinstance(schema, dict):
                return None
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return _Schema(schema, self._definitions)
            schema = self._definitions.get(reference.rpartition("/")[2])
        return None


class Schemas:
    """The API of one build."""

    def __init__(self) -> None:
        self._chosen = False
        self._custom: dict[str, Any] | None = None
        self._shapes: dict[tuple[str, str], dict[str, Any]] = {}
        self._scopes: dict[tuple[str, str], bool] = {}

    def choose(self, field: dict[str, str], document: bytes | None, *, file: str = "") -> None:
        """Takes the `openapi` field of a kustomization; the first one that says something counts.

        Args:
            field: The field.
            document: Content of the file that its `path` names.
            file: That path, for errors.

        Raises:
            InputError: The version is not built in, or the document is no OpenAPI.
        """
        if self._chosen:
            return
        version = field.get("version", "")
        if document is not None:
            if version:
                raise InputError("builtin version and custom schema provided, cannot use both")
            self._load(document, file)
            self._chosen = True
        elif version:
            if version != BUILT_IN_VERSION:
                raise InputError("the specified OpenAPI version is not built in", field="openapi")
            self._chosen = True

    def shape(self, api_version: str, kind: str) -> Shape | None:
        """What merging needs to know of a kind's objects; None for an unknown kind."""
        if self._custom is not None:
            schema = self._shapes.get((api_version, kind))
            if schema is not None:
                return _Schema(schema, self._custom)
            name = part_of_kind(api_version, kind)
            return _part(name, None) if name == "kustomization" else None
        name = part_of_kind(api_version, kind)
        return _part(name, None) if name else None

    def is_cluster(self, api_version: str, kind: str) -> bool:
        """Whether the kind is known to live outside of namespaces."""
        pair = (api_version, kind)
        if pair in CLUSTER_KINDS:
            return True
        return pair not in NAMESPACED_KINDS and self._scopes.get(pair) is False

    def _load(self, document: bytes, file: str) -> None:
        try:
            documents = load_documents(document.decode(), file=file)
        except UnicodeDecodeError as error:
            raise InputError("the file is not UTF-8 text", file=file) from error
        value = documents[0].value if documents else None
        if not isinstance(value, dict):
            raise InputError("invalid schema file: not a mapping", file=file)
        definitions = value.get("definitions")
        self._custom = definitions if isinstance(definitions, dict) else {}
        for schema in self._custom.values():
            for pair in _kinds(schema.get(_GVK) if isinstance(schema, dict) else None):
                self._shapes[pair] = schema
        paths = value.get("paths")
        for path, methods in (paths if isinstance(paths, dict) else {}).items():
            get = methods.get("get") if isinstance(methods, dict) else None
            for pair in _kinds([get.get(_GVK)] if isinstance(get, dict) else None):
                if "namespaces/{namespace}" in path:
                    self._scopes[pair] = True
                else:
                    self._scopes.setdefault(pair, False)


def _kinds(entries: Any) -> list[tuple[str, str]]:
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("kind"), str):
            group, version = entry.get("group") or "", entry.get("version") or ""
            found.append((f"{group}/{version}" if group else str(version), entry["kind"]))
    return found
