"""The node: everything that runs pods on this machine, put together."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, Obj
from towline.drydock.network.plan import release
from towline.drydock.network.routing import Target
from towline.drydock.network.service import Network
from towline.drydock.node.cgroups import clear_cgroups
from towline.drydock.node.container_book import ContainerBook
from towline.drydock.node.engine import Engine, engine_paths
from towline.drydock.node.exec import NodeExec
from towline.drydock.node.launcher import CONFIG_MAPS, SECRETS, Launcher
from towline.drydock.node.logs import NodeLogs
from towline.drydock.node.metrics import Sampler
from towline.drydock.node.metrics_machine import MachineReader
from towline.drydock.node.model import ContainerSeen
from towline.drydock.node.options import NodeOptions
from towline.drydock.node.pod_folder import PodFolder
from towline.drydock.node.pod_tokens import PodTokens, TokenSource
from towline.drydock.node.pods import PODS, PodKeeper
from towline.drydock.node.prober import Prober
from towline.drydock.node.pulls import ImagePuller
from towline.drydock.node.registration import Registration
from towline.drydock.node.stopping import Stopper

_log = logging.getLogger("towline.drydock.node")
_TOKEN_SECONDS = 60.0
_KINDS = {CONFIG_MAPS: "ConfigMap", SECRETS: "Secret"}


class Node:
    """A Kubernetes node on this machine: pods as podman containers, Services, DNS.

    Args:
        cluster: The cluster whose pods run here.
        options: Settings.
        clock: Time.
        tokens: Issues ServiceAccount tokens for pods, None when there are none.

    Attributes:
        logs: Output of containers.
        processes: Commands in containers, and connections to their ports.
        metrics: What pods and this machine use.
        network: The pods' network.
    """

    def __init__(
        self,
        cluster: Cluster,
        options: NodeOptions,
        clock: Clock,
        tokens: TokenSource | None = None,
    ) -> None:
        self._clock = clock
        self._tokens = PodTokens(tokens, clock)
        self._cluster = cluster
        self._options = options
        api = Target(options.api_host, options.api_port) if options.api_port else None
        self.network = Network(cluster, options.network, domain=options.cluster_domain, api=api)
        paths = engine_paths(options.data_dir / "engine")
        self._engine = Engine(
            paths,
            options.registry_mirrors,
            options.insecure_registries,
        )
        podman = self._engine.podman
        self._book = ContainerBook(
            podman, clock, on_change=self._touch, last_words=self._last_words
        )
        self._prober = Prober(
            self._runtime, clock, on_change=self._touch, on_failure=self._probe_failed
        )
        self._keeper = PodKeeper(
            cluster,
            options,
            clock,
            podman=podman,
            book=self._book,
            network=self.network,
            launcher=Launcher(
                cluster,
                options,
                self._engine,
                self._book,
                ImagePuller(podman, clock),
                tokens=self._tokens,
            ),
            prober=self._prober,
            stopper=Stopper(podman, self._book, clock, self._runtime),
        )
        self._registration = Registration(cluster, options, clock, self.network.sandboxes.gateway)
        self.logs = NodeLogs(cluster, self._keeper.pods_folder, self._book, clock)
        self.processes = NodeExec(
            self._book,
            self.network.sandboxes,
            self._runtime,
            socket=paths.socket,
            folder=options.data_dir / "exec",
        )
        self.metrics = Sampler(
            self._book.running,
            MachineReader(),
            clock,
            node=options.node_name,
            interval=options.metrics_seconds,
        )

    async def run(self) -> None:
        """Runs pods until cancelled. Containers go on without it, and are found at the next start.

        Raises:
            SettingsError: When a program is missing.
            CommandError: When the kernel refuses the network.
            TransientError: When the engine does not start.
        """
        self._options.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            async with self._engine.podman:
                try:
                    await self._engine.start()
                    await self.network.start()
                    await self._book.relist()
                    await self._serve()
                finally:
                    await self._engine.stop()
        finally:
            if self._options.stop_on_exit:
                await self.teardown()

    async def teardown(self, *, purge: bool = False) -> None:
        """Removes every container, namespace, bridge, route and mount of this instance.

        Images and files stay unless `purge`. To be called when `run` has ended.

        Raises:
            TowlineError: When the engine or the kernel refuses.
        """
        # Whatever one step says, the ones after it are done.
        async with contextlib.AsyncExitStack() as steps:
            steps.callback(release, self._options.network)
            if purge:
                steps.push_async_callback(self._engine.destroy)
            steps.push_async_callback(self._engine.unmount)
            steps.push_async_callback(clear_cgroups, self._options.network.bridge)
            steps.push_async_callback(self.network.teardown)
            await self._remove_containers()

    async def _remove_containers(self) -> None:
        async with self._engine.podman:
            try:
                await self._engine.start()
                await self._book.relist()
                for uid in self._book.pod_uids():
                    for seen in self._book.of_pod(uid):
                        await self._engine.podman.remove(seen.id)
                        self._book.forget(seen.id)
            finally:
                await self._engine.stop()

    async def _serve(self) -> None:
        _log.info(
            "node starts name=%s pods=%s services=%s",
            self._options.node_name,
            self._options.network.pod_cidr,
            self._options.network.service_cidr,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._engine.run(self._engine_restarted))
            group.create_task(self._book.run())
            group.create_task(self._prober.run())
            group.create_task(self.network.run())
            group.create_task(self._keeper.run())
            group.create_task(self._registration.run())
            group.create_task(self._follow())
            group.create_task(self._renew_tokens())
            group.create_task(self.metrics.run())

    async def _follow(self) -> None:
        """Hands the cluster's changes to the keeper."""
        async for resource, event in self._cluster.watch(PODS, CONFIG_MAPS, SECRETS):
            if event.type == "SYNCED":
                if resource == PODS:
                    self._keeper.collect_strangers()
                continue
            if resource == PODS:
                self._keeper.know(event.object, event.old)
            elif event.type != "DELETED":
                meta = event.object["metadata"]
                self._keeper.configuration_changed(
                    _KINDS[resource], meta["namespace"], meta["name"]
                )

    async def _renew_tokens(self) -> None:
        while True:
            await self._clock.sleep(_TOKEN_SECONDS)
            for uid in self._tokens.due():
                if self._keeper.pod_of(uid) is None:
                    self._tokens.forget(uid)
                else:
                    self._keeper.refresh_volumes(uid)

    def _touch(self, uid: str) -> None:
        self._keeper.touch(uid)

    def _engine_restarted(self) -> None:
        _log.info("podman service answers again pid=%s", self._engine.pid)

    def _runtime(self) -> str:
        return self._engine.traits.runtime

    def _last_words(self, seen: ContainerSeen, fallback: bool) -> str:
        folder = PodFolder(self._keeper.pods_folder, seen.pod_uid)
        return folder.last_words(seen.name, seen.attempt, fallback=fallback)

    async def _probe_failed(self, seen: ContainerSeen, kind: str, said: str) -> None:
        pod: Obj | None = self._keeper.pod_of(seen.pod_uid)
        if pod is not None:
            text = f"{kind.capitalize()} probe failed: {said}"
            await self._keeper.tell(pod, "Warning", "Unhealthy", text, seen.name)
