"""One node of a resolved schema: what a value may be and how lists and maps merge.

Built from the OpenAPI subset that Kubernetes uses, for built-in kinds (with references, resolved
when a node's properties are first asked for) and for custom resources (structural schemas). Shared
by validation, defaulting, patches and server-side apply. Pure; nodes never change once built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import UNSET

Resolver = Callable[[str], "SchemaNode"]
Shape = Literal["struct", "map", "list", "scalar", "any"]

_ZERO: dict[str, Any] = {
    "string": "",
    "bool": False,
    "int": 0,
    "quantity": "0",
    "intstr": 0,
    "struct": {},
    "list": None,
    "map": None,
    "bytes": None,
    "time": None,
    "pointer": None,
}


class SchemaNode:
    """A schema with its references resolved.

    Attributes:
        raw: The schema as data; validation keywords are read from it.
        name: Last part of the definition's name such as `DeploymentSpec`; empty when it has none.
        shape: `struct` (named fields), `map`, `list`, `scalar`, or `any` (no schema: maps merge by
            key, lists are atomic).
        type: JSON type, or empty.
        format: Format such as `int32`, `date-time`, `quantity`, `int-or-string`.
        default: Default value, `msgspec.UNSET` when there is none.
        list_type: `atomic`, `set`, `map`; `atomic` when a list says nothing.
        list_map_keys: Fields that identify an item of a `map` list.
        key_defaults: Default values of those fields.
        map_type: `atomic` or `granular`.
        atomic: Whether the value is owned and replaced as a whole.
        patch_strategy: Strategic merge strategies, comma-separated (`merge`, `retainKeys`).
        patch_merge_key: Field that identifies list items in a strategic merge patch.
        enum: Allowed values; empty when free.
        required: Names of fields that must be present.
        nullable: Whether null is a value.
        int_or_string: Whether both are accepted.
        preserve_unknown: Whether unknown fields stay.
        embedded_resource: Whether the object has apiVersion, kind and metadata of its own.
        always: Fields that an encoder always writes, with their zero value.
        omit_zero: Fields that an encoder leaves out when they are zero.
    """

    __slots__ = (
        "_additional",
        "_items",
        "_key_defaults",
        "_properties",
        "_resolve",
        "_source",
        "always",
        "atomic",
        "default",
        "embedded_resource",
        "enum",
        "format",
        "int_or_string",
        "list_map_keys",
        "list_type",
        "map_type",
        "name",
        "nullable",
        "omit_zero",
        "patch_merge_key",
        "patch_strategy",
        "preserve_unknown",
        "raw",
        "required",
        "shape",
        "type",
    )

    def __init__(
        self,
        raw: Mapping[str, Any],
        resolve: Resolver | None = None,
        *,
        name: str = "",
        source: SchemaNode | None = None,
    ) -> None:
        self.raw = raw
        self.name = name
        self._resolve = resolve
        self._source = source
        self._properties: dict[str, SchemaNode] | None = None
        self._items: SchemaNode | None = None
        self._additional: SchemaNode | None = None
        self._key_defaults: dict[str, Any] | None = None
        self.format: str = raw.get("format", "")
        self.default: Any = raw.get("default", UNSET)
        self.patch_strategy: str = raw.get("x-kubernetes-patch-strategy", "")
        self.patch_merge_key: str = raw.get("x-kubernetes-patch-merge-key", "")
        self.enum: tuple[Any, ...] = tuple(raw.get("enum") or ())
        self.required: tuple[str, ...] = tuple(raw.get("required") or ())
        self.nullable: bool = bool(raw.get("nullable"))
        self.int_or_string: bool = (
            bool(raw.get("x-kubernetes-int-or-string")) or self.format == "int-or-string"
        )
        self.embedded_resource: bool = bool(raw.get("x-kubernetes-embedded-resource"))
        self.always: dict[str, Any] = {
            key: _ZERO[kind] for key, kind in raw.get("x-always", {}).items()
        }
        self.omit_zero: frozenset[str] = frozenset(raw.get("x-omit-zero", ()))
        self.type: str = raw.get("type") or _implied_type(raw)
        self.shape: Shape = self._shape()
        self.preserve_unknown: bool = bool(raw.get("x-kubernetes-preserve-unknown-fields")) or (
            self.shape == "any"
        )
        self.list_type: str = raw.get("x-kubernetes-list-type", "atomic")
        self.list_map_keys: tuple[str, ...] = tuple(raw.get("x-kubernetes-list-map-keys") or ())
        self.map_type: str = raw.get("x-kubernetes-map-type", "granular")
        self.atomic: bool = (
            self.list_type == "atomic"
            if self.shape == "list"
            else self.map_type == "atomic" and self.shape in {"struct", "map", "any"}
        )

    def _shape(self) -> Shape:
        raw = self.raw
        if self.int_or_string or self.format == "quantity":
            return "scalar"
        match self.type:
            case "array":
                return "list"
            case "object" if "properties" in raw:
                return "struct"
            case "object" if isinstance(raw.get("additionalProperties"), Mapping):
                return "map"
            case "object" | "":
                return "any"
            case _:
                return "scalar"

    @property
    def properties(self) -> dict[str, SchemaNode]:
        """The named fields; must not be changed."""
        found = self._properties
        if found is None:
            if self._source is not None:
                found = self._source.properties
            else:
                given = self.raw.get("properties") or {}
                found = {key: self._child(sub) for key, sub in given.items()}
            self._properties = found
        return found

    @property
    def items(self) -> SchemaNode:
        """What list items are."""
        if self._items is None:
            given = self.raw.get("items")
            self._items = self._child(given) if isinstance(given, Mapping) else ANY
        return self._items

    @property
    def additional_properties(self) -> SchemaNode | None:
        """What values of unnamed keys are; None when there is no such schema."""
        if self._additional is None:
            given = self.raw.get("additionalProperties")
            if isinstance(given, Mapping):
                self._additional = self._child(given)
        return self._additional

    @property
    def key_defaults(self) -> dict[str, Any]:
        """Defaults of the list's key fields, such as protocol TCP of a port."""
        if self._key_defaults is None:
            fields = self.items.properties
            self._key_defaults = {
                key: fields[key].default
                for key in self.list_map_keys
                if key in fields and fields[key].default is not UNSET
            }
        return self._key_defaults

    def child(self, key: str) -> SchemaNode:
        """The schema of one field; `ANY` when nothing is known of it."""
        found = self.properties.get(key)
        if found is not None:
            return found
        return self.additional_properties or ANY

    def _child(self, raw: Mapping[str, Any]) -> SchemaNode:
        reference = raw.get("$ref")
        if reference is None or self._resolve is None:
            return SchemaNode(raw, self._resolve)
        target = self._resolve(reference)
        if len(raw) == 1:
            return target
        refined = {**target.raw, **raw}
        return SchemaNode(refined, self._resolve, name=target.name, source=target)

    def __repr__(self) -> str:
        return f"SchemaNode({self.name or self.type or self.format or 'any'})"


def _implied_type(raw: Mapping[str, Any]) -> str:
    if "properties" in raw or "additionalProperties" in raw:
        return "object"
    return "array" if "items" in raw else ""


ANY = SchemaNode({})
