"""What to do next for a DaemonSet: one pod per node, replaced node by node. Pure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.control import podstate
from towline.drydock.control.daemonpods import Fit, fit, node_of
from towline.drydock.control.history import REVISION_LABEL
from towline.drydock.control.podcontrol import Note
from towline.drydock.control.rolloutmath import share


class DaemonPlan(msgspec.Struct, frozen=True):
    """The next step of a DaemonSet.

    Attributes:
        status: The new status.
        create: Names of the nodes that get a pod.
        delete: Pods to delete.
        failed: Failed pods among them.
        notes: Events to record.
        again: Seconds after which to look again, or None.
    """

    status: Obj
    create: list[str]
    delete: list[Obj]
    failed: list[Obj]
    notes: list[Note]
    again: float | None


class _Pair(msgspec.Struct):
    """The pods of one node by revision; not `ok` when there are too many of one."""

    new: Obj | None = None
    old: Obj | None = None
    ok: bool = True


def plan(
    owner: Obj,
    pods: Sequence[Obj],
    nodes: Sequence[Obj],
    digest: str,
    *,
    held: frozenset[str] = frozenset(),
    now: dt.datetime,
) -> DaemonPlan:
    """Decides the next step.

    Args:
        owner: The DaemonSet.
        pods: Pods that it controls.
        nodes: All nodes.
        digest: Hash of the present revision.
        held: Uids of failed pods that must not be replaced yet.
        now: The time.
    """
    return _Planner(owner, pods, nodes, digest, held=held, now=now).plan()


class _Planner:
    def __init__(
        self,
        owner: Obj,
        pods: Sequence[Obj],
        nodes: Sequence[Obj],
        digest: str,
        *,
        held: frozenset[str],
        now: dt.datetime,
    ) -> None:
        self.owner = owner
        self.spec: Obj = owner["spec"]
        self.digest = digest
        self.held = held
        self.now = now
        self.min_ready = int(self.spec.get("minReadySeconds") or 0)
        self.fits: dict[str, Fit] = {node["metadata"]["name"]: fit(owner, node) for node in nodes}
        self.desired = sum(one.run for one in self.fits.values())
        self.by_node: dict[str, list[Obj]] = defaultdict(list)
        for pod in sorted(pods, key=_age):
            self.by_node[node_of(pod)].append(pod)
        self.lost = self.by_node.pop("", [])
        self.create: list[str] = []
        self.delete: list[Obj] = []
        self.failed: list[Obj] = []
        self.notes: list[Note] = []
        self._bounds()

    def _bounds(self) -> None:
        strategy = self.spec.get("updateStrategy") or {}
        rolling = strategy.get("rollingUpdate") or {}
        self.rolls = strategy.get("type") != "OnDelete"
        self.surge = share(rolling.get("maxSurge", 0), self.desired, up=True) if self.rolls else 0
        unavailable = share(rolling.get("maxUnavailable", 1), self.desired, up=True)
        self.unavailable = unavailable if unavailable or self.surge else 1

    def plan(self) -> DaemonPlan:
        if not self.owner["metadata"].get("deletionTimestamp"):
            for name in self.fits:
                self._node(name)
            for name in self.by_node.keys() - self.fits.keys():
                self._drop(self.by_node[name])
            if not self.create and not self.delete and self.rolls:
                self._roll()
        waits = [
            podstate.available_in(pod, self.min_ready, self.now)
            for pods in self.by_node.values()
            for pod in pods
        ]
        again = min((wait for wait in waits if wait), default=None)
        return DaemonPlan(self._status(), self.create, self.delete, self.failed, self.notes, again)

    def _node(self, name: str) -> None:
        pods = self.by_node.get(name, [])
        place = self.fits[name]
        if not place.stay:
            self._drop(pods)
        elif not pods:
            if place.run:
                self.create.append(name)
        else:
            self._prune(name, self._running(name, pods))

    def _drop(self, pods: Sequence[Obj]) -> None:
        self.delete += [pod for pod in pods if not podstate.is_terminating(pod)]

    def _running(self, name: str, pods: Sequence[Obj]) -> list[Obj]:
        """Pods that have not ended; those that have are to be deleted."""
        running: list[Obj] = []
        for pod in pods:
            meta = pod["metadata"]
            if podstate.is_terminating(pod):
                continue
            if not podstate.is_finished(pod):
                running.append(pod)
                continue
            if meta["uid"] in self.held:
                continue
            self.delete.append(pod)
            about = f"daemon pod {meta['namespace']}/{meta['name']} on node {name}"
            if podstate.phase(pod) == "Failed":
                self.failed.append(pod)
                text = f"Found failed {about}, will try to kill it"
                self.notes.append(Note("Warning", "FailedDaemonPod", text))
            else:
                text = f"Found succeeded {about}, will try to delete it"
                self.notes.append(Note("Normal", "SucceededDaemonPod", text))
        return running

    def _prune(self, name: str, running: list[Obj]) -> None:
        """Deletes what is too many on a node: all but the oldest, or the oldest of each kind."""
        if not self.surge:
            self.delete += running[1:]
            return
        if not running:
            if self.fits[name].run:
                self.create.append(name)
            return
        new = [pod for pod in running if self._is_new(pod)]
        old = [pod for pod in running if not self._is_new(pod)]
        self.delete += [*new[1:], *old[1:]]
        if new and old and (not podstate.is_ready(old[0]) or self._available(new[0])):
            self.delete.append(old[0])

    def _roll(self) -> None:
        if self.surge:
            self._surge()
        else:
            self._replace()

    def _replace(self) -> None:
        """Deletes old pods as far as enough others stay available."""
        unavailable = 0
        broken: list[Obj] = []
        candidates: list[Obj] = []
        for pods in self.by_node.values():
            pair = self._pair(pods)
            if not pair.ok or (pair.new is None) == (pair.old is None):
                unavailable += 1
            elif pair.old is None:
                unavailable += not self._available(pair.new)
            elif not self._available(pair.old):
                broken.append(pair.old)
                unavailable += 1
            else:
                candidates.append(pair.old)
        room = max(0, self.unavailable - unavailable)
        self.delete += [*broken, *candidates[:room]]

    def _surge(self) -> None:
        """Makes new pods beside old ones, and deletes an old one when its successor is there."""
        surging = available = 0
        allowed: list[str] = []
        candidates: list[str] = []
        misplaced: list[Obj] = []
        for name, pods in self.by_node.items():
            pair = self._pair(pods)
            if not pair.ok:
                surging += 1
                continue
            available += self._available(pair.old or pair.new)
            if pair.old is None:
                continue
            runs = name in self.fits and self.fits[name].run
            if pair.new is not None:
                if self._available(pair.new):
                    self.delete.append(pair.old)
                else:
                    surging += 1
            elif not self._available(pair.old):
                if runs:
                    allowed.append(name)
                else:
                    self.delete.append(pair.old)
            elif runs:
                candidates.append(name)
            else:
                misplaced.append(pair.old)
        self.delete += misplaced[: max(0, available - self.desired)]
        self.create += [*allowed, *candidates[: max(0, self.surge - surging)]]

    def _pair(self, pods: Sequence[Obj]) -> _Pair:
        pair = _Pair()
        for pod in pods:
            if podstate.is_terminating(pod):
                continue
            if self._is_new(pod):
                pair.ok = pair.ok and pair.new is None
                pair.new = pod
            else:
                pair.ok = pair.ok and pair.old is None
                pair.old = pod
        return pair

    def _is_new(self, pod: Obj) -> bool:
        return (pod["metadata"].get("labels") or {}).get(REVISION_LABEL) == self.digest

    def _available(self, pod: Obj | None) -> bool:
        return pod is not None and podstate.available_in(pod, self.min_ready, self.now) == 0

    def _status(self) -> Obj:
        oldest: list[Obj] = []
        misplaced = 0
        for name, place in self.fits.items():
            pods = [pod for pod in self.by_node.get(name, ()) if not _is_gone(pod)]
            if place.run:
                oldest += pods[:1]
            else:
                misplaced += bool(pods)
        available = sum(self._available(pod) for pod in oldest)
        counts = {
            "updatedNumberScheduled": sum(self._is_new(pod) for pod in oldest),
            "numberAvailable": available,
            "numberUnavailable": self.desired - available,
        }
        status: Obj = {
            "currentNumberScheduled": len(oldest),
            "numberMisscheduled": misplaced,
            "desiredNumberScheduled": self.desired,
            "numberReady": sum(podstate.is_ready(pod) for pod in oldest),
            "observedGeneration": self.owner["metadata"].get("generation", 1),
        }
        status |= {name: count for name, count in counts.items() if count}
        before = self.owner.get("status") or {}
        kept = {name: before[name] for name in ("collisionCount", "conditions") if name in before}
        return status | kept


def _age(pod: Obj) -> tuple[str, str]:
    return (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"])


def _is_gone(pod: Obj) -> bool:
    return podstate.is_finished(pod) and podstate.is_terminating(pod)
