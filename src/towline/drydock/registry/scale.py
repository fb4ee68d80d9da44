"""The `scale` subresource: a Scale object made from a workload, and back. Pure."""

from __future__ import annotations

from typing import Any

from towline.drydock.refusals import undecodable
from towline.drydock.registry.kinds import ServedKind
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.fielderror import invalid, invalid_status
from towline.kube.selectors import label_selector_of, label_selector_of_map

Obj = dict[str, Any]

SCALE = GroupVersionKind("autoscaling", "v1", "Scale")
_SCALE_META = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
_DEFAULT_PATHS = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": "",
}


def scale_of(kind: ServedKind, obj: Obj) -> Obj:
    """The Scale of a workload (autoscaling/v1)."""
    paths = kind.scale_paths or _DEFAULT_PATHS
    meta = obj["metadata"]
    scale: Obj = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {name: meta[name] for name in _SCALE_META if name in meta},
        "spec": {},
        "status": {"replicas": _read(obj, paths.get("statusReplicasPath", "")) or 0},
    }
    replicas = _read(obj, paths.get("specReplicasPath", ""))
    if replicas:
        scale["spec"]["replicas"] = replicas
    selector = _selector(kind, obj, paths.get("labelSelectorPath", ""))
    if selector:
        scale["status"]["selector"] = selector
    return scale


def with_scale(kind: ServedKind, obj: Obj, scale: Obj) -> Obj:
    """The workload with the replicas of a Scale.

    Raises:
        ApiError: BadRequest, it is not a Scale; Invalid, the replicas are fewer than none.
    """
    said = (scale.get("kind") or SCALE.kind, scale.get("apiVersion") or SCALE.api_version)
    if said != (SCALE.kind, SCALE.api_version):
        version = str(said[1]).rpartition("/")[2]
        why = f"it is not a Scale of {SCALE.api_version}"
        raise undecodable(str(said[0]), version, why, expected=SCALE.kind)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise undecodable(SCALE.kind, SCALE.version, "spec.replicas must be an integer")
    if replicas < 0:
        error = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid_status(SCALE.group_kind, obj["metadata"]["name"], [error])
    meta = dict(obj["metadata"])
    given = scale.get("metadata") or {}
    if given.get("resourceVersion"):
        meta["resourceVersion"] = given["resourceVersion"]
    paths = kind.scale_paths or _DEFAULT_PATHS
    changed = _write(obj, _steps(paths["specReplicasPath"]), replicas)
    return {**changed, "metadata": meta}


def _selector(kind: ServedKind, obj: Obj, path: str) -> str:
    if kind.custom:
        found = _read(obj, path) if path else None
        return found if isinstance(found, str) else ""
    selector = (obj.get("spec") or {}).get("selector")
    if not selector:
        return ""
    if "matchLabels" in selector or "matchExpressions" in selector:
        return str(label_selector_of(selector))
    return str(label_selector_of_map(selector))


def _steps(path: str) -> list[str]:
    return [step for step in path.split(".") if step]


def _read(obj: Obj, path: str) -> Any:
    value: Any = obj
    for step in _steps(path):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _write(obj: Obj, steps: list[str], value: Any) -> Obj:
    name, rest = steps[0], steps[1:]
    if not rest:
        return {**obj, name: value}
    return {**obj, name: _write(obj.get(name) or {}, rest, value)}
