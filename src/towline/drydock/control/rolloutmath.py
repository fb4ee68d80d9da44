"""Numbers of a Deployment: surge, unavailability, proportions. Pure."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from towline.drydock.cluster import Obj

NO_DEADLINE = 2147483647


class Bounds(NamedTuple):
    """How far a roll-out may go from the wanted number of pods, in pods."""

    surge: int
    unavailable: int


def wanted(deployment: Obj) -> int:
    """The number of replicas asked for."""
    return int(deployment["spec"].get("replicas", 1))


def is_recreate(deployment: Obj) -> bool:
    """Whether old pods must be gone before new ones start."""
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def bounds(deployment: Obj) -> Bounds:
    """Surge rounded up, unavailability rounded down; never both zero."""
    replicas = wanted(deployment)
    if is_recreate(deployment):
        return Bounds(0, 0)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = share(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = share(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(surge, min(unavailable, replicas))


def deadline(deployment: Obj) -> int | None:
    """Seconds in which a roll-out must progress, None when that is not watched."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds is None or seconds == NO_DEADLINE else int(seconds)


def fraction(size: int, deployment: Obj, size_before: int) -> int:
    """By how much a ReplicaSet changes when the Deployment is scaled in mid roll-out.

    Args:
        size: Replicas of the ReplicaSet.
        deployment: The Deployment with its new number.
        size_before: Largest number of pods that was allowed before.
    """
    if wanted(deployment) == 0:
        return -size
    if size_before == 0:
        return 0
    exact = size * (wanted(deployment) + bounds(deployment).surge) / size_before
    return math.floor(exact + 0.5) - size


def share(value: Any, total: int, *, up: bool) -> int:
    """A number of pods that is given as such or as a percentage of the total."""
    if isinstance(value, int):
        return value
    text = str(value)
    percent = int(text.removesuffix("%")) if text.removesuffix("%").isdigit() else 0
    if not text.endswith("%"):
        return percent
    scaled = percent * total
    return -(-scaled // 100) if up else scaled // 100
