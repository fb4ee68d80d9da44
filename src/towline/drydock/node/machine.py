"""The pod machine: a pod and what is seen of it in, commands and status out. Pure.

It is level-triggered: it may be asked at any time and always answers what is still missing, so a
crash of the node changes nothing about what happens next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from towline.aio.clock import parse_rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.node import restarts
from towline.drydock.node.model import (
    PULL_ERROR_SHOWN,
    TERMINAL,
    Command,
    ContainerSeen,
    Decision,
    Drain,
    DropSandbox,
    Finish,
    Launch,
    MakeSandbox,
    MakeVolumes,
    Note,
    Remove,
    Stop,
    World,
)
from towline.drydock.node.pod_status import latest, recalled, status_of, sum_up

_LIVENESS_GRACE = 30.0
Step = tuple[Command | None, float | None, Note | None]
_NOTHING: Step = (None, None, None)


def decide(pod: Obj, world: World) -> Decision:
    """What to do about a pod that is bound to this node."""
    world = recalled(pod, world)
    if pod["metadata"].get("deletionTimestamp"):
        return _ending(pod, world)
    if (pod.get("status") or {}).get("phase") in TERMINAL:
        return Decision(tuple(_leave(world)))
    if overdue(pod, world.now):
        return _overdue(pod, world)
    return _running(pod, world)


def _running(pod: Obj, world: World) -> Decision:
    commands: list[Command] = []
    waits: list[float] = []
    notes: list[Note] = []
    if world.sandbox is None:
        commands.append(MakeSandbox())
    elif not world.volumes_ready:
        commands.append(MakeVolumes())
    else:
        commands.extend(_strays(world))
        for container, init in _due(pod, world):
            command, wait, note = _advance(pod, container, world, init=init)
            if command is not None:
                commands.append(command)
            if wait is not None:
                waits.append(wait)
            if note is not None:
                notes.append(note)
        commands.extend(Remove(seen.id) for seen in _old(world))
    status = status_of(pod, world)
    if status["phase"] in TERMINAL:
        commands = [*_leave(world), *(c for c in commands if isinstance(c, Remove))]
    if (left := _deadline_left(pod, world.now)) is not None:
        waits.append(left)
    return Decision(tuple(commands), status, min(waits, default=None), tuple(notes))


def _leave(world: World) -> list[Command]:
    """What a pod that ended for good gives back."""
    return [DropSandbox()] if world.sandbox is not None else []


def _due(pod: Obj, world: World) -> Iterator[tuple[Obj, bool]]:
    """Containers whose turn it is: init containers one after another, then all others at once."""
    for container in pod["spec"].get("initContainers") or []:
        seen = latest(world, container["name"])
        if restarts.is_sidecar(container):
            yield container, True
            if not _has_started(world, seen):
                return
        elif seen is None or seen.state != "exited" or seen.exit_code != 0:
            yield container, True
            return
    for container in pod["spec"].get("containers") or []:
        yield container, False


def _has_started(world: World, seen: ContainerSeen | None) -> bool:
    if seen is None or seen.state != "running":
        return False
    view = world.probes.get(seen.id)
    return view is not None and view.started


def _advance(pod: Obj, container: Obj, world: World, *, init: bool) -> Step:
    """The next step of one container: a command, a wait with its note, or nothing."""
    name = container["name"]
    seen = latest(world, name)
    if name in world.launching:
        return _NOTHING
    if seen is not None and seen.state == "running":
        return _while_running(pod, seen, world)
    failure = world.failures.get(name)
    if failure is not None and (left := (failure.retry_at - world.now).total_seconds()) > 0:
        return (None, *_failed_wait(name, world, left))
    if seen is None:
        return Launch(name, 0, 0), None, None
    if seen.state == "created":
        return Launch(name, seen.attempt, seen.backoff), None, None
    if not restarts.should_restart(pod, container, seen, init=init):
        return _NOTHING
    if (wait := restarts.restart_wait(seen, world.now)) > 0:
        key = f"crash/{name}/{seen.attempt}"
        return None, wait, Note("Warning", "BackOff", restarts.crash_event(seen), name, key)
    return Launch(name, seen.attempt + 1, restarts.next_backoff(seen)), None, None


def _while_running(pod: Obj, seen: ContainerSeen, world: World) -> Step:
    probe = world.unhealthy.get(seen.id)
    if probe is None or seen.id in world.stopping:
        return _NOTHING
    grace = float(pod["spec"].get("terminationGracePeriodSeconds") or _LIVENESS_GRACE)
    message = f"Container {seen.name} failed {probe} probe, will be restarted"
    return Stop(seen.id, seen.name, grace, message), None, None


def _failed_wait(name: str, world: World, left: float) -> tuple[float, Note | None]:
    failure = world.failures[name]
    if failure.reason != "ErrImagePull":
        return left, None
    shown = (world.now - failure.at).total_seconds()
    if shown < PULL_ERROR_SHOWN:
        return min(left, PULL_ERROR_SHOWN - shown), None
    text = failure.message.partition(": ")[0].removeprefix("failed to pull image ")
    key = f"pull/{name}/{failure.at.isoformat()}"
    return left, Note("Normal", "BackOff", f"Back-off pulling image {text}", name, key)


def _strays(world: World) -> Iterator[Command]:
    """Running containers of a namespace that is gone: nobody can reach them."""
    for seen in world.containers:
        if (
            seen.id
            and seen.state == "running"
            and world.sandbox is not None
            and seen.sandbox != world.sandbox.name
            and seen.id not in world.stopping
        ):
            yield Stop(seen.id, seen.name, 0.0, "Pod sandbox changed, it will be killed.")


def _old(world: World) -> Iterator[ContainerSeen]:
    """Ended containers beyond the last two attempts."""
    for seen in world.containers:
        newest = latest(world, seen.name)
        if (
            seen.id
            and newest is not None
            and seen.attempt < newest.attempt - 1
            and seen.state != "running"
        ):
            yield seen


def overdue(pod: Obj, now: dt.datetime) -> bool:
    """Whether activeDeadlineSeconds passed."""
    left = _deadline_left(pod, now)
    return left is not None and left <= 0


def _deadline_left(pod: Obj, now: dt.datetime) -> float | None:
    limit = pod["spec"].get("activeDeadlineSeconds")
    start = (pod.get("status") or {}).get("startTime")
    if limit is None or not start:
        return None
    return float(limit) - (now - parse_rfc3339(start)).total_seconds()


def _overdue(pod: Obj, world: World) -> Decision:
    """Ends a pod that was active for too long; it stays as Failed."""
    grace = float(pod["spec"].get("terminationGracePeriodSeconds") or 0)
    stops = tuple(_stops(pod, world, grace))
    status = status_of(pod, world)
    if stops or world.launching or _alive(world):
        return Decision(stops, status)
    return Decision(
        tuple(_leave(world)),
        sum_up(
            pod,
            status,
            phase="Failed",
            reason="DeadlineExceeded",
            message="Pod was active on the node longer than the specified deadline",
            now=world.now,
        ),
    )


def _ending(pod: Obj, world: World) -> Decision:
    """A pod that is being deleted: drain, signal, wait, kill, forget."""
    status = None
    if (pod.get("status") or {}).get("phase") not in TERMINAL:
        status = status_of(pod, world)
    if world.launching:
        return Decision((), status)
    if not _alive(world):
        return Decision((Finish(),), status)
    if not world.drained:
        return Decision((Drain(),), status)
    return Decision(tuple(_stops(pod, world, grace_left(pod, world.now))), status)


def grace_left(pod: Obj, now: dt.datetime) -> float:
    """Seconds that a pod under deletion may still use; at least one, unless it asked for none."""
    meta = pod["metadata"]
    if meta.get("deletionGracePeriodSeconds") == 0:
        return 0.0
    left = (parse_rfc3339(meta["deletionTimestamp"]) - now).total_seconds()
    return max(1.0, left + 0.5)


def _alive(world: World) -> bool:
    return any(seen.id and seen.state == "running" for seen in world.containers)


def _stops(pod: Obj, world: World, grace: float) -> Iterator[Command]:
    """Ends main and init containers; sidecars only when the others ended, last one first."""
    running = {seen.name: seen for seen in world.containers if seen.id and seen.state == "running"}
    sidecars = [
        container["name"]
        for container in pod["spec"].get("initContainers") or []
        if restarts.is_sidecar(container) and container["name"] in running
    ]
    names = [name for name in running if name not in sidecars] or sidecars[-1:]
    for name in names:
        if running[name].id not in world.stopping:
            yield Stop(running[name].id, name, grace, f"Stopping container {name}")
