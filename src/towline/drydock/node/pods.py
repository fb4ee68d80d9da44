"""Carries the pod machine's decisions out, one pod at a time per pod."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from towline.aio.clock import Clock
from towline.aio.workqueue import WorkQueue
from towline.drydock.cluster import Cluster, Obj
from towline.drydock.network.service import Network
from towline.drydock.node import restarts
from towline.drydock.node.container_book import ContainerBook
from towline.drydock.node.environment import ConfigError
from towline.drydock.node.launcher import Launcher, LaunchError, PodPlace
from towline.drydock.node.machine import decide
from towline.drydock.node.model import (
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
    StartFailure,
    Stop,
    World,
)
from towline.drydock.node.options import NodeOptions
from towline.drydock.node.pod_folder import PodFolder
from towline.drydock.node.podman import Podman, PodmanError
from towline.drydock.node.prober import Prober, ProbeTarget
from towline.drydock.node.pulls import PullError
from towline.drydock.node.stopping import Stopper
from towline.drydock.node.volumes import references
from towline.errors import CommandError, LimitError, TransientError
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

PODS = GroupResource("", "pods")
MANAGER = "kubelet"
_log = logging.getLogger("towline.drydock.node")
_CONFIG_RETRY = 10.0
_ENGINE_RETRY = 1.0
_ROUNDS = 4
_WORKERS = 8


class PodMemory:
    """What is known of a pod beyond its object and its containers; lost without harm."""

    def __init__(self) -> None:
        self.volumes_ready = False
        self.failures: dict[str, StartFailure] = {}
        self.launching: dict[str, asyncio.Task[None]] = {}
        self.pulling: set[str] = set()
        self.stopping: set[str] = set()
        self.draining = False
        self.drained = False
        self.noted: set[str] = set()


class PodKeeper:
    """Keeps the pods of this node as their objects say.

    Args:
        cluster: Where pods are.
        options: The node's settings.
        clock: Time.
        podman: The engine.
        book: The node's containers.
        network: Addresses and connections.
        launcher: Makes containers.
        prober: Probes them.
        stopper: Ends them.
    """

    def __init__(
        self,
        cluster: Cluster,
        options: NodeOptions,
        clock: Clock,
        *,
        podman: Podman,
        book: ContainerBook,
        network: Network,
        launcher: Launcher,
        prober: Prober,
        stopper: Stopper,
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._clock = clock
        self._podman = podman
        self._book = book
        self._network = network
        self._launcher = launcher
        self._prober = prober
        self._stopper = stopper
        self._queue: WorkQueue[str] = WorkQueue()
        self._where: dict[str, tuple[str, str]] = {}
        self._memory: dict[str, PodMemory] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def pods_folder(self) -> Path:
        """Folder of all pods' files."""
        return self._options.data_dir / "pods"

    def folder(self, uid: str) -> PodFolder:
        """Files of a pod."""
        return PodFolder(self.pods_folder, uid)

    def touch(self, uid: str) -> None:
        """Something about the pod changed: look at it soon."""
        self._queue.add(uid)

    def know(self, pod: Obj, old: Obj | None) -> None:
        """Takes a pod's object in."""
        meta = pod["metadata"]
        if pod["spec"].get("nodeName") != self._options.node_name:
            return
        uid = meta["uid"]
        self._where[uid] = (meta["namespace"], meta["name"])
        memory = self._memory.get(uid)
        if memory is not None and old is not None and _fields_changed(old, pod):
            memory.volumes_ready = False
        self.touch(uid)

    def configuration_changed(self, kind: str, namespace: str, name: str) -> None:
        """A ConfigMap or Secret changed: pods that use it look again."""
        for uid, (where, pod_name) in self._where.items():
            memory = self._memory.get(uid)
            if where != namespace or memory is None:
                continue
            pod = self._cluster.get(PODS, where, pod_name)
            if pod is not None and (kind, name) in references(pod):
                memory.volumes_ready = False
                for container in [c for c, f in memory.failures.items() if _is_config(f)]:
                    del memory.failures[container]
                self.touch(uid)

    def refresh_volumes(self, uid: str) -> None:
        """Writes the pod's volumes again, as far as they changed."""
        memory = self._memory.get(uid)
        if memory is not None:
            memory.volumes_ready = False
            self.touch(uid)

    def collect_strangers(self) -> None:
        """Looks at everything on the node that belongs to no known pod; it will be removed."""
        present = self._book.pod_uids() | set(self._network.sandboxes.pod_uids())
        if self.pods_folder.is_dir():
            present |= {entry.name for entry in self.pods_folder.iterdir()}
        for uid in present - self._where.keys():
            self.touch(uid)

    async def run(self) -> None:
        """Works until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._group:
                await self._queue.run(self._reconcile, workers=_WORKERS, name="pods")
        finally:
            self._group = None

    async def tell(
        self, pod: Obj, type_: str, reason: str, message: str, container: str = ""
    ) -> None:
        """Records an Event about a pod; one that cannot be recorded is only logged."""
        field = f"spec.containers{{{container}}}" if container else ""
        try:
            await self._cluster.event(
                pod,
                type_=type_,
                reason=reason,
                message=message,
                component="kubelet",
                field_path=field,
            )
        except ApiError as error:
            _log.info("event not recorded reason=%s error=%s", reason, error)

    def pod_of(self, uid: str) -> Obj | None:
        """The pod's object, if it is still that pod."""
        where = self._where.get(uid)
        pod = self._cluster.get(PODS, *where) if where else None
        if pod is None or pod["metadata"]["uid"] != uid:
            return None
        return pod

    async def _reconcile(self, uid: str) -> float | None:
        for _ in range(_ROUNDS):
            pod = self.pod_of(uid)
            if pod is None:
                await self._clear(uid)
                return None
            decision = decide(pod, self._world(pod))
            again = await self._prepare(pod, decision)
            if again is None:
                return await self._carry_out(pod, decision)
            if again > 0:
                await self._write_status(pod, decision.status)
                return again
        return _ENGINE_RETRY

    def _world(self, pod: Obj) -> World:
        uid = pod["metadata"]["uid"]
        memory = self._memory.setdefault(uid, PodMemory())
        containers = self._book.of_pod(uid)
        sandbox = self._network.sandboxes.get(uid)
        for seen in containers:
            if seen.state == "running" and sandbox is not None:
                self._probe(pod, seen, sandbox.ip)
            else:
                self._prober.drop(seen.id)
        views = {seen.id: self._prober.view(seen.id) for seen in containers}
        bad = {seen.id: self._prober.unhealthy(seen.id) for seen in containers}
        return World(
            now=self._clock.now(),
            host_ip=self._network.sandboxes.gateway,
            sandbox=sandbox,
            volumes_ready=memory.volumes_ready,
            containers=containers,
            failures=dict(memory.failures),
            launching=frozenset(memory.launching),
            stopping=frozenset(memory.stopping),
            probes={key: view for key, view in views.items() if view is not None},
            unhealthy={key: kind for key, kind in bad.items() if kind},
            drained=memory.drained,
        )

    def _probe(self, pod: Obj, seen: ContainerSeen, ip: str) -> None:
        spec = _spec_of(pod, seen.name)
        if spec is None or self._prober.view(seen.id) is not None:
            return
        status = pod.get("status") or {}
        entries = (status.get("initContainerStatuses") or []) + (
            status.get("containerStatuses") or []
        )
        ready = any(
            entry.get("ready") and str(entry.get("containerID") or "").endswith(seen.id)
            for entry in entries
        )
        self._prober.watch(ProbeTarget(seen, spec, ip, ready=ready))

    async def _prepare(self, pod: Obj, decision: Decision) -> float | None:
        """Makes what must exist before containers.

        Returns:
            None when there was nothing to make; 0 when it was made; else seconds to wait.
        """
        uid = pod["metadata"]["uid"]
        for command in decision.commands:
            if isinstance(command, MakeSandbox):
                try:
                    sandbox = await self._network.sandboxes.ensure(uid)
                except (CommandError, LimitError) as error:
                    text = f"Failed to create pod sandbox: {error.message}"
                    await self.tell(pod, "Warning", "FailedCreatePodSandBox", text)
                    return _CONFIG_RETRY
                self._network.connections.reopen(sandbox.ip)
                return 0
            if isinstance(command, MakeVolumes):
                place = self._place(uid)
                try:
                    if place is not None:
                        self._launcher.write_volumes(pod, place)
                except (ConfigError, OSError) as error:
                    text = error.message if isinstance(error, ConfigError) else str(error)
                    await self.tell(pod, "Warning", "FailedMount", text)
                    return _CONFIG_RETRY
                self._memory[uid].volumes_ready = True
                return 0
        return None

    async def _carry_out(self, pod: Obj, decision: Decision) -> float | None:
        uid = pod["metadata"]["uid"]
        memory = self._memory[uid]
        for command in decision.commands:
            match command:
                case Launch(name=name):
                    memory.launching[name] = self._spawn(self._launch(pod, command))
                case Stop(id=identifier):
                    memory.stopping.add(identifier)
                    self._spawn(self._stop(pod, command))
                case Drain() if not memory.draining:
                    memory.draining = True
                    self._spawn(self._drain(pod))
                case _:
                    continue
        if pod["metadata"].get("deletionTimestamp"):
            for name in memory.pulling & memory.launching.keys():
                memory.launching[name].cancel()
        await self._write_status(pod, decision.status)
        for note in decision.notes:
            await self._tell_once(pod, memory, note)
        for command in decision.commands:
            match command:
                case Remove(id=identifier):
                    await self._remove(identifier)
                case DropSandbox():
                    await self._network.sandboxes.remove(uid)
                case Finish():
                    await self._finish(pod)
                case _:
                    continue
        return decision.wake

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._group is None:
            work.close()
            raise TransientError("the node is stopping")
        return self._group.create_task(work)

    def _place(self, uid: str) -> PodPlace | None:
        sandbox = self._network.sandboxes.get(uid)
        if sandbox is None:
            return None
        return PodPlace(self.folder(uid), sandbox, self._network.sandboxes.gateway)

    async def _launch(self, pod: Obj, command: Launch) -> None:
        """Starts a container; whatever goes wrong becomes a failure that the machine sees."""
        uid, name = pod["metadata"]["uid"], command.name
        memory = self._memory[uid]
        try:
            await self._launch_in(pod, command, memory)
        except PullError as error:
            wait = restarts.image_backoff(memory.failures.get(name))
            self._fail(memory, name, error.reason, error.message, wait)
        except LaunchError as error:
            self._fail(memory, name, error.reason, error.message, _CONFIG_RETRY)
        except (TransientError, PodmanError) as error:
            self._fail(memory, name, "CreateContainerError", error.message, _ENGINE_RETRY)
        except Exception as error:  # noqa: BLE001  # one start is one supervised unit
            _log.exception("start failed pod=%s container=%s", uid, name)
            self._fail(memory, name, "CreateContainerError", str(error), _CONFIG_RETRY)
        else:
            memory.failures.pop(name, None)
        finally:
            memory.launching.pop(name, None)
            memory.pulling.discard(name)
            self.touch(uid)

    async def _launch_in(self, pod: Obj, command: Launch, memory: PodMemory) -> None:
        uid, name = pod["metadata"]["uid"], command.name
        container = _spec_of(pod, name)
        place = self._place(uid)
        if container is None or place is None:
            return

        async def tell(type_: str, reason: str, message: str) -> None:
            await self.tell(pod, type_, reason, message, name)

        memory.pulling.add(name)
        image = await self._launcher.image(pod, container, tell)
        memory.pulling.discard(name)
        now = self.pod_of(uid)
        if now is None or now["metadata"].get("deletionTimestamp"):
            return
        await self._launcher.launch(pod, container, command, image, place=place, tell=tell)

    def _fail(self, memory: PodMemory, name: str, reason: str, message: str, wait: float) -> None:
        memory.failures[name] = StartFailure(reason, message, self._clock.now(), wait)

    async def _stop(self, pod: Obj, command: Stop) -> None:
        uid = pod["metadata"]["uid"]
        sandbox = self._network.sandboxes.get(uid)
        spec = _spec_of(pod, command.name) or {"name": command.name}
        try:
            await self.tell(pod, "Normal", "Killing", command.message, command.name)
            ip = sandbox.ip if sandbox is not None else ""
            await self._stopper.stop(command.id, spec, ip, command.grace)
        except (TransientError, PodmanError) as error:
            _log.warning("stop failed container=%s error=%s", command.id[:12], error)
            self._queue.add_after(uid, _ENGINE_RETRY)
        except Exception:  # noqa: BLE001  # one stop is one supervised unit
            _log.exception("stop failed container=%s", command.id[:12])
            self._queue.add_after(uid, _CONFIG_RETRY)
        else:
            self.touch(uid)
        finally:
            if uid in self._memory:
                self._memory[uid].stopping.discard(command.id)

    async def _drain(self, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        sandbox = self._network.sandboxes.get(uid)
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        limit = min(self._options.drain_seconds, grace / 2)
        if sandbox is not None:
            await self._network.connections.drain(sandbox.ip, limit)
        if uid in self._memory:
            self._memory[uid].drained = True
        self.touch(uid)

    async def _tell_once(self, pod: Obj, memory: PodMemory, note: Note) -> None:
        if note.key not in memory.noted:
            memory.noted.add(note.key)
            await self.tell(pod, note.type, note.reason, note.message, note.container)

    async def _write_status(self, pod: Obj, status: Obj | None) -> None:
        if status is None or status == pod.get("status"):
            return
        meta = pod["metadata"]

        def change(obj: Obj) -> None:
            own = {entry["type"] for entry in status.get("conditions") or []}
            foreign = [
                entry
                for entry in (obj.get("status") or {}).get("conditions") or []
                if entry["type"] not in own
            ]
            obj["status"] = {**status, "conditions": [*(status["conditions"]), *foreign]}

        await self._cluster.mutate(
            PODS,
            meta["namespace"],
            meta["name"],
            change,
            manager=MANAGER,
            subresource="status",
            uid=meta["uid"],
        )

    async def _remove(self, identifier: str) -> None:
        seen = self._book.get(identifier)
        self._book.killed(identifier)
        await self._podman.remove(identifier)
        self._prober.drop(identifier)
        self._book.forget(identifier)
        if seen is not None:
            self.folder(seen.pod_uid).drop_attempt(seen.name, seen.attempt)

    async def _clear(self, uid: str) -> None:
        """Removes all that the node has of a pod."""
        memory = self._memory.get(uid)
        if memory is not None and memory.launching:
            for task in memory.launching.values():
                task.cancel()
            self._queue.add_after(uid, 0.05)
            return
        for seen in self._book.of_pod(uid):
            await self._remove(seen.id)
        sandbox = self._network.sandboxes.get(uid)
        await self._network.sandboxes.remove(uid)
        if sandbox is not None:
            self._network.connections.reopen(sandbox.ip)
        self.folder(uid).remove()
        self._memory.pop(uid, None)
        if self.pod_of(uid) is None:
            self._where.pop(uid, None)

    async def _finish(self, pod: Obj) -> None:
        meta = pod["metadata"]
        await self._clear(meta["uid"])
        try:
            await self._cluster.delete(
                PODS, meta["namespace"], meta["name"], uid=meta["uid"], grace=0
            )
        except ApiError as error:
            if error.reason not in {"NotFound", "Conflict"}:
                raise


def _spec_of(pod: Obj, name: str) -> Obj | None:
    specs: list[Obj] = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    return next((spec for spec in specs if spec["name"] == name), None)


def _fields_changed(old: Obj, new: Obj) -> bool:
    """Whether labels or annotations changed, which downward API volumes show."""
    before, after = old["metadata"], new["metadata"]
    return any(before.get(field) != after.get(field) for field in ("labels", "annotations"))


def _is_config(failure: StartFailure) -> bool:
    return failure.reason == "CreateContainerConfigError"
