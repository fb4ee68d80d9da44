"""The embedded cluster as one process: store, API server, controllers and node, supervised.

`serve` runs until it is cancelled; `main` is the process around it, which ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import uvicorn
import uvloop

from towline.aio.clock import Clock, SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.api import pki
from towline.drydock.api.app import ApiServer
from towline.drydock.api.auth import TokenFile
from towline.drydock.api.connection import Connection
from towline.drydock.api.exec_port import PodExec
from towline.drydock.api.health import Health
from towline.drydock.api.metrics import Metrics
from towline.drydock.api.metrics_kinds import serve_metrics
from towline.drydock.api.podlogs import PodLogs
from towline.drydock.api.resources import Resources
from towline.drydock.api.websocket import websocket_connection
from towline.drydock.auth.access import Access, open_access
from towline.drydock.auth.bootstrap import ensure_metrics_role, ensure_roles
from towline.drydock.bootstrap import ensure_defaults
from towline.drydock.metrics import MetricsSource
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.errors import SettingsError, TowlineError
from towline.kube.schema.catalog import load_catalog

if TYPE_CHECKING:
    from towline.drydock.control.controller import Controller
    from towline.drydock.control.volumes import Folders

T = TypeVar("T", bound=msgspec.Struct)

_log = logging.getLogger("towline.drydock")

_KEEP_ALIVE_SECONDS = 120
_DRAIN_SECONDS = 1
_BACKLOG = 1024
_MAX_MESSAGE = 32 << 20
_PING_SECONDS = 10.0


class DrydockConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the embedded cluster needs to know.

    Attributes:
        data_dir: Folder that it owns: state, keys, tokens, containers.
        kubeconfig: Where the administrator's kubeconfig is written.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one, which later starts use again.
        service_cidr: Cluster IPs; empty for the node's network plan or 10.96.0.0/16 without one.
        pod_cidr: Pod addresses; empty for the node's network plan.
        node: `podman`, `simulated` or `none`.
        nodes: How many nodes are simulated.
        node_options: Fields of the node's options, such as `registry_mirrors`.
        sync: `full` or `normal` durability of the state.
    """

    data_dir: Path
    kubeconfig: Path
    host: str = "127.0.0.1"
    port: int = 0
    service_cidr: str = ""
    pod_cidr: str = ""
    node: str = "none"
    nodes: int = 1
    node_options: dict[str, Any] = {}
    sync: str = "full"


class _Server(uvicorn.Server):
    """Signals belong to the process that runs the cluster, not to its HTTP server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the handlers alone."""
        yield


async def serve(
    config: DrydockConfig, *, ready: Callable[[str], None], clock: Clock | None = None
) -> None:
    """Runs the cluster until cancelled, then closes it cleanly.

    Args:
        config: Settings.
        ready: Called with the URL once requests are answered.
        clock: Time and identities; the machine's by default.

    Raises:
        SettingsError: The folder is in use or damaged, or the port is taken.
    """
    clock = clock or SystemClock()
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(config.data_dir), _listener(config) as listener:
        host, port = config.host, listener.getsockname()[1]
        node = _make_plan(config)
        tokens = TokenFile(config.data_dir / "pki" / "tokens.csv")
        names = pki.server_names(host, node.services.api_address)
        identity = pki.ensure_identity(config.data_dir / "pki", names, clock.now())
        store = Store.open(config.data_dir / "state.db", clock, sync=config.sync)
        try:
            registry = Registry(
                store, load_catalog(), clock, SystemRandom(), node.services, accounts=True
            )
            await ensure_defaults(
                registry, node.services, host=host, port=port, ca=identity.ca.read_text()
            )
            await ensure_roles(registry)
            if config.node != "none":
                await ensure_metrics_role(registry)
            cluster = _Cluster(
                config,
                registry,
                tokens=tokens,
                identity=identity,
                listener=listener,
                clock=clock,
            )
            await cluster.run(node, ready)
        finally:
            await store.close()


class _Plan(msgspec.Struct, frozen=True):
    services: ServicePlan
    network: Any = None


