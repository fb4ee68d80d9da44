"""The status of a Deployment: counts, conditions, progress deadline. Pure."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from typing import Any

from towline.aio.clock import parse_rfc3339, rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.control import rolloutmath
from towline.drydock.control.revisions import Revision

AVAILABLE = "Available"
PROGRESSING = "Progressing"
REPLICA_FAILURE = "ReplicaFailure"

_COUNTS = (
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
)


class Progress(enum.Enum):
    """What to do about the Progressing condition: follow the roll-out, or leave it."""

    WATCH = enum.auto()
    KEEP = enum.auto()


class StatusBuilder:
    """Makes the next status from the present one.

    Args:
        deployment: The Deployment.
        now: The time.
    """

    def __init__(self, deployment: Obj, now: dt.datetime) -> None:
        self._deployment = deployment
        self._name = deployment["metadata"]["name"]
        self._before: Obj = deployment.get("status") or {}
        self._conditions: list[Obj] = list(self._before.get("conditions") or [])
        self._now = now
        self._stamp = rfc3339(now)
        self._deadline = rolloutmath.deadline(deployment)

    def note_created(self, name: str) -> None:
        """A new ReplicaSet is being created."""
        if self._deadline is not None:
            text = f'Created new replica set "{name}"'
            self._set(PROGRESSING, "True", "NewReplicaSetCreated", text)

    def note_create_failed(self, message: str) -> Obj:
        """The present status, saying that the new ReplicaSet could not be created."""
        if self._deadline is not None:
            self._set(PROGRESSING, "False", "ReplicaSetCreateError", message)
        return {**self._before, "conditions": self._conditions}

    def note_found(self, name: str) -> None:
        """The new ReplicaSet existed already."""
        if self._deadline is not None and self._condition(PROGRESSING) is None:
            text = f'Found new replica set "{name}"'
            self._set(PROGRESSING, "True", "FoundNewReplicaSet", text)

    def note_paused(self) -> None:
        """Follows `spec.paused`, so that a pause does not count as lack of progress."""
        if self._deadline is None:
            return
        reason = (self._condition(PROGRESSING) or {}).get("reason")
        if reason == "ProgressDeadlineExceeded":
            return
        paused = bool(self._deployment["spec"].get("paused"))
        if paused and reason != "DeploymentPaused":
            self._set(PROGRESSING, "Unknown", "DeploymentPaused", "Deployment is paused")
        elif not paused and reason == "DeploymentPaused":
            self._set(PROGRESSING, "Unknown", "DeploymentResumed", "Deployment is resumed")

    def build(self, revisions: Sequence[Revision], new: Revision | None, progress: Progress) -> Obj:
        """The new status.

        Args:
            revisions: All ReplicaSets.
            new: The one with the present template.
            progress: Whether the Progressing condition follows the roll-out.
        """
        status = self._counts(revisions, new)
        needed = rolloutmath.wanted(self._deployment) - rolloutmath.bounds(self._deployment)[1]
        if status.get("availableReplicas", 0) >= needed:
            text = "Deployment has minimum availability."
            self._set(AVAILABLE, "True", "MinimumReplicasAvailable", text)
        else:
            text = "Deployment does not have minimum availability."
            self._set(AVAILABLE, "False", "MinimumReplicasUnavailable", text)
        if progress is Progress.WATCH:
            self._follow_progress(status, new)
            self._follow_failures(revisions, new)
        if self._conditions:
            status["conditions"] = self._conditions
        return status

    def complete(self, revisions: Sequence[Revision], new: Revision | None) -> bool:
        """Whether every wanted pod is of the new template and available, and no other exists."""
        return self._complete(self._counts(revisions, new))

    def look_again(self, status: Obj) -> float | None:
        """Seconds until the progress deadline could be exceeded, None when it cannot."""
        current = self._condition(PROGRESSING)
        if self._deadline is None or current is None or self._complete(status):
            return None
        if current["reason"] in {
            "ProgressDeadlineExceeded",
            "NewReplicaSetAvailable",
            "DeploymentPaused",
        }:
            return None
        return max(0.0, self._deadline - self._idle_seconds(current)) + 1.0

    def _counts(self, revisions: Sequence[Revision], new: Revision | None) -> Obj:
        def total(field: str) -> int:
            return sum(one.count(field) for one in revisions)

        available = total("availableReplicas")
        planned = sum(one.replicas for one in revisions)
        counts = (
            total("replicas"),
            0 if new is None else new.count("replicas"),
            total("readyReplicas"),
            available,
            max(0, planned - available),
        )
        generation = self._deployment["metadata"].get("generation", 1)
        status: Obj = {"observedGeneration": generation}
        status |= {name: count for name, count in zip(_COUNTS, counts, strict=True) if count}
        status["terminatingReplicas"] = total("terminatingReplicas")
        if self._before.get("collisionCount"):
            status["collisionCount"] = self._before["collisionCount"]
        return status

    def _complete(self, status: Obj) -> bool:
        wanted = rolloutmath.wanted(self._deployment)
        return all(
            status.get(name, 0) == wanted
            for name in ("replicas", "updatedReplicas", "availableReplicas")
        )

    def _follow_progress(self, status: Obj, new: Revision | None) -> None:
        if self._deadline is None:
            self._remove(PROGRESSING)
            return
        current = self._condition(PROGRESSING)
        settled = (
            status.get("replicas", 0) == status.get("updatedReplicas", 0)
            and current is not None
            and current["reason"] == "NewReplicaSetAvailable"
        )
        if settled:
            return
        subject = f'ReplicaSet "{new.name}"' if new is not None else f'Deployment "{self._name}"'
        if self._complete(status):
            text = f"{subject} has successfully progressed."
            self._set(PROGRESSING, "True", "NewReplicaSetAvailable", text)
        elif self._progressed(status):
            text = f"{subject} is progressing."
            self._set(PROGRESSING, "True", "ReplicaSetUpdated", text, renew=True)
        elif self._timed_out(current):
            text = f"{subject} has timed out progressing."
            self._set(PROGRESSING, "False", "ProgressDeadlineExceeded", text)

    def _progressed(self, status: Obj) -> bool:
        before, after = self._before, status

        def old(counts: Obj) -> int:
            return int(counts.get("replicas", 0)) - int(counts.get("updatedReplicas", 0))

        more = ("updatedReplicas", "readyReplicas", "availableReplicas")
        return old(after) < old(before) or any(
            after.get(name, 0) > before.get(name, 0) for name in more
        )

    def _timed_out(self, current: dict[str, Any] | None) -> bool:
        if current is None or self._deadline is None:
            return False
        if current["reason"] in {"NewReplicaSetAvailable", "DeploymentPaused"}:
            return False
        return (
            current["reason"] == "ProgressDeadlineExceeded"
            or self._idle_seconds(current) > self._deadline
        )

    def _idle_seconds(self, current: dict[str, Any]) -> float:
        since = current.get("lastUpdateTime") or current.get("lastTransitionTime") or self._stamp
        return (self._now - parse_rfc3339(since)).total_seconds()

    def _follow_failures(self, revisions: Sequence[Revision], new: Revision | None) -> None:
        first = [new] if new is not None else []
        for one in [*first, *revisions]:
            for condition in (one.obj.get("status") or {}).get("conditions") or ():
                if condition["type"] == REPLICA_FAILURE and condition["status"] == "True":
                    self._set(
                        REPLICA_FAILURE,
                        "True",
                        condition.get("reason", ""),
                        condition.get("message", ""),
                    )
                    return
        self._remove(REPLICA_FAILURE)

    def _condition(self, type_: str) -> dict[str, Any] | None:
        return next((one for one in self._conditions if one["type"] == type_), None)

    def _remove(self, type_: str) -> None:
        self._conditions = [one for one in self._conditions if one["type"] != type_]

    def _set(
        self, type_: str, status: str, reason: str, message: str, *, renew: bool = False
    ) -> None:
        current = self._condition(type_)
        same = current is not None and current["status"] == status
        if current is not None and same and current["reason"] == reason and not renew:
            return
        transition = current["lastTransitionTime"] if current is not None and same else self._stamp
        self._remove(type_)
        self._conditions.append(
            {
                "type": type_,
                "status": status,
                "lastUpdateTime": self._stamp,
                "lastTransitionTime": transition,
                "reason": reason,
                "message": message,
            }
        )
