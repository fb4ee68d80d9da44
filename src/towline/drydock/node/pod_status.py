"""The status of a pod from what is seen of its containers: phase, conditions, containers. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec

from towline.aio.clock import parse_rfc3339, rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.node import restarts
from towline.drydock.node.model import PULL_ERROR_SHOWN, TERMINAL, ContainerSeen, World

_OWN_CONDITIONS = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)
_NEVER = "1970-01-01T00:00:00Z"
_UNKNOWN = "The container could not be located when the pod was terminated"


def latest(world: World, name: str) -> ContainerSeen | None:
    """The newest attempt of a container."""
    return _newest(seen for seen in world.containers if seen.name == name)


def _newest(attempts: Iterable[ContainerSeen]) -> ContainerSeen | None:
    return max(attempts, key=lambda seen: seen.attempt, default=None)


def recalled(pod: Obj, world: World) -> World:
    """Adds containers that the status remembers and the engine does not (storage was lost)."""
    status = pod.get("status") or {}
    seen = {container.name for container in world.containers}
    ghosts = [
        _ghost(pod, entry, world.now)
        for entry in (*_statuses(status, init=True), *_statuses(status, init=False))
        if entry.get("containerID") and entry["name"] not in seen
    ]
    if not ghosts:
        return world
    return msgspec.structs.replace(world, containers=(*world.containers, *ghosts))


def _ghost(pod: Obj, entry: Obj, now: dt.datetime) -> ContainerSeen:
    state = entry.get("state") or {}
    past = state.get("terminated") or (entry.get("lastState") or {}).get("terminated")
    lost = "running" in state or not past
    ended: Obj = {} if lost or past is None else past
    return ContainerSeen(
        id="",
        pod_uid=pod["metadata"]["uid"],
        namespace=pod["metadata"]["namespace"],
        pod=pod["metadata"]["name"],
        name=entry["name"],
        attempt=int(entry.get("restartCount") or 0),
        state="exited",
        exit_code=137 if lost else int(ended.get("exitCode") or 0),
        started_at=_moment(ended.get("startedAt")),
        finished_at=now if lost else _moment(ended.get("finishedAt")),
        image_id=entry.get("imageID") or "",
        reason="ContainerStatusUnknown" if lost else str(ended.get("reason") or ""),
        message=_UNKNOWN if lost else str(ended.get("message") or ""),
    )


def _moment(text: str | None) -> dt.datetime | None:
    return parse_rfc3339(text) if text else None


def _statuses(status: Obj, *, init: bool) -> list[Obj]:
    return status.get("initContainerStatuses" if init else "containerStatuses") or []


def status_of(pod: Obj, world: World) -> Obj:
    """The whole status that the pod should have now."""
    old: Obj = pod.get("status") or {}
    init = [
        _container(pod, container, world, init=True)
        for container in pod["spec"].get("initContainers") or []
    ]
    main = [
        _container(pod, container, world, init=False)
        for container in pod["spec"].get("containers") or []
    ]
    status: Obj = {
        **old,
        "phase": _phase(pod, init, main),
        "hostIP": world.host_ip,
        "hostIPs": [{"ip": world.host_ip}],
        "startTime": old.get("startTime") or rfc3339(world.now),
        "containerStatuses": main,
        "qosClass": old.get("qosClass") or qos_class(pod),
        "observedGeneration": pod["metadata"].get("generation", 1),
    }
    if init:
        status["initContainerStatuses"] = init
    if world.sandbox is not None:
        status["podIP"] = world.sandbox.ip
        status["podIPs"] = [{"ip": world.sandbox.ip}]
    status["conditions"] = _conditions(pod, status, world)
    return status


def sum_up(
    pod: Obj, status: Obj, *, phase: str, reason: str, message: str, now: dt.datetime
) -> Obj:
    """The status with a phase that was decided for the pod as a whole."""
    changed = {**status, "phase": phase, "reason": reason, "message": message}
    changed["conditions"] = _conditions(pod, changed, World(now=now))
    return changed


def _container(pod: Obj, container: Obj, world: World, *, init: bool) -> Obj:
    name = container["name"]
    seen = _newest(c for c in world.containers if c.name == name and c.state != "created")
    old = next(
        (e for e in _statuses(pod.get("status") or {}, init=init) if e["name"] == name), None
    )
    view = world.probes.get(seen.id) if seen is not None else None
    running = seen is not None and seen.state == "running"
    state, last = _state(pod, container, world, seen, init=init)
    ready = running and view is not None and view.ready
    if init and not restarts.is_sidecar(container):
        ready = "terminated" in state and state["terminated"]["exitCode"] == 0
    entry: Obj = {
        "name": name,
        "state": state,
        "lastState": last or (old or {}).get("lastState") or {},
        "ready": ready,
        "started": running and view is not None and view.started,
        "restartCount": seen.attempt if seen else int((old or {}).get("restartCount") or 0),
        "image": container.get("image") or "",
        "imageID": (seen.image_id if seen else "") or (old or {}).get("imageID") or "",
    }
    if seen is not None and seen.id:
        entry["containerID"] = _container_id(seen, world)
    elif old and old.get("containerID"):
        entry["containerID"] = old["containerID"]
    return entry


def _container_id(seen: ContainerSeen, world: World) -> str:
    return f"{world.runtime}://{seen.id}"


def _state(
    pod: Obj, container: Obj, world: World, seen: ContainerSeen | None, *, init: bool
) -> tuple[Obj, Obj]:
    """Present state and last state of a container."""
    name = container["name"]
    before = _ended_before(world, seen)
    if seen is not None and seen.state == "running":
        return {"running": {"startedAt": _stamp(seen.started_at, world)}}, before
    failure = world.failures.get(name)
    ended = _terminated(seen, world) if seen is not None and seen.state == "exited" else {}
    again = (
        seen is not None
        and seen.state == "exited"
        and restarts.should_restart(pod, container, seen, init=init)
        and not pod["metadata"].get("deletionTimestamp")
    )
    if ended and not again:
        return ended, before
    if failure is not None:
        return {"waiting": _failure_view(container, world)}, ended or before
    if ended and seen is not None:
        if name not in world.launching and restarts.restart_wait(seen, world.now) > 0:
            waiting = {"reason": "CrashLoopBackOff", "message": restarts.crash_message(seen)}
            return {"waiting": waiting}, ended
        return ended, before
    reason = "PodInitializing" if pod["spec"].get("initContainers") else "ContainerCreating"
    return {"waiting": {"reason": reason}}, before


def _failure_view(container: Obj, world: World) -> Obj:
    failure = world.failures[container["name"]]
    shown = (world.now - failure.at).total_seconds()
    if failure.reason == "ErrImagePull" and shown >= PULL_ERROR_SHOWN:
        image = container.get("image")
        text = f'Back-off pulling image "{image}": ErrImagePull: {failure.message}'
        return {"reason": "ImagePullBackOff", "message": text}
    return {"reason": failure.reason, "message": failure.message}


def _ended_before(world: World, seen: ContainerSeen | None) -> Obj:
    """The attempt before the newest, as a last state."""
    if seen is None:
        return {}
    newest = _newest(
        other
        for other in world.containers
        if other.name == seen.name and other.attempt < seen.attempt and other.state == "exited"
    )
    return _terminated(newest, world) if newest is not None else {}


def _terminated(seen: ContainerSeen, world: World) -> Obj:
    body: dict[str, Any] = {
        "exitCode": seen.exit_code,
        "reason": seen.reason or ("Completed" if seen.exit_code == 0 else "Error"),
        "startedAt": rfc3339(seen.started_at) if seen.started_at else _NEVER,
        "finishedAt": _stamp(seen.finished_at, world),
    }
    if seen.message:
        body["message"] = seen.message
    if seen.id:
        body["containerID"] = _container_id(seen, world)
    return {"terminated": body}


def _stamp(moment: dt.datetime | None, world: World) -> str:
    return rfc3339(moment or world.now)


def _phase(pod: Obj, init: list[Obj], main: list[Obj]) -> str:
    """The phase by the kubelet's rules."""
    policy = pod["spec"].get("restartPolicy") or "Always"
    specs = {c["name"]: c for c in pod["spec"].get("initContainers") or []}
    for entry in init:
        if restarts.is_sidecar(specs[entry["name"]]):
            if entry["started"] or _ever_ran(main):
                continue
            return "Pending"
        code = (entry["state"].get("terminated") or {}).get("exitCode")
        if code == 0:
            continue
        return "Failed" if code is not None and policy == "Never" else "Pending"
    states = [_classify(entry) for entry in main]
    if "pending" in states:
        return "Pending"
    if "running" in states:
        return "Running"
    if policy == "Always":
        return "Running"
    if all(state == "succeeded" for state in states):
        return "Succeeded"
    if policy == "Never":
        return "Failed"
    return "Running"


