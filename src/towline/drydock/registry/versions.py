"""The same object in the versions that serve it. Pure."""

from __future__ import annotations

from typing import Any

from towline.drydock.registry.kinds import ServedKind
from towline.kube.schema.process import apply_defaults

Obj = dict[str, Any]

_EVENT_FIELDS = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)


def to_served(kind: ServedKind, obj: Obj) -> Obj:
    """A stored object as the served version shows it.

    What was stored under an older schema gets the defaults that came later.
    """
    if kind.gvk == kind.stored:
        return _defaulted(kind, obj)
    converted = _defaulted(kind, _head(kind.gvk.api_version, kind.gvk.kind, obj))
    if kind.stored.kind == "Event":
        return _renamed(converted, [(old, new) for old, new in _EVENT_FIELDS])
    if kind.stored.kind == "HorizontalPodAutoscaler" and not kind.custom:
        return _autoscaler_v1(converted)
    return converted


def _defaulted(kind: ServedKind, obj: Obj) -> Obj:
    if not kind.defaulted:
        return obj
    filled: Obj = apply_defaults(obj, kind.schema)
    return filled


def to_stored(kind: ServedKind, obj: Obj) -> Obj:
    """An object of the served version as it is stored."""
    if kind.gvk == kind.stored:
        return obj
    converted = _head(kind.stored.api_version, kind.stored.kind, obj)
    if kind.stored.kind == "Event":
        return _renamed(converted, [(new, old) for old, new in _EVENT_FIELDS])
    if kind.stored.kind == "HorizontalPodAutoscaler" and not kind.custom:
        return _autoscaler_v2(converted)
    return converted


def _head(api_version: str, kind: str, obj: Obj) -> Obj:
    return {**obj, "apiVersion": api_version, "kind": kind}


def _renamed(obj: Obj, names: list[tuple[str, str]]) -> Obj:
    mapping = dict(names)
    return {mapping.get(name, name): value for name, value in obj.items()}


def _autoscaler_v1(obj: Obj) -> Obj:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metrics = spec.pop("metrics", None) or []
    spec.pop("behavior", None)
    for metric in metrics:
        resource = metric.get("resource") or {}
        target = resource.get("target") or {}
        if resource.get("name") == "cpu" and target.get("type") == "Utilization":
            spec["targetCPUUtilizationPercentage"] = target.get("averageUtilization")
    for name in ("currentMetrics", "conditions"):
        status.pop(name, None)
    return {**obj, "spec": spec, "status": status}


def _autoscaler_v2(obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec}