def _make_plan(config: DrydockConfig) -> _Plan:
    if config.node in ("none", "simulated"):
        return _Plan(ServicePlan(config.service_cidr or "10.96.0.0/16"))
    if config.node != "podman":
        raise SettingsError(f"node: {config.node!r} is none of podman, simulated, none")
    # The node's parts are loaded only when there is a node.
    from towline.drydock.network.plan import plan  # noqa: PLC0415

    network = plan(config.data_dir)
    if config.service_cidr or config.pod_cidr:
        raise SettingsError("service_cidr and pod_cidr are chosen by the node's network plan")
    return _Plan(ServicePlan(network.service_cidr, (network.dns_ip,)), network)


class _Cluster:
    """The running parts, supervised together: when one fails, all end."""

    def __init__(
        self,
        config: DrydockConfig,
        registry: Registry,
        *,
        tokens: TokenFile,
        identity: pki.ServerIdentity,
        listener: socket.socket,
        clock: Clock,
    ) -> None:
        self._config = config
        self._registry = registry
        self._tokens = tokens
        self._access: Access = open_access(registry, tokens, config.data_dir / "pki", clock)
        self._identity = identity
        self._listener = listener
        self._clock = clock
        self._port = listener.getsockname()[1]

    async def run(self, plan: _Plan, ready: Callable[[str], None]) -> None:
        from towline.drydock.control import run_controllers  # noqa: PLC0415

        node = self._make_node(plan)
        server = self._make_server(
            node.logs if node is not None else None,
            # Simulated nodes have no processes.
            getattr(node, "processes", None),
            node.metrics if node is not None else None,
        )
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[self._listener]))
            upkeep = [
                group.create_task(self._registry.run()),
                group.create_task(
                    run_controllers(
                        self._registry,
                        self._clock,
                        *self._access_controllers(),
                        folders=self._claim_folders(),
                    )
                ),
            ]
            try:
                await self._started(server, serving)
                self._announce(ready)
                if node is not None:
                    upkeep.append(group.create_task(node.run()))
                await asyncio.shield(serving)
            finally:
                for task in upkeep:
                    task.cancel()
                # The node may have containers to stop, and tells the registry until it is done.
                await asyncio.wait(upkeep)
                self._registry.store.end_watches()
                server.should_exit = True
                await asyncio.wait([serving], timeout=2 * _DRAIN_SECONDS)

    def _claim_folders(self) -> Folders | None:
        if self._config.node == "none":
            return None
        from towline.drydock.node.volume_claims import ClaimFolders  # noqa: PLC0415

        return ClaimFolders(self._node_dir / "claims")

    @property
    def _node_dir(self) -> Path:
        return (self._config.data_dir / "node").resolve()

    def _access_controllers(self) -> tuple[Controller, ...]:
        from towline.drydock.auth.controllers import RoleAggregation, TokenSecrets  # noqa: PLC0415

        tokens = TokenSecrets(self._registry, self._access.tokens)
        return RoleAggregation(self._registry), tokens

    async def _started(self, server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
        while not server.started:
            if serving.done():
                raise SettingsError("the API server ended while it was starting")
            await self._clock.sleep(0.005)

    def _announce(self, ready: Callable[[str], None]) -> None:
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        url = f"https://{host}:{self._port}"
        pki.write_kubeconfig(
            self._config.kubeconfig,
            url=url,
            ca=self._identity.ca.read_bytes(),
            token=self._tokens.admin_token,
            name="drydock",
        )
        # What is loaded now stays: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        _log.info("serving url=%s revision=%d", url, self._registry.store.revision)
        ready(url)

    def _make_node(self, plan: _Plan) -> Any:
        if self._config.node == "simulated":
            return self._make_simulation()
        if plan.network is None:
            return None
        from towline.drydock.node import Node  # noqa: PLC0415
        from towline.drydock.node.options import NodeOptions  # noqa: PLC0415

        options = {
            "data_dir": self._node_dir,
            "network": plan.network,
            "api_host": self._config.host,
            "api_port": self._port,
            **self._config.node_options,
        }
        return Node(
            self._registry, _converted(options, NodeOptions), self._clock, self._access.tokens
        )

    def _make_simulation(self) -> Any:
        from towline.drydock.node.simulated import (  # noqa: PLC0415
            SimulatedNodes,
            SimulationOptions,
        )

        options = {"nodes": self._config.nodes, **self._config.node_options}
        return SimulatedNodes(self._registry, _converted(options, SimulationOptions), self._clock)

    def _make_metrics(self, source: MetricsSource | None) -> Metrics | None:
        if source is None:
            return None
        serve_metrics(self._registry.kinds)
        return Metrics(self._registry.store, source, self._clock)

    def _make_server(
        self, logs: PodLogs | None, processes: PodExec | None, source: MetricsSource | None
    ) -> uvicorn.Server:
        resources = Resources(
            self._registry,
            self._access,
            self._clock,
            SystemRandom(),
            logs,
            processes=processes,
            metrics=self._make_metrics(source),
        )
        health = Health(lambda: self._registry.store.writable)
        address = f"{self._config.host}:{self._port}"
        app = ApiServer(
            self._registry, resources, self._access, health, clock=self._clock, address=address
        )
        return _Server(
            uvicorn.Config(
                app,
                loop="none",
                http=Connection,
                ws=cast("Any", websocket_connection),
                ws_max_size=_MAX_MESSAGE,
                ws_per_message_deflate=False,
                ws_ping_interval=_PING_SECONDS,
                # A client that is busy may answer late; one that is gone is told by the kernel.
                ws_ping_timeout=None,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                ssl_certfile=str(self._identity.cert),
                ssl_keyfile=str(self._identity.key),
                ssl_ca_certs=str(self._identity.ca),
                ssl_cert_reqs=ssl.CERT_OPTIONAL,
            )
        )


def _converted(options: dict[str, Any], wanted: type[T]) -> T:
    """The node's options.

    Raises:
        SettingsError: One is unknown or of the wrong type.
    """
    unknown = sorted(options.keys() - set(wanted.__struct_fields__))
    if unknown:
        raise SettingsError(f"node_options: unknown: {', '.join(unknown)}")
    try:
        return msgspec.convert(options, wanted, strict=False, dec_hook=_as_path)
    except msgspec.ValidationError as error:
        raise SettingsError(f"node_options: {error}") from error


def _as_path(wanted: type, value: Any) -> Any:
    if wanted is Path and isinstance(value, str | Path):
        return Path(value)
    raise TypeError(f"expected {wanted.__name__}, got {type(value).__name__}")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps a second server out of the folder; the lock ends with the process."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"{folder} is in use by another Drydock", hint="stop it or use another folder"
            ) from error
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _listener(config: DrydockConfig) -> Iterator[socket.socket]:
    """A listening socket on the asked port, or on the port of the last start."""
    memo = config.data_dir / "port"
    last = memo.read_text() if memo.exists() else ""
    port = config.port or int(last or 0)
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((config.host, port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {config.host}:{port}: {error.strerror}",
                hint="stop what listens there or choose another port",
            ) from error
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        chosen = str(listener.getsockname()[1])
        if chosen != last:
            pki.write_private(memo, chosen.encode())
        yield listener


async def serve_until_signal(config: DrydockConfig, *, ready: Callable[[str], None]) -> None:
    """Runs the cluster until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(serve(config, ready=ready))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drydock", description="The embedded Kubernetes cluster.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the cluster")
    parser.add_argument("--kubeconfig", type=Path, help="kubeconfig to write")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 for a free one")
    parser.add_argument("--node", choices=("podman", "simulated", "none"), default="none")
    parser.add_argument("--nodes", type=int, default=1, help="how many nodes are simulated")
    parser.add_argument(
        "--missing-image",
        action="append",
        default=[],
        metavar="PATTERN",
        help="images that simulated nodes cannot pull, such as '*:no-such-tag' (repeatable)",
    )
    parser.add_argument("--sync", choices=("full", "normal"), default="full")
    parser.add_argument("--log-level", default="INFO")
    return parser


def main() -> None:
    """The process: parses arguments, serves, ends on a signal."""
    args = _parser().parse_args()
    logging.basicConfig(
        level=args.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    config = DrydockConfig(
        data_dir=args.data,
        kubeconfig=args.kubeconfig or args.data / "kubeconfig",
        host=args.host,
        port=args.port,
        node=args.node,
        nodes=args.nodes,
        node_options={"missing_images": args.missing_image} if args.missing_image else {},
        sync=args.sync,
    )
    try:
        uvloop.run(serve_until_signal(config, ready=_print_url))
    except* TowlineError as group:
        raise SystemExit("\n".join(str(error) for error in group.exceptions)) from None


def _print_url(url: str) -> None:
    print(url, flush=True)  # noqa: T201  # the one line that scripts wait for


if __name__ == "__main__":
    main()
