"""Custom resource definitions: the status the server sets, and the kinds that they bring. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from towline.drydock.registry.kinds import Kinds, ServedKind, Subresource
from towline.kube.crd.rules import CustomRules
from towline.kube.refs import GroupResource, GroupVersionKind
from towline.kube.schema.structural import structural_node

Obj = dict[str, Any]

_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STAGE = {"alpha": 1, "beta": 2, None: 3}


def established(crd: Obj, kinds: Kinds, now: str) -> Obj:
    """The definition with the status of one whose names are accepted, or are not."""
    spec = crd["spec"]
    previous = crd.get("status") or {}
    collision = _collision(crd, kinds)
    accepted = previous.get("acceptedNames") if collision else spec["names"]
    conditions = _conditions(previous.get("conditions") or [], collision, now)
    storage = next(v["name"] for v in spec["versions"] if v.get("storage"))
    stored = [v for v in previous.get("storedVersions") or [] if v != storage]
    others = [c for c in previous.get("conditions") or [] if c["type"] not in _OWN]
    status = {
        **previous,
        "acceptedNames": accepted or {"plural": "", "kind": ""},
        "conditions": [*others, *conditions],
        "storedVersions": [*stored, storage],
    }
    return {**crd, "status": status}


_OWN = ("NamesAccepted", "Established")


def _conditions(before: list[Obj], collision: tuple[str, str] | None, now: str) -> list[Obj]:
    if collision is not None:
        reason, message = collision
        wanted = [("NamesAccepted", "False", reason, message)]
        was = next((c for c in before if c["type"] == "Established"), None)
        if was is None or was["status"] != "True":
            text = "not all names are accepted"
            wanted.append(("Established", "False", "NotAccepted", text))
    else:
        text = "the initial names have been accepted"
        wanted = [
            ("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
            ("Established", "True", "InitialNamesAccepted", text),
        ]
    made = []
    for type_, status, reason, message in wanted:
        was = next((c for c in before if c["type"] == type_ and c["status"] == status), {})
        made.append(
            {
                "type": type_,
                "status": status,
                "lastTransitionTime": was.get("lastTransitionTime", now),
                "reason": reason,
                "message": message,
            }
        )
    kept = {c["type"] for c in made}
    return [*[c for c in before if c["type"] in _OWN and c["type"] not in kept], *made]


def _collision(crd: Obj, kinds: Kinds) -> tuple[str, str] | None:
    spec = crd["spec"]
    names = spec["names"]
    own = crd["metadata"]["name"]
    for kind in kinds.all_stored():
        if kind.gvk.group != spec["group"] or kind.definition == own:
            continue
        if names["plural"] == kind.plural:
            return "PluralConflict", f'"{names["plural"]}" is already in use'
        if names["kind"] in (kind.gvk.kind, kind.list_kind):
            return "KindConflict", f'"{names["kind"]}" is already in use'
    return None


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
    names = spec["names"]
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
        rules=CustomRules((version.get("schema") or {}).get("openAPIV3Schema")),
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
