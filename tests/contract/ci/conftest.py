"""A small installation for pipelines: forge, registry, builder, store; the cluster is a fake."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
import uvicorn

from towline.aio.clock import SystemClock
from towline.controllers.delivery import DeliveryController
from towline.controllers.run import (
    PipelineRegister,
    RegistrySource,
    RunController,
    RunPorts,
    RunSettings,
)
from towline.forge.events import PushEvent
from towline.git import Git
from towline.git.credentials import GitCredentials
from towline.git.mirror import Mirrors as GitMirrors
from towline.git.server import GitServer, Repositories, ServerSettings, TokenBook
from towline.oci import EmbeddedRegistry, Mirrors, RegistryClient
from towline.sandbox import (
    BaseImages,
    Builder,
    BuilderOptions,
    Confinement,
    machine_settings,
    spawn,
)
from towline.store import Run, Store


class FakeObject:
    def __init__(self, body: dict[str, Any], version: int) -> None:
        self._body = body
        self.resource_version = str(version)

    def body(self) -> dict[str, Any]:
        return self._body


class FakeCluster:
    """Pipelines, Secrets and status writes in memory."""

    def __init__(self) -> None:
        self.pipelines: dict[str, FakeObject] = {}
        self.secrets: dict[str, dict[str, Any]] = {}
        self.statuses: dict[str, dict[str, Any]] = {}
        self._listeners: list[Callable[[Any, Any, Any], None]] = []
        self._versions = 0

    def put(self, name: str, spec: dict[str, Any]) -> None:
        self._versions += 1
        body = {"metadata": {"name": name, "namespace": "ci", "uid": f"u-{name}"}, "spec": spec}
        self.pipelines[name] = FakeObject(body, self._versions)
        for listener in self._listeners:
            listener("MODIFIED", None, None)

    def secret(self, name: str, **data: str) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.secrets[name] = {"metadata": {"name": name}, "data": encoded}

    async def synced(self, timeout: float | None = None) -> None:
        return

    def list(self, namespace: str = "") -> Sequence[FakeObject]:
        return [*self.pipelines.values()]

    def subscribe(self, callback: Callable[[Any, Any, Any], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    async def get(self, gvk: Any, namespace: str, name: str) -> dict[str, Any] | None:
        return self.secrets.get(name)

    async def patch(
        self, gvk: Any, namespace: str, name: str, patch: Any, **_: Any
    ) -> dict[str, Any]:
        self.statuses[name] = patch["status"]
        return {}


class Pushes:
    """Stands for the engine."""

    def __init__(self) -> None:
        self.events: list[PushEvent] = []

    def on_push(self, event: PushEvent, head: str | None = None) -> None:
        self.events.append(event)


class Town:
    """One data folder and what runs on it; `crash` is a kill -9 as far as the runs can tell."""

    def __init__(self, root: Path, builds: Path) -> None:
        self.root = root
        self.builds = builds
        self.cluster = FakeCluster()
        self.pushes = Pushes()
        self.stack = contextlib.AsyncExitStack()
        self.base = ""
        self.store: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        token_file = self.root / "token"
        self.git = Git("test-ci")
        tokens = TokenBook(token_file, self.root / "tokens.json")
        self.token = tokens.admin_token
        self.server = GitServer(
            Repositories(self.root / "repositories"), self.git, tokens, ServerSettings()
        )
        config = uvicorn.Config(self.server, log_level="error", lifespan="off")
        self.http = uvicorn.Server(config)
        self._serving = asyncio.create_task(self.http.serve(sockets=[listener]))
        self.stack.callback(listener.close)
        self.client = await self.stack.enter_async_context(RegistryClient())
        start = functools.partial(spawn, piped=False, instance=f"test-ci-{os.getpid()}")
        self.registry = EmbeddedRegistry(
            self.root / "registry", spawn=start, client=self.client, clock=SystemClock()
        )
        await self.registry.start()
        self.stack.push_async_callback(self.registry.stop)
        self.mirrors = Mirrors({"docker.io": "embedded"}, self.registry.address)
        await self.start()

    async def start(self, *, confine: Literal["auto", "off"] = "auto") -> None:
        """Opens the store and starts the controllers."""
        self.store = await Store.open(self.root / "store")
        self.repositories = GitMirrors(self.root / "mirrors", self.git, self._credentials)
        self.builder = Builder(
            BuilderOptions(
                directory=self.builds,
                instance=f"test-ci-{os.getpid()}",
                pip=machine_settings(os.environ),
                registries_conf=self.mirrors.registries_conf(),
            )
        )
        await self.builder.prepare()
        confinement = Confinement([self.root], mode=confine)
        await confinement.prepare()
        pipelines = PipelineRegister(self.cluster)
        ports = RunPorts(
            store=self.store,
            pipelines=pipelines,
            client=self.cluster,
            git=self.repositories,
            builder=self.builder,
            bases=BaseImages(
                self.builder,
                RegistrySource(self.mirrors, self.client),
                stand_ins=True,
                timeout=2.0,
            ),
            confinement=confinement,
            mirrors=self.mirrors,
            registry=self.client,
            clock=SystemClock(),
            settings=RunSettings(
                workspaces=self.root / "workspaces",
                artifacts=self.root / "artifacts",
                instance=f"test-ci-{os.getpid()}",
                git_aliases={"git.example.com": self.base},
            ),
        )
        self.runs = RunController(ports)
        self.deliveries = DeliveryController(
            self.store, pipelines, self.pushes, self.repositories, SystemClock()
        )
        self._tasks = [
            asyncio.create_task(self.runs.run()),
            asyncio.create_task(self.deliveries.run()),
        ]

    async def crash(self) -> None:
        """Ends the controllers wherever they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.store is not None:
            await self.store.close()
            await self.repositories.close()

    async def close(self) -> None:
        await self.crash()
        self.http.should_exit = True
        await self._serving
        await self.stack.aclose()

    async def _credentials(self, url: str) -> GitCredentials | None:
        return GitCredentials(username="towline", password=self.token)

    def url(self, name: str, *, login: bool = False) -> str:
        place = self.base.removeprefix("http://")
        return f"http://{f'towline:{self.token}@' if login else ''}{place}/{name}.git"

    async def commit(self, name: str, message: str, **files: str) -> str:
        """Writes files (`__` is a dot in names) and pushes them; returns the commit."""
        folder = self.root / "desk" / name.replace("/", "-")
        return await asyncio.to_thread(self._commit, folder, name, message, files)

    def _commit(self, folder: Path, name: str, message: str, files: dict[str, str]) -> str:
        if not folder.exists():
            folder.mkdir(parents=True)
            _git(folder, "init", "-q", "-b", "main")
            _git(folder, "remote", "add", "origin", self.url(name, login=True))
        else:
            _git(folder, "pull", "-q", "--rebase", "origin", "main")
        for file, text in files.items():
            (folder / file.replace("__", ".")).write_text(text)
        _git(folder, "add", "-A")
        _git(folder, "commit", "-q", "-m", message)
        _git(folder, "push", "-q", "origin", "HEAD:main")
        return _git(folder, "rev-parse", "HEAD")

    def subjects(self, name: str) -> list[str]:
        bare = next((self.root / "repositories").rglob(f"{name.rpartition('/')[2]}.git"))
        return _git(bare, "log", "--format=%s", "main").splitlines()

    async def deliver(self, name: str, commit: str, delivery: str) -> bool:
        event = PushEvent(
            repository=(self.url(name),),
            full_name=name,
            ref="refs/heads/main",
            before="0" * 40,
            after=commit,
            default_branch="main",
        )
        now = SystemClock().now()
        return await self.store.deliveries.accept("github", "h", delivery, "sha", event, now)

    async def log(self, run: Run) -> str:
        data, _ = await self.store.logs.tail(run.id, 0, 1 << 22)
        return data.decode()

    async def finished(self, pipeline: str, number: int, *, within: float = 50.0) -> Run:
        async with asyncio.timeout(within):
            while True:
                run = await self.store.runs.by_number(f"ci/{pipeline}", number)
                if run is not None:
                    return await self.store.runs.wait_finished(run.id)
                await asyncio.sleep(0.02)


def _git(folder: Path, *arguments: str) -> str:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "Ann", f"GIT_{role}_EMAIL": "ann@example.com"}
    done = subprocess.run(
        ["git", *arguments], check=False, cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Image storage that the tests of a session share: base images are made once."""
    return tmp_path_factory.mktemp("builds")


@pytest_asyncio.fixture
async def town(tmp_path: Path, builds: Path) -> AsyncIterator[Town]:
    made = Town(tmp_path, builds)
    try:
        await made.open()
        yield made
    finally:
        await made.close()
