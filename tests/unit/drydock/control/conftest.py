"""An in-memory cluster for controller tests, and a pretend node that starts and ends pods."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from towline.aio.clock import rfc3339
from towline.drydock.admission.services import ServicePlan
from towline.drydock.cluster import ClusterEvent
from towline.drydock.control import run_controllers
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog
from towline.kube.status import ApiError

Obj = dict[str, Any]

PODS = GroupResource("", "pods")
NAMESPACES = GroupResource("", "namespaces")
KINDS = {
    PODS: ("Pod", True),
    GroupResource("", "nodes"): ("Node", False),
    GroupResource("", "services"): ("Service", True),
    GroupResource("", "endpoints"): ("Endpoints", True),
    GroupResource("", "configmaps"): ("ConfigMap", True),
    GroupResource("", "serviceaccounts"): ("ServiceAccount", True),
    NAMESPACES: ("Namespace", False),
    GroupResource("apps", "deployments"): ("Deployment", True),
    GroupResource("apps", "replicasets"): ("ReplicaSet", True),
    GroupResource("apps", "statefulsets"): ("StatefulSet", True),
    GroupResource("apps", "daemonsets"): ("DaemonSet", True),
    GroupResource("apps", "controllerrevisions"): ("ControllerRevision", True),
    GroupResource("", "replicationcontrollers"): ("ReplicationController", True),
    GroupResource("", "persistentvolumeclaims"): ("PersistentVolumeClaim", True),
    GroupResource("", "persistentvolumes"): ("PersistentVolume", False),
    GroupResource("storage.k8s.io", "storageclasses"): ("StorageClass", False),
    GroupResource("policy", "poddisruptionbudgets"): ("PodDisruptionBudget", True),
    GroupResource("batch", "cronjobs"): ("CronJob", True),
    GroupResource("batch", "jobs"): ("Job", True),
    GroupResource("discovery.k8s.io", "endpointslices"): ("EndpointSlice", True),
    GroupResource("", "resourcequotas"): ("ResourceQuota", True),
    GroupResource("networking.k8s.io", "servicecidrs"): ("ServiceCIDR", False),
    GroupResource("networking.k8s.io", "ipaddresses"): ("IPAddress", False),
    GroupResource("apiextensions.k8s.io", "customresourcedefinitions"): (
        "CustomResourceDefinition",
        False,
    ),
}


class FakeClock:
    """A wall clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
        self._serial = itertools.count(1)

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.001))

    def uuid(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._serial):012}"

    def advance(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


class FakeCluster:
    """`towline.drydock.cluster.Cluster` in a few dictionaries."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.kinds = dict(KINDS)
        self.stored: dict[GroupResource, dict[tuple[str, str], Obj]] = {}
        self.events: list[tuple[str, str, str, str]] = []
        self.refuse: Callable[[str, GroupResource, Obj], ApiError | None] = lambda *_: None
        self.writes: list[tuple[str, str, str]] = []
        self._revision = 0
        self._watchers: list[tuple[set[GroupResource], asyncio.Queue[Any]]] = []
        self._changed = asyncio.Condition()

    def get(self, resource: GroupResource, namespace: str, name: str) -> Obj | None:
        return self.stored.get(resource, {}).get((namespace, name))

    def objects(
        self,
        resource: GroupResource,
        namespace: str = "",
        *,
        labels: Mapping[str, str] | None = None,
    ) -> list[Obj]:
        return [
            obj
            for (at, _), obj in self.stored.get(resource, {}).items()
            if (not namespace or at == namespace)
            and (labels or {}).items() <= (obj["metadata"].get("labels") or {}).items()
        ]

    def by_owner(self, uid: str) -> list[tuple[GroupResource, Obj]]:
        return [
            (resource, obj)
            for resource, objects in self.stored.items()
            for obj in objects.values()
            if any(one["uid"] == uid for one in obj["metadata"].get("ownerReferences") or ())
        ]

    def find_uid(self, uid: str) -> tuple[GroupResource, Obj] | None:
        for resource, objects in self.stored.items():
            for obj in objects.values():
                if obj["metadata"]["uid"] == uid:
                    return resource, obj
        return None

    def resources(self) -> list[tuple[GroupResource, str, bool]]:
        return [(resource, *kind) for resource, kind in self.kinds.items()]

    async def create(self, resource: GroupResource, obj: Obj, *, manager: str = "test") -> Obj:
        await asyncio.sleep(0)
        if (error := self.refuse("create", resource, obj)) is not None:
            raise error
        new = copy.deepcopy(obj)
        meta = new["metadata"]
        self._check_namespace(meta.get("namespace") or "")
        if "name" not in meta:
            meta["name"] = f"{meta['generateName']}{self.clock.uuid()[-5:]}"
        where = meta.get("namespace") or "", meta["name"]
        if where in self.stored.get(resource, {}):
            raise ApiError(f"{resource} exists", reason="AlreadyExists")
        meta |= {
            "uid": self.clock.uuid(),
            "generation": 1,
            "creationTimestamp": rfc3339(self.clock.now()),
        }
        new.pop("status", None)
        if resource == PODS:
            new["status"] = {"phase": "Pending"}
        if resource == NAMESPACES:
            new["spec"] = {"finalizers": ["kubernetes"]}
            new["status"] = {"phase": "Active"}
        return await self._store("ADDED", resource, new, None, manager)

    async def update(
        self, resource: GroupResource, obj: Obj, *, manager: str = "test", subresource: str = ""
    ) -> Obj:
        meta = obj["metadata"]
        changed = await self.mutate(
            resource,
            meta.get("namespace") or "",
            meta["name"],
            lambda private: private.update(copy.deepcopy(obj)),
            manager=manager,
            subresource=subresource,
        )
        assert changed is not None
        return changed

    async def mutate(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        change: Callable[[Obj], None],
        *,
        manager: str = "test",
        subresource: str = "",
        uid: str = "",
    ) -> Obj | None:
        await asyncio.sleep(0)
        old = self.get(resource, namespace, name)
        if old is None or (uid and old["metadata"]["uid"] != uid):
            return None
        new = copy.deepcopy(old)
        change(new)
        if subresource == "status":
            # The annotations of a Deployment may be written with its status.
            meta = new["metadata"] if resource.resource == "deployments" else old["metadata"]
            new = {**copy.deepcopy(old), "metadata": meta, "status": new.get("status")}
        elif subresource == "finalize":
            new = {**copy.deepcopy(old), "spec": new.get("spec")}
        elif "status" in old:
            new["status"] = copy.deepcopy(old["status"])
        if not new["metadata"].get("finalizers"):
            new["metadata"].pop("finalizers", None)
        if new == old:
            return old
        annotated = resource.resource == "deployments" and (
            new["metadata"].get("annotations") != old["metadata"].get("annotations")
        )
        if new.get("spec") != old.get("spec") or (annotated and not subresource):
            new["metadata"]["generation"] += 1
        if new["metadata"].get("deletionTimestamp") and not _held(resource, new):
            return await self._store("DELETED", resource, new, old, manager)
        return await self._store("MODIFIED", resource, new, old, manager)

    async def delete(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace: int | None = None,
        propagation: str = "",
    ) -> None:
        await asyncio.sleep(0)
        old = self.get(resource, namespace, name)
        if old is None:
            return
        if (error := self.refuse("delete", resource, old)) is not None:
            raise error
        if uid and old["metadata"]["uid"] != uid:
            raise ApiError("another uid", reason="Conflict")
        new = copy.deepcopy(old)
        meta = new["metadata"]
        if not meta.get("deletionTimestamp"):
            added = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(propagation)
            if added:
                meta["finalizers"] = [*(meta.get("finalizers") or []), added]
        running = resource == PODS and bool(old["spec"].get("nodeName")) and grace != 0
        if running and old["status"].get("phase") in {"Succeeded", "Failed"}:
            running = False
        if not running:
            meta.pop("deletionGracePeriodSeconds", None)
        if not running and not _held(resource, new):
            await self._store("DELETED", resource, new, old, "test")
        elif not meta.get("deletionTimestamp"):
            meta["deletionTimestamp"] = rfc3339(self.clock.now())
            meta["deletionGracePeriodSeconds"] = 30 if running else 0
            await self._store("MODIFIED", resource, new, old, "test")

    async def watch(
        self, *resources: GroupResource, namespace: str = ""
    ) -> AsyncIterator[tuple[GroupResource, ClusterEvent]]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for resource in resources:
            for obj in self.objects(resource, namespace):
                queue.put_nowait((resource, ClusterEvent("ADDED", obj, None)))
            queue.put_nowait((resource, ClusterEvent("SYNCED", {}, None)))
        watcher = (set(resources), queue)
        self._watchers.append(watcher)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.remove(watcher)

    async def event(
        self,
        obj: Obj,
        *,
        type_: str,
        reason: str,
        message: str,
        component: str,
        field_path: str = "",
    ) -> None:
        self.events.append((obj["metadata"]["name"], type_, reason, message))

    async def until(self, condition: Callable[[], Any]) -> None:
        """Waits until a change makes the condition true."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(condition)

    async def quiet(self) -> None:
        """Waits until nothing has been written for a while."""
        before = -1
        while before != self._revision:
            before = self._revision
            for _ in range(60):
                await asyncio.sleep(0)

    async def _store(
        self, type_: str, resource: GroupResource, new: Obj, old: Obj | None, manager: str
    ) -> Obj:
        self._revision += 1
        meta = new["metadata"]
        meta["resourceVersion"] = str(self._revision)
        kind, _ = self.kinds[resource]
        version = "v1"
        new.setdefault("kind", kind)
        new.setdefault("apiVersion", f"{resource.group}/{version}" if resource.group else version)
        objects = self.stored.setdefault(resource, {})
        where = meta.get("namespace") or "", meta["name"]
        self.writes.append((manager, type_, f"{resource.resource}/{meta['name']}"))
        if type_ == "DELETED":
            del objects[where]
        else:
            objects[where] = new
        for wanted, queue in self._watchers:
            if resource in wanted:
                queue.put_nowait((resource, ClusterEvent(type_, new, old)))
        async with self._changed:
            self._changed.notify_all()
        return new

    def _check_namespace(self, namespace: str) -> None:
        if not namespace:
            return
        space = self.get(NAMESPACES, "", namespace)
        if space is None:
            raise ApiError(f'namespaces "{namespace}" not found', reason="NotFound")
        if space["metadata"].get("deletionTimestamp"):
            raise ApiError(
                "is being terminated",
                reason="Forbidden",
                details={"causes": [{"reason": "NamespaceTerminating"}]},
            )


def _held(resource: GroupResource, obj: Obj) -> bool:
    if obj["metadata"].get("finalizers"):
        return True
    if resource == NAMESPACES:
        return bool((obj.get("spec") or {}).get("finalizers"))
    return bool(obj["metadata"].get("deletionGracePeriodSeconds"))


class RegistryCluster:
    """The embedded cluster's real registry, with what the tests ask of a `FakeCluster`."""

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.store = Store.open(folder / "state.db", clock, sync="normal")
        plan = ServicePlan("10.96.0.0/16")
        self.registry = Registry(self.store, load_catalog(), clock, Random(7), plan)
        self.events: list[tuple[str, str, str, str]] = []
        self.refuse: Callable[[str, GroupResource, Obj], ApiError | None] = lambda *_: None
        self.writes: list[tuple[str, str, str]] = []
        self._changed = asyncio.Event()
        self.store.observe(self._observed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.registry, name)

    def _observed(self, change: Any) -> None:
        self.writes.append(("", change.type, str(change.record.key)))
        self._changed.set()

    async def create(self, resource: GroupResource, obj: Obj, *, manager: str = "test") -> Obj:
        if (error := self.refuse("create", resource, obj)) is not None:
            raise error
        kind, _ = KINDS[resource]
        typed = {"apiVersion": str(api_version(resource)), "kind": kind, **obj}
        return await self.registry.create(resource, typed, manager=manager)

    async def mutate(self, *arguments: Any, manager: str = "test", **options: Any) -> Obj | None:
        return await self.registry.mutate(*arguments, manager=manager, **options)

    async def delete(self, *arguments: Any, **options: Any) -> None:
        found = self.registry.get(*arguments)
        if found and (error := self.refuse("delete", arguments[0], found)) is not None:
            raise error
        await self.registry.delete(*arguments, **options)

    async def event(self, obj: Obj, **note: str) -> None:
        self.events.append(
            (obj["metadata"]["name"], note["type_"], note["reason"], note["message"])
        )

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def quiet(self) -> None:
        before = -1
        while before != self.store.revision:
            before = self.store.revision
            await asyncio.sleep(0.05)


def api_version(resource: GroupResource) -> str:
    return f"{resource.group}/v1" if resource.group else "v1"


class PretendNode:
    """Starts every bound pod, ends every deleted one; `sick` names ones that never get ready."""

    def __init__(self, cluster: Any, clock: FakeClock) -> None:
        self.cluster = cluster
        self.clock = clock
        self.sick: Callable[[Obj], bool] = lambda pod: False
        self.slow_to_end: Callable[[Obj], bool] = lambda pod: False
        self._addresses = itertools.count(2)

    async def run(self) -> None:
        async for _, event in self.cluster.watch(PODS):
            pod = event.object
            if event.type in {"SYNCED", "DELETED"} or not pod["spec"].get("nodeName"):
                continue
            meta = pod["metadata"]
            where = meta["namespace"], meta["name"]
            if meta.get("deletionTimestamp"):
                if not self.slow_to_end(pod):
                    await self.cluster.delete(PODS, *where, uid=meta["uid"], grace=0)
            elif not pod["status"].get("podIP"):
                await self.cluster.mutate(
                    PODS, *where, self._start(pod), manager="node", subresource="status"
                )

    def _start(self, pod: Obj) -> Callable[[Obj], None]:
        ready = "False" if self.sick(pod) else "True"
        address = f"10.0.0.{next(self._addresses)}"

        def write(private: Obj) -> None:
            private["status"] = {
                "phase": "Running",
                "podIP": address,
                "conditions": [ready_condition(ready, self.clock)],
            }

        return write


def ready_condition(status: str, clock: FakeClock) -> Obj:
    stamp = rfc3339(clock.now())
    return {"type": "Ready", "status": status, "lastTransitionTime": stamp}


def make_deployment(name: str = "web", replicas: int = 3, **spec: Any) -> Obj:
    labels = {"app": name}
    container = {"name": "c", "image": "img:1", "ports": [{"name": "http", "containerPort": 5000}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


@pytest.fixture
def deployment() -> Callable[..., Obj]:
    return make_deployment


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture(params=["fake", "registry"])
async def cluster(
    clock: FakeClock, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Any]:
    """An empty cluster with the namespace default: the fake one and the real one."""
    if request.param == "fake":
        fake = FakeCluster(clock)
        await fake.create(NAMESPACES, {"metadata": {"name": "default"}})
        yield fake
        return
    real = RegistryCluster(clock, tmp_path)
    await real.create(NAMESPACES, {"metadata": {"name": "default"}})
    yield real
    await real.store.close()


@pytest.fixture
def folders() -> Any:
    """Where volumes are made; nowhere unless a test says so."""
    return None


@pytest_asyncio.fixture
async def live(cluster: Any, clock: FakeClock, folders: Any) -> AsyncIterator[Any]:
    """The cluster with all controllers running."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_controllers(cluster, clock, folders=folders))
        yield cluster
        task.cancel()


@pytest_asyncio.fixture
async def node(live: Any, clock: FakeClock) -> AsyncIterator[PretendNode]:
    """A ready node beside the controllers."""
    pretend = PretendNode(live, clock)
    nodes = GroupResource("", "nodes")
    await live.create(nodes, {"metadata": {"name": "n1"}})
    await live.mutate(
        nodes,
        "",
        "n1",
        lambda private: private.update(status={"conditions": [ready_condition("True", clock)]}),
        subresource="status",
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(pretend.run())
        yield pretend
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
