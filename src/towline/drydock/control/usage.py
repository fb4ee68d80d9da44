"""What pods ask for and what nodes have left: cpu, memory, other resources, host ports. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from towline.drydock.cluster import Obj
from towline.errors import InputError
from towline.kube.quantity import parse

_FINE = 1000  # cpu is counted in thousandths
Amounts = dict[str, int]
Port = tuple[str, str, int]
"""Host address, protocol and number of a host port."""


class Demand(msgspec.Struct, frozen=True):
    """What one pod asks of its node.

    Attributes:
        amounts: Resource to amount; cpu in thousandths.
        ports: Ports of the host.
    """

    amounts: Mapping[str, int]
    ports: tuple[Port, ...] = ()


class Load:
    """What the pods of a node ask for together.

    Attributes:
        pods: How many there are.
        amounts: Resource to amount.
        ports: Host ports that are taken.
    """

    __slots__ = ("amounts", "pods", "ports")

    def __init__(self) -> None:
        self.pods = 0
        self.amounts: Amounts = {}
        self.ports: list[Port] = []

    def add(self, demand: Demand) -> None:
        """Counts a pod in."""
        self.pods += 1
        for name, amount in demand.amounts.items():
            self.amounts[name] = self.amounts.get(name, 0) + amount
        self.ports += demand.ports

    def remove(self, demand: Demand) -> None:
        """Counts a pod out."""
        self.pods -= 1
        for name, amount in demand.amounts.items():
            self.amounts[name] -= amount
        for port in demand.ports:
            self.ports.remove(port)


class Ledger:
    """The loads of all nodes, kept pod by pod."""

    def __init__(self) -> None:
        self._pods: dict[str, tuple[str, Demand]] = {}
        self._loads: dict[str, Load] = {}

    def put(self, uid: str, node: str, demand: Demand) -> None:
        """Counts a pod on a node, wherever it was counted before."""
        if self._pods.get(uid) == (node, demand):
            return
        self.drop(uid)
        self._pods[uid] = (node, demand)
        self._loads.setdefault(node, Load()).add(demand)

    def drop(self, uid: str) -> bool:
        """Counts a pod no more; whether it was counted."""
        found = self._pods.pop(uid, None)
        if found is None:
            return False
        self._loads[found[0]].remove(found[1])
        return True

    def load(self, node: str) -> Load:
        """The load of a node."""
        return self._loads.setdefault(node, Load())


def demand_of(pod: Obj) -> Demand:
    """What a pod asks for: its containers together, or its largest step of initialisation."""
    spec = pod.get("spec") or {}
    containers = spec.get("containers") or ()
    ports = tuple(
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", int(port["hostPort"]))  # noqa: S104  # compared only
        for container in containers
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )
    amounts = _sum(_requests(container) for container in containers)
    beside: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _requests(container)
        if container.get("restartPolicy") == "Always":
            beside = _sum((beside, own))
            largest = _max(largest, beside)
        else:
            largest = _max(largest, _sum((beside, own)))
    amounts = _max(_sum((amounts, beside)), largest)
    return Demand(_sum((amounts, _parsed(spec.get("overhead") or {}))), ports)


def _requests(container: Obj) -> Amounts:
    return _parsed((container.get("resources") or {}).get("requests") or {})


def _parsed(given: Mapping[str, Any]) -> Amounts:
    return {name: amount_of(name, str(value)) for name, value in given.items()}


@lru_cache(maxsize=1024)
def amount_of(name: str, text: str) -> int:
    """An amount as a whole number; what cannot be read counts as nothing."""
    try:
        value = parse(text)
    except InputError:
        return 0
    return math.ceil(value * _FINE) if name == "cpu" else math.ceil(value)


def _sum(parts: Iterable[Mapping[str, int]]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + amount
    return total


def _max(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in one | other}


def shortages(demand: Demand, load: Load, room: Mapping[str, int]) -> list[str]:
    """Why a pod does not fit beside what is on a node; empty when it does.

    Args:
        demand: What the pod asks for.
        load: What is there.
        room: What the node has; a node that names nothing has no bounds.
    """
    found = ["Too many pods"] if load.pods >= room.get("pods", math.inf) else []
    for name, amount in sorted(demand.amounts.items()):
        if amount and room and amount > room.get(name, 0) - load.amounts.get(name, 0):
            found.append(f"Insufficient {name}")
    return found


def ports_taken(demand: Demand, load: Load) -> bool:
    """Whether a host port of the pod is in use on the node."""
    return any(_collide(wanted, taken) for wanted in demand.ports for taken in load.ports)


def _collide(one: Port, other: Port) -> bool:
    everywhere = "0.0.0.0"  # noqa: S104  # compared only
    same_address = one[0] == other[0] or everywhere in (one[0], other[0])
    return same_address and one[1:] == other[1:]
