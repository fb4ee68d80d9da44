"""The scheduler: gives each new pod a node."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import podstate, podvolumes
from towline.drydock.control.controller import Key, key_of, together
from towline.drydock.control.placement import (
    NO_NODES,
    NodeView,
    Placement,
    blocked,
    place,
    view_of,
)
from towline.drydock.control.podvolumes import PodVolumes
from towline.drydock.control.resources import CLAIMS, NODES, PODS, STORAGE_CLASSES, VOLUMES
from towline.drydock.control.usage import Ledger, demand_of
from towline.drydock.control.writes import edit
from towline.kube.refs import GroupResource

SCHEDULER = "default-scheduler"
MANAGER = "kube-scheduler"
# Stands for all pods that had no place when something changed that might give them one.
RETRY = Key("", "")
_STRIDE = 64


class Scheduler:
    """Binds pods to ready nodes that fit, the one with the fewest pods first.

    Args:
        cluster: What it works on.
        clock: For conditions.
    """

    name = SCHEDULER
    watches: frozenset[GroupResource] | None = frozenset(
        {PODS, NODES, CLAIMS, VOLUMES, STORAGE_CLASSES}
    )

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        # What is on which node, kept from events: counting all pods for each pod is too much.
        self._ledger: Ledger | None = None
        self._views: dict[str, tuple[str, NodeView]] = {}
        self._nodes: list[NodeView] | None = None
        self._refused: dict[Key, None] = {}
        self._start = itertools.count(step=_STRIDE)

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """Pods without a node; those that were refused, when something changed for them."""
        if resource == PODS:
            yield from self._pod_changed(event)
        elif resource == NODES:
            if event.old is None:
                # A watch that begins anew shows every node again, and what it missed to nobody.
                self._ledger = None
            if event.type != "MODIFIED" or event.old is None or _differs(event.old, event.object):
                self._nodes = None
                yield RETRY
        else:
            yield RETRY

    def _pod_changed(self, event: ClusterEvent) -> Iterable[Key]:
        pod = event.object
        key = key_of(pod)
        if event.type != "DELETED" and is_waiting(pod):
            yield key
            return
        self._refused.pop(key, None)
        if self._ledger is not None and self._count(self._ledger, pod):
            yield RETRY

    def _count(self, ledger: Ledger, pod: Obj) -> bool:
        """Counts a pod as it is by now; whether its node has room again."""
        meta = pod["metadata"]
        now = self._cluster.get(PODS, meta["namespace"], meta["name"])
        if now is not None and now["metadata"]["uid"] == meta["uid"] and occupies(now):
            ledger.put(meta["uid"], now["spec"]["nodeName"], demand_of(now))
            return False
        return ledger.drop(meta["uid"])

    async def reconcile(self, key: Key) -> float | None:
        """Binds the pod, or says why it cannot be."""
        if key == RETRY:
            for refused in list(self._refused):
                await self._schedule(refused)
        else:
            await self._schedule(key)
        return None

    async def _schedule(self, key: Key) -> None:
        pod = self._cluster.get(PODS, key.namespace, key.name)
        if pod is None or not is_waiting(pod):
            self._refused.pop(key, None)
            return
        nodes = self._known_nodes()
        ledger = self._known_ledger()
        volumes = podvolumes.look(self._cluster, pod)
        if volumes.blocked:
            placement = blocked(volumes.blocked, len(nodes)) if nodes else Placement("", NO_NODES)
        else:
            placement = place(
                pod, nodes, ledger.load, volumes=volumes.problem, start=next(self._start)
            )
        if not placement.node:
            self._refused[key] = None
            await self._refuse(pod, placement.message)
        elif volumes.waiting:
            self._refused[key] = None
            await self._choose(volumes, placement.node)
        else:
            self._refused.pop(key, None)
            await self._bind(pod, placement.node, ledger)

    def _known_nodes(self) -> list[NodeView]:
        if self._nodes is None:
            views: dict[str, tuple[str, NodeView]] = {}
            for node in self._cluster.objects(NODES):
                meta = node["metadata"]
                version, view = self._views.get(meta["name"], ("", None))
                if view is None or version != meta["resourceVersion"]:
                    view = view_of(node)
                views[meta["name"]] = (meta["resourceVersion"], view)
            self._views = views
            self._nodes = [view for _, view in views.values()]
        return self._nodes

    def _known_ledger(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger()
            for pod in self._cluster.objects(PODS):
                if occupies(pod):
                    uid = pod["metadata"]["uid"]
                    self._ledger.put(uid, pod["spec"]["nodeName"], demand_of(pod))
        return self._ledger

    async def _choose(self, volumes: PodVolumes, name: str) -> None:
        """Has the pod's claims bound for a node; the pod comes back when they are."""
        node = self._cluster.get(NODES, "", name)
        if node is not None:
            await podvolumes.choose_node(self._cluster, volumes, node, MANAGER)

    async def _bind(self, pod: Obj, node: str, ledger: Ledger) -> None:
        meta = pod["metadata"]

        def write(copy: Obj) -> None:
            if not copy["spec"].get("nodeName"):
                copy["spec"]["nodeName"] = node

        # Counted before it is written: the next pod is placed while this one is being stored.
        ledger.put(meta["uid"], node, demand_of(pod))
        try:
            bound = await edit(
                self._cluster, PODS, pod, write, manager=MANAGER, subresource="binding"
            )
        finally:
            self._count(ledger, pod)
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


def occupies(pod: Obj) -> bool:
    """Whether a pod takes room on a node, as it does until it has ended."""
    return bool((pod.get("spec") or {}).get("nodeName")) and not podstate.is_finished(pod)


def _differs(old: Obj, new: Obj) -> bool:
    """Whether a node changed in what decides which pods it takes."""
    if old["metadata"].get("labels") != new["metadata"].get("labels"):
        return True
    before, after = view_of(old), view_of(new)
    return (before.room, before.taints, before.cordoned) != (
        after.room,
        after.taints,
        after.cordoned,
    )


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
