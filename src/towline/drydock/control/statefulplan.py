"""What to do next for a StatefulSet: ordinals, order, updates from the top. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.control import podstate
from towline.drydock.control.history import REVISION_LABEL, template_of
from towline.drydock.control.podtemplate import pod_of
from towline.drydock.control.statefulclaims import identified, with_claims

_POD_NAME = re.compile(r"(.*)-(0|[1-9][0-9]{0,8})")


class StatefulPlan(msgspec.Struct, frozen=True):
    """The next step of a StatefulSet.

    Attributes:
        status: The new status.
        create: Pods to create, after their claims.
        delete: Pods to delete.
        claims: Present pods whose claims must exist.
        keep: Pods in range whose identity, storage and claims' owners must be right.
        condemned: Pods out of range, whose claims may have to go with them.
        again: Seconds after which to look again, or None.
    """

    status: Obj
    create: list[Obj]
    delete: list[Obj]
    claims: list[Obj]
    keep: list[Obj]
    condemned: list[Obj]
    again: float | None


def ordinal_of(set_name: str, pod_name: str) -> int | None:
    """The number in a pod's name, None when it is not a name of that set's pods."""
    match = _POD_NAME.fullmatch(pod_name)
    return int(match[2]) if match and match[1] == set_name else None


def revision_of(pod: Obj) -> str:
    """Name of the revision that a pod was made from."""
    return str((pod["metadata"].get("labels") or {}).get(REVISION_LABEL) or "")


def plan(
    owner: Obj,
    pods: Sequence[Obj],
    current: Obj,
    update: Obj,
    *,
    collisions: int,
    now: dt.datetime,
) -> StatefulPlan:
    """Decides the next step.

    Args:
        owner: The StatefulSet.
        pods: Pods that it controls.
        current: Revision of pods below the partition.
        update: Revision of the present template.
        collisions: How often a revision's name was taken.
        now: The time.
    """
    return _Planner(owner, pods, current, update, collisions=collisions, now=now).plan()


class _Planner:
    def __init__(
        self,
        owner: Obj,
        pods: Sequence[Obj],
        current: Obj,
        update: Obj,
        *,
        collisions: int,
        now: dt.datetime,
    ) -> None:
        self.owner = owner
        self.spec: Obj = owner["spec"]
        self.now = now
        self.current, self.update = current, update
        self.collisions = collisions
        self.min_ready = int(self.spec.get("minReadySeconds") or 0)
        self.start = int((self.spec.get("ordinals") or {}).get("start") or 0)
        self.wanted = int(self.spec.get("replicas", 1))
        self.monotonic = self.spec.get("podManagementPolicy") != "Parallel"
        self.create: list[Obj] = []
        self.delete: list[Obj] = []
        self.claims: list[Obj] = []
        self.keep: list[Obj] = []
        self._sort(pods)

    def _sort(self, pods: Sequence[Obj]) -> None:
        name = self.owner["metadata"]["name"]
        numbered = {
            number: pod
            for pod in pods
            if (number := ordinal_of(name, pod["metadata"]["name"])) is not None
        }
        self.pods = [numbered[number] for number in sorted(numbered)]
        span = range(self.start, self.start + self.wanted)
        self.present = {number: pod for number, pod in numbered.items() if number in span}
        self.ordinals = span
        self.condemned = [
            numbered[number] for number in sorted(numbered, reverse=True) if number not in span
        ]

    def plan(self) -> StatefulPlan:
        if not self.owner["metadata"].get("deletionTimestamp"):
            self._act()
        return StatefulPlan(
            self._status(),
            self.create,
            self.delete,
            self.claims,
            self.keep,
            self.condemned,
            self._wait(),
        )

    def _act(self) -> None:
        for number in self.ordinals:
            if self._replica(number) and self.monotonic:
                return
        for pod in self.condemned:
            if self._condemn(pod) and self.monotonic:
                return
        self._roll()

    def _replica(self, number: int) -> bool:
        """Sees to one ordinal; True when those after it have to wait."""
        pod = self.present.get(number)
        if pod is None:
            self.create.append(self._new(number))
            return True
        if podstate.is_finished(pod):
            if not podstate.is_terminating(pod):
                self.delete.append(pod)
            return True
        if podstate.phase(pod) == "Pending":
            self.claims.append(pod)
        if podstate.is_terminating(pod) or not self._available(pod):
            return True
        self.keep.append(pod)
        return False

    def _condemn(self, pod: Obj) -> bool:
        """Removes one that is too many; True when those below it have to wait."""
        if podstate.is_terminating(pod):
            return True
        if self.monotonic and not self._available(pod) and pod is not self._first_unavailable():
            return True
        self.delete.append(pod)
        return True

    def _roll(self) -> None:
        """Deletes the highest pod of an older revision, one at a time, down to the partition."""
        strategy = self.spec.get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
        name = self.update["metadata"]["name"]
        for number in reversed(self.ordinals):
            if number < self.start + partition:
                return
            pod = self.present.get(number)
            if pod is None:
                return
            if revision_of(pod) != name and not podstate.is_terminating(pod):
                if pod not in self.delete:
                    self.delete.append(pod)
                return
            if not self._available(pod) or podstate.is_terminating(pod):
                return

    def _new(self, number: int) -> Obj:
        strategy = self.spec.get("updateStrategy") or {}
        partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
        revision = self.current if number < self.start + partition else self.update
        return new_pod(self.owner, revision, number)

    def _available(self, pod: Obj) -> bool:
        running = podstate.phase(pod) == "Running"
        return running and podstate.available_in(pod, self.min_ready, self.now) == 0

    def _first_unavailable(self) -> Obj | None:
        for pod in (*self.present.values(), *reversed(self.condemned)):
            if not self._available(pod) or podstate.is_terminating(pod):
                return pod
        return None

    def _wait(self) -> float | None:
        waits = [podstate.available_in(pod, self.min_ready, self.now) for pod in self.pods]
        return min((wait for wait in waits if wait), default=None)

    def _status(self) -> Obj:
        current, update = (one["metadata"]["name"] for one in (self.current, self.update))
        staying = [pod for pod in self.pods if not podstate.is_terminating(pod)]
        ready = sum(podstate.phase(p) == "Running" and podstate.is_ready(p) for p in self.pods)
        updated = sum(revision_of(pod) == update for pod in staying)
        before = sum(revision_of(pod) == current for pod in staying)
        strategy = (self.spec.get("updateStrategy") or {}).get("type")
        if strategy != "OnDelete" and updated == ready == len(self.pods) == self.wanted:
            current, before = update, updated
        counts = {"readyReplicas": ready, "currentReplicas": before, "updatedReplicas": updated}
        status: dict[str, Any] = {
            "observedGeneration": self.owner["metadata"].get("generation", 1),
            "replicas": len(self.pods),
            "availableReplicas": sum(self._available(pod) for pod in self.pods),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": self.collisions,
        }
        status |= {name: count for name, count in counts.items() if count}
        if conditions := (self.owner.get("status") or {}).get("conditions"):
            status["conditions"] = conditions
        return status


def new_pod(owner: Obj, revision: Obj, number: int) -> Obj:
    """The pod with that ordinal, made from a revision's template."""
    name = f"{owner['metadata']['name']}-{number}"
    template = template_of(revision)
    labels = {
        **((template.get("metadata") or {}).get("labels") or {}),
        **identified(name, number),
        REVISION_LABEL: revision["metadata"]["name"],
    }
    pod = pod_of(owner, template, name=name, labels=labels)
    spec = {**pod["spec"], "hostname": name}
    if owner["spec"].get("serviceName"):
        spec["subdomain"] = owner["spec"]["serviceName"]
    return {**pod, "spec": with_claims(owner, spec, number)}
