"""Rules about where and how a pod runs: affinity, spreading, gates, DNS, hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from towline.kube.names import subdomain_problems
from towline.kube.schema.field_rules import (
    Obj,
    address,
    named,
    one_of,
    qualified,
    selector,
)
from towline.kube.schema.fielderror import FieldError, invalid, required

_MAX_SECONDS = 2147483647
_NO_KEY = "can not be empty"
_NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def placement_problems(spec: Obj, path: str) -> Iterator[FieldError]:
    """What is wrong with the parts of a pod's specification that are not containers."""
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MAX_SECONDS:
        why = f"must be between 1 and {_MAX_SECONDS}, inclusive"
        yield invalid(f"{path}.activeDeadlineSeconds", deadline, why)
    yield from _affinity(spec.get("affinity") or {}, f"{path}.affinity")
    for position, each in enumerate(spec.get("topologySpreadConstraints") or ()):
        yield from _spread(each, f"{path}.topologySpreadConstraints[{position}]")
    for position, gate in enumerate(spec.get("schedulingGates") or ()):
        yield from qualified(gate.get("name"), f"{path}.schedulingGates[{position}]")
    for position, gate in enumerate(spec.get("readinessGates") or ()):
        where = f"{path}.readinessGates[{position}].conditionType"
        yield from qualified(gate.get("conditionType"), where)
    if spec.get("dnsPolicy") == "None" and not spec.get("dnsConfig"):
        why = "must provide `dnsConfig` when `dnsPolicy` is None"
        yield required(f"{path}.dnsConfig", why)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        where = f"{path}.securityContext.shareProcessNamespace"
        yield invalid(where, True, "ShareProcessNamespace and HostPID cannot both be enabled")
    for position, alias in enumerate(spec.get("hostAliases") or ()):
        yield from address(alias.get("ip"), f"{path}.hostAliases[{position}].ip")
        for index, name in enumerate(alias.get("hostnames") or ()):
            where = f"{path}.hostAliases[{position}].hostnames[{index}]"
            yield from named(name, where, subdomain_problems)


def _spread(constraint: Obj, path: str) -> Iterator[FieldError]:
    skew = constraint.get("maxSkew") or 0
    if skew <= 0:
        yield invalid(f"{path}.maxSkew", skew, "must be greater than zero")
    if not constraint.get("topologyKey"):
        yield required(f"{path}.topologyKey", _NO_KEY)
    supported = ("DoNotSchedule", "ScheduleAnyway")
    yield from one_of(constraint.get("whenUnsatisfiable"), f"{path}.whenUnsatisfiable", supported)
    yield from selector(constraint.get("labelSelector"), f"{path}.labelSelector")


def _affinity(affinity: Obj, path: str) -> Iterator[FieldError]:
    node = affinity.get("nodeAffinity") or {}
    if node.get(_REQUIRED) is not None:
        where = f"{path}.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
        terms = node[_REQUIRED].get("nodeSelectorTerms") or []
        if not terms:
            yield required(where, "must have at least one node selector term")
        for position, term in enumerate(terms):
            yield from _node_term(term, f"{where}[{position}]")
    for kind in ("podAffinity", "podAntiAffinity"):
        given = affinity.get(kind) or {}
        for position, term in enumerate(given.get(_REQUIRED) or ()):
            yield from _pod_term(term, f"{path}.{kind}.{_REQUIRED}[{position}]")
        for position, weighted in enumerate(given.get(_PREFERRED) or ()):
            where = f"{path}.{kind}.{_PREFERRED}[{position}]"
            yield from _weight(weighted, where)
            yield from _pod_term(weighted.get("podAffinityTerm") or {}, f"{where}.podAffinityTerm")


def _weight(weighted: Obj, path: str) -> Iterator[FieldError]:
    weight = weighted.get("weight") or 0
    if not 1 <= weight <= 100:
        yield invalid(f"{path}.weight", weight, "must be in the range 1-100")


def _pod_term(term: Obj, path: str) -> Iterator[FieldError]:
    yield from selector(term.get("labelSelector"), f"{path}.labelSelector")
    key = term.get("topologyKey") or ""
    if not key:
        yield required(f"{path}.topologyKey", _NO_KEY)
    yield from qualified(key, f"{path}.topologyKey")


def _node_term(term: Obj, path: str) -> Iterator[FieldError]:
    for position, part in enumerate(term.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{position}]"
        operator, values = part.get("operator") or "", part.get("values") or []
        if operator not in _NODE_OPERATORS:
            yield invalid(f"{where}.operator", operator, "not a valid selector operator")
        else:
            yield from _node_values(operator, values, f"{where}.values")
        yield from qualified(part.get("key"), f"{where}.key")


def _node_values(operator: str, values: list[Any], path: str) -> Iterator[FieldError]:
    if operator in ("In", "NotIn") and not values:
        yield required(path, "must be specified when `operator` is 'In' or 'NotIn'")
    if operator in ("Gt", "Lt") and len(values) != 1:
        why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        yield required(path, why)