def _ever_ran(main: list[Obj]) -> bool:
    return any(entry.get("containerID") for entry in main)


def _classify(entry: Obj) -> str:
    state = entry["state"]
    if "running" in state:
        return "running"
    ended = state.get("terminated")
    if ended is None:
        return "stopped" if entry["lastState"].get("terminated") else "pending"
    return "succeeded" if ended["exitCode"] == 0 else "stopped"


def _conditions(pod: Obj, status: Obj, world: World) -> list[Obj]:
    old = {entry["type"]: entry for entry in (pod.get("status") or {}).get("conditions") or []}
    ended = status["phase"] in TERMINAL
    values = {
        "PodReadyToStartContainers": (world.sandbox is not None and not ended, "", ""),
        "Initialized": _initialized(pod, status, ended=ended),
        "ContainersReady": _ready(status),
        "PodScheduled": (True, "", ""),
    }
    values["Ready"] = _gates(pod, old, values["ContainersReady"])
    kept = [entry for name, entry in old.items() if name not in _OWN_CONDITIONS]
    return [
        *(_condition(name, values[name], old.get(name), world.now) for name in _OWN_CONDITIONS),
        *kept,
    ]


def _initialized(pod: Obj, status: Obj, *, ended: bool) -> tuple[bool, str, str]:
    if ended and status["phase"] == "Succeeded":
        return True, "PodCompleted", ""
    specs = {c["name"]: c for c in pod["spec"].get("initContainers") or []}
    missing = [
        entry["name"]
        for entry in _statuses(status, init=True)
        if not (entry["started"] if restarts.is_sidecar(specs[entry["name"]]) else entry["ready"])
    ]
    if missing:
        names = " ".join(missing)
        return False, "ContainersNotInitialized", f"containers with incomplete status: [{names}]"
    return True, "", ""


