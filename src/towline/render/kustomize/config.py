"""The transformer configuration of a build: default field specifications plus the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from towline.errors import InputError
from towline.render.kustomize.decode import read_yaml, to_record
from towline.render.kustomize.field_tables import default_references, default_tables
from towline.render.kustomize.fieldspecs import (
    BackReference,
    FieldSpec,
    merged_references,
    merged_specs,
    sorted_specs,
)
from towline.render.kustomize.ids import Gvk, type_order
from towline.render.kustomize.model import FieldConfig, Record

_TABLES: Final = (
    "name_prefix",
    "name_suffix",
    "namespace",
    "common_labels",
    "labels",
    "template_labels",
    "volume_claim_template_labels",
    "common_annotations",
    "var_reference",
    "images",
    "replicas",
)
_MAX_DEPTH: Final = 64


class ReferenceConfig(Record, frozen=True):
    """Name references as configurations write them.

    Attributes:
        group: API group of what is referred to.
        version: Its API version.
        kind: Its kind.
        field_specs: Where the name stands.
    """

    group: str = ""
    version: str = ""
    kind: str = ""
    field_specs: tuple[FieldConfig, ...] = ()


class ConfigFile(Record, frozen=True):
    """A file of the `configurations` field. The fields have the names of `TransformerConfig`'s."""

    name_prefix: tuple[FieldConfig, ...] = ()
    name_suffix: tuple[FieldConfig, ...] = ()
    namespace: tuple[FieldConfig, ...] = ()
    common_labels: tuple[FieldConfig, ...] = ()
    labels: tuple[FieldConfig, ...] = ()
    template_labels: tuple[FieldConfig, ...] = ()
    volume_claim_template_labels: tuple[FieldConfig, ...] = ()
    common_annotations: tuple[FieldConfig, ...] = ()
    name_reference: tuple[ReferenceConfig, ...] = ()
    var_reference: tuple[FieldConfig, ...] = ()
    images: tuple[FieldConfig, ...] = ()
    replicas: tuple[FieldConfig, ...] = ()


class TransformerConfig(msgspec.Struct, frozen=True):
    """Field specifications by transformer.

    Attributes:
        tables: By the name of the configuration's field.
        references: Where names of other resources stand.
    """

    tables: Mapping[str, tuple[FieldSpec, ...]] = {}
    references: tuple[BackReference, ...] = ()

    def table(self, name: str) -> tuple[FieldSpec, ...]:
        """The specifications of one transformer."""
        return self.tables.get(name, ())

    def merged(self, other: TransformerConfig) -> TransformerConfig:
        """Both together.

        Raises:
            InputError: They disagree about creating a field.
        """
        if other is self or (not other.tables and not other.references):
            return self
        if other is default_config() and not self.tables and not self.references:
            return other
        tables = {
            name: sorted_specs(merged_specs(self.table(name), other.table(name)))
            for name in _TABLES
        }
        both = merged_references(self.references, other.references)
        return TransformerConfig(
            tables, tuple(sorted(both, key=lambda reference: type_order(reference.gvk)))
        )


@lru_cache(maxsize=1)
def default_config() -> TransformerConfig:
    """What kustomize does without configurations."""
    return TransformerConfig(default_tables(), default_references())


def config_of_file(content: bytes, path: str) -> TransformerConfig:
    """A file of the `configurations` field.

    Raises:
        InputError: It is malformed or has unknown fields.
    """
    value = read_yaml(_text(content, path), path)
    file = to_record(value, ConfigFile, strict=True, file=path)
    tables = {name: field_specs(getattr(file, name)) for name in _TABLES}
    references = tuple(
        BackReference(Gvk(each.group, each.version, each.kind), field_specs(each.field_specs))
        for each in file.name_reference
    )
    return TransformerConfig(
        {name: sorted_specs(specs) for name, specs in tables.items()},
        tuple(sorted(references, key=lambda reference: type_order(reference.gvk))),
    )


def field_specs(fields: Iterable[FieldConfig]) -> tuple[FieldSpec, ...]:
    """Specifications from their written form."""
    return tuple(
        FieldSpec(Gvk(each.group, each.version, each.kind), each.path, each.create)
        for each in fields
    )


def config_of_crds(content: bytes, path: str) -> TransformerConfig:
    """Fields that an OpenAPI file of custom kinds marks as names, references and labels.

    Raises:
        InputError: It is malformed.
    """
    text = _text(content, path)
    try:
        value = orjson.loads(text) if text.startswith("{") else read_yaml(text, path)
    except orjson.JSONDecodeError as error:
        raise InputError(f"unable to parse open API definition from '{path}': {error}") from error
    types = value if isinstance(value, dict) else {}
    result = TransformerConfig()
    for name in types:
        if {"kind", "apiVersion", "metadata"} <= _properties(types, name).keys():
            reader = _CrdReader(types, Gvk(kind=name.rpartition(".")[2]))
            reader.read(name, (), 0)
            result = result.merged(reader.config())
    return result


class _CrdReader:
    """Collects the marked fields of one kind."""

    def __init__(self, types: dict[str, Any], gvk: Gvk) -> None:
        self._types = types
        self._gvk = gvk
        self._found: dict[str, list[FieldSpec]] = {}
        self._references: tuple[BackReference, ...] = ()

    def config(self) -> TransformerConfig:
        tables = {name: tuple(specs) for name, specs in self._found.items()}
        return TransformerConfig(tables, self._references)

    def read(self, name: str, path: tuple[str, ...], depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise InputError(f"types refer to each other without end: {name}")
        for field, schema in _properties(self._types, name).items():
            if not isinstance(schema, dict):
                continue
            here = (*path, field)
            for mark, table in (
                ("x-kubernetes-annotation", "common_annotations"),
                ("x-kubernetes-label-selector", "common_labels"),
                ("x-kubernetes-identity", "name_prefix"),
            ):
                if isinstance(schema.get(mark), str):
                    self._found.setdefault(table, []).append(self._spec(here))
            self._reference(schema, here)
            if isinstance(schema.get("$ref"), str):
                self.read(schema["$ref"], here, depth + 1)

    def _reference(self, schema: dict[str, Any], path: tuple[str, ...]) -> None:
        version = schema.get("x-kubernetes-object-ref-api-version")
        kind = schema.get("x-kubernetes-object-ref-kind")
        if isinstance(version, str) and isinstance(kind, str):
            key = schema.get("x-kubernetes-object-ref-name-key")
            spec = self._spec((*path, key if isinstance(key, str) else "name"))
            reference = BackReference(Gvk(kind=kind, version=version), (spec,))
            self._references = merged_references(self._references, [reference])

    def _spec(self, path: tuple[str, ...]) -> FieldSpec:
        return FieldSpec(self._gvk, "/".join(path))


def _properties(types: dict[str, Any], name: str) -> dict[str, Any]:
    entry = types.get(name)
    fields = entry if isinstance(entry, dict) else {}
    schema = next((item for key, item in fields.items() if key.lower() == "schema"), None)
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def _text(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("the file is not UTF-8 text", file=path) from error
