"""Whether a pod may be on a node by what both say: selectors, affinity, taints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from towline.drydock.cluster import Obj

HARD = frozenset({"NoSchedule", "NoExecute"})
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def matches_affinity(spec: Obj, node: Obj) -> bool:
    """Whether the node has what the pod's selector and required node affinity ask for."""
    labels = node["metadata"].get("labels") or {}
    selector = spec.get("nodeSelector") or {}
    if any(labels.get(name) != value for name, value in selector.items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or matches_terms(required.get("nodeSelectorTerms"), node)


def matches_terms(terms: Sequence[Obj] | None, node: Obj) -> bool:
    """Whether one of the terms holds; an empty term holds for no node."""
    return any(_term(term, node) for term in terms or ())


def _term(term: Obj, node: Obj) -> bool:
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = node["metadata"].get("labels") or {}
    names = {"metadata.name": node["metadata"]["name"]}
    return all(_requirement(one, labels.get(one["key"])) for one in expressions) and all(
        _requirement(one, names.get(one["key"])) for one in fields
    )


def _requirement(requirement: Obj, value: str | None) -> bool:
    values = requirement.get("values") or ()
    match requirement.get("operator"):
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            return _compares(operator, value, values)
    return False


def _compares(operator: str, value: str | None, values: Sequence[str]) -> bool:
    try:
        left, right = int(value or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return left > right if operator == "Gt" else left < right


def preference(spec: Obj, node: Obj) -> int:
    """Sum of the weights of the preferred node affinities that hold."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return sum(
        int(one.get("weight") or 0)
        for one in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        if _term(one.get("preference") or {}, node)
    )


def tolerates(tolerations: Iterable[Obj], taint: Obj) -> bool:
    """Whether one of the tolerations covers the taint."""
    for one in tolerations:
        if one.get("effect") and one["effect"] != taint.get("effect"):
            continue
        if one.get("operator") == "Exists":
            if not one.get("key") or one["key"] == taint.get("key"):
                return True
        elif one.get("key") == taint.get("key") and one.get("value", "") == taint.get("value", ""):
            return True
    return False


def untolerated(
    tolerations: Sequence[Obj], taints: Iterable[Obj], effects: frozenset[str] = HARD
) -> bool:
    """Whether a taint with one of these effects is not tolerated."""
    return any(
        taint.get("effect") in effects and not tolerates(tolerations, taint) for taint in taints
    )


def is_ready(node: Obj) -> bool:
    """Whether the node's Ready condition is true."""
    return any(
        one.get("type") == "Ready" and one.get("status") == "True"
        for one in (node.get("status") or {}).get("conditions") or ()
    )
