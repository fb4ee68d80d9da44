"""Takes out of an object what does not count as a difference, before two are compared."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final

from towline.argo.application import IgnoreRule
from towline.argo.globs import matches
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kube.schema.defaults import normalize_builtin

_ROLES: Final = frozenset({"Role", "ClusterRole"})


def normalize(obj: dict[str, Any], gvk: GroupVersionKind) -> dict[str, Any]:
    """The object as a Go client would write it, without what servers add.

    Args:
        obj: A live or desired object; not changed.
        gvk: Its kind.
    """
    meta = {
        name: value
        for name, value in (obj.get("metadata") or {}).items()
        if name not in {"creationTimestamp", "managedFields"}
    }
    plain = {name: value for name, value in obj.items() if name != "status"}
    plain["metadata"] = meta
    if (gvk.group, gvk.kind) == ("", "Secret"):
        plain = _secret(plain)
    elif gvk.group == "rbac.authorization.k8s.io" and gvk.kind in _ROLES:
        plain = _role(plain)
    return normalize_builtin(gvk, plain)


def without_ignored(
    obj: dict[str, Any], key: ObjectKey, rules: Iterable[IgnoreRule]
) -> dict[str, Any]:
    """The object without the fields that `ignoreDifferences` names by JSON pointer."""
    for rule in rules:
        if not _applies(rule, key):
            continue
        for pointer in rule.json_pointers:
            obj = _without(obj, _tokens(pointer))
    return obj


def _applies(rule: IgnoreRule, key: ObjectKey) -> bool:
    return (
        matches(rule.group, key.group)
        and matches(rule.kind, key.kind)
        and rule.name in {"", key.name}
        and rule.namespace in {"", key.namespace}
    )


def _tokens(pointer: str) -> list[str]:
    parts = pointer.split("/")
    return [part.replace("~1", "/").replace("~0", "~") for part in parts[1:]]


def _without(value: Any, tokens: list[str]) -> Any:
    """The value without what the tokens lead to; shares everything else."""
    if not tokens:
        return value
    head, rest = tokens[0], tokens[1:]
    if isinstance(value, dict) and head in value:
        if not rest:
            return {name: item for name, item in value.items() if name != head}
        return {**value, head: _without(value[head], rest)}
    if isinstance(value, list) and head.isdigit() and int(head) < len(value):
        index = int(head)
        if not rest:
            return value[:index] + value[index + 1 :]
        return [*value[:index], _without(value[index], rest), *value[index + 1 :]]
    return value


def _secret(obj: dict[str, Any]) -> dict[str, Any]:
    data = {k: "" if v is None else v for k, v in (obj.get("data") or {}).items()}
    for name, text in (obj.get("stringData") or {}).items():
        data[name] = base64.b64encode(str("" if text is None else text).encode()).decode()
    plain = {name: value for name, value in obj.items() if name not in {"data", "stringData"}}
    return {**plain, "data": data} if data else plain


def _role(obj: dict[str, Any]) -> dict[str, Any]:
    return obj if obj.get("rules") else {k: v for k, v in obj.items() if k != "rules"}