def _ready(status: Obj) -> tuple[bool, str, str]:
    if status["phase"] == "Succeeded":
        return False, "PodCompleted", ""
    if status["phase"] == "Failed":
        return False, "PodFailed", ""
    missing = [entry["name"] for entry in status["containerStatuses"] if not entry["ready"]]
    if missing:
        names = " ".join(missing)
        return False, "ContainersNotReady", f"containers with unready status: [{names}]"
    return True, "", ""


def _gates(
    pod: Obj, conditions: dict[str, Obj], containers: tuple[bool, str, str]
) -> tuple[bool, str, str]:
    if not containers[0]:
        return containers
    for gate in pod["spec"].get("readinessGates") or []:
        name = gate.get("conditionType")
        found = conditions.get(name)
        if found is None or found.get("status") != "True":
            text = f'corresponding condition of pod readiness gate "{name}" is not "True".'
            return False, "ReadinessGatesNotReady", text
    return containers


def _condition(name: str, value: tuple[bool, str, str], old: Obj | None, now: dt.datetime) -> Obj:
    holds, reason, message = value
    status = "True" if holds else "False"
    since = (old or {}).get("lastTransitionTime")
    if old is None or old.get("status") != status or not since:
        since = rfc3339(now)
    entry: Obj = {
        "type": name,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    if reason:
        entry["reason"] = reason
    if message:
        entry["message"] = message
    return entry


def qos_class(pod: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits of CPU and memory."""
    containers = [
        *(pod["spec"].get("initContainers") or []),
        *(pod["spec"].get("containers") or []),
    ]
    any_set = False
    guaranteed = True
    for container in containers:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for kind in ("cpu", "memory"):
            limit, request = limits.get(kind), requests.get(kind)
            any_set = any_set or limit is not None or request is not None
            guaranteed = guaranteed and limit is not None and request in {None, limit}
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"
