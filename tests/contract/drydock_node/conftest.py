"""A small cluster with a real node: registry, controllers, podman, network, in this process."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.auth.keys import SigningKey
from towline.drydock.auth.tokens import AccountTokens
from towline.drydock.bootstrap import ensure_defaults
from towline.drydock.control import run_controllers
from towline.drydock.network import plan
from towline.drydock.node import Node, NodeOptions
from towline.drydock.node.engine import engine_paths
from towline.drydock.node.volume_claims import ClaimFolders
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog

Obj = dict[str, Any]
PODS = GroupResource("", "pods")
IMAGE = "localhost/box:1"
_APPLETS = "sh sleep cat echo httpd wget id true touch rm mkdir tail"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the machine."""
    lacking = [name for name in ("podman", "runc", "ip") if shutil.which(name) is None]
    if os.geteuid() != 0:
        lacking.append("root")
    if _busybox() is None:
        lacking.append("busybox-static")
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if lacking:
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(lacking)}"))


def _busybox() -> Path | None:
    for candidate in ("/bin/busybox", "/usr/bin/busybox"):
        if not Path(candidate).is_file():
            continue
        if subprocess.run(["ldd", candidate], capture_output=True, check=False).returncode:
            return Path(candidate)
    return None


@pytest.fixture(scope="session")
def box_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system of one static program, as a tar file."""
    root = tmp_path_factory.mktemp("box")
    (root / "bin").mkdir()
    (root / "tmp").mkdir()
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    source = _busybox()
    assert source is not None
    shutil.copy(source, root / "bin/busybox")
    for applet in _APPLETS.split():
        (root / "bin" / applet).symlink_to("busybox")
    file = tmp_path_factory.mktemp("tar") / "box.tar"
    with tarfile.open(file, "w") as archive:
        archive.add(root, ".")
    return file


class NodeCluster:
    """Registry, controllers and node, which can be stopped and started again."""

    def __init__(self, folder: Path, image: Path) -> None:
        self._image = image
        self._clock = SystemClock()
        self._tasks: list[asyncio.Task[None]] = []
        self.plan = plan(folder)
        self.options = NodeOptions(
            data_dir=folder / "node", network=self.plan, drain_seconds=2, metrics_seconds=0.5
        )
        services = ServicePlan(self.plan.service_cidr, (self.plan.dns_ip,))
        self._store = Store.open(folder / "state.db", self._clock, sync="normal")
        self.registry = Registry(self._store, load_catalog(), self._clock, Random(1), services)
        self._services = services
        self.tokens = AccountTokens(SigningKey(folder / "sa.key"), self.registry.get, self._clock)
        self.node = Node(self.registry, self.options, self._clock, self.tokens)

    async def start(self) -> None:
        await ensure_defaults(self.registry, self._services, host="127.0.0.1", port=6443, ca="")
        self._tasks = [
            asyncio.create_task(self.registry.run()),
            asyncio.create_task(
                run_controllers(self.registry, self._clock, folders=ClaimFolders(self.claims))
            ),
        ]
        await self.start_node()
        await asyncio.to_thread(self.podman, "import", "-c", "ENV PATH=/bin", self._image, IMAGE)

    async def start_node(self) -> None:
        self.node = Node(self.registry, self.options, self._clock, self.tokens)
        self.running = asyncio.create_task(self.node.run())
        await self.until(lambda: self.registry.get(GroupResource("", "nodes"), "", "drydock"))

    async def stop_node(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    async def stop(self) -> None:
        await self.stop_node()
        await self.node.teardown(purge=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._store.close()

    @property
    def claims(self) -> Path:
        """Folder of the volumes that the cluster makes."""
        return self.options.data_dir / "claims"

    def podman(self, *arguments: Any) -> str:
        paths = engine_paths(self.options.data_dir / "engine")
        done = subprocess.run(
            ["podman", *map(str, arguments)],
            env={**os.environ, **paths.environment()},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    async def until(self, check: Callable[[], Any], *, seconds: float = 20) -> Any:
        """Waits until something holds; a failure shows the pods."""
        end = time.monotonic() + seconds
        while not (found := check()):
            if self.running.done():
                self.running.result()
            if time.monotonic() > end:
                states = [pod.get("status") for pod in self.registry.objects(PODS)]
                raise AssertionError(f"did not happen in {seconds} s; pods: {states}")
            await asyncio.sleep(0.01)
        return found

    async def apply(self, resource: GroupResource, obj: Obj) -> Obj:
        return await self.registry.create(resource, obj, manager="test")

    async def run_pod(self, name: str, *command: str, **spec: Any) -> Obj:
        container = {"name": "main", "image": IMAGE, "command": list(command)}
        container |= spec.pop("container", {})
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec},
        }
        return await self.apply(PODS, pod)

    def pod(self, name: str) -> Obj:
        return self.registry.get(PODS, "default", name) or {}

    def status(self, name: str) -> Obj:
        status: Obj = self.pod(name).get("status") or {}
        return status

    def state(self, name: str) -> Obj:
        entries = self.status(name).get("containerStatuses") or [{}]
        return {**entries[0].get("state", {}), "count": entries[0].get("restartCount")}

    async def log(self, name: str, **options: Any) -> str:
        stream = self.node.logs.stream("default", name, "main", **options)
        return (b"".join([chunk async for chunk in stream])).decode()


@pytest_asyncio.fixture
async def cluster(tmp_path: Path, box_image: Path) -> AsyncIterator[NodeCluster]:
    """A running cluster, of which nothing is left behind."""
    made = NodeCluster(tmp_path, box_image)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
