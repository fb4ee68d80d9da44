"""Disruption budgets: how many pods must stay healthy, what an eviction takes. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from towline.aio.clock import parse_rfc3339, rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.control import podstate
from towline.drydock.control.rolloutmath import share

# How long an evicted pod may take to show that it is being deleted.
DELETION_SECONDS = 120.0


class Need(NamedTuple):
    """What a budget asks for: pods that there should be, and healthy ones among them."""

    expected: int
    healthy: int


def counts_by_scale(budget: Obj) -> bool:
    """Whether the budget is relative to the size of the pods' controllers."""
    spec = budget.get("spec") or {}
    if spec.get("maxUnavailable") is not None:
        return True
    return isinstance(spec.get("minAvailable"), str)


def need_of(budget: Obj, pods: Sequence[Obj], scale: int) -> Need:
    """What a budget asks for.

    Args:
        budget: The PodDisruptionBudget.
        pods: The pods that it selects.
        scale: Sum of the sizes of their controllers; only asked when `counts_by_scale`.
    """
    spec = budget.get("spec") or {}
    most, least = spec.get("maxUnavailable"), spec.get("minAvailable")
    if most is not None:
        return Need(scale, max(0, scale - share(most, scale, up=True)))
    if least is None:
        return Need(len(pods), 0)
    if isinstance(least, str):
        return Need(scale, share(least, scale, up=True))
    return Need(len(pods), int(least))


def status_of(
    budget: Obj, pods: Sequence[Obj], scale: int, now: dt.datetime
) -> tuple[Obj, float | None]:
    """The budget's status, and the seconds after which an eviction counts as failed."""
    before = budget.get("status") or {}
    disrupted, wait = _still_disrupted(before.get("disruptedPods") or {}, pods, now)
    need = need_of(budget, pods, scale)
    healthy = sum(
        podstate.is_ready(pod)
        and not podstate.is_terminating(pod)
        and pod["metadata"]["name"] not in disrupted
        for pod in pods
    )
    allowed = max(0, healthy - need.healthy) if need.expected > 0 else 0
    status: dict[str, Any] = {
        "currentHealthy": healthy,
        "desiredHealthy": need.healthy,
        "disruptionsAllowed": allowed,
        "expectedPods": need.expected,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
    if disrupted:
        status["disruptedPods"] = disrupted
    status["conditions"] = with_allowed(before.get("conditions") or [], status, rfc3339(now))
    return status, wait


def _still_disrupted(
    noted: dict[str, str], pods: Sequence[Obj], now: dt.datetime
) -> tuple[dict[str, str], float | None]:
    """Evicted pods that are not seen to be going yet."""
    present = {pod["metadata"]["name"]: pod for pod in pods if not podstate.is_terminating(pod)}
    kept: dict[str, str] = {}
    waits: list[float] = []
    for name, stamp in noted.items():
        left = DELETION_SECONDS - (now - parse_rfc3339(stamp)).total_seconds()
        if name in present and left > 0:
            kept[name] = stamp
            waits.append(left)
    return kept, min(waits, default=None)


def with_allowed(before: list[Obj], status: Obj, stamp: str) -> list[Obj]:
    """Conditions with DisruptionAllowed as the counts of the status have it."""
    allowed = status["disruptionsAllowed"] > 0
    new: Obj = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "observedGeneration": status["observedGeneration"],
        "lastTransitionTime": stamp,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
    }
    old = next((one for one in before if one["type"] == new["type"]), None)
    if old is not None and old["status"] == new["status"]:
        new["lastTransitionTime"] = old["lastTransitionTime"]
    return [*(one for one in before if one["type"] != new["type"]), new]
