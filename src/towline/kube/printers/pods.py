"""The table row of a pod: readiness, the status word, restarts."""

from __future__ import annotations

from typing import Any

from towline.kube.printers.cells import NONE, Moment, Obj, age, age_of, column_list, get, name_of

COLUMNS = column_list(
    "Name, Ready, Status, Restarts, Age, IP+, Node+, Nominated Node+, Readiness Gates+"
)


class _Tally:
    """Counts over the container statuses of one pod."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.ready = 0
        self.restarts = 0
        self.last_restart = ""

    def count(self, status: Obj) -> None:
        """Adds a container's restarts."""
        self.restarts += status.get("restartCount") or 0
        finished = get(status, "lastState", "terminated", "finishedAt")
        if finished:
            self.last_restart = max(self.last_restart, finished)


def pod_cells(pod: Obj, now: Moment) -> list[Any]:
    """The cells of one pod."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    tally = _Tally(status.get("reason") or status.get("phase") or "")
    if any(
        c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated"
        for c in status.get("conditions") or ()
    ):
        tally.reason = "SchedulingGated"
    sidecars = {
        container.get("name")
        for container in spec.get("initContainers") or ()
        if container.get("restartPolicy") == "Always"
    }
    side = _Tally("")
    initializing = _init_containers(spec, status, sidecars, tally, side)
    if not initializing or _condition(status, "Initialized"):
        tally.restarts, tally.last_restart = side.restarts, side.last_restart
        _main_containers(status, tally)
    if get(pod, "metadata", "deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            tally.reason = "Unknown"
        elif status.get("phase") not in {"Succeeded", "Failed"}:
            tally.reason = "Terminating"
    restarts = str(tally.restarts)
    if tally.restarts and tally.last_restart:
        restarts = f"{tally.restarts} ({age(tally.last_restart, now)} ago)"
    total = len(spec.get("containers") or ()) + len(sidecars)
    ready = f"{tally.ready}/{total}"
    return [name_of(pod), ready, tally.reason, restarts, age_of(pod, now), *_wide(spec, status)]


def _condition(status: Obj, type_: str) -> bool:
    return any(
        condition.get("type") == type_ and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )


def _init_containers(
    spec: Obj, status: Obj, sidecars: set[Any], tally: _Tally, side: _Tally
) -> bool:
    """Counts init containers; True when one of them is not done, with the reason set."""
    total = len(spec.get("initContainers") or ())
    for position, container in enumerate(status.get("initContainerStatuses") or ()):
        tally.count(container)
        sidecar = container.get("name") in sidecars
        if sidecar:
            side.count(container)
        terminated = get(container, "state", "terminated")
        waiting = get(container, "state", "waiting", "reason")
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            tally.ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            tally.reason = f"Init:{_ending(terminated)}"
        elif waiting and waiting != "PodInitializing":
            tally.reason = f"Init:{waiting}"
        else:
            tally.reason = f"Init:{position}/{total}"
        return True
    return False


def _ending(terminated: Obj) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _main_containers(status: Obj, tally: _Tally) -> None:
    running, error = False, ""
    for container in reversed(status.get("containerStatuses") or ()):
        tally.count(container)
        terminated = get(container, "state", "terminated")
        waiting = get(container, "state", "waiting", "reason")
        if waiting:
            tally.reason = waiting
        elif terminated is not None:
            tally.reason = _ending(terminated)
            if terminated.get("exitCode"):
                error = tally.reason
        elif container.get("ready") and get(container, "state", "running") is not None:
            running = True
            tally.ready += 1
    if tally.reason == "Completed":
        if running and _condition(status, "Ready"):
            tally.reason = "Running"
        elif error:
            tally.reason = error
        elif running:
            tally.reason = "NotReady"


def _wide(spec: Obj, status: Obj) -> list[Any]:
    gates = spec.get("readinessGates") or ()
    met = sum(_condition(status, gate.get("conditionType", "")) for gate in gates)
    address = next((ip.get("ip") for ip in status.get("podIPs") or ()), status.get("podIP"))
    return [
        address or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{met}/{len(gates)}" if gates else NONE,
    ]
