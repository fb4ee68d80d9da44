"""The canonical form of the schemas inside CustomResourceDefinitions. Pure.

The schema of definitions says little about what stands below `items` and its like, because lists,
truth values and schemas may stand there; typed clients write out every zero value in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from towline.kube.schema.catalog import load_catalog

Obj = dict[str, Any]

_DEFINITION = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_SINGLE = ("items", "additionalItems", "additionalProperties", "not")
_LISTS = ("allOf", "anyOf", "oneOf")
_MAPS = ("properties", "patternProperties", "definitions")


def canonical_definition(crd: Obj) -> Obj:
    """A CustomResourceDefinition whose schemas have no zero values that a server leaves out."""
    spec = crd.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("versions"), list):
        return crd
    omitted = load_catalog().schema(_DEFINITION).omit_zero
    changed = [_version(version, omitted) for version in spec["versions"]]
    return {**crd, "spec": {**spec, "versions": changed}}


def _version(version: Any, omitted: Iterable[str]) -> Any:
    schema = version.get("schema") if isinstance(version, dict) else None
    if not isinstance(schema, dict) or not isinstance(schema.get("openAPIV3Schema"), dict):
        return version
    plain = _plain(schema["openAPIV3Schema"], frozenset(omitted))
    return {**version, "schema": {**schema, "openAPIV3Schema": plain}}


def _plain(schema: Any, omitted: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_plain(each, omitted) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {name: value for name, value in schema.items() if value or name not in omitted}
    for name in (*_SINGLE, *_LISTS):
        if name in out:
            out[name] = _plain(out[name], omitted)
    for name in _MAPS:
        if isinstance(out.get(name), Mapping):
            out[name] = {key: _plain(below, omitted) for key, below in out[name].items()}
    return out
