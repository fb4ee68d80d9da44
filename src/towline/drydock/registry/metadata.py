"""Rules for `metadata`: what the server sets, what callers may change. Pure functions."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from towline.drydock.refusals import bad_request, conflict
from towline.drydock.registry import strategy
from towline.drydock.registry.kinds import ServedKind
from towline.kube.names import (
    address_problems,
    generated_name,
    label_problems,
    path_segment_problems,
    subdomain_problems,
)
from towline.kube.schema.fielderror import FieldError, forbidden, invalid, invalid_status, required
from towline.kube.status import ApiError

Obj = dict[str, Any]

_NAME_RULES: dict[str, Callable[[str], list[str]]] = {
    "subdomain": subdomain_problems,
    "label": label_problems,
    "service": label_problems,
    "address": address_problems,
    "path": path_segment_problems,
    "free": lambda _: [],
}
OTHER_NAMESPACE = (
    "the namespace of the provided object does not match the namespace sent on the request"
)
_IMMUTABLE = "field is immutable"
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
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
            raise bad_request(OTHER_NAMESPACE)
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


def check_address(kind: ServedKind, obj: Obj, namespace: str, name: str) -> None:
    """Refuses an object whose metadata is about another one than the URL.

    Raises:
        ApiError: BadRequest.
    """
    meta = meta_of(obj)
    if not meta.get("name"):
        raise bad_request(
            f"the name of the object ({name} based on URL) was undeterminable:"
            " name must be provided"
        )
    if meta["name"] != name:
        raise bad_request(
            f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
        )
    if kind.namespaced and meta.get("namespace", namespace) != namespace:
        raise bad_request(OTHER_NAMESPACE)


def for_update(kind: ServedKind, old: Obj, new: Obj, *, replace: bool = False) -> Obj:
    """The new object with the metadata that only the server sets taken from the old one.

    Args:
        kind: What the object is.
        old: The stored object.
        new: What the caller wants.
        replace: Whether the whole object was sent, whose uid then says which one is meant.

    Raises:
        ApiError: The name, the uid or the version is another one, or the object would be marked
            as being deleted.
    """
    meta, before = meta_of(new), old["metadata"]
    name = before["name"]
    check_address(kind, new, before.get("namespace", ""), name)
    fixed = ["deletionTimestamp"] if not before.get("deletionTimestamp") else []
    fixed += [] if replace else ["uid"]
    changed = [each for each in fixed if meta.get(each) and meta[each] != before.get(each)]
    if changed:
        errors = [invalid(f"metadata.{each}", meta[each], _IMMUTABLE) for each in changed]
        raise invalid_status(kind.gvk.group_kind, name, errors)
    version = str(meta.get("resourceVersion") or "0")
    if not version.isdecimal():
        raise ApiError(f'strconv.ParseUint: parsing "{version}": invalid syntax', code=500)
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
    found += _owner_problems(meta)
    if not kind.custom and kind.resource != strategy.CUSTOM_RESOURCE_DEFINITIONS:
        found += _finalizer_name_problems(meta)
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
    base = meta.get("generateName")
    found = []
    if isinstance(base, str) and base:
        # A prefix may end in a dash: what is appended makes a name of it.
        whole = f"{base[:-1]}a" if base.endswith("-") else base
        found = [invalid("metadata.generateName", base, why) for why in rule(whole)]
    return [*found, *(invalid("metadata.name", name, why) for why in rule(name))]


def _owner_problems(meta: Obj) -> list[FieldError]:
    found = []
    for owner in meta.get("ownerReferences") or []:
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                what = "version" if name == "apiVersion" else ""
                why = f"{what} must not be empty".strip()
                found.append(invalid(f"metadata.ownerReferences.{name}", "", why))
    return found


def _finalizer_name_problems(meta: Obj) -> list[FieldError]:
    return [
        invalid(
            f"metadata.finalizers[{position}]",
            name,
            "name is neither a standard finalizer name nor is it fully qualified",
        )
        for position, name in enumerate(meta.get("finalizers") or [])
        if "/" not in name and name not in _STANDARD_FINALIZERS
    ]


def finalizer_warnings(kind: ServedKind, obj: Obj, old: Obj | None) -> tuple[str, ...]:
    """Warnings about new finalizers of custom resources whose names anyone might use."""
    if not kind.custom:
        return ()
    known = {} if old is None else old["metadata"]
    return tuple(
        f'metadata.finalizers: "{name}": prefer a domain-qualified finalizer name including a path'
        " (/) to avoid accidental conflicts with other finalizer writers"
        for name in obj["metadata"].get("finalizers") or []
        if "/" not in name
        and name not in _STANDARD_FINALIZERS
        and name not in (known.get("finalizers") or [])
    )


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
