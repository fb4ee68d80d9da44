"""What to do next for a Deployment, as a plan. Pure: objects and time in, changes out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.control import revisions, rolloutmath
from towline.drydock.control.revisions import Revision, oldest_first
from towline.drydock.control.rolloutstatus import Progress, StatusBuilder

EventNote = tuple[str, str, str]
"""Type, reason, message."""


class Change(NamedTuple):
    """An update of a ReplicaSet: the values that it shall have."""

    name: str
    uid: str
    replicas: int
    annotations: dict[str, str]
    min_ready: int


class Plan(msgspec.Struct, frozen=True):
    """The next step of a Deployment.

    Attributes:
        create: The ReplicaSet to create, or None.
        changes: Updates of ReplicaSets.
        deletes: (name, uid) of ReplicaSets beyond the history limit.
        revision: The Deployment's revision annotation, empty to leave it.
        status: The Deployment's new status.
        events: Events to record.
        again: Seconds after which to look again, or None.
    """

    create: Obj | None
    changes: list[Change]
    deletes: list[tuple[str, str]]
    revision: str
    status: Obj
    events: list[EventNote]
    again: float | None


def plan(
    deployment: Obj,
    replica_sets: Sequence[Obj],
    *,
    old_pods_left: bool,
    now: dt.datetime,
) -> Plan:
    """Decides the next step.

    Args:
        deployment: The Deployment.
        replica_sets: The ReplicaSets that it controls.
        old_pods_left: Whether unfinished pods of another template exist (for Recreate).
        now: The time.
    """
    return _Planner(deployment, replica_sets, old_pods_left=old_pods_left, now=now).plan()


class _Planner:
    def __init__(
        self, deployment: Obj, replica_sets: Sequence[Obj], *, old_pods_left: bool, now: dt.datetime
    ) -> None:
        self.deployment = deployment
        self.all = [Revision.of(obj) for obj in replica_sets]
        self.new = revisions.find_new(deployment, self.all)
        self.old = [one for one in self.all if one is not self.new]
        self.old_pods_left = old_pods_left
        self.wanted = rolloutmath.wanted(deployment)
        self.bounds = rolloutmath.bounds(deployment)
        self.status = StatusBuilder(deployment, now)
        self.created: Revision | None = None
        self.deletes: list[Revision] = []
        self.events: list[EventNote] = []

    def plan(self) -> Plan:
        spec = self.deployment["spec"]
        progress = Progress.WATCH
        if self.deployment["metadata"].get("deletionTimestamp"):
            progress = Progress.KEEP
        else:
            self.status.note_paused()
            if spec.get("paused"):
                self._sync_revision(create=False)
                self._scale()
                self._clean_up()
                progress = Progress.KEEP
            elif self._was_scaled():
                self._sync_revision(create=False)
                self._scale()
                progress = Progress.KEEP
            elif rolloutmath.is_recreate(self.deployment):
                self._recreate()
            else:
                self._roll()
        status = self.status.build(self.all, self.new, progress)
        return Plan(
            self.created.obj if self.created is not None else None,
            self._changes(),
            [(one.name, one.obj["metadata"]["uid"]) for one in self.deletes],
            self._revision(),
            status,
            self.events,
            self.status.look_again(status),
        )

    def _changes(self) -> list[Change]:
        changed = []
        for one in self.all:
            if one is self.created:
                self._finish_created(one)
            elif one != Revision.of(one.obj):
                uid = one.obj["metadata"]["uid"]
                changed.append(Change(one.name, uid, one.replicas, one.annotations, one.min_ready))
        return changed

    def _finish_created(self, created: Revision) -> None:
        created.obj["metadata"]["annotations"] = created.annotations
        created.obj["spec"]["replicas"] = created.replicas

    def _revision(self) -> str:
        if self.new is None:
            return ""
        number = self.new.annotations.get(revisions.REVISION, "")
        present = self.deployment["metadata"].get("annotations") or {}
        return "" if present.get(revisions.REVISION) == number else number

    def _sync_revision(self, *, create: bool) -> None:
        if self.new is None and create:
            collisions = int((self.deployment.get("status") or {}).get("collisionCount") or 0)
            self.new = self.created = revisions.make_new(self.deployment, collisions)
            self.all.append(self.new)
            revisions.annotate_size(self.deployment, self.new)
            self.status.note_created(self.new.name)
        if self.new is not None:
            revisions.annotate_new(self.deployment, self.new, self.old)
            self.new.min_ready = int(self.deployment["spec"].get("minReadySeconds") or 0)
            self.status.note_found(self.new.name)

    def _was_scaled(self) -> bool:
        noted = (revisions.desired_on(one) for one in self.all if one.replicas > 0)
        return any(size is not None and size != self.wanted for size in noted)

    def _total(self) -> int:
        return sum(one.replicas for one in self.all)

    def _resize(self, revision: Revision, size: int) -> None:
        """Sets the size, and says so when it differs."""
        before = revision.replicas
        revision.replicas = size
        revisions.annotate_size(self.deployment, revision)
        if size != before:
            way = "up" if size > before else "down"
            text = f"Scaled {way} replica set {revision.name} from {before} to {size}"
            self.events.append(("Normal", "ScalingReplicaSet", text))

    # Rolling update

    def _roll(self) -> None:
        self._sync_revision(create=True)
        if self._grow_new():
            return
        if self._shrink_old():
            return
        if self.status.complete(self.all, self.new):
            self._clean_up()

    def _grow_new(self) -> bool:
        new = self.new
        if new is None or new.replicas == self.wanted:
            return False
        if new.replicas > self.wanted:
            self._resize(new, self.wanted)
            return True
        room = self.wanted + self.bounds.surge - self._total()
        if room <= 0:
            return False
        self._resize(new, new.replicas + min(room, self.wanted - new.replicas))
        return True

    def _shrink_old(self) -> bool:
        new = self.new
        if new is None or not any(one.replicas for one in self.old):
            return False
        needed = self.wanted - self.bounds.unavailable
        new_unavailable = new.replicas - new.count("availableReplicas")
        budget = self._total() - needed - new_unavailable
        if budget <= 0:
            return False
        dropped = self._drop_unhealthy(budget)
        available = sum(one.count("availableReplicas") for one in self.all)
        # Counts in a status may lag behind a size that we have just changed.
        spare = min(available - needed, budget - dropped)
        for one in oldest_first(self.old):
            if spare <= 0:
                break
            size = min(one.replicas, spare)
            if size > 0:
                self._resize(one, one.replicas - size)
                spare -= size
                dropped += size
        return dropped > 0

    def _drop_unhealthy(self, budget: int) -> int:
        """Old pods that do not serve go first: they cost no availability."""
        dropped = 0
        for one in oldest_first(self.old):
            unhealthy = one.replicas - one.count("availableReplicas")
            size = min(budget - dropped, unhealthy)
            if size > 0:
                self._resize(one, one.replicas - size)
                dropped += size
        return dropped

    # Recreate

    def _recreate(self) -> None:
        self._sync_revision(create=False)
        running = [one for one in self.old if one.replicas > 0]
        for one in running:
            self._resize(one, 0)
        if running or self.old_pods_left or any(one.count("replicas") for one in self.old):
            return
        self._sync_revision(create=True)
        if self.new is not None and self.new.replicas != self.wanted:
            self._resize(self.new, self.wanted)
        elif self.status.complete(self.all, self.new):
            self._clean_up()

    # Scaling

    def _scale(self) -> None:
        """Follows a new number of replicas without rolling any further."""
        only = self._active_or_latest()
        if only is not None:
            if only.replicas != self.wanted:
                self._resize(only, self.wanted)
            return
        if self._saturated():
            for one in self.old:
                if one.replicas > 0:
                    self._resize(one, 0)
            return
        if not rolloutmath.is_recreate(self.deployment):
            self._scale_proportionally()

    def _active_or_latest(self) -> Revision | None:
        active = [one for one in self.all if one.replicas > 0]
        if len(active) == 1:
            return active[0]
        if active:
            return None
        if self.new is not None:
            return self.new
        return oldest_first(self.old)[-1] if self.old else None

    def _saturated(self) -> bool:
        new = self.new
        return (
            new is not None
            and new.replicas == self.wanted
            and revisions.desired_on(new) == self.wanted
            and new.count("availableReplicas") == self.wanted
        )

    def _scale_proportionally(self) -> None:
        active = [one for one in self.all if one.replicas > 0]
        allowed = self.wanted + self.bounds.surge if self.wanted > 0 else 0
        to_add = allowed - sum(one.replicas for one in active)
        # Growing favours newer ones of equal size, shrinking older ones.
        active.sort(key=lambda one: one.created, reverse=to_add > 0)
        active.sort(key=lambda one: -one.replicas)
        left = to_add
        sizes = []
        for one in active:
            before = revisions.maximum_on(one) or int(
                (self.deployment.get("status") or {}).get("replicas") or 0
            )
            part = rolloutmath.fraction(one.replicas, self.deployment, before) if left else 0
            part = min(part, left) if to_add > 0 else max(part, left)
            sizes.append(one.replicas + part)
            left -= part
        if sizes:
            sizes[0] += left
        for one, size in zip(active, sizes, strict=True):
            self._resize(one, max(0, size))

    def _clean_up(self) -> None:
        self.deletes = revisions.expired(self.deployment, self.old)
