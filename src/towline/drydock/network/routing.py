"""Which address and port leads to which pods: the proxy's table. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from towline.drydock.cluster import Obj
from towline.drydock.network.directory import Endpoint, ServiceKey, cluster_ip


class Listener(NamedTuple):
    """An address on which the host answers.

    Attributes:
        protocol: `TCP` or `UDP`.
        ip: IPv4 address.
        port: Port number.
    """

    protocol: str
    ip: str
    port: int


class Target(NamedTuple):
    """Where a connection may go."""

    ip: str
    port: int


class Route(NamedTuple):
    """What is behind a listener.

    Attributes:
        service: The Service it belongs to.
        targets: Pods to choose from.
        sticky: Whether a client keeps its pod.
    """

    service: ServiceKey
    targets: tuple[Target, ...]
    sticky: bool


def routes_of(
    key: ServiceKey,
    service: Obj,
    endpoints: Iterable[Endpoint],
    *,
    node_ip: str,
    balancer_ip: str = "",
    fixed: Target | None = None,
) -> dict[Listener, Route]:
    """The listeners of one Service.

    Args:
        key: Identity of the Service.
        service: The object.
        endpoints: The addresses behind it.
        node_ip: Address of NodePorts.
        balancer_ip: Its load balancer address, or an empty string.
        fixed: Send everything there, whatever the endpoints say.
    """
    known = list(endpoints)
    sticky = service["spec"].get("sessionAffinity") == "ClientIP"
    table: dict[Listener, Route] = {}
    for port in service["spec"].get("ports") or []:
        targets = (fixed,) if fixed else tuple(_targets(port.get("name") or "", known))
        route = Route(key, targets, sticky)
        for listener in _listeners(service, port, node_ip, balancer_ip):
            table[listener] = route
    return table


def _listeners(
    service: Obj, port: Mapping[str, Any], node_ip: str, balancer_ip: str
) -> Iterator[Listener]:
    protocol = port.get("protocol") or "TCP"
    if protocol not in {"TCP", "UDP"}:
        return
    if ip := cluster_ip(service):
        yield Listener(protocol, ip, port["port"])
    kind = service["spec"].get("type")
    if kind in {"NodePort", "LoadBalancer"} and port.get("nodePort"):
        yield Listener(protocol, node_ip, port["nodePort"])
    if kind == "LoadBalancer" and balancer_ip:
        yield Listener(protocol, balancer_ip, port["port"])


def _targets(port_name: str, endpoints: list[Endpoint]) -> Iterator[Target]:
    """Ready pods; terminating ones that still serve when there is nothing else."""
    with_port = [endpoint for endpoint in endpoints if port_name in endpoint.ports]
    chosen = [endpoint for endpoint in with_port if endpoint.ready]
    if not chosen:
        chosen = [endpoint for endpoint in with_port if endpoint.serving]
    for endpoint in chosen:
        yield Target(endpoint.ip, endpoint.ports[port_name])


def wants_balancer(service: Obj) -> bool:
    """Whether this cluster serves the Service's load balancer."""
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass")


def balancer_ip_of(service: Obj) -> str:
    """The load balancer address that the status carries."""
    for ingress in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
        if ingress.get("ip"):
            return str(ingress["ip"])
    return ""


def choose_balancer_ip(service: Obj, pool: str, taken: Iterable[str]) -> str:
    """The load balancer address for a Service: its present one, its wish, or the first free.

    Returns:
        An address of the pool, or an empty string when the pool is used up.
    """
    network = ipaddress.IPv4Network(pool)
    used = set(taken)
    for wish in (balancer_ip_of(service), service["spec"].get("loadBalancerIP") or ""):
        if wish and wish not in used and _within(wish, network):
            return wish
    for address in network.hosts():
        if str(address) not in used:
            return str(address)
    return ""


def _within(ip: str, network: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.IPv4Address(ip) in network
    except ipaddress.AddressValueError:
        return False


class Balancer:
    """Chooses targets: round robin, or by client address for sticky Services."""

    def __init__(self) -> None:
        self._turn: dict[ServiceKey, int] = {}

    def order(self, route: Route, client_ip: str) -> list[Target]:
        """Targets in the order in which they should be tried."""
        targets = sorted(route.targets) if route.sticky else list(route.targets)
        if not targets:
            return []
        if route.sticky:
            first = int(ipaddress.ip_address(client_ip)) % len(targets)
        else:
            first = self._turn.get(route.service, 0) % len(targets)
            self._turn[route.service] = first + 1
        return targets[first:] + targets[:first]

    def forget(self, service: ServiceKey) -> None:
        """Drops what is remembered of a Service that is gone."""
        self._turn.pop(service, None)
