"""Replica maths: which pods go first, how many are made at once, what the status says. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

from towline.aio.clock import parse_rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.control import podstate

BURST = 500
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"

_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}
_LONG_AGO = dt.datetime(1, 1, 1, tzinfo=dt.UTC)


def slow_start(count: int) -> Iterator[int]:
    """Sizes of batches 1, 2, 4... that add up to `count`: a broken template fails few times."""
    size = 1
    while count > 0:
        batch = min(size, count)
        yield batch
        count -= batch
        size *= 2


def victims(pods: list[Obj], count: int) -> list[Obj]:
    """The pods to delete first when there are too many.

    Unassigned before assigned, Pending before Unknown before Running, not ready before ready, lower
    deletion cost, nodes with more of them, ready for less time, more restarts, younger.
    """
    if count >= len(pods):
        return list(pods)
    per_node = Counter((pod.get("spec") or {}).get("nodeName") for pod in pods)

    def rank(pod: Obj) -> tuple[Any, ...]:
        node = (pod.get("spec") or {}).get("nodeName")
        created = pod["metadata"].get("creationTimestamp")
        return (
            1 if node else 0,
            _PHASE_ORDER.get(podstate.phase(pod), 2),
            1 if podstate.is_ready(pod) else 0,
            _deletion_cost(pod),
            -per_node[node],
            -((podstate.ready_since(pod) or _LONG_AGO) - _LONG_AGO).total_seconds(),
            -podstate.restarts(pod),
            -((parse_rfc3339(created) if created else _LONG_AGO) - _LONG_AGO).total_seconds(),
            pod["metadata"]["name"],
        )

    return sorted(pods, key=rank)[:count]


def _deletion_cost(pod: Obj) -> int:
    text = (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def replica_set_status(
    replica_set: Obj,
    active: list[Obj],
    terminating: int,
    *,
    failure: str,
    now: dt.datetime,
    stamp: str,
) -> tuple[Obj, float | None]:
    """The status of a ReplicaSet and the seconds until a ready pod becomes available.

    Args:
        replica_set: The ReplicaSet.
        active: Its active pods.
        terminating: How many more of its pods are being deleted.
        failure: Why pods could not be created or deleted, or empty.
        now: The time.
        stamp: The same as text, for conditions.
    """
    spec = replica_set["spec"]
    template_labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    waits = [
        podstate.available_in(pod, int(spec.get("minReadySeconds") or 0), now) for pod in active
    ]
    counts = {
        "readyReplicas": sum(wait is not None for wait in waits),
        "availableReplicas": sum(wait == 0 for wait in waits),
        "fullyLabeledReplicas": sum(_has_labels(pod, template_labels) for pod in active),
    }
    status: Obj = {"replicas": len(active)}
    status |= {name: count for name, count in counts.items() if count}
    status["terminatingReplicas"] = terminating
    status["observedGeneration"] = replica_set["metadata"].get("generation", 1)
    conditions = _conditions(replica_set, failure, stamp, missing=len(active))
    if conditions:
        status["conditions"] = conditions
    pending = [wait for wait in waits if wait]
    return status, min(pending, default=None)


def _has_labels(pod: Obj, wanted: dict[str, str]) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in wanted.items())


def _conditions(replica_set: Obj, failure: str, stamp: str, *, missing: int) -> list[Obj]:
    before = (replica_set.get("status") or {}).get("conditions") or []
    kept = [one for one in before if one["type"] != "ReplicaFailure"]
    if not failure:
        return kept
    old = next((one for one in before if one["type"] == "ReplicaFailure"), None)
    if old is not None:
        return list(before)
    wanted = int(replica_set["spec"].get("replicas", 1))
    return [
        *kept,
        {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": stamp,
            "reason": "FailedCreate" if missing < wanted else "FailedDelete",
            "message": failure,
        },
    ]
