"""What a pod's status says, as controllers ask it. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Any

from towline.aio.clock import parse_rfc3339
from towline.drydock.cluster import Obj


def phase(pod: Obj) -> str:
    """The pod's phase; `Pending` when nobody has written one."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_finished(pod: Obj) -> bool:
    """Whether all its containers ended for good."""
    return phase(pod) in {"Succeeded", "Failed"}


def is_terminating(pod: Obj) -> bool:
    """Whether it is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_active(pod: Obj) -> bool:
    """Whether it counts as a replica: neither finished nor being deleted."""
    return not is_finished(pod) and not is_terminating(pod)


def condition(pod: Obj, type_: str) -> dict[str, Any] | None:
    """The condition of that type, or None."""
    for one in (pod.get("status") or {}).get("conditions") or ():
        if one.get("type") == type_:
            found: dict[str, Any] = one
            return found
    return None


def is_ready(pod: Obj) -> bool:
    """Whether its Ready condition is true."""
    ready = condition(pod, "Ready")
    return ready is not None and ready.get("status") == "True"


def ready_since(pod: Obj) -> dt.datetime | None:
    """When it became ready, None when it is not or nobody knows."""
    ready = condition(pod, "Ready")
    if ready is None or ready.get("status") != "True" or not ready.get("lastTransitionTime"):
        return None
    return parse_rfc3339(ready["lastTransitionTime"])


def available_in(pod: Obj, min_ready_seconds: int, now: dt.datetime) -> float | None:
    """Seconds until the pod has been ready long enough: 0 when available, None when not ready."""
    if not is_ready(pod):
        return None
    since = ready_since(pod)
    if min_ready_seconds <= 0:
        return 0.0
    if since is None:
        return None
    return max(0.0, min_ready_seconds - (now - since).total_seconds())


def restarts(pod: Obj) -> int:
    """The highest restart count among its containers."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(one.get("restartCount") or 0) for one in statuses), default=0)
