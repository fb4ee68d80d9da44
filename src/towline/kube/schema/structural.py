"""Custom resource definitions: their schemas as nodes, their defaults, their own validation.

Pure. A custom kind becomes a `KindInfo` like a built-in one, so that the API serves both the same
way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from towline.kube.refs import GroupVersionKind
from towline.kube.schema.catalog import KindInfo, Subresource, load_catalog
from towline.kube.schema.node import SchemaNode

__all__ = ["crd_defaults", "crd_kinds", "structural_node"]

Obj = dict[str, Any]

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_CHANGE_VERBS = ("get", "patch", "update")
_RESOURCE_FIELDS: dict[str, Any] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"$ref": _META},
}


# --- schema --------------------------------------------------------------------------------------


def structural_node(schema: Mapping[str, Any] | None) -> SchemaNode:
    """The node of an `openAPIV3Schema`; the object's own metadata is typed as for any object."""
    raw = _prepared(dict(schema or {"x-kubernetes-preserve-unknown-fields": True}), root=True)
    return SchemaNode(raw, load_catalog().definitions.node)


def _prepared(raw: Mapping[str, Any], *, root: bool = False) -> dict[str, Any]:
    """Embedded objects get the fields that every object has."""
    out = dict(raw)
    given = raw.get("properties")
    if isinstance(given, Mapping):
        out["properties"] = {key: _prepared(below) for key, below in given.items()}
    for key in ("items", "additionalProperties"):
        if isinstance(raw.get(key), Mapping):
            out[key] = _prepared(raw[key])
    if root or raw.get("x-kubernetes-embedded-resource"):
        out["type"] = "object"
        out["properties"] = {**out.get("properties", {}), **_RESOURCE_FIELDS}
    return out


def crd_kinds(crd: Obj) -> list[KindInfo]:
    """The served versions of a custom resource definition, the preferred one first."""
    spec = crd.get("spec") or {}
    names = spec.get("names") or {}
    group, kind = spec.get("group", ""), names.get("kind", "")
    package = ".".join(reversed(group.split(".")))
    found = []
    for version in sorted(spec.get("versions") or (), key=lambda v: _priority(v["name"])):
        if not version.get("served"):
            continue
        gvk = GroupVersionKind(group, version["name"], kind)
        found.append(
            KindInfo(
                gvk=gvk,
                resource=names.get("plural", ""),
                singular=names.get("singular") or kind.lower(),
                namespaced=spec.get("scope") == "Namespaced",
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                verbs=_VERBS,
                subresources=_subresources(version, gvk),
                definition=f"{package}.{version['name']}.{kind}",
                schema=structural_node((version.get("schema") or {}).get("openAPIV3Schema")),
            )
        )
    return found


def _subresources(version: Obj, gvk: GroupVersionKind) -> dict[str, Subresource]:
    given = version.get("subresources") or {}
    found = {}
    if given.get("status") is not None:
        found["status"] = Subresource(gvk, _CHANGE_VERBS)
    if given.get("scale"):
        scale = GroupVersionKind("autoscaling", "v1", "Scale")
        found["scale"] = Subresource(scale, _CHANGE_VERBS)
    return found


def _priority(version: str) -> tuple[int, int, int, str]:
    """Kubernetes's order of versions: GA before beta before alpha, newer first, others last."""
    match = _VERSION.fullmatch(version)
    if not match:
        return 3, 0, 0, version
    stage = {"alpha": 2, "beta": 1, None: 0}[match[2]]
    return stage, -int(match[1]), -int(match[3] or 0), version


# --- defaults ------------------------------------------------------------------------------------


def crd_defaults(crd: Obj) -> Obj:
    """The definition with the server's defaults."""
    spec = crd.get("spec") or {}
    names = spec.get("names") or {}
    kind = names.get("kind", "")
    filled = {
        **names,
        "singular": names.get("singular") or kind.lower(),
        "listKind": names.get("listKind") or (f"{kind}List" if kind else ""),
    }
    conversion = spec.get("conversion") or {"strategy": "None"}
    return {**crd, "spec": {**spec, "names": filled, "conversion": conversion}}
