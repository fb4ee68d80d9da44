"""Carries the pod machine's decisions out on simulated containers, one worker per pod at a time.

The same pure machine decides as for real containers; here every command is done at once, and what
takes time is a moment in a container's timetable.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from towline.aio.clock import Clock
from towline.aio.workqueue import WorkQueue
from towline.drydock.cluster import Cluster, Obj
from towline.drydock.node import restarts
from towline.drydock.node.machine import decide
from towline.drydock.node.model import (
    TERMINAL,
    Command,
    Decision,
    Drain,
    DropSandbox,
    Finish,
    Launch,
    MakeSandbox,
    MakeVolumes,
    Note,
    Remove,
    StartFailure,
    Stop,
)
from towline.drydock.node.simulated.addresses import Addresses
from towline.drydock.node.simulated.behaviour import Behaviour, behaviour_of
from towline.drydock.node.simulated.narration import Allowance, told
from towline.drydock.node.simulated.options import SimulationOptions, node_address, pod_network
from towline.drydock.node.simulated.runtime import SimulatedPod, revived, sandbox_of
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

PODS = GroupResource("", "pods")
_MANAGER = "kubelet"
_log = logging.getLogger("towline.drydock.node")
_ROUNDS = 16
_WORKERS = 64
_LEAST_WAIT = 0.001
_ADDRESS_RETRY = 5.0


class SimulatedKeeper:
    """Keeps the pods of the simulated nodes as their objects say.

    Args:
        cluster: Where pods are.
        options: Settings.
        clock: Time, and identities of containers.
        identify: Makes an identifier for a container.
    """

    def __init__(
        self,
        cluster: Cluster,
        options: SimulationOptions,
        clock: Clock,
        identify: Callable[[], str],
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._clock = clock
        self._identify = identify
        self._queue: WorkQueue[str] = WorkQueue()
        self._where: dict[str, tuple[str, str]] = {}
        self._pods: dict[str, SimulatedPod] = {}
        self._events = Allowance(clock)
        self._hosts = {name: node_address(at) for at, name in enumerate(options.names())}
        self._addresses = {
            name: Addresses(pod_network(at)) for at, name in enumerate(options.names())
        }

    def know(self, pod: Obj) -> None:
        """Takes a pod's object in."""
        meta = pod["metadata"]
        uid = meta["uid"]
        if pod["spec"].get("nodeName") not in self._hosts:
            return
        if uid not in self._where:
            self._where[uid] = (meta["namespace"], meta["name"])
            self._revive(pod)
        self._queue.add(uid)

    def forget(self, pod: Obj) -> None:
        """The pod's object is gone."""
        uid = pod["metadata"]["uid"]
        self._where.pop(uid, None)
        known = self._pods.pop(uid, None)
        if known is not None and known.sandbox is not None:
            self._addresses[pod["spec"]["nodeName"]].give(known.sandbox.ip)

    async def run(self) -> None:
        """Works until cancelled."""
        await self._queue.run(self._reconcile, workers=_WORKERS, name="simulated pods")

    def simulated(self, uid: str) -> SimulatedPod | None:
        """What is known of a pod's containers."""
        return self._pods.get(uid)

    def pod_of(self, uid: str) -> Obj | None:
        """The pod's object, if it is still that pod."""
        where = self._where.get(uid)
        pod = self._cluster.get(PODS, *where) if where else None
        return pod if pod is not None and pod["metadata"]["uid"] == uid else None

    def _revive(self, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        behaviours = {
            spec["name"]: self._behaviour(pod, spec["name"], _restarts(pod, spec["name"]))
            for spec in _specs(pod)
        }
        made = self._pods[uid] = revived(pod, behaviours)
        if made.sandbox is not None:
            if (pod.get("status") or {}).get("phase") in TERMINAL:
                made.sandbox = None
            else:
                self._addresses[pod["spec"]["nodeName"]].claim(made.sandbox.ip)

    async def _reconcile(self, uid: str) -> float | None:
        pod = self.pod_of(uid)
        known = self._pods.get(uid)
        if pod is None or known is None:
            return None
        now = self._clock.now()
        if pod["metadata"]["resourceVersion"] == known.written:
            # Our own write came back: what is to come is known already.
            left = known.left(now)
            if left is None or left > 0:
                return left
        if pod["metadata"].get("deletionTimestamp"):
            known.cancel_launches(now)
        decision, done = self._settle(pod, known, now)
        retry = (
            _ADDRESS_RETRY if isinstance(next(iter(decision.commands), None), MakeSandbox) else None
        )
        known.due = _due(now, decision.wake, known.next_step(now), retry)
        await self._write_status(pod, known, decision.status)
        for note in (*told(known, done), *decision.notes):
            await self._tell(pod, known, note)
        if any(isinstance(command, Finish) for command in done):
            await self._finish(pod)
            return None
        return known.left(self._clock.now())

    def _settle(
        self, pod: Obj, known: SimulatedPod, now: dt.datetime
    ) -> tuple[Decision, list[Command]]:
        """Decides and does until nothing is left to be done at this moment."""
        host = self._hosts[pod["spec"]["nodeName"]]
        done: list[Command] = []
        decision = decide(pod, known.world(pod, host, now))
        for _ in range(_ROUNDS):
            done += decision.commands
            again = [self._do(pod, known, command, now) for command in decision.commands]
            if not any(again):
                break
            decision = decide(pod, known.world(pod, host, now))
        return decision, done

    def _do(self, pod: Obj, known: SimulatedPod, command: Command, now: dt.datetime) -> bool:
        """Carries a command out; whether the pod must be looked at again."""
        match command:
            case MakeSandbox():
                address = self._addresses[pod["spec"]["nodeName"]].take()
                if address:
                    known.sandbox = sandbox_of(pod["metadata"]["uid"], address)
                return bool(address)
            case MakeVolumes():
                known.volumes_ready = True
            case Launch():
                return self._launch(pod, known, command, now)
            case Drain():
                known.drained = True
            case Stop():
                known.stop(command, now)
            case Remove(id=identifier):
                known.runs.pop(identifier, None)
            case DropSandbox() if known.sandbox is not None:
                self._addresses[pod["spec"]["nodeName"]].give(known.sandbox.ip)
                known.sandbox = None
                return False
            case _:
                return False
        return True

    def _launch(self, pod: Obj, known: SimulatedPod, command: Launch, now: dt.datetime) -> bool:
        behaviour = self._behaviour(pod, command.name, command.attempt)
        spec = next(spec for spec in _specs(pod) if spec["name"] == command.name)
        image = str(spec.get("image") or "")
        if behaviour.image_error:
            text = f'failed to pull image "{image}": {behaviour.image_error}'
            wait = restarts.image_backoff(known.failures.get(command.name))
            known.failures[command.name] = StartFailure("ErrImagePull", text, now, wait)
            return True
        known.launch(command, image, behaviour, id_=self._identify(), now=now)
        return True

    def _behaviour(self, pod: Obj, name: str, attempt: int) -> Behaviour:
        init = any(spec["name"] == name for spec in pod["spec"].get("initContainers") or [])
        spec = next(spec for spec in _specs(pod) if spec["name"] == name)
        return behaviour_of(pod, spec, attempt, self._options, init=init)

    async def _write_status(self, pod: Obj, known: SimulatedPod, status: Obj | None) -> None:
        if status is None or status == pod.get("status"):
            return
        meta = pod["metadata"]

        def change(obj: Obj) -> None:
            own = {entry["type"] for entry in status.get("conditions") or []}
            old = (obj.get("status") or {}).get("conditions") or []
            foreign = [entry for entry in old if entry["type"] not in own]
            obj["status"] = {**status, "conditions": [*status["conditions"], *foreign]}

        written = await self._cluster.mutate(
            PODS,
            meta["namespace"],
            meta["name"],
            change,
            manager=_MANAGER,
            subresource="status",
            uid=meta["uid"],
        )
        if written is not None:
            known.written = written["metadata"]["resourceVersion"]

    async def _tell(self, pod: Obj, known: SimulatedPod, note: Note) -> None:
        """Records an event once, as far as the allowance goes."""
        if note.key in known.noted or not self._events.take():
            return
        known.noted.add(note.key)
        try:
            await self._cluster.event(
                pod,
                type_=note.type,
                reason=note.reason,
                message=note.message,
                component=_MANAGER,
                field_path=f"spec.containers{{{note.container}}}" if note.container else "",
            )
        except ApiError as error:
            _log.info("event not recorded reason=%s error=%s", note.reason, error)

    async def _finish(self, pod: Obj) -> None:
        meta = pod["metadata"]
        try:
            await self._cluster.delete(
                PODS, meta["namespace"], meta["name"], uid=meta["uid"], grace=0
            )
        except ApiError as error:
            if error.reason not in {"NotFound", "Conflict"}:
                raise


def _due(now: dt.datetime, *waits: float | None) -> dt.datetime | None:
    left = min((wait for wait in waits if wait is not None), default=None)
    return None if left is None else now + dt.timedelta(seconds=max(_LEAST_WAIT, left))


def _specs(pod: Obj) -> list[Obj]:
    return [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]


def _restarts(pod: Obj, name: str) -> int:
    """The present attempt of a container, as the pod's status remembers it."""
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for entry in status.get(field) or []:
            if entry["name"] == name:
                return int(entry.get("restartCount") or 0)
    return 0
