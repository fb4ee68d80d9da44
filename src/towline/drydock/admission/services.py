"""Services: cluster IPs and node ports, chosen against those in use. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import msgspec

from towline.kube.schema.fielderror import FieldError, invalid

Obj = dict[str, Any]

NODE_PORTS = range(30000, 32768)
_ADDRESSED = ("ClusterIP", "NodePort", "LoadBalancer")
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
_TRIES = 64


class ServicePlan(msgspec.Struct, frozen=True):
    """The address space of services.

    Attributes:
        cidr: IPv4 network such as `10.96.0.0/24`; its first address is the API server's.
        reserved: Addresses never given out by themselves, such as the DNS server's.
    """

    cidr: str
    reserved: tuple[str, ...] = ()

    @property
    def api_address(self) -> str:
        """The cluster IP of the API server."""
        return str(ipaddress.IPv4Network(self.cidr)[1])


class InUse(msgspec.Struct, frozen=True):
    """What other services hold: addresses, and ports by protocol."""

    addresses: frozenset[str]
    ports: frozenset[tuple[str, int]]


def in_use(services: Iterable[Obj]) -> InUse:
    """Collects what these services hold."""
    addresses: set[str] = set()
    ports: set[tuple[str, int]] = set()
    for service in services:
        spec = service.get("spec") or {}
        addresses.update(ip for ip in spec.get("clusterIPs") or () if ip != "None")
        for port in spec.get("ports") or ():
            if port.get("nodePort"):
                ports.add((port.get("protocol", "TCP"), port["nodePort"]))
        if spec.get("healthCheckNodePort"):
            ports.add(("TCP", spec["healthCheckNodePort"]))
    return InUse(frozenset(addresses), frozenset(ports))


def carry_over(old: Obj, new: Obj) -> Obj:
    """Fills what an update left out from the old service, and drops what its type cannot have."""
    before, spec = old.get("spec") or {}, dict(new.get("spec") or {})
    addressed = spec.get("type", "ClusterIP") in _ADDRESSED
    if addressed and before.get("type", "ClusterIP") in _ADDRESSED:
        if spec.get("clusterIP") and spec.get("clusterIPs") == before.get("clusterIPs"):
            # The first of the addresses has two places; who changes the older one means both.
            spec["clusterIPs"] = [spec["clusterIP"]]
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(name) and before.get(name):
                spec[name] = before[name]
    if spec.get("type") in _WITH_NODE_PORTS:
        spec["ports"] = _carry_ports(before.get("ports") or [], spec.get("ports") or [])
    else:
        spec["ports"] = _drop_ports(before.get("ports") or [], spec.get("ports") or [])
    if not spec["ports"]:
        del spec["ports"]
    for name in _not_of_type(spec):
        # Only what the update left as it was: a new wish of this kind is an error.
        if name in spec and spec[name] == before.get(name):
            del spec[name]
    return _without_stale_ingress({**new, "spec": spec})


def _not_of_type(spec: Obj) -> list[str]:
    """Fields that a service of this type cannot have."""
    kind = spec.get("type", "ClusterIP")
    gone = []
    if kind not in _ADDRESSED:
        gone += ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]
    if kind not in _WITH_NODE_PORTS and not spec.get("externalIPs"):
        gone.append("externalTrafficPolicy")
    if kind != "LoadBalancer":
        gone += ["allocateLoadBalancerNodePorts", "loadBalancerClass"]
    if kind != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
        gone.append("healthCheckNodePort")
    return gone


def _without_stale_ingress(service: Obj) -> Obj:
    if service["spec"].get("type") == "LoadBalancer":
        return service
    if not (service.get("status") or {}).get("loadBalancer"):
        return service
    return {**service, "status": {**service["status"], "loadBalancer": {}}}


def _carry_ports(before: list[Obj], after: list[Obj]) -> list[Obj]:
    held = {(p.get("protocol", "TCP"), p.get("port")): p.get("nodePort") for p in before}
    taken = {port.get("nodePort") for port in after}
    result = []
    for port in after:
        kept = held.get((port.get("protocol", "TCP"), port.get("port")))
        if not port.get("nodePort") and kept and kept not in taken:
            port = {**port, "nodePort": kept}  # noqa: PLW2901  # the port as it will be stored
        result.append(port)
    return result


def _drop_ports(before: list[Obj], after: list[Obj]) -> list[Obj]:
    held = {port.get("nodePort") for port in before}
    return [
        {name: value for name, value in port.items() if name != "nodePort"}
        if port.get("nodePort") in held
        else port
        for port in after
    ]


def allocate(service: Obj, plan: ServicePlan, used: InUse, own: InUse, rng: Random) -> Obj:
    """The service with addresses and ports given out.

    Args:
        service: As it is about to be stored.
        plan: The address space.
        used: What the other services hold.
        own: What this service holds already.
        rng: Where the choice comes from.

    Raises:
        AllocationError: What it asks for is taken, out of range, or nothing is left.
    """
    spec = dict(service.get("spec") or {})
    kind = spec.get("type", "ClusterIP")
    if kind in _ADDRESSED:
        address = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
        address = _address(address, plan, used, own, rng)
        spec["clusterIP"], spec["clusterIPs"] = address, [address]
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    wants_ports = kind == "NodePort" or (
        kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)
    )
    if spec.get("ports"):
        spec["ports"] = _ports(spec["ports"], used, own, rng, choose=wants_ports)
    local = spec.get("externalTrafficPolicy") == "Local"
    if kind == "LoadBalancer" and local and not spec.get("healthCheckNodePort"):
        held = {("TCP", each["nodePort"]) for each in spec.get("ports") or () if "nodePort" in each}
        spec["healthCheckNodePort"] = _free_port("TCP", {*used.ports, *held}, rng)
    return {**service, "spec": spec}


class AllocationError(Exception):
    """What was asked for cannot be had.

    Attributes:
        error: The field and why.
    """

    def __init__(self, error: FieldError) -> None:
        super().__init__(str(error))
        self.error = error


def _address(asked: str, plan: ServicePlan, used: InUse, own: InUse, rng: Random) -> str:
    if asked == "None" or asked in own.addresses:
        return asked
    network = ipaddress.IPv4Network(plan.cidr)
    if asked:
        return _asked_address(asked, network, used)
    for candidate in _candidates(network, rng):
        if candidate not in used.addresses and candidate not in plan.reserved:
            return candidate
    raise AllocationError(
        invalid("spec.clusterIPs", [], "failed to allocate a serviceIP: range is full")
    )


def _asked_address(asked: str, network: ipaddress.IPv4Network, used: InUse) -> str:
    def refuse(why: str) -> AllocationError:
        return AllocationError(
            invalid("spec.clusterIPs", [asked], f"failed to allocate IP {asked}: {why}")
        )

    try:
        address = ipaddress.IPv4Address(asked)
    except ValueError:
        raise AllocationError(
            invalid("spec.clusterIPs[0]", asked, "must be a valid IP address, (e.g. 10.9.8.7)")
        ) from None
    if address not in network or address in (network[0], network[-1]):
        raise refuse(f"the provided IP is not in the valid range. The range is {network}")
    if asked in used.addresses:
        raise refuse("provided IP is already allocated")
    return asked


def _candidates(network: ipaddress.IPv4Network, rng: Random) -> Iterator[str]:
    """Free choices come from the upper part, so that fixed ones rarely collide."""
    size = network.num_addresses
    offset = min(max(16, size // 16), 256)
    for _ in range(_TRIES):
        yield str(network[rng.randrange(offset, size - 1)])
    for index in (*range(offset, size - 1), *range(2, offset)):
        yield str(network[index])


def _ports(ports: list[Obj], used: InUse, own: InUse, rng: Random, *, choose: bool) -> list[Obj]:
    taken = set(used.ports)
    result = []
    for index, port in enumerate(ports):
        protocol, number = port.get("protocol", "TCP"), port.get("nodePort")
        if number:
            _check_port(index, protocol, number, taken, own)
        elif choose:
            number = _free_port(protocol, taken | own.ports, rng)
            port = {**port, "nodePort": number}  # noqa: PLW2901  # the port as it will be stored
        if number:
            taken.add((protocol, number))
        result.append(port)
    return result


def _check_port(
    index: int, protocol: str, number: int, taken: set[tuple[str, int]], own: InUse
) -> None:
    path = f"spec.ports[{index}].nodePort"
    if number not in NODE_PORTS:
        raise AllocationError(
            invalid(
                path,
                number,
                "provided port is not in the valid range. The range of valid ports is 30000-32767",
            )
        )
    if (protocol, number) in taken and (protocol, number) not in own.ports:
        raise AllocationError(invalid(path, number, "provided port is already allocated"))


def _free_port(protocol: str, taken: set[tuple[str, int]], rng: Random) -> int:
    for _ in range(_TRIES):
        number = rng.choice(NODE_PORTS)
        if (protocol, number) not in taken:
            return number
    for number in NODE_PORTS:
        if (protocol, number) not in taken:
            return number
    raise AllocationError(invalid("spec.ports", [], "no node port is left"))
