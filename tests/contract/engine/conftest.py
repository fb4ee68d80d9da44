"""The engine against a real API server: Drydock without a node, a pretended kubelet, a git of
dictionaries."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.app.bootstrap import prepare_cluster
from towline.argo.crds import crds
from towline.argo.names import APPLICATION
from towline.controllers.application import (
    ApplicationController,
    EngineObserver,
    engine_kind,
)
from towline.errors import NotFoundError
from towline.forge.events import PushEvent
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey
from towline.kubeclient.cache import WatchCache
from towline.kubeclient.client import KubeClient
from towline.kubeclient.kubeconfig import load_kubeconfig

Obj = dict[str, Any]
URL = "http://git.test/team/manifests.git"
POD = GroupVersionKind("", "v1", "Pod")


class DictTree:
    """A file tree of one commit."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        prefix = f"{path}/" if path else ""
        names: dict[str, bool] = {}
        for file in self.files:
            if file.startswith(prefix):
                head, _, rest = file[len(prefix) :].partition("/")
                names[head] = bool(rest)
        if not names:
            raise NotFoundError(f"{path} is not in the tree")
        return [(name, is_dir, "") for name, is_dir in names.items()]

    def read(self, path: str) -> bytes:
        try:
            return self.files[path].encode()
        except KeyError:
            raise NotFoundError(f"{path} is not in the tree") from None

    def oid(self, path: str) -> str:
        return hashlib.sha1(self.read(path)).hexdigest()


class DictRepos:
    """One repository with the branch `main`."""

    def __init__(self) -> None:
        self.commits: list[str] = []
        self.trees: dict[str, DictTree] = {}
        self.resolved = 0

    def commit(self, files: dict[str, str | None]) -> str:
        before = self.trees[self.commits[-1]].files if self.commits else {}
        after = {k: v for k, v in {**before, **files}.items() if v is not None}
        commit = hashlib.sha1(repr((len(self.commits), sorted(after.items()))).encode()).hexdigest()
        self.commits.append(commit)
        self.trees[commit] = DictTree(after)
        return commit

    async def resolve(self, url: str, revision: str, *, fresh: bool) -> str:
        self.resolved += 1
        if revision in self.trees:
            return revision
        if revision in {"main", "HEAD"}:
            return self.commits[-1]
        raise NotFoundError(f"unable to resolve '{revision}' to a commit SHA")

    async def tree(self, url: str, commit: str) -> DictTree:
        return self.trees[commit]


class Engine:
    """Everything a scenario needs."""

    def __init__(
        self,
        client: KubeClient,
        cache: WatchCache,
        controller: ApplicationController,
        repos: DictRepos,
    ) -> None:
        self.client = client
        self.cache = cache
        self.controller = controller
        self.repos = repos

    def push(self, files: dict[str, str | None]) -> str:
        commit = self.repos.commit(files)
        event = PushEvent(
            repository=(URL,),
            full_name="team/manifests",
            ref="refs/heads/main",
            before="0" * 40,
            after=commit,
            default_branch="main",
        )
        self.controller.on_push(event)
        return commit

    async def create_app(self, name: str, spec: Obj, **meta: Any) -> None:
        await self.namespace(name)
        source = {"repoURL": URL, "targetRevision": "main", "path": ".", **spec.pop("source", {})}
        app = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": "argocd", **meta},
            "spec": {
                "project": "default",
                "source": source,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
                **spec,
            },
        }
        await self.client.create(app, manager="test")

    async def namespace(self, name: str) -> None:
        kind = GroupKind("", "Namespace")
        if await self.client.get(kind, "", name) is None:
            obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await self.client.create(obj, manager="test")

    async def app(self, name: str) -> Obj:
        return await self.client.get(APPLICATION, "argocd", name) or {}

    async def sync(self, name: str, **sync: Any) -> None:
        await self.operate(name, {"initiatedBy": {"username": "tester"}, "sync": sync})

    async def operate(self, name: str, operation: Obj) -> None:
        patch = {"operation": operation}
        await self.client.patch(APPLICATION, "argocd", name, patch, manager="test")

    async def until(
        self, key: ObjectKey, accept: Callable[[Obj | None], bool], seconds: float = 10
    ) -> Obj | None:
        """Waits by the cache's events until the object (None when absent) is acceptable."""
        changed = asyncio.Event()
        leave = self.cache.subscribe(
            lambda _type, new, _old: changed.set() if new.key == key else None
        )
        try:
            async with asyncio.timeout(seconds):
                while True:
                    found = self.cache.get(key)
                    body = found.body() if found else None
                    if accept(body):
                        return body
                    changed.clear()
                    await changed.wait()
        finally:
            leave()

    async def until_app(self, name: str, accept: Callable[[Obj], bool], seconds: float = 10) -> Obj:
        key = ObjectKey("argoproj.io", "Application", "argocd", name)
        body = await self.until(
            key, lambda o: o is not None and accept(o.get("status") or {}), seconds
        )
        return body or {}


