"""The scheduler: gives each new pod a node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import podstate
from towline.drydock.control.controller import Key, key_of, together
from towline.drydock.control.resources import NODES, PODS
from towline.drydock.control.writes import edit
from towline.kube.refs import GroupResource

NO_NODES = "no nodes available to schedule pods"
SCHEDULER = "default-scheduler"
MANAGER = "kube-scheduler"


class Placement(NamedTuple):
    """Where a pod goes: a node, or why there is none."""

    node: str
    reason: str


class Scheduler:
    """Binds pods to ready nodes that fit, the one with the fewest pods first.

    Args:
        cluster: What it works on.
        clock: For conditions.
    """

    name = SCHEDULER
    watches: frozenset[GroupResource] | None = frozenset({PODS, NODES})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """Pods without a node; all of them when a node changed in a way that matters."""
        if resource == PODS:
            if event.type != "DELETED" and is_waiting(event.object):
                yield key_of(event.object)
        elif event.old is None or usability(event.old) != usability(event.object):
            for pod in self._cluster.objects(PODS):
                if is_waiting(pod):
                    yield key_of(pod)

    async def reconcile(self, key: Key) -> float | None:
        """Binds the pod, or says why it cannot be."""
        pod = self._cluster.get(PODS, key.namespace, key.name)
        if pod is None or not is_waiting(pod):
            return None
        nodes = self._cluster.objects(NODES)
        placement = place(pod, nodes, self._load() if len(nodes) > 1 else {})
        if placement.node:
            await self._bind(pod, placement.node)
        else:
            await self._refuse(pod, placement.reason)
        return None

    def _load(self) -> Mapping[str, int]:
        return Counter(
            pod["spec"]["nodeName"]
            for pod in self._cluster.objects(PODS)
            if pod["spec"].get("nodeName") and not podstate.is_finished(pod)
        )

    async def _bind(self, pod: Obj, node: str) -> None:
        meta = pod["metadata"]

        def write(copy: Obj) -> None:
            if not copy["spec"].get("nodeName"):
                copy["spec"]["nodeName"] = node

        bound = await edit(self._cluster, PODS, pod, write, manager=MANAGER)
        if bound is not None:
            text = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
            await self._event(pod, "Normal", "Scheduled", text)

    async def _refuse(self, pod: Obj, reason: str) -> None:
        stamp = rfc3339(self._clock.now())

        def write(copy: Obj) -> None:
            status = copy.setdefault("status", {})
            status["conditions"] = with_unschedulable(
                status.get("conditions") or [], reason, copy["metadata"].get("generation"), stamp
            )

        before = podstate.condition(pod, "PodScheduled") or {}
        if before.get("message") == reason:
            return
        await together(
            [
                edit(self._cluster, PODS, pod, write, manager=MANAGER, subresource="status"),
                self._event(pod, "Warning", "FailedScheduling", reason),
            ]
        )

    async def _event(self, pod: Obj, type_: str, reason: str, message: str) -> None:
        await self._cluster.event(
            pod, type_=type_, reason=reason, message=message, component=self.name
        )


def is_waiting(pod: Obj) -> bool:
    """Whether this scheduler should find a node for the pod."""
    spec = pod.get("spec") or {}
    return (
        not spec.get("nodeName")
        and spec.get("schedulerName", SCHEDULER) == SCHEDULER
        and not spec.get("schedulingGates")
        and podstate.is_active(pod)
    )


def place(pod: Obj, nodes: Sequence[Obj], load: Mapping[str, int]) -> Placement:
    """Chooses among nodes.

    Args:
        pod: The pod.
        nodes: All nodes.
        load: Pods per node.
    """
    if not nodes:
        return Placement("", NO_NODES)
    fitting: list[str] = []
    refusals: dict[str, int] = {}
    for node in nodes:
        why = _refusal(pod, node)
        if why:
            refusals[why] = refusals.get(why, 0) + 1
        else:
            fitting.append(node["metadata"]["name"])
    if fitting:
        return Placement(min(fitting, key=lambda name: (load.get(name, 0), name)), "")
    listed = ", ".join(f"{count} {why}" for why, count in sorted(refusals.items()))
    return Placement("", f"0/{len(nodes)} nodes are available: {listed}.")


def _refusal(pod: Obj, node: Obj) -> str:
    labels = node["metadata"].get("labels") or {}
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(name) != value for name, value in selector.items()):
        return "node(s) didn't match Pod's node affinity/selector"
    ready, taints, unschedulable = usability(node)
    if unschedulable and not _tolerates(pod, _UNSCHEDULABLE):
        return "node(s) were unschedulable"
    if not ready:
        return "node(s) had untolerated taint(s)"
    for taint in taints:
        hard = taint.get("effect") in {"NoSchedule", "NoExecute"}
        if hard and not _tolerates(pod, taint):
            return "node(s) had untolerated taint(s)"
    return ""


_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def usability(node: Obj) -> tuple[bool, list[Obj], bool]:
    """What decides whether a node takes pods: ready, taints, unschedulable."""
    ready = any(
        one.get("type") == "Ready" and one.get("status") == "True"
        for one in (node.get("status") or {}).get("conditions") or ()
    )
    spec = node.get("spec") or {}
    return ready, spec.get("taints") or [], bool(spec.get("unschedulable"))


def _tolerates(pod: Obj, taint: Obj) -> bool:
    for one in pod["spec"].get("tolerations") or ():
        if one.get("effect") and one["effect"] != taint.get("effect"):
            continue
        if one.get("operator") == "Exists":
            if not one.get("key") or one["key"] == taint.get("key"):
                return True
        elif one.get("key") == taint.get("key") and one.get("value", "") == taint.get("value", ""):
            return True
    return False


def with_unschedulable(
    before: list[Obj], message: str, generation: int | None, stamp: str
) -> list[Obj]:
    """Conditions with PodScheduled False."""
    old = next((one for one in before if one["type"] == "PodScheduled"), None)
    new: Obj = {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": old["lastTransitionTime"] if old else stamp,
        "reason": "Unschedulable",
        "message": message,
    }
    if generation:
        new["observedGeneration"] = generation
    return [*(one for one in before if one["type"] != "PodScheduled"), new]
