"""Custom resource definitions: the status the server sets, and the kinds that they bring. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from towline.drydock.registry.kinds import Kinds, ServedKind, Subresource
from towline.kube.crd.rules import CustomRules
from towline.kube.crd.status import settled_status, terminating_status
from towline.kube.refs import GroupResource, GroupVersionKind
from towline.kube.schema.structural import structural_node

Obj = dict[str, Any]

MALFORMED = (LookupError, TypeError, AttributeError, ValueError, StopIteration, RecursionError)
"""What reading a definition raises that no validation would let pass."""

_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STAGE = {"alpha": 1, "beta": 2, None: 3}


def established(crd: Obj, kinds: Kinds, now: str) -> Obj:
    """The definition with the status of one whose names are accepted, or are not."""
    resources: set[str] = set()
    used: set[str] = set()
    for kind in kinds.all_stored():
        if kind.gvk.group == crd["spec"]["group"] and kind.definition != crd["metadata"]["name"]:
            resources |= {kind.plural, kind.singular, *kind.short_names}
            used |= {kind.gvk.kind, kind.list_kind}
    return {**crd, "status": settled_status(crd, resources, used, now)}


def names_accepted(crd: Obj) -> bool:
    """Whether the definition has all the names it asks for."""
    conditions = (crd.get("status") or {}).get("conditions") or []
    return any(c["type"] == "NamesAccepted" and c["status"] == "True" for c in conditions)


def terminating(crd: Obj, now: str) -> Obj:
    """The definition while its objects are being deleted."""
    return {**crd, "status": terminating_status(crd, now)}


def is_established(crd: Obj) -> bool:
    """Whether the definition's kinds are served."""
    conditions = (crd.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def resource_of(crd: Obj) -> GroupResource:
    """Where the definition's objects are stored."""
    return GroupResource(crd["spec"]["group"], crd["spec"]["names"]["plural"])


def kinds_of(crd: Obj) -> tuple[list[ServedKind], ServedKind]:
    """The kinds that a definition brings.

    Returns:
        Served versions, the preferred one first, and the stored version.
    """
    versions = sorted(crd["spec"]["versions"], key=lambda v: _priority(v["name"]), reverse=True)
    stored = next(v["name"] for v in versions if v.get("storage"))
    made = {version["name"]: _kind(crd, version, stored) for version in versions}
    return [made[v["name"]] for v in versions if v.get("served")], made[stored]


def _priority(name: str) -> tuple[int, int, int, str]:
    found = _VERSION.fullmatch(name)
    if found is None:
        return (0, 0, 0, name)
    major, stage, minor = found.groups()
    return (_STAGE[stage], int(major), int(minor or 0), name)


def _kind(crd: Obj, version: Obj, stored: str) -> ServedKind:
    spec = crd["spec"]
    # A name that another definition has is not served; what was accepted before is.
    names = (crd.get("status") or {}).get("acceptedNames") or spec["names"]
    gvk = GroupVersionKind(spec["group"], version["name"], names["kind"])
    declared = version.get("subresources") or {}
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    warning = ""
    if version.get("deprecated"):
        warning = version.get("deprecationWarning") or (
            f"{gvk.api_version} {gvk.kind} is deprecated"
        )
    return ServedKind(
        gvk=gvk,
        stored=gvk._replace(version=stored),
        resource=resource_of(crd),
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        list_kind=names.get("listKind") or f"{names['kind']}List",
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=_VERBS,
        subresources=_subresources(gvk, declared),
        schema=structural_node(schema),
        custom=True,
        defaulted=_has_defaults(schema),
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        scale_paths=declared.get("scale") or {},
        selectable=tuple(
            field["jsonPath"].lstrip(".") for field in version.get("selectableFields") or ()
        ),
        definition=crd["metadata"]["name"],
        warning=warning,
        rules=CustomRules(schema),
    )


def _has_defaults(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "default" in schema or any(_has_defaults(below) for below in schema.values())
    return isinstance(schema, list) and any(_has_defaults(below) for below in schema)


def _subresources(gvk: GroupVersionKind, declared: Mapping[str, Any]) -> dict[str, Subresource]:
    verbs = ("get", "patch", "update")
    found = {}
    if "status" in declared:
        found["status"] = Subresource(gvk, verbs)
    if "scale" in declared:
        found["scale"] = Subresource(GroupVersionKind("autoscaling", "v1", "Scale"), verbs)
    return found
