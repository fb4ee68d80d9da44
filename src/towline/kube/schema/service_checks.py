"""Rules between the fields of Services. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from towline.kube.names import label_key_problems, label_value_problems, subdomain_problems
from towline.kube.schema.container_checks import (
    PROTOCOLS,
    Obj,
    choice,
    name_problems,
    port_name_problems,
    port_problems,
)
from towline.kube.schema.field_rules import named, one_of
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NO_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def service_problems(service: Obj) -> Iterator[FieldError]:
    """What is wrong with a Service, defaulted, before its addresses are given out."""
    spec = service.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    ports = spec.get("ports") or ()
    headless = spec.get("clusterIP") == "None"
    if not ports and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if headless and kind in {"NodePort", "LoadBalancer"}:
        text = f"may not be set to 'None' for {kind} services"
        yield invalid("spec.clusterIPs[0]", "None", text)
    if kind == "ExternalName" and not spec.get("externalName"):
        yield required("spec.externalName")
    yield from _ports(ports, kind)
    yield from _selector(spec.get("selector") or {})
    yield from choice(spec, "sessionAffinity", "spec", ("ClientIP", "None"))
    if kind not in _TYPES:
        yield not_supported("spec.type", kind, _TYPES)
    yield from _addresses(spec)
    yield from _outside(spec, kind)
    yield from _families(spec)
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if ingress and kind != "LoadBalancer":
        text = "may only be used when `spec.type` is 'LoadBalancer'"
        yield forbidden("status.loadBalancer.ingress", text)


def _ports(ports: Any, kind: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    taken: set[tuple[Any, Any]] = set()
    for position, port in enumerate(ports):
        where = f"spec.ports[{position}]"
        name = port.get("name")
        if name:
            yield from name_problems(name, f"{where}.name")
        elif len(ports) > 1:
            yield required(f"{where}.name")
        if name and name in seen:
            yield duplicate(f"{where}.name", name)
        seen.add(name or "")
        yield from port_problems(port.get("port") or 0, f"{where}.port")
        yield from choice(port, "protocol", where, PROTOCOLS)
        target = port.get("targetPort")
        if isinstance(target, str) and target:
            yield from port_name_problems(target, f"{where}.targetPort")
        else:
            yield from port_problems(target or 0, f"{where}.targetPort")
        if port.get("nodePort") and kind in {"ClusterIP", "ExternalName"}:
            text = f"may not be used when `type` is '{kind}'"
            yield forbidden(f"{where}.nodePort", text)
        identity = (port.get("protocol"), port.get("port"))
        if identity in taken:
            yield duplicate(where, {"protocol": identity[0], "port": identity[1]})
        taken.add(identity)


def _selector(selector: Obj) -> Iterator[FieldError]:
    for key, value in selector.items():
        for problem in label_key_problems(key):
            yield invalid("spec.selector", key, problem)
        for problem in label_value_problems(str(value)):
            yield invalid("spec.selector", value, problem)


def _addresses(spec: Obj) -> Iterator[FieldError]:
    first, listed = spec.get("clusterIP"), spec.get("clusterIPs")
    if first and listed and listed[0] != first:
        yield invalid("spec.clusterIPs", listed, "first value must match `clusterIP`")
    elif first and first != "None" and not _is_address(first):
        yield invalid("spec.clusterIPs[0]", first, _NO_ADDRESS)
    for position, address in enumerate(spec.get("externalIPs") or ()):
        if not _is_address(address):
            yield invalid(f"spec.externalIPs[{position}]", address, _NO_ADDRESS)
    for position, network in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        if not _is_network(str(network).strip()):
            # The path is spelled as the real server spells it.
            yield invalid(f"spec.LoadBalancerSourceRanges[{position}]", network, _NO_RANGE)


def _outside(spec: Obj, kind: str) -> Iterator[FieldError]:
    policy = spec.get("externalTrafficPolicy")
    reachable = kind in {"NodePort", "LoadBalancer"} or spec.get("externalIPs")
    if policy and not reachable:
        text = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", policy, text)
    else:
        yield from choice(spec, "externalTrafficPolicy", "spec", ("Cluster", "Local"))
    yield from choice(spec, "internalTrafficPolicy", "spec", ("Cluster", "Local"))
    load_balancer_class = spec.get("loadBalancerClass")
    for problem in label_key_problems(load_balancer_class) if load_balancer_class else ():
        yield invalid("spec.loadBalancerClass", load_balancer_class, problem)


def _is_address(text: Any) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _families(spec: Obj) -> Iterator[FieldError]:
    """Address families, health checks, affinity and external names."""
    for position, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in ("IPv4", "IPv6"):
            yield not_supported(f"spec.ipFamilies[{position}]", family, ("IPv4", "IPv6"))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None:
        supported = ("PreferDualStack", "RequireDualStack", "SingleStack")
        yield from one_of(policy, "spec.ipFamilyPolicy", supported)
    kind = spec.get("type")
    if kind == "ExternalName":
        name = str(spec.get("externalName") or "").removesuffix(".")
        yield from named(name, "spec.externalName", subdomain_problems)
    local = kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    port = spec.get("healthCheckNodePort")
    if port and not local:
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid("spec.healthCheckNodePort", port, why)
    client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    seconds = client.get("timeoutSeconds")
    if seconds is not None and not 0 < seconds <= 86400:
        where = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        yield invalid(where, seconds, "must be greater than 0 and less than 86400")
    spread = spec.get("trafficDistribution")
    if spread is not None:
        supported = ("PreferClose", "PreferSameZone", "PreferSameNode")
        yield from one_of(spread, "spec.trafficDistribution", supported)
