"""Rules between the fields of Ingresses, NetworkPolicies, Endpoints and EndpointSlices. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from towline.kube.names import label_problems, subdomain_problems
from towline.kube.schema.container_checks import port_name_problems, port_problems
from towline.kube.schema.field_rules import (
    Obj,
    address,
    domain_path,
    is_address,
    named,
    network,
    network_of,
    one_of,
    selector,
)
from towline.kube.schema.fielderror import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_WILDCARD = re.compile(r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_WILDCARD_TEXT = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which"
    " must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric"
    rf" character (e.g. '*.example.com', regex used for validation is '{_WILDCARD.pattern}')"
)
_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_PATH_ENDS = ("/..", "/.")
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_POLICY_PROTOCOLS = ("TCP", "UDP", "SCTP")
_MAX_ADDRESSES = 100


def ingress_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with an Ingress."""
    spec = obj.get("spec") or {}
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and backend is None:
        why = "either `defaultBackend` or `rules` must be specified"
        yield invalid("spec", None, why)
    if backend is not None:
        yield from _backend(backend, "spec.defaultBackend")
    for position, tls in enumerate(spec.get("tls") or ()):
        for index, host in enumerate(tls.get("hosts") or ()):
            yield from _host(host, f"spec.tls[{position}].hosts[{index}]")
    for position, rule in enumerate(rules):
        yield from _rule(rule, f"spec.rules[{position}]")
    yield from named(spec.get("ingressClassName"), "spec.ingressClassName", subdomain_problems)


def _host(host: str, path: str) -> Iterator[FieldError]:
    if "*" not in host:
        yield from named(host, path, subdomain_problems)
    elif len(host.encode()) > 253 or not _WILDCARD.fullmatch(host):
        yield invalid(path, host, _WILDCARD_TEXT)


def _rule(rule: Obj, path: str) -> Iterator[FieldError]:
    host = rule.get("host")
    if host and is_address(host):
        yield invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
    elif host:
        yield from _host(host, f"{path}.host")
    http = rule.get("http")
    if http is None:
        return
    if not http.get("paths"):
        yield required(f"{path}.http.paths")
    for position, each in enumerate(http.get("paths") or ()):
        yield from _path(each, f"{path}.http.paths[{position}]")


def _path(given: Obj, path: str) -> Iterator[FieldError]:
    kind, text = given.get("pathType"), given.get("path") or ""
    if kind is None:
        yield required(f"{path}.pathType", "pathType must be specified")
        return
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            yield invalid(f"{path}.path", text, "must be an absolute path")
        if text:
            for part in _IN_PATHS:
                if part in text:
                    yield invalid(f"{path}.path", text, f"must not contain '{part}'")
            for end in _PATH_ENDS:
                if text.endswith(end):
                    yield invalid(f"{path}.path", text, f"cannot end with '{end}'")
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield invalid(f"{path}.path", text, "must be an absolute path")
    else:
        yield not_supported(f"{path}.pathType", kind, _PATH_TYPES)
    yield from _backend(given.get("backend") or {}, f"{path}.backend")


