"""Rules for `metadata`: what the server sets, what callers may change. Pure functions."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from towline.drydock.refusals import bad_request, conflict
from towline.drydock.registry import strategy
from towline.drydock.registry.kinds import ServedKind
from towline.kube.names import (
    dns1035_problems,
    generated_name,
    label_problems,
    path_segment_problems,
    subdomain_problems,
)
from towline.kube.schema.fielderror import FieldError, forbidden, invalid, required
from towline.kube.status import ApiError

Obj = dict[str, Any]

_NAME_RULES: dict[str, Callable[[str], list[str]]] = {
    "subdomain": subdomain_problems,
    "label": label_problems,
    "service": dns1035_problems,
    "path": path_segment_problems,
}
_KEPT_ON_UPDATE = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)


def meta_of(obj: Obj) -> Obj:
    """A private shallow copy of the metadata.

    Raises:
        ApiError: BadRequest, it is not a map.
    """
    meta = obj.get("metadata")
    if meta is None:
        return {}
    if not isinstance(meta, dict):
        raise bad_request("metadata must be an object")
    return {name: value for name, value in meta.items() if value is not None}


def for_create(
    kind: ServedKind, obj: Obj, namespace: str, *, uid: str, now: str, rng: Random
) -> Obj:
    """The object with the metadata that a new object starts with.

    Raises:
        ApiError: The metadata contradicts the URL or carries a version.
    """
    meta = meta_of(obj)
    if meta.get("resourceVersion"):
        raise ApiError("resourceVersion should not be set on objects to be created", code=500)
    given = meta.get("namespace") or ""
    if kind.namespaced:
        if given and given != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)
    for name in (
        "selfLink",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ):
        meta.pop(name, None)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = generated_name(str(meta["generateName"]), rng)
    meta["uid"] = uid
    meta["creationTimestamp"] = now
    if strategy.has_generation(kind):
        meta["generation"] = 1
    return {**obj, "metadata": meta}


def for_update(kind: ServedKind, old: Obj, new: Obj) -> Obj:
    """The new object with the metadata that only the server sets taken from the old one.

    Raises:
        ApiError: The uid or the version is another one.
    """
    meta, before = meta_of(new), old["metadata"]
    name = before["name"]
    if meta.get("name", name) != name:
        raise bad_request(
            f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
        )
    if kind.namespaced and meta.get("namespace", before["namespace"]) != before["namespace"]:
        raise bad_request("the namespace of the object does not match the namespace on the request")
    if meta.get("uid") and meta["uid"] != before["uid"]:
        raise conflict(
            kind.url_resource,
            name,
            f"Precondition failed: UID in precondition: {meta['uid']},"
            f" UID in object meta: {before['uid']}",
        )
    if meta.get("resourceVersion") and meta["resourceVersion"] != before["resourceVersion"]:
        raise conflict(kind.url_resource, name)
    meta["name"] = name
    if kind.namespaced:
        meta["namespace"] = before["namespace"]
    meta.pop("selfLink", None)
    for field in _KEPT_ON_UPDATE:
        if field in before:
            meta[field] = before[field]
        else:
            meta.pop(field, None)
    meta["resourceVersion"] = before["resourceVersion"]
    return {**new, "metadata": meta}


def problems(kind: ServedKind, obj: Obj, old: Obj | None) -> list[FieldError]:
    """What is wrong with the name or the finalizers of an object that is about to be stored."""
    meta = obj["metadata"]
    found: list[FieldError] = []
    if old is None:
        found += _name_problems(kind, meta)
    if old is not None and old["metadata"].get("deletionTimestamp"):
        found += _finalizer_problems(meta, old["metadata"])
    return found


def _name_problems(kind: ServedKind, meta: Obj) -> list[FieldError]:
    name = meta.get("name")
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    if not isinstance(name, str):
        return [invalid("metadata.name", name, "must be a string")]
    rule = _NAME_RULES[strategy.name_rule(kind)]
    return [invalid("metadata.name", name, why) for why in rule(name)]


def _finalizer_problems(meta: Obj, before: Obj) -> list[FieldError]:
    known = before.get("finalizers") or []
    added = [each for each in meta.get("finalizers") or [] if each not in known]
    if not added:
        return []
    shown = ", ".join(f'"{each}"' for each in added)
    return [
        forbidden(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, found new finalizers"
            f" []string{{{shown}}}",
        )
    ]
