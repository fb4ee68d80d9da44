"""Actions on pods: binding to a node. Pure edits; the registry writes them."""

from __future__ import annotations

from typing import Any

from towline.aio.clock import Clock, rfc3339
from towline.drydock.refusals import bad_request, conflict
from towline.kube.refs import GroupResource

Obj = dict[str, Any]

_PODS = GroupResource("", "pods")


def bound(pod: Obj, binding: Obj, clock: Clock) -> Obj:
    """The pod assigned to the binding's node.

    Raises:
        ApiError: The binding names no node, or the pod has one.
    """
    node = (binding.get("target") or {}).get("name")
    if not node:
        raise bad_request("target.name: Required value")
    name = pod["metadata"]["name"]
    spec = pod.get("spec") or {}
    if spec.get("nodeName"):
        raise conflict(_PODS, name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if pod["metadata"].get("deletionTimestamp"):
        raise conflict(_PODS, name, f"pod {name} is being deleted, cannot be assigned to a host")
    return {**pod, "spec": {**spec, "nodeName": node}, "status": scheduled(pod, clock)}


def scheduled(pod: Obj, clock: Clock) -> Obj:
    """The pod's status with the condition that it has a node."""
    status = pod.get("status") or {}
    others = [c for c in status.get("conditions") or [] if c.get("type") != "PodScheduled"]
    condition = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": rfc3339(clock.now()),
    }
    return {**status, "conditions": [*others, condition]}