async def pretend_kubelet(client: KubeClient, cache: WatchCache) -> None:
    """Makes every pod Ready, or Succeeded when it is to run once."""
    queue: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()

    def note(type_: str, new: Any, _: Any) -> None:
        if new.gvk.kind == "Pod" and type_ != "DELETED":
            queue.put_nowait((new.key.namespace, new.key.name, new.deletion_timestamp))

    cache.subscribe(note)
    while True:
        namespace, name, deleted = await queue.get()
        found = cache.get(ObjectKey("", "Pod", namespace, name))
        if deleted:
            await client.delete(POD, namespace, name, grace=0)
            continue
        if found is None:
            continue
        pod = found.body()
        if (pod.get("status") or {}).get("phase") in {"Running", "Succeeded"}:
            continue
        always = pod["spec"].get("restartPolicy", "Always") == "Always"
        patch = {"status": _pod_status(pod, running=always)}
        with contextlib.suppress(Exception):
            await client.patch(POD, namespace, name, patch, manager="kubelet", subresource="status")


def _pod_status(pod: Obj, *, running: bool) -> Obj:
    ready = "True" if running else "False"
    state: Obj = (
        {"running": {}} if running else {"terminated": {"exitCode": 0, "reason": "Completed"}}
    )
    return {
        "phase": "Running" if running else "Succeeded",
        "podIP": "10.1.0.9",
        "conditions": [{"type": t, "status": ready} for t in ("Ready", "ContainersReady")],
        "containerStatuses": [
            {
                "name": c["name"],
                "image": c["image"],
                "imageID": "",
                "ready": running,
                "restartCount": 0,
                "state": state,
            }
            for c in pod["spec"]["containers"]
        ],
    }


@contextlib.asynccontextmanager
async def drydock(folder: Path) -> AsyncIterator[Path]:
    """A server process of its own; yields the kubeconfig."""
    kubeconfig = folder / "kubeconfig"
    arguments = ["--data", str(folder), "--kubeconfig", str(kubeconfig), "--node", "none"]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "towline.drydock.server", *arguments, "--sync", "normal"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=log,
        )
    try:
        async with asyncio.timeout(30):
            while not (kubeconfig.exists() and await _answers(kubeconfig)):
                await asyncio.sleep(0.05)
        yield kubeconfig
    finally:
        process.terminate()
        await process.wait()


async def _answers(kubeconfig: Path) -> bool:
    server = load_kubeconfig(kubeconfig).server
    host, _, port = server.removeprefix("https://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@contextlib.asynccontextmanager
async def running_engine(
    kubeconfig: Path, repos: DictRepos, observer: EngineObserver | None = None, **parts: Any
) -> AsyncIterator[Engine]:
    """Client, cache, kubelet and controller, all within one task group."""
    clock = SystemClock()
    async with KubeClient(load_kubeconfig(kubeconfig)) as client:
        await prepare_cluster(client, "argocd", crds())
        cache = WatchCache(client, clock)
        controller = ApplicationController(client, cache, repos, clock, observer=observer, **parts)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(cache.run(engine_kind)),
                group.create_task(pretend_kubelet(client, cache)),
                group.create_task(controller.run()),
            ]
            await cache.synced(20)
            try:
                yield Engine(client, cache, controller, repos)
            finally:
                for task in tasks:
                    task.cancel()


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with drydock(tmp_path) as kubeconfig, running_engine(kubeconfig, DictRepos()) as running:
        yield running


@contextlib.asynccontextmanager
async def plain_client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(load_kubeconfig(kubeconfig)) as client:
        yield client


@pytest.fixture
def harness() -> Any:
    """This module, for tests that start and stop parts themselves."""
    return sys.modules[__name__]