def _backend(backend: Obj, path: str) -> Iterator[FieldError]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield invalid(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        for key in ("kind", "name"):
            if not resource.get(key):
                yield required(f"{path}.resource.{key}")
    else:
        yield from _service(service or {}, path)


def _service(service: Obj, path: str) -> Iterator[FieldError]:
    if not service.get("name"):
        yield required(f"{path}.service.name")
    yield from named(service.get("name"), f"{path}.service.name", label_problems)
    port = service.get("port") or {}
    name, number = port.get("name"), port.get("number")
    if name and number:
        yield invalid(path, "", "cannot set both port name & port number")
    elif name:
        yield from port_name_problems(name, f"{path}.service.port.name")
    elif number:
        yield from port_problems(number, f"{path}.service.port.number")
    else:
        yield required(path, "port name or number is required")


def ingress_class_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with an IngressClass."""
    spec = obj.get("spec") or {}
    controller = spec.get("controller") or ""
    if not controller:
        yield required("spec.controller")
    else:
        yield from domain_path(controller, "spec.controller")
    parameters, path = spec.get("parameters"), "spec.parameters"
    if parameters is None:
        return
    for key in ("kind", "name"):
        if not parameters.get(key):
            yield required(f"{path}.{key}")
    scope, namespace = parameters.get("scope") or "", parameters.get("namespace")
    yield from one_of(scope, f"{path}.scope", ("Cluster", "Namespace"))
    if scope == "Namespace" and not namespace:
        yield required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
    if scope == "Cluster" and namespace is not None:
        yield forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")


def network_policy_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a NetworkPolicy."""
    spec = obj.get("spec") or {}
    yield from selector(spec.get("podSelector"), "spec.podSelector")
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for position, rule in enumerate(spec.get(way) or ()):
            path = f"spec.{way}[{position}]"
            for index, port in enumerate(rule.get("ports") or ()):
                yield from _policy_port(port, f"{path}.ports[{index}]")
            for index, peer in enumerate(rule.get(peers) or ()):
                yield from _peer(peer, f"{path}.{peers}[{index}]")
    for position, kind in enumerate(spec.get("policyTypes") or ()):
        yield from one_of(kind, f"spec.policyTypes[{position}]", ("Ingress", "Egress"))


def _policy_port(port: Obj, path: str) -> Iterator[FieldError]:
    protocol = port.get("protocol")
    if protocol is not None:
        yield from one_of(protocol, f"{path}.protocol", _POLICY_PROTOCOLS)
    value, end = port.get("port"), port.get("endPort")
    if isinstance(value, str):
        if end is not None:
            why = "may not be specified when `port` is non-numeric"
            yield invalid(f"{path}.endPort", end, why)
        yield from port_name_problems(value, f"{path}.port")
    elif value is not None:
        if end is not None and end < value:
            yield invalid(f"{path}.endPort", value, "must be greater than or equal to `port`")
        yield from port_problems(value, f"{path}.port")
    elif end is not None:
        why = "may not be specified when `port` is not specified"
        yield invalid(f"{path}.endPort", end, why)


def _peer(peer: Obj, path: str) -> Iterator[FieldError]:
    count = 0
    for key in ("podSelector", "namespaceSelector"):
        if peer.get(key) is not None:
            count += 1
            yield from selector(peer[key], f"{path}.{key}")
    block = peer.get("ipBlock")
    if block is not None:
        yield from _block(block, f"{path}.ipBlock")
        if count:
            yield forbidden(path, "may not specify both ipBlock and another peer")
    elif not count:
        yield required(path, "must specify a peer")


def _block(block: Obj, path: str) -> Iterator[FieldError]:
    whole = network_of(block.get("cidr"))
    yield from network(block.get("cidr"), f"{path}.cidr")
    for position, text in enumerate(block.get("except") or ()):
        where = f"{path}.except[{position}]"
        part = network_of(text)
        yield from network(text, where)
        if whole is None or part is None:
            continue
        if part == whole or not _inside(part, whole):
            yield invalid(where, text, "must be a strict subset of `cidr`")


def _inside(part: Network, whole: Network) -> bool:
    return part.version == whole.version and part.subnet_of(whole)  # type: ignore[arg-type]


def endpoints_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with Endpoints."""
    for position, subset in enumerate(obj.get("subsets") or ()):
        path = f"subsets[{position}]"
        present, missing = subset.get("addresses") or (), subset.get("notReadyAddresses") or ()
        if not present and not missing:
            yield required(path, "must specify `addresses` or `notReadyAddresses`")
        for key in ("addresses", "notReadyAddresses"):
            for index, each in enumerate(subset.get(key) or ()):
                yield from _endpoint(each, f"{path}.{key}[{index}]")
        ports = subset.get("ports") or ()
        for index, port in enumerate(ports):
            where = f"{path}.ports[{index}]"
            if not port.get("name") and len(ports) > 1:
                yield required(f"{where}.name")
            yield from named(port.get("name"), f"{where}.name", label_problems)
            yield from port_problems(port.get("port") or 0, f"{where}.port")
            yield from one_of(port.get("protocol"), f"{where}.protocol", _PROTOCOLS)


def _endpoint(point: Obj, path: str) -> Iterator[FieldError]:
    yield from address(point.get("ip"), f"{path}.ip")
    yield from named(point.get("hostname"), f"{path}.hostname", label_problems)
    yield from named(point.get("nodeName"), f"{path}.nodeName", subdomain_problems)
    if is_address(point.get("ip")):
        yield from _usable(point["ip"], f"{path}.ip")


def _usable(text: str, path: str) -> Iterator[FieldError]:
    """Addresses to which no traffic may be sent; loopback is where an embedded server listens."""
    for why, ranges in _UNUSABLE.items():
        found = network_of(f"{text}/{128 if ':' in text else 32}")
        for each in ranges:
            whole = network_of(each)
            if found and whole and _inside(found, whole):
                yield invalid(path, text, why)


_UNUSABLE = {
    "may not be unspecified (0.0.0.0 or ::)": ("0.0.0.0/32", "::/128"),
    "may not be in the link-local range (169.254.0.0/16, fe80::/10)": (
        "169.254.0.0/16",
        "fe80::/10",
    ),
    "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)": (
        "224.0.0.0/24",
        "ff02::/16",
    ),
}


def endpoint_slice_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with an EndpointSlice."""
    kind = obj.get("addressType") or ""
    if not kind:
        yield required("addressType")
    elif kind not in _ADDRESS_TYPES:
        yield not_supported("addressType", kind, _ADDRESS_TYPES)
    for position, point in enumerate(obj.get("endpoints") or ()):
        yield from _slice_point(point, kind, f"endpoints[{position}]")
    seen: set[str] = set()
    for position, port in enumerate(obj.get("ports") or ()):
        path, name = f"ports[{position}]", port.get("name") or ""
        yield from named(name, f"{path}.name", label_problems)
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        yield from one_of(port.get("protocol"), f"{path}.protocol", _PROTOCOLS)


def _slice_point(point: Obj, kind: str, path: str) -> Iterator[FieldError]:
    addresses: list[Any] = point.get("addresses") or []
    if not addresses:
        yield required(f"{path}.addresses", "must contain at least 1 address")
    for position, text in enumerate(addresses[:_MAX_ADDRESSES]):
        where = f"{path}.addresses[{position}]"
        if kind == "FQDN":
            yield from named(text, where, subdomain_problems)
        elif kind in _ADDRESS_TYPES:
            yield from address(text, where)
            if is_address(text):
                if (":" in text) != (kind == "IPv6"):
                    yield invalid(where, text, f"must be an {kind} address")
                yield from _usable(text, where)
    yield from named(point.get("hostname"), f"{path}.hostname", label_problems)
    yield from named(point.get("nodeName"), f"{path}.nodeName", subdomain_problems)
