"""The DaemonSet controller: one pod on every node that fits."""

from __future__ import annotations

from collections.abc import Iterable

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import history, revisionbook
from towline.drydock.control.adoption import take_over
from towline.drydock.control.controller import Key, key_of, namespace_terminating, together
from towline.drydock.control.daemonplan import DaemonPlan, plan
from towline.drydock.control.daemonpods import new_pod, node_of
from towline.drydock.control.history import REVISION_LABEL
from towline.drydock.control.ownership import claim
from towline.drydock.control.podcontrol import (
    Outcome,
    create_pods,
    delete_pod,
    merged,
    owners_of_change,
)
from towline.drydock.control.replicas import BURST
from towline.drydock.control.resources import DAEMON_SETS, NODES, PODS
from towline.drydock.control.writes import report
from towline.kube.refs import GroupResource
from towline.kube.selectors import LabelSelector, label_selector_of

_BACKOFF_BASE = 1.0
_BACKOFF_CAP = 900.0


def _selector_of(owner: Obj) -> LabelSelector:
    return label_selector_of(owner["spec"].get("selector"))


class DaemonSetController:
    """Runs DaemonSets.

    Args:
        cluster: What it works on.
        clock: For availability and back-off.
    """

    name = "daemonset-controller"
    watches: frozenset[GroupResource] | None = frozenset({DAEMON_SETS, PODS, NODES})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        # Failed pods are replaced ever more slowly: (DaemonSet uid, node) to (delay, not before).
        self._backoff: dict[tuple[str, str], tuple[float, float]] = {}

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The set itself, the one that owns a pod, or all when a node changed."""
        if resource == DAEMON_SETS:
            if event.type == "DELETED":
                self._forget(event.object["metadata"]["uid"])
            return [key_of(event.object)]
        if resource == PODS:
            return owners_of_change(self._cluster, event, DAEMON_SETS, "DaemonSet", _selector_of)
        if event.type == "MODIFIED" and event.old is not None and not _matters(event):
            return ()
        return [key_of(owner) for owner in self._cluster.objects(DAEMON_SETS)]

    async def reconcile(self, key: Key) -> float | None:
        """Takes the next step."""
        found = self._cluster.get(DAEMON_SETS, key.namespace, key.name)
        if found is None:
            return None
        claimed = claim(found, _selector_of(found), self._cluster.objects(PODS, key.namespace))
        pods = await take_over(self._cluster, PODS, found, claimed)
        book = await revisionbook.keep(self._cluster, found, REVISION_LABEL)
        digest = history.hash_of(book.update)
        held, wait = self._held(found, pods)
        nodes = self._cluster.objects(NODES)
        step = plan(found, pods, nodes, digest, held=held, now=self._clock.now())
        status = dict(step.status)
        if book.collisions:
            status["collisionCount"] = book.collisions
        await report(self._cluster, DAEMON_SETS, found, status)
        outcome = await self._carry_out(found, step, digest)
        used = {(pod["metadata"].get("labels") or {}).get(REVISION_LABEL) for pod in pods}
        live = {
            one["metadata"]["name"] for one in book.revisions if history.hash_of(one) in used
        } | {book.update["metadata"]["name"]}
        await revisionbook.forget(self._cluster, found, book, live)
        if outcome.error is not None and not namespace_terminating(outcome.error):
            raise outcome.error
        return min((seconds for seconds in (step.again, wait) if seconds), default=None)

    async def _carry_out(self, owner: Obj, step: DaemonPlan, digest: str) -> Outcome:
        for pod in step.failed:
            self._failed(owner, pod)
        bodies = [new_pod(owner, node, digest) for node in step.create[:BURST]]
        made = await create_pods(self._cluster, bodies)
        gone = await together(delete_pod(self._cluster, pod) for pod in step.delete[:BURST])
        outcome = merged([made, *gone])
        notes = [*step.notes, *outcome.notes]
        await together(
            self._cluster.event(
                owner, type_=type_, reason=reason, message=message, component=self.name
            )
            for type_, reason, message in notes
        )
        return outcome

    def _held(self, owner: Obj, pods: list[Obj]) -> tuple[frozenset[str], float | None]:
        """Failed pods that have to wait for their replacement, and for how long."""
        now = self._clock.monotonic()
        held: set[str] = set()
        waits: list[float] = []
        for pod in pods:
            _, until = self._backoff.get(_place(owner, pod), (0.0, 0.0))
            if until > now:
                held.add(pod["metadata"]["uid"])
                waits.append(until - now)
        return frozenset(held), min(waits, default=None)

    def _failed(self, owner: Obj, pod: Obj) -> None:
        place = _place(owner, pod)
        now = self._clock.monotonic()
        before, until = self._backoff.get(place, (0.0, 0.0))
        # A node that was well for twice the longest delay starts anew.
        if now - until > 2 * _BACKOFF_CAP:
            before = 0.0
        delay = min(_BACKOFF_CAP, before * 2) or _BACKOFF_BASE
        self._backoff[place] = (delay, now + delay)

    def _forget(self, uid: str) -> None:
        self._backoff = {place: value for place, value in self._backoff.items() if place[0] != uid}


def _place(owner: Obj, pod: Obj) -> tuple[str, str]:
    return (owner["metadata"]["uid"], node_of(pod))


def _matters(event: ClusterEvent) -> bool:
    """Whether a node changed in what decides where daemons run."""
    old, new = event.old or {}, event.object
    return (old["metadata"].get("labels"), (old.get("spec") or {}).get("taints")) != (
        new["metadata"].get("labels"),
        (new.get("spec") or {}).get("taints"),
    )
