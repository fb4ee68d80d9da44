"""Resource quotas: what an object takes, whom a quota concerns, and what it refuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from towline.drydock.admission.pods import qos_class
from towline.drydock.refusals import forbidden
from towline.kube.quantity import canonical, parse
from towline.kube.refs import GroupResource

Obj = dict[str, Any]
Amounts = dict[str, Decimal]

QUOTAS = GroupResource("", "resourcequotas")
PODS = GroupResource("", "pods")
SERVICES = GroupResource("", "services")
CLAIMS = GroupResource("", "persistentvolumeclaims")

_ONE = Decimal(1)
# Names of counts without the prefix `count/`.
_PLAIN_COUNTS = frozenset(
    {
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
    }
)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_STATED = ("cpu", "memory")
_ENDED = frozenset({"Succeeded", "Failed"})
_KIBI = 1024


def usage(resource: GroupResource, obj: Obj) -> Amounts:
    """What one object takes of every resource that quotas may name."""
    name = str(resource)
    found: Amounts = {f"count/{name}": _ONE}
    if name in _PLAIN_COUNTS:
        found[name] = _ONE
    if resource == PODS and (obj.get("status") or {}).get("phase") not in _ENDED:
        return {**found, "pods": _ONE, **_pod(obj.get("spec") or {})}
    if resource == SERVICES:
        return {**found, **_service(obj.get("spec") or {})}
    if resource == CLAIMS:
        return {**found, **_claim(obj.get("spec") or {})}
    return found


def _pod(spec: Obj) -> Amounts:
    found: Amounts = {}
    for name, amount in compute(spec, "requests").items():
        found[f"requests.{name}"] = amount
        if name in _COMPUTE:
            found[name] = amount
    for name, amount in compute(spec, "limits").items():
        found[f"limits.{name}"] = amount
    return found


def compute(spec: Obj, side: str) -> Amounts:
    """What a pod's containers have together, or its largest step of initialisation where more.

    Args:
        spec: The pod's.
        side: `requests` or `limits`.
    """
    together: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _resources(container, side)
        if container.get("restartPolicy") == "Always":
            together = _sum(together, own)
            own = {}
        largest = _max(largest, _sum(together, own))
    for container in spec.get("containers") or ():
        together = _sum(together, _resources(container, side))
    overhead = {name: parse(value) for name, value in (spec.get("overhead") or {}).items()}
    return _sum(_max(together, largest), overhead)


def _resources(container: Obj, side: str) -> Amounts:
    given = (container.get("resources") or {}).get(side) or {}
    return {name: parse(value) for name, value in given.items()}


def _service(spec: Obj) -> Amounts:
    type_ = spec.get("type")
    ports = Decimal(len(spec.get("ports") or ()))
    balanced = type_ == "LoadBalancer"
    opened = type_ == "NodePort" or (balanced and spec.get("allocateLoadBalancerNodePorts", True))
    return {
        "services.loadbalancers": _ONE if balanced else Decimal(0),
        "services.nodeports": ports if opened else Decimal(0),
    }


def _claim(spec: Obj) -> Amounts:
    requests = (spec.get("resources") or {}).get("requests") or {}
    size = parse(requests.get("storage", 0))
    found = {"requests.storage": size}
    if class_ := spec.get("storageClassName"):
        prefix = f"{class_}.storageclass.storage.k8s.io/"
        found |= {f"{prefix}requests.storage": size, f"{prefix}persistentvolumeclaims": _ONE}
    return found


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return {name: one.get(name, Decimal(0)) + other.get(name, Decimal(0)) for name in one | other}


def _max(one: Amounts, other: Amounts) -> Amounts:
    zero = Decimal(0)
    return {name: max(one.get(name, zero), other.get(name, zero)) for name in one | other}


def concerns(quota: Obj, resource: GroupResource, obj: Obj) -> bool:
    """Whether an object falls into all scopes of a quota; only pods have scopes."""
    spec = quota.get("spec") or {}
    needs = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    needs += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not needs:
        return True
    return resource == PODS and all(_in_scope(need, obj.get("spec") or {}) for need in needs)


def _in_scope(need: Obj, spec: Obj) -> bool:
    match need.get("scopeName"):
        case "Terminating":
            return spec.get("activeDeadlineSeconds") is not None
        case "NotTerminating":
            return spec.get("activeDeadlineSeconds") is None
        case "BestEffort":
            return qos_class(spec) == "BestEffort"
        case "NotBestEffort":
            return qos_class(spec) != "BestEffort"
        case "PriorityClass":
            return _has_priority(need, str(spec.get("priorityClassName") or ""))
        case "CrossNamespacePodAffinity":
            return _reaches_out(spec)
    return False


def _has_priority(need: Obj, name: str) -> bool:
    values = need.get("values") or ()
    match need.get("operator"):
        case "In":
            return name in values
        case "NotIn":
            return name not in values
        case "DoesNotExist":
            return not name
    return bool(name)


def _reaches_out(spec: Obj) -> bool:
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        required = terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        preferred = terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        for term in (*required, *(one.get("podAffinityTerm") or {} for one in preferred)):
            if term.get("namespaces") or term.get("namespaceSelector") is not None:
                return True
    return False


def hard(quota: Obj) -> Amounts:
    """The limits of a quota."""
    given = (quota.get("spec") or {}).get("hard") or {}
    return {name: parse(value) for name, value in given.items()}


def total(quota: Obj, resource: GroupResource, objects: Iterable[Obj]) -> Amounts:
    """What these objects take together of what a quota limits."""
    names = hard(quota)
    found: Amounts = {}
    for obj in objects:
        if concerns(quota, resource, obj):
            taken = usage(resource, obj)
            found = _sum(found, {name: taken[name] for name in names if name in taken})
    return found


def check(
    quota: Obj, resource: GroupResource, new: Obj, old: Obj | None, others: Iterable[Obj]
) -> None:
    """Refuses an object that takes more than a quota leaves.

    Args:
        quota: A quota of its namespace.
        resource: What it is.
        new: As it would be stored.
        old: What it replaces, or None.
        others: The namespace's other objects of that resource.

    Raises:
        ApiError: Forbidden.
    """
    if not concerns(quota, resource, new):
        return
    limits = hard(quota)
    name = quota["metadata"]["name"]
    target = new["metadata"].get("name", "")
    if resource == PODS and old is None and (why := _unstated(limits, new.get("spec") or {})):
        raise forbidden(resource, target, f"failed quota: {name}: must specify {why}")
    before = usage(resource, old) if old is not None else {}
    after = usage(resource, new)
    added = {
        each: amount - before.get(each, Decimal(0))
        for each, amount in after.items()
        if each in limits and amount > before.get(each, Decimal(0))
    }
    if not added:
        return
    used = _sum(total(quota, resource, others), before)
    over = sorted(
        each for each, more in added.items() if used.get(each, Decimal(0)) + more > limits[each]
    )
    if over:
        shown = (
            f"{what}: {_listed(over, amounts)}"
            for what, amounts in (
                ("requested", added),
                ("used", used),
                ("limited", limits),
            )
        )
        raise forbidden(resource, target, f"exceeded quota: {name}, {', '.join(shown)}")


def _unstated(limits: Amounts, spec: Obj) -> str:
    """Amounts that every container has to state because the quota limits them."""
    found = []
    for limit in sorted(limits):
        side, _, name = limit.rpartition(".")
        if name not in _STATED or side not in ("", "requests", "limits"):
            continue
        silent = [
            str(container.get("name"))
            for container in spec.get("containers") or ()
            if name not in _resources(container, side or "requests")
        ]
        if silent:
            found.append(f"{limit} for: {','.join(sorted(silent))}")
    return "; ".join(found)


def _listed(names: Iterable[str], amounts: Amounts) -> str:
    return ",".join(f"{name}={shown(name, amounts.get(name, Decimal(0)))}" for name in names)


def shown(name: str, amount: Decimal) -> str:
    """An amount as a quantity; bytes in the units of 1024 where that is exact."""
    sized = name.endswith(("memory", "storage"))
    if sized and amount and amount == amount.to_integral_value() and amount % _KIBI == 0:
        return canonical(f"{int(amount) // _KIBI}Ki")
    return canonical(format(amount, "f"))
