"""A DaemonSet's pods: which nodes get one, how it is made, which node it is for. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from towline.drydock.cluster import Obj
from towline.drydock.control.history import REVISION_LABEL
from towline.drydock.control.nodefit import matches_affinity, untolerated
from towline.drydock.control.podtemplate import pod_of

_NO_EXECUTE = frozenset({"NoExecute"})
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _toleration(name: str, effect: str) -> dict[str, str]:
    return {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}


_TOLERATIONS = [
    _toleration("not-ready", "NoExecute"),
    _toleration("unreachable", "NoExecute"),
    _toleration("disk-pressure", "NoSchedule"),
    _toleration("memory-pressure", "NoSchedule"),
    _toleration("pid-pressure", "NoSchedule"),
    _toleration("unschedulable", "NoSchedule"),
]


class Fit(NamedTuple):
    """Whether a node should get a pod, and whether one that is there may stay."""

    run: bool
    stay: bool


def fit(owner: Obj, node: Obj) -> Fit:
    """What a node means to a DaemonSet."""
    spec = owner["spec"]["template"].get("spec") or {}
    if spec.get("nodeName") not in (None, "", node["metadata"]["name"]):
        return Fit(run=False, stay=False)
    if not matches_affinity(spec, node):
        return Fit(run=False, stay=False)
    tolerations = tolerations_of(spec)
    taints = (node.get("spec") or {}).get("taints") or ()
    return Fit(
        run=not untolerated(tolerations, taints),
        stay=not untolerated(tolerations, taints, _NO_EXECUTE),
    )


def tolerations_of(spec: Obj) -> list[Obj]:
    """The template's tolerations with those that every daemon has."""
    own = list(spec.get("tolerations") or ())
    added = list(_TOLERATIONS)
    if spec.get("hostNetwork"):
        added.append(_toleration("network-unavailable", "NoSchedule"))
    return [*own, *(one for one in added if one not in own)]


def new_pod(owner: Obj, node: str, digest: str) -> Obj:
    """The pod of a DaemonSet for a node; the scheduler binds it there."""
    template = owner["spec"]["template"]
    spec = dict(template.get("spec") or {})
    spec["tolerations"] = tolerations_of(spec)
    spec["affinity"] = _pinned(spec.get("affinity") or {}, node)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), REVISION_LABEL: digest}
    return pod_of(owner, {**template, "spec": spec}, labels=labels)


def _pinned(affinity: Obj, node: str) -> dict[str, Any]:
    """The affinity with every term asking for that node."""
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    by_node = affinity.get("nodeAffinity") or {}
    terms: list[Obj] = (by_node.get(_REQUIRED) or {}).get("nodeSelectorTerms") or [{}]
    pinned = {"nodeSelectorTerms": [{**term, "matchFields": [field]} for term in terms]}
    return {**affinity, "nodeAffinity": {**by_node, _REQUIRED: pinned}}


def node_of(pod: Obj) -> str:
    """The node that a pod is on or is meant for; empty when it names none."""
    spec = pod.get("spec") or {}
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    by_node = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    for term in (by_node.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ():
        for one in term.get("matchFields") or ():
            values: list[str] = one.get("values") or []
            if one.get("key") == "metadata.name" and len(values) == 1:
                (name,) = values
                return str(name)
    return ""
