"""Starts one container of a pod: image, environment, mounts, creation, start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from towline.drydock.cluster import Cluster, Obj
from towline.drydock.network.resolv import hosts_file, resolv_file
from towline.drydock.network.sandboxes import Sandbox
from towline.drydock.node.container_book import ContainerBook
from towline.drydock.node.container_spec import (
    ContainerPlan,
    Mount,
    container_name,
    refuse,
    spec_of,
)
from towline.drydock.node.engine import Engine
from towline.drydock.node.environment import ConfigError, Sources, environment_of
from towline.drydock.node.images import ImageInfo
from towline.drydock.node.model import Launch
from towline.drydock.node.options import NodeOptions
from towline.drydock.node.pod_folder import (
    PodFolder,
    host_path,
    make_empty_dir,
    volume_mounts,
    write_files,
)
from towline.drydock.node.pod_tokens import PodTokens
from towline.drydock.node.podman import PodmanError
from towline.drydock.node.pulls import ImagePuller
from towline.drydock.node.volume_claims import ClaimFolders, VolumeClaims
from towline.drydock.node.volumes import files_of
from towline.errors import TowlineError
from towline.kube.refs import GroupResource

CONFIG_MAPS = GroupResource("", "configmaps")
SECRETS = GroupResource("", "secrets")
SERVICES = GroupResource("", "services")
_RESOLV = Path("/etc/resolv.conf")
_STARTS = 4
Tell = Callable[[str, str, str], Awaitable[None]]


class PodPlace(NamedTuple):
    """Where a pod is on this node.

    Attributes:
        folder: Its files.
        sandbox: Its network namespace.
        host_ip: The node as the pod sees it.
    """

    folder: PodFolder
    sandbox: Sandbox
    host_ip: str


class LaunchError(TowlineError):
    """A container could not be made.

    Attributes:
        reason: Waiting reason as the kubelet names it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Launcher:
    """Makes volumes and containers.

    Args:
        cluster: Where ConfigMaps, Secrets and Services are.
        options: The node's settings.
        engine: The container engine.
        book: Told of what was made.
        puller: Gets images.
        tokens: Tokens for projected volumes.
    """

    def __init__(
        self,
        cluster: Cluster,
        options: NodeOptions,
        engine: Engine,
        book: ContainerBook,
        puller: ImagePuller,
        *,
        tokens: PodTokens,
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._engine = engine
        self._book = book
        self._puller = puller
        self._claims = VolumeClaims(
            cluster, ClaimFolders(options.data_dir / "claims"), options.hostpath_root
        )
        self._slots = asyncio.Semaphore(_STARTS)
        self._sources = Sources(
            config_map=lambda namespace, name: cluster.get(CONFIG_MAPS, namespace, name),
            secret=lambda namespace, name: cluster.get(SECRETS, namespace, name),
            token=tokens.token,
        )

    def write_volumes(self, pod: Obj, place: PodPlace) -> None:
        """Writes what the pod's containers mount; writes nothing that is as it should be.

        Raises:
            ConfigError: When a source is missing or not allowed.
        """
        folder = place.folder
        folder.make()
        facts = self._facts(pod, place)
        for volume in pod["spec"].get("volumes") or []:
            files = files_of(pod, volume, self._sources, facts)
            if files is not None:
                write_files(folder.volume(volume["name"]), files, _group(pod))
            elif "hostPath" in volume:
                host_path(volume, self._options.hostpath_root)
            elif "persistentVolumeClaim" in volume:
                self._claims.mount(pod, volume)
            elif "emptyDir" in volume or set(volume) == {"name"}:
                make_empty_dir(folder.volume(volume["name"]), _group(pod))
            else:
                kind = ", ".join(sorted(set(volume) - {"name"}))
                raise ConfigError(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : '
                    f"volumes of kind {kind} are not supported on this node"
                )
        domain = self._options.cluster_domain
        folder.write("hosts", hosts_file(pod, place.sandbox.ip, domain))
        host_file = _RESOLV.read_text(errors="replace") if _RESOLV.exists() else ""
        dns_ip = self._options.network.dns_ip
        folder.write("resolv.conf", resolv_file(pod, dns_ip, domain, host_file))

    async def image(self, pod: Obj, container: Obj, tell: Tell) -> ImageInfo:
        """The container's image, present on the node.

        Raises:
            LaunchError: When the container is not allowed here.
            PullError: When the image cannot be had.
        """
        try:
            refuse(pod, container, allowed=self._options.allow_privileged)
        except ConfigError as error:
            await tell("Warning", "Failed", f"Error: {error.message}")
            raise LaunchError("CreateContainerConfigError", error.message) from error
        namespace = pod["metadata"]["namespace"]
        names = [entry.get("name") or "" for entry in pod["spec"].get("imagePullSecrets") or []]
        found = (self._cluster.get(SECRETS, namespace, name) for name in names)
        secrets = [secret for secret in found if secret is not None]
        return await self._puller.ensure(container, secrets, tell)

    async def launch(
        self,
        pod: Obj,
        container: Obj,
        command: Launch,
        image: ImageInfo,
        *,
        place: PodPlace,
        tell: Tell,
    ) -> None:
        """Creates and starts a container.

        A container that was created but does not start is left to the book as an ended one.

        Raises:
            LaunchError: When it cannot be created.
            TransientError: When the engine does not answer.
        """
        name = container["name"]
        try:
            plan = self._plan(pod, container, command, image, place)
            spec = spec_of(pod, container, plan)
        except ConfigError as error:
            await tell("Warning", "Failed", f"Error: {error.message}")
            raise LaunchError("CreateContainerConfigError", error.message) from error
        place.folder.prepare(name, command.attempt)
        async with self._slots:
            try:
                identifier = await self._create(pod, name, command, spec)
            except PodmanError as error:
                await tell("Warning", "Failed", f"Error: {error.message}")
                raise LaunchError("CreateContainerError", error.message) from error
            await self._book.refresh(identifier)
            await tell("Normal", "Created", f"Container created: {name}")
            try:
                await self._engine.podman.start(identifier)
            except PodmanError as error:
                self._book.start_failed(identifier, error.message)
                await tell("Warning", "Failed", f"Error: {error.message}")
                return
            await self._book.refresh(identifier)
        await tell("Normal", "Started", f"Container started: {name}")

    async def _create(self, pod: Obj, name: str, command: Launch, spec: Obj) -> str:
        podman = self._engine.podman
        try:
            return await podman.create(spec)
        except PodmanError as error:
            if "already in use" not in error.message:
                raise
        await podman.remove(container_name(pod, name, command.attempt))
        return await podman.create(spec)

    def _plan(
        self, pod: Obj, container: Obj, command: Launch, image: ImageInfo, place: PodPlace
    ) -> ContainerPlan:
        facts = self._facts(pod, place)
        services = self._cluster.objects(SERVICES)
        environment = environment_of(pod, container, self._sources, services, facts)
        return ContainerPlan(
            attempt=command.attempt,
            backoff=command.backoff,
            image=image,
            sandbox=place.sandbox,
            environment=environment,
            mounts=tuple(self._mounts(pod, container, command, place.folder, environment)),
            log=place.folder.log(container["name"], command.attempt),
            cgroup_parent=f"/{self._options.network.bridge}",
            limits=self._engine.traits.limits,
            allow_privileged=self._options.allow_privileged,
        )

    def _mounts(
        self,
        pod: Obj,
        container: Obj,
        command: Launch,
        folder: PodFolder,
        environment: dict[str, str],
    ) -> list[Mount]:
        folders: dict[str, Path] = {}
        read_only: set[str] = set()
        for volume in pod["spec"].get("volumes") or []:
            name = volume["name"]
            if "persistentVolumeClaim" in volume:
                folders[name], locked = self._claims.mount(pod, volume)
            elif "hostPath" in volume:
                folders[name], locked = host_path(volume, self._options.hostpath_root), False
            else:
                folders[name], locked = folder.volume(name), "emptyDir" not in volume
            if locked:
                read_only.add(name)
        mounts = volume_mounts(container, folders, read_only, environment)
        taken = {mount.target for mount in mounts}
        words = container.get("terminationMessagePath") or "/dev/termination-log"
        own = [
            Mount(folder.root / "hosts", "/etc/hosts", read_only=False),
            Mount(folder.root / "resolv.conf", "/etc/resolv.conf", read_only=False),
            Mount(folder.words(container["name"], command.attempt), words, read_only=False),
        ]
        return [*mounts, *(mount for mount in own if mount.target not in taken)]

    def _facts(self, pod: Obj, place: PodPlace) -> dict[str, str]:
        return {
            "spec.nodeName": self._options.node_name,
            "spec.serviceAccountName": pod["spec"].get("serviceAccountName") or "default",
            "status.hostIP": place.host_ip,
            "status.hostIPs": place.host_ip,
            "status.podIP": place.sandbox.ip,
            "status.podIPs": place.sandbox.ip,
        }


def _group(pod: Obj) -> int | None:
    return (pod["spec"].get("securityContext") or {}).get("fsGroup")
