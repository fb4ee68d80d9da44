"""Containers that are nothing but a timetable: what they are now follows from the time. Pure."""

from __future__ import annotations

import datetime as dt

import msgspec

from towline.aio.clock import parse_rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.network.sandboxes import Sandbox
from towline.drydock.node import restarts
from towline.drydock.node.model import ContainerSeen, Launch, ProbeView, StartFailure, Stop, World
from towline.drydock.node.simulated.behaviour import Behaviour
from towline.drydock.node.simulated.commands import FOREVER

_SIGKILL = 137


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a container.

    Attributes:
        id: Its identifier.
        name: Container name.
        attempt: 0 for the first.
        backoff: Seconds to wait after its end before the next attempt.
        image: Name of its image.
        begins: When it runs from.
        ends: When it ends, None for never.
        exit_code: What it ends with.
        behaviour: What it does meanwhile.
        stopped: Whether it was told to end.
    """

    id: str
    name: str
    attempt: int
    backoff: int
    image: str
    begins: dt.datetime
    ends: dt.datetime | None
    exit_code: int
    behaviour: Behaviour
    stopped: bool = False

    def seen(self, pod: Obj, sandbox: str, now: dt.datetime) -> ContainerSeen:
        """The container as an engine would report it now; it must have begun."""
        meta = pod["metadata"]
        over = self.ends is not None and self.ends <= now
        return ContainerSeen(
            id=self.id,
            pod_uid=meta["uid"],
            namespace=meta["namespace"],
            pod=meta["name"],
            name=self.name,
            attempt=self.attempt,
            sandbox=sandbox,
            backoff=self.backoff,
            state="exited" if over else "running",
            started_at=self.begins,
            finished_at=self.ends if over else None,
            exit_code=self.exit_code if over else 0,
            image_id=f"{self.image}@simulated",
        )

    def view(self, now: dt.datetime) -> ProbeView:
        """What its probes say now."""
        age = (now - self.begins).total_seconds()
        return ProbeView(age >= self.behaviour.started, age >= self.behaviour.ready)

    def next_step(self, now: dt.datetime) -> float | None:
        """Seconds until something about it changes by itself."""
        moments = [self.begins]
        if self.ends is not None:
            moments.append(self.ends)
        if self.ends is None or self.ends > now:
            delays = (self.behaviour.started, self.behaviour.ready)
            moments += [self.begins + dt.timedelta(seconds=delay) for delay in delays]
        left = [(moment - now).total_seconds() for moment in moments if moment > now]
        return min(left, default=None)

    def told_to_end(self, grace: float, now: dt.datetime) -> Run:
        """Signalled now: it ends in its own time, or is killed when the grace period is over."""
        takes = self.behaviour.stop
        code = _SIGKILL if takes > grace else self.exit_code
        due = now + dt.timedelta(seconds=min(takes, grace))
        if self.ends is not None and self.ends <= due:
            return self
        return msgspec.structs.replace(self, ends=due, exit_code=code, stopped=True)


class SimulatedPod:
    """A pod's simulated containers and address.

    Args:
        sandbox: The pod's address, None before it has one.

    Attributes:
        volumes_ready: Whether its volumes are there.
        drained: Whether connections in flight ended.
        failures: By container name, the last failed start.
        runs: Attempts by their identifiers.
        noted: Keys of events that were recorded.
        written: The version of the object that our last status write made.
        due: When to look at the pod again; None when nothing is to come.
    """

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self.sandbox = sandbox
        self.volumes_ready = False
        self.drained = False
        self.failures: dict[str, StartFailure] = {}
        self.runs: dict[str, Run] = {}
        self.noted: set[str] = set()
        self.written = ""
        self.due: dt.datetime | None = None

    def launch(
        self, command: Launch, image: str, behaviour: Behaviour, *, id_: str, now: dt.datetime
    ) -> None:
        """Starts an attempt."""
        begins = now + dt.timedelta(seconds=behaviour.start)
        ends = None
        if behaviour.run != FOREVER:
            ends = begins + dt.timedelta(seconds=behaviour.run)
        self.failures.pop(command.name, None)
        self.runs[id_] = Run(
            id=id_,
            name=command.name,
            attempt=command.attempt,
            backoff=command.backoff,
            image=image,
            begins=begins,
            ends=ends,
            exit_code=behaviour.exit_code,
            behaviour=behaviour,
        )

    def stop(self, command: Stop, now: dt.datetime) -> None:
        """Tells a container to end."""
        run = self.runs.get(command.id)
        if run is not None:
            self.runs[command.id] = run.told_to_end(command.grace, now)

    def cancel_launches(self, now: dt.datetime) -> None:
        """Gives up what has not begun."""
        self.runs = {key: run for key, run in self.runs.items() if run.begins <= now}

    def world(self, pod: Obj, host_ip: str, now: dt.datetime) -> World:
        """All that is seen of the pod now."""
        place = self.sandbox.name if self.sandbox is not None else ""
        begun = [run for run in self.runs.values() if run.begins <= now]
        alive = [run for run in begun if run.ends is None or run.ends > now]
        return World(
            now=now,
            host_ip=host_ip,
            sandbox=self.sandbox,
            volumes_ready=self.volumes_ready,
            containers=tuple(run.seen(pod, place, now) for run in begun),
            failures=dict(self.failures),
            launching=frozenset(run.name for run in self.runs.values() if run.begins > now),
            stopping=frozenset(run.id for run in alive if run.stopped),
            probes={run.id: run.view(now) for run in alive},
            drained=self.drained,
            runtime="simulated",
        )

    def left(self, now: dt.datetime) -> float | None:
        """Seconds until the pod must be looked at again; None when nothing is to come."""
        return None if self.due is None else max(0.0, (self.due - now).total_seconds())

    def next_step(self, now: dt.datetime) -> float | None:
        """Seconds until one of the containers changes by itself."""
        steps = [step for run in self.runs.values() if (step := run.next_step(now)) is not None]
        return min(steps, default=None)


def revived(pod: Obj, run_of: dict[str, Behaviour]) -> SimulatedPod:
    """The containers of a pod as its status remembers them, after a restart of the process.

    Args:
        pod: The pod.
        run_of: By container name, what its present attempt does.
    """
    status = pod.get("status") or {}
    uid = pod["metadata"]["uid"]
    made = SimulatedPod(sandbox_of(uid, status["podIP"]) if status.get("podIP") else None)
    entries = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    for entry in entries:
        run = _remembered(entry, run_of[entry["name"]]) if entry["name"] in run_of else None
        if run is not None:
            made.runs[run.id] = run
    made.volumes_ready = bool(made.runs)
    return made


def _remembered(entry: Obj, behaviour: Behaviour) -> Run | None:
    identifier = str(entry.get("containerID") or "").rpartition("//")[2]
    state = entry.get("state") or {}
    past = state.get("running") or state.get("terminated")
    if not identifier or not past or not past.get("startedAt"):
        return None
    attempt = int(entry.get("restartCount") or 0)
    begins = parse_rfc3339(past["startedAt"])
    ends = None
    if "terminated" in state:
        ends = parse_rfc3339(past["finishedAt"])
    elif behaviour.run != FOREVER:
        ends = begins + dt.timedelta(seconds=behaviour.run)
    return Run(
        id=identifier,
        name=entry["name"],
        attempt=attempt,
        backoff=restarts.backoff_of(attempt),
        image=str(entry.get("image") or ""),
        begins=begins,
        ends=ends,
        exit_code=int(past.get("exitCode", behaviour.exit_code)),
        behaviour=behaviour,
    )


def sandbox_of(uid: str, address: str) -> Sandbox:
    """The place of a pod in the simulated network."""
    return Sandbox(uid, f"sim-{uid}", address)
