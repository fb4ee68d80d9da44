"""Pods: what admission adds to a new one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from towline.kube.quantity import parse

Obj = dict[str, Any]

_UNREACHABLE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_TOLERATION_SECONDS = 300
_COUNTED = ("cpu", "memory")
_SYSTEM_PRIORITIES = {
    "system-node-critical": 2_000_001_000,
    "system-cluster-critical": 2_000_000_000,
}


def prepare(pod: Obj) -> Obj:
    """A new pod with priority, tolerations, service account name and first status."""
    spec = dict(pod.get("spec") or {})
    spec.setdefault("priority", _SYSTEM_PRIORITIES.get(spec.get("priorityClassName", ""), 0))
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    spec["tolerations"] = _tolerations(spec.get("tolerations") or [])
    status: Obj = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        status["conditions"] = [_gated(pod["metadata"].get("creationTimestamp"))]
    return {**pod, "spec": spec, "status": status}


def _gated(now: str | None) -> Obj:
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }


def retolerate(pod: Obj) -> Obj:
    """A changed pod, which tolerates unreachable nodes as a new one does."""
    spec = dict(pod.get("spec") or {})
    spec["tolerations"] = _tolerations(spec.get("tolerations") or [])
    return {**pod, "spec": spec}


def _tolerations(given: list[Obj]) -> list[Obj]:
    result = list(given)
    for key in _UNREACHABLE:
        tolerated = any(
            each.get("key") in (key, None, "") and each.get("effect") in ("NoExecute", None, "")
            for each in given
            if each.get("key") == key or each.get("operator") == "Exists"
        )
        if not tolerated:
            result.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _TOLERATION_SECONDS,
                }
            )
    return result


def qos_class(spec: Obj) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`, from requests and limits."""
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    any_set = False
    guaranteed = True
    for container in containers:
        resources = container.get("resources") or {}
        requests, limits = _amounts(resources, "requests"), _amounts(resources, "limits")
        any_set = any_set or bool(requests or limits)
        full = all(
            limits.get(name) and requests.get(name, limits[name]) == limits[name]
            for name in _COUNTED
        )
        guaranteed = guaranteed and full
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _amounts(resources: Obj, side: str) -> dict[str, Decimal]:
    given = resources.get(side) or {}
    parsed = {name: parse(given[name]) for name in _COUNTED if name in given}
    return {name: amount for name, amount in parsed.items() if amount}
