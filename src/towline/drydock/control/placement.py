"""Where a pod goes, or why it can go nowhere, in the scheduler's words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.control.nodefit import (
    HARD,
    NOT_READY,
    UNSCHEDULABLE,
    is_ready,
    matches_affinity,
    preference,
    tolerates,
)
from towline.drydock.control.usage import (
    Demand,
    Load,
    amount_of,
    demand_of,
    ports_taken,
    shortages,
)

NO_NODES = "no nodes available to schedule pods"
_TAINTED = "node(s) had untolerated taint(s)"
_CORDONED = "node(s) were unschedulable"
_AFFINITY = "node(s) didn't match Pod's node affinity/selector"
_PORTS = "node(s) didn't have free ports for the requested pod ports"
# Of many nodes, not all are looked at once this many fit.
_ENOUGH = 64
# What preemption says of nodes where evicting pods could and could not help; nothing is evicted.
_NO_VICTIMS = "No preemption victims found for incoming pod"
_NO_HELP = "Preemption is not helpful for scheduling"


class NodeView(msgspec.Struct, frozen=True):
    """What the scheduler knows of a node.

    Attributes:
        name: Its name.
        node: The object.
        room: What pods may ask for together; empty when the node does not say.
        taints: Taints that keep pods away, also those that follow from its state.
        cordoned: Whether it takes no new pods.
    """

    name: str
    node: Obj
    room: Mapping[str, int]
    taints: tuple[Obj, ...]
    cordoned: bool


class Placement(NamedTuple):
    """Where a pod goes: a node, or why there is none.

    Attributes:
        node: The node's name, or empty.
        reason: Why no node fits, or empty.
        helpless: On how many nodes evicting others would not help either.
        total: The number of nodes.
    """

    node: str
    reason: str
    helpless: int = 0
    total: int = 0

    @property
    def message(self) -> str:
        """The reason with what preemption has to say."""
        if not self.total:
            return self.reason
        parts = [
            f"{count} {text}"
            for count, text in (
                (self.total - self.helpless, _NO_VICTIMS),
                (self.helpless, _NO_HELP),
            )
            if count
        ]
        return (
            f"{self.reason} no new claims to deallocate, preemption: "
            f"0/{self.total} nodes are available: {', '.join(sorted(parts))}."
        )


class Refusal(NamedTuple):
    """Why one node does not fit, and whether evicting others could change that."""

    reasons: list[str]
    helpless: bool


def view_of(node: Obj) -> NodeView:
    """What the scheduler looks at of a node."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    taints = [one for one in spec.get("taints") or () if one.get("effect") in HARD]
    if not is_ready(node):
        taints.append(NOT_READY)
    given = status.get("allocatable") or status.get("capacity") or {}
    return NodeView(
        name=node["metadata"]["name"],
        node=node,
        room={name: amount_of(name, str(value)) for name, value in given.items()},
        taints=tuple(taints),
        cordoned=bool(spec.get("unschedulable")),
    )


def place(
    pod: Obj,
    nodes: Sequence[NodeView],
    load: Callable[[str], Load],
    *,
    volumes: Callable[[Obj], str] = lambda _: "",
    start: int = 0,
) -> Placement:
    """Chooses among nodes: what the pod prefers, then the node with the fewest pods.

    Args:
        pod: The pod.
        nodes: All nodes.
        load: The load of a node.
        volumes: Why the pod's volumes cannot be had on a node; empty when they can.
        start: Where to begin looking.
    """
    if not nodes:
        return Placement("", NO_NODES)
    demand = demand_of(pod)
    fitting: list[NodeView] = []
    reasons: Counter[str] = Counter()
    helpless = 0
    for position in range(len(nodes)):
        view = nodes[(start + position) % len(nodes)]
        refused = refusal(pod, demand, view, load(view.name), volumes)
        if refused is None:
            fitting.append(view)
            if len(fitting) >= _ENOUGH:
                break
            continue
        reasons.update(refused.reasons)
        helpless += refused.helpless
    if not fitting:
        listed = ", ".join(sorted(f"{count} {why}" for why, count in reasons.items()))
        text = f"0/{len(nodes)} nodes are available: {listed}."
        return Placement("", text, helpless, len(nodes))
    spec = pod["spec"]

    def rank(view: NodeView) -> tuple[int, int, str]:
        return (-preference(spec, view.node), load(view.name).pods, view.name)

    return Placement(min(fitting, key=rank).name, "")


def blocked(reason: str, nodes: int) -> Placement:
    """A pod that fits no node for a reason of its own."""
    return Placement("", f"0/{nodes} nodes are available: {reason}.", nodes, nodes)


def refusal(
    pod: Obj, demand: Demand, view: NodeView, load: Load, volumes: Callable[[Obj], str]
) -> Refusal | None:
    """Why a node does not fit; the first kind of reason counts."""
    spec = pod["spec"]
    tolerations = spec.get("tolerations") or ()
    if view.cordoned and not tolerates(tolerations, UNSCHEDULABLE):
        return Refusal([_CORDONED], helpless=True)
    for taint in view.taints:
        if not tolerates(tolerations, taint):
            return Refusal([_TAINTED], helpless=True)
    if not matches_affinity(spec, view.node):
        return Refusal([_AFFINITY], helpless=True)
    if ports_taken(demand, load):
        return Refusal([_PORTS], helpless=False)
    short = shortages(demand, load, view.room)
    if short:
        beyond = any(amount > view.room.get(n, 0) for n, amount in demand.amounts.items() if amount)
        return Refusal(short, helpless=beyond)
    why = volumes(view.node)
    return Refusal([why], helpless=True) if why else None
