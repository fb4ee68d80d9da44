"""Brings an object to the form in which two of its kind can be compared."""

from __future__ import annotations

import base64
from typing import Any, Final

import orjson

from towline.errors import InputError
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.defaults import normalize_builtin

_ROLES: Final = frozenset({"Role", "ClusterRole"})
_SERVERS: Final = frozenset({"creationTimestamp", "managedFields", "resourceVersion"})

Obj = dict[str, Any]


def normalize(obj: Obj, gvk: GroupVersionKind, *, ignore_aggregated_roles: bool = False) -> Obj:
    """The object as a Go client would write it, without what servers add.

    Args:
        obj: A live or desired object, of any shape; not changed.
        gvk: Its kind.
        ignore_aggregated_roles: Whether the rules of an aggregated role are somebody else's.
    """
    meta = {k: v for k, v in members(obj.get("metadata")).items() if k not in _SERVERS}
    plain = {**obj, "metadata": meta}
    if (gvk.group, gvk.kind) == ("", "Secret"):
        plain = with_data(plain)
    elif gvk.group == "rbac.authorization.k8s.io" and gvk.kind in _ROLES:
        plain = _role(plain, aggregated=ignore_aggregated_roles)
    elif (gvk.group, gvk.kind) == ("", "Endpoints"):
        plain = _endpoints(plain)
    try:
        typed = normalize_builtin(gvk, plain)
    except InputError:
        return plain  # what does not decode is compared as it is written; the server will refuse it
    # A type writes some fields always, with their zero value; nobody has asked for those.
    found: Obj = reduced(typed, plain)
    return found


def reduced(value: Any, pattern: Any) -> Any:
    """The value without members that the pattern does not have, recursively.

    Lists are gone through by position; items beyond the pattern's end stay.
    """
    if isinstance(value, dict) and isinstance(pattern, dict):
        return {k: reduced(v, pattern[k]) for k, v in value.items() if k in pattern}
    if isinstance(value, list) and isinstance(pattern, list):
        cut = [reduced(item, other) for item, other in zip(value, pattern, strict=False)]
        return [*cut, *value[len(cut) :]]
    return value


def members(value: Any) -> Obj:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def with_data(secret: Obj) -> Obj:
    """A Secret with `stringData` moved to `data`, and null values made empty ones."""
    if not all(isinstance(secret.get(name) or {}, dict) for name in ("data", "stringData")):
        return secret
    data = {k: "" if v is None else v for k, v in members(secret.get("data")).items()}
    for name, text in members(secret.get("stringData")).items():
        # What is no text stays as it is, for the server to refuse.
        given = "" if text is None else text
        encoded = isinstance(given, str)
        data[name] = base64.b64encode(given.encode()).decode() if encoded else given
    plain = {name: value for name, value in secret.items() if name not in {"data", "stringData"}}
    return {**plain, "data": data} if data else plain


def _role(role: Obj, *, aggregated: bool) -> Obj:
    foreign = aggregated and isinstance(role.get("aggregationRule"), dict)
    if role.get("rules") and not foreign:
        return role
    return {name: value for name, value in role.items() if name != "rules"}


def _endpoints(endpoints: Obj) -> Obj:
    subsets = endpoints.get("subsets")
    if not isinstance(subsets, list):
        return endpoints
    return {**endpoints, "subsets": _sorted([_subset(members(subset)) for subset in subsets])}


def _subset(subset: Obj) -> Obj:
    out = dict(subset)
    for name in ("addresses", "notReadyAddresses", "ports"):
        items = subset.get(name)
        if isinstance(items, list):
            if name == "ports":
                items = [{"protocol": "TCP", **members(port)} for port in items]
            out[name] = _sorted(items)
    return out


def _sorted(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
