"""When a container that ended runs again: restart policy and back-off. Pure."""

from __future__ import annotations

import datetime as dt

from towline.drydock.cluster import Obj
from towline.drydock.node.model import ContainerSeen, StartFailure

BASE = 10
CAP = 300
FORGET = 600.0


def is_sidecar(container: Obj) -> bool:
    """Whether an init container keeps running beside the others."""
    return container.get("restartPolicy") == "Always"


def next_backoff(last: ContainerSeen | None) -> int:
    """Seconds that will follow the end of the next attempt; doubles up to a cap.

    A run of ten minutes makes the past forgotten.
    """
    if last is None:
        return 0
    if ran_for(last) >= FORGET:
        return BASE
    return min(CAP, max(BASE, last.backoff * 2))


def backoff_of(attempt: int) -> int:
    """Seconds that follow the end of an attempt, when all attempts before it failed at once."""
    return min(CAP, BASE * 2 ** min(attempt - 1, 8)) if attempt > 0 else 0


def ran_for(seen: ContainerSeen) -> float:
    """Seconds between start and end; 0 when either is unknown."""
    if seen.started_at is None or seen.finished_at is None:
        return 0.0
    return (seen.finished_at - seen.started_at).total_seconds()


def should_restart(pod: Obj, container: Obj, seen: ContainerSeen, *, init: bool) -> bool:
    """Whether the policy wants an ended container to run again."""
    if is_sidecar(container):
        return True
    policy = pod["spec"].get("restartPolicy") or "Always"
    if init:
        return seen.exit_code != 0 and policy != "Never"
    return policy == "Always" or (policy == "OnFailure" and seen.exit_code != 0)


def restart_wait(seen: ContainerSeen, now: dt.datetime) -> float:
    """Seconds until an ended container may run again; 0 when it may now."""
    if seen.finished_at is None or ran_for(seen) >= FORGET:
        return 0.0
    due = seen.finished_at + dt.timedelta(seconds=seen.backoff)
    return max(0.0, (due - now).total_seconds())


def image_backoff(last: StartFailure | None) -> float:
    """Seconds until the next pull after one that failed."""
    if last is None:
        return BASE
    return min(CAP, max(BASE, last.retry_after * 2))


def crash_message(seen: ContainerSeen) -> str:
    """The waiting message of a container in back-off."""
    return (
        f"back-off {_duration(seen.backoff)} restarting failed container={seen.name} "
        f"pod={seen.pod}_{seen.namespace}({seen.pod_uid})"
    )


def crash_event(seen: ContainerSeen) -> str:
    """The message of the BackOff event."""
    return (
        f"Back-off restarting failed container {seen.name} in pod "
        f"{seen.pod}_{seen.namespace}({seen.pod_uid})"
    )


def _duration(seconds: int) -> str:
    """As Go prints a duration: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
