"""Values of the node: what is seen of containers, what is to be done about a pod. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.network.sandboxes import Sandbox

TERMINAL = frozenset({"Succeeded", "Failed"})
PULL_ERROR_SHOWN = 2.0
"""Seconds for which a failed pull shows as ErrImagePull before it shows as ImagePullBackOff."""


class ContainerSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A container as the engine reports it.

    Attributes:
        id: The engine's identifier; empty for one that only the pod's status remembers.
        name: Container name in the pod's spec.
        attempt: 0 for the first start, then 1, 2...
        sandbox: Network namespace in which it was made.
        backoff: Seconds to wait after its end before the next attempt.
        state: `created`, `running` or `exited`.
        pid: Process id on the host while running.
        image_id: The image by its digest.
        limited: Whether it has a memory limit.
        reason: Why it ended, when the exit code alone does not say.
        message: What it left as its last words.
    """

    id: str
    pod_uid: str
    namespace: str
    pod: str
    name: str
    attempt: int
    sandbox: str = ""
    backoff: int = 0
    state: str = "created"
    pid: int = 0
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    exit_code: int = 0
    image_id: str = ""
    limited: bool = False
    reason: str = ""
    message: str = ""


class StartFailure(msgspec.Struct, frozen=True):
    """Why a container could not be started.

    Attributes:
        reason: Waiting reason as the kubelet names it.
        message: For the person.
        at: When it failed.
        retry_after: Seconds until the next try.
    """

    reason: str
    message: str
    at: dt.datetime
    retry_after: float

    @property
    def retry_at(self) -> dt.datetime:
        """When to try again."""
        return self.at + dt.timedelta(seconds=self.retry_after)


class ProbeView(msgspec.Struct, frozen=True):
    """What the probes say of one running container."""

    started: bool
    ready: bool


class World(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision about a pod is made from, besides the pod.

    Attributes:
        now: Wall time.
        host_ip: Address of the node.
        sandbox: The pod's namespace, when it is there.
        volumes_ready: Whether the volumes are written as the pod wants them now.
        containers: Containers of this pod, any attempt.
        failures: By container name, the last failed start.
        launching: Names of containers that are being started.
        stopping: Ids of containers that are being stopped.
        probes: By container id.
        unhealthy: Ids of containers that must be restarted, with the probe that says so.
        drained: Whether connections in flight ended.
        runtime: What runs the containers, as their identifiers name it.
    """

    now: dt.datetime
    host_ip: str = ""
    sandbox: Sandbox | None = None
    volumes_ready: bool = False
    containers: tuple[ContainerSeen, ...] = ()
    failures: Mapping[str, StartFailure] = {}
    launching: frozenset[str] = frozenset()
    stopping: frozenset[str] = frozenset()
    probes: Mapping[str, ProbeView] = {}
    unhealthy: Mapping[str, str] = {}
    drained: bool = False
    runtime: str = "podman"


class MakeSandbox(msgspec.Struct, frozen=True):
    """Give the pod an address."""


class MakeVolumes(msgspec.Struct, frozen=True):
    """Write the pod's volumes."""


class Launch(msgspec.Struct, frozen=True):
    """Start a container: image, creation, start."""

    name: str
    attempt: int
    backoff: int


class Drain(msgspec.Struct, frozen=True):
    """Let connections in flight end."""


class Stop(msgspec.Struct, frozen=True):
    """End a container: hook, signal, `grace` seconds, kill."""

    id: str
    name: str
    grace: float
    message: str


class Remove(msgspec.Struct, frozen=True):
    """Delete a container that does not run."""

    id: str


class DropSandbox(msgspec.Struct, frozen=True):
    """Remove the pod's namespace; it will not run again."""


class Finish(msgspec.Struct, frozen=True):
    """Everything ended: remove what is left, then the Pod object."""


Command = MakeSandbox | MakeVolumes | Launch | Drain | Stop | Remove | DropSandbox | Finish


class Note(msgspec.Struct, frozen=True):
    """An Event to be recorded, once per `key`."""

    type: str
    reason: str
    message: str
    container: str
    key: str


class Decision(msgspec.Struct, frozen=True):
    """What to do about a pod.

    Attributes:
        commands: In order.
        status: The pod's status from now on; None leaves it alone.
        wake: Seconds after which to look again, or None.
        notes: Events.
    """

    commands: tuple[Command, ...] = ()
    status: Obj | None = None
    wake: float | None = None
    notes: tuple[Note, ...] = ()
