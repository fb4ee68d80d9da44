"""`towline up`: builds every part once, in order, and stops them in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
import click

from towline.aio.attempt import first_leaf
from towline.aio.clock import SystemClock
from towline.aio.services import Services
from towline.aio.signals import run_until_signal
from towline.app.accounts import ADMIN, ensure_admin
from towline.app.bootstrap import prepare_cluster, reach
from towline.app.ci import Ci
from towline.app.drydock import DrydockProcess
from towline.app.engine import Engine
from towline.app.folder import DataFolder
from towline.app.forge import ForgeParts
from towline.app.site import build_site
from towline.argo.crds import crds as argo_crds
from towline.errors import SettingsError
from towline.git.command import Git
from towline.kubeclient.client import KubeClient
from towline.kubeclient.kubeconfig import ClusterAccess, load_kubeconfig
from towline.oci import EmbeddedRegistry, RegistryClient
from towline.oci import Mirrors as RegistryMirrors
from towline.pipeline.crds import crds as pipeline_crds
from towline.sandbox.leftovers import reap
from towline.sandbox.process import COOKIE, Child, spawn
from towline.settings import Settings, split_address
from towline.store import Store
from towline.web.auth.passwords import Passwords
from towline.web.auth.sessions import Sessions
from towline.web.server import bind, serve

_log = logging.getLogger("towline.app")
_LOOPBACK = "127.0.0.1"


def run(settings: Settings) -> None:
    """Runs until SIGINT or SIGTERM.

    Raises:
        TowlineError: When something needed does not start; says what and what to do.
    """
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    folder = DataFolder(settings.data_dir)
    try:
        asyncio.run(_until_signal(settings, folder))
    finally:
        folder.close()


async def _until_signal(settings: Settings, folder: DataFolder) -> None:
    try:
        await run_until_signal(Towline(settings, folder).run())
    except BaseExceptionGroup as group:
        raise first_leaf(group) from group
    _log.info("stopped")


class _Kept:
    """The registry, started anew when it is run once more."""

    def __init__(self, registry: EmbeddedRegistry) -> None:
        self._registry = registry
        self._started = True

    async def run(self) -> None:
        if not self._started:
            await self._registry.start()
        self._started = False
        await self._registry.run()


class Towline:
    """Everything that `towline up` runs.

    Args:
        settings: Parsed settings.
        folder: The data folder, held by us.
    """

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = SystemClock()
        self._starting = True
        self._services: Services | None = None

    async def run(self) -> None:
        """Starts everything, serves until cancelled, stops everything."""
        reap(f"{COOKIE}={self._folder.instance}")
        settings, folder = self._settings, self._folder
        host, port = split_address(settings.listen)
        async with contextlib.AsyncExitStack() as stack:
            web_socket = self._bind("ui", host, port)
            store = await Store.open(folder.folder("engine"), clock=self._clock)
            stack.push_async_callback(store.close)
            sessions = await self._sessions(store)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            registry_client = await stack.enter_async_context(RegistryClient())
            registry = await self._start_registry(registry_client, stack) if settings.ci else None
            mirrors = RegistryMirrors(settings.mirrors, registry.address if registry else "")
            drydock = await self._start_drydock(mirrors, stack)
            client = await stack.enter_async_context(KubeClient(self._access()))
            await reach(client)
            definitions = [*argo_crds(), *(pipeline_crds() if settings.ci else [])]
            await prepare_cluster(client, settings.engine.namespace, definitions)
            git = Git(folder.instance)
            forge, forge_socket = self._build_forge(git, store, session, web_socket)
            engine = Engine(
                settings,
                folder,
                client=client,
                git=git,
                store=store,
                clock=self._clock,
                forge=forge,
            )
            ci = Ci(engine, mirrors, registry_client, page=_url(web_socket))
            stack.push_async_callback(engine.close)
            stack.push_async_callback(ci.close)
            await ci.prepare()
            site = build_site(engine, ci, sessions, ready=self._missing)
            async with asyncio.TaskGroup() as group:
                services = self._services = Services(group, self._clock)
                group.create_task(serve(site, web_socket), name="web")
                if registry is not None:
                    services.start("registry", _Kept(registry).run)
                if drydock is not None:
                    services.start("drydock", drydock.supervise)
                if forge is not None and forge_socket is not None:
                    group.create_task(serve(forge.app, forge_socket), name="forge")
                    services.start("webhooks", forge.app.run)
                engine.start(services)
                ci.start(services)
                await engine.synced()
                self._announce(web_socket, forge, registry)

    def _missing(self) -> str:
        """What is not there yet, or not any more; empty when all is well."""
        if self._starting or self._services is None:
            return "starting"
        broken = self._services.broken
        return "broken, to be restarted: " + ", ".join(sorted(broken)) if broken else ""

    def _bind(self, name: str, host: str, port: int) -> socket.socket:
        """Binds the asked port, or the one used before; only the latter may be replaced."""
        kept = self._folder.port(name)
        try:
            listener = bind(host, port or kept)
        except SettingsError:
            if port or not kept:
                raise
            _log.warning("port taken, using another part=%s port=%d", name, kept)
            listener = bind(host, 0)
        self._folder.keep_port(name, listener.getsockname()[1])
        return listener

    async def _sessions(self, store: Store) -> Sessions:
        passwords = Passwords()
        path = self._folder.path / "admin-password"
        password = await ensure_admin(store, passwords, path)
        if password is not None:
            click.echo(f"admin password (shown once; also in {path}): {password}")
        return Sessions(store.accounts, store.login_failures, passwords, self._clock)

    async def _start_registry(
        self, client: RegistryClient, stack: contextlib.AsyncExitStack
    ) -> EmbeddedRegistry:
        async def child(argv: Sequence[str], *, env: Mapping[str, str]) -> Child:
            return await spawn(argv, env=env, instance=self._folder.instance, piped=False)

        registry = EmbeddedRegistry(
            self._folder.folder("registry"), spawn=child, client=client, clock=self._clock
        )
        stack.push_async_callback(registry.stop)
        await registry.start()
        return registry

    async def _start_drydock(
        self, mirrors: RegistryMirrors, stack: contextlib.AsyncExitStack
    ) -> DrydockProcess | None:
        if self._settings.kubeconfig:
            return None
        drydock = DrydockProcess(
            self._folder.folder("drydock"),
            self._kubeconfig,
            self._settings.drydock,
            mirrors.places,
        )
        stack.push_async_callback(drydock.stop)
        await drydock.start()
        return drydock

    @property
    def _kubeconfig(self) -> Path:
        if self._settings.kubeconfig:
            return Path(self._settings.kubeconfig).expanduser().absolute()
        return self._folder.path / "kubeconfig"

    def _access(self) -> ClusterAccess:
        return load_kubeconfig(self._kubeconfig)

    def _build_forge(
        self,
        git: Git,
        store: Store,
        session: aiohttp.ClientSession,
        web_socket: socket.socket,
    ) -> tuple[ForgeParts, socket.socket] | tuple[None, None]:
        if not self._settings.ci:
            return None, None
        listener = self._bind("forge", _LOOPBACK, 0)
        forge = ForgeParts(
            self._folder.folder("forge"),
            git,
            store,
            session,
            token_file=self._folder.path / "forge-token",
            hook_url=f"http://{_LOOPBACK}:{web_socket.getsockname()[1]}/hooks/github",
            base_url=_url(listener),
        )
        return forge, listener

    def _announce(
        self,
        web_socket: socket.socket,
        forge: ForgeParts | None,
        registry: EmbeddedRegistry | None,
    ) -> None:
        """Says where everything is; from here on scripts may use it."""
        self._starting = False
        ui = _url(web_socket)
        endpoints = {
            "ui": ui,
            "api": f"{ui}/api/v1",
            "hooks": f"{ui}/hooks",
            "forge": forge.base_url if forge else "",
            "registry": registry.address if registry else "",
            "kubeconfig": str(self._kubeconfig),
            "admin": {
                "user": ADMIN,
                "password_file": str(self._folder.path / "admin-password"),
            },
            "forge_token_file": str(forge.token_file) if forge else "",
        }
        self._folder.publish(endpoints)
        for name in ("ui", "forge", "registry", "kubeconfig"):
            if endpoints[name]:
                click.echo(f"{name:<11}{endpoints[name]}")
        click.echo("ready")
        # What is loaded by now stays: the collector need not look at it again.
        gc.collect()
        gc.freeze()


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{_LOOPBACK if host == '0.0.0.0' else host}:{port}"  # noqa: S104  # compared
