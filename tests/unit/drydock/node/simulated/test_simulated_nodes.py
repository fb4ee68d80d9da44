"""Pods on simulated nodes, on a real registry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.node.simulated import SimulatedNodes, SimulationOptions
from towline.drydock.node.simulated.narration import Allowance
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog
from towline.kube.status import ApiError

pytestmark = pytest.mark.asyncio

PODS = GroupResource("", "pods")
NODES = GroupResource("", "nodes")
EVENTS = GroupResource("", "events")
LEASES = GroupResource("coordination.k8s.io", "leases")


@pytest_asyncio.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    clock = SystemClock()
    store = Store.open(tmp_path / "state.db", clock, sync="normal")
    made = Registry(store, load_catalog(), clock, Random(1), ServicePlan("10.96.0.0/24"))
    for name in ("default", "kube-node-lease"):
        await made.create(
            GroupResource("", "namespaces"), {"metadata": {"name": name}}, manager="test"
        )
    try:
        yield made
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def running(registry: Registry, **options: Any) -> AsyncIterator[SimulatedNodes]:
    nodes = SimulatedNodes(registry, SimulationOptions(**options), SystemClock())
    task = asyncio.ensure_future(nodes.run())
    try:
        yield nodes
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def body(name: str, node: str = "sim-0", **spec: Any) -> dict[str, Any]:
    annotations = spec.pop("annotations", {})
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "annotations": {f"drydock.io/sim-{key}": value for key, value in annotations.items()},
        },
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i:1"}], **spec},
    }


async def until(
    registry: Registry, name: str, check: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The pod as soon as it is as wanted."""
    async with asyncio.timeout(10):
        async for _, event in registry.watch(PODS):
            found = event.object
            if event.type == "SYNCED" or found["metadata"]["name"] != name:
                continue
            if event.type != "DELETED" and check(found):
                return found
    raise AssertionError


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def phase(wanted: str) -> Callable[[dict[str, Any]], bool]:
    return lambda pod: (pod.get("status") or {}).get("phase") == wanted


async def test_nodes_are_registered_with_leases_and_say_that_they_are_simulated(
    registry: Registry,
) -> None:
    async with running(registry, nodes=3):
        async with asyncio.timeout(10):
            async for _, event in registry.watch(LEASES):
                if event.type == "ADDED" and event.object["metadata"]["name"] == "sim-2":
                    break
        nodes = registry.objects(NODES)
    assert [node["metadata"]["name"] for node in nodes] == ["sim-0", "sim-1", "sim-2"]
    assert nodes[0]["metadata"]["labels"]["drydock.io/simulated"] == "true"
    info = nodes[0]["status"]["nodeInfo"]
    assert info["containerRuntimeVersion"] == "simulated://1"


async def test_a_pod_becomes_ready_with_an_address_and_one_status_write(
    registry: Registry,
) -> None:
    async with running(registry):
        made = await registry.create(PODS, body("web"), manager="test")
        ready = await until(registry, "web", is_ready)
        history = registry.store.history.since(
            0, lambda change: change.record.key == (PODS, "default", "web")
        )
    assert made["metadata"]["uid"] == ready["metadata"]["uid"]
    status = ready["status"]
    assert status["phase"] == "Running"
    assert status["podIP"].startswith("10.128.0.")
    assert status["hostIP"] == "10.128.0.1"
    assert status["containerStatuses"][0]["containerID"].startswith("simulated://")
    assert [change.type for change in history] == ["ADDED", "MODIFIED"]


async def test_a_job_pod_completes_and_a_failing_one_fails(registry: Registry) -> None:
    async with running(registry, job_seconds=0.05):
        await registry.create(PODS, body("good", restartPolicy="Never"), manager="test")
        bad = body("bad", restartPolicy="Never", annotations={"exit-code": "3"})
        await registry.create(PODS, bad, manager="test")
        await until(registry, "good", phase("Succeeded"))
        failed = await until(registry, "bad", phase("Failed"))
    ended = failed["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (3, "Error")


async def test_init_containers_go_first(registry: Registry) -> None:
    async with running(registry):
        pod = body("init", initContainers=[{"name": "first", "image": "i:1"}])
        await registry.create(PODS, pod, manager="test")
        ready = await until(registry, "init", is_ready)
    first = ready["status"]["initContainerStatuses"][0]
    assert first["state"]["terminated"]["exitCode"] == 0


async def test_a_failing_container_is_restarted_and_backs_off(registry: Registry) -> None:
    async with running(registry):
        crash = body("crash", annotations={"exit-code": "1", "run-seconds": "0"})
        await registry.create(PODS, crash, manager="test")

        def backs_off(pod: dict[str, Any]) -> bool:
            entries = (pod.get("status") or {}).get("containerStatuses") or []
            waiting = entries[0]["state"].get("waiting") if entries else None
            return (waiting or {}).get("reason") == "CrashLoopBackOff"

        seen = await until(registry, "crash", backs_off)
    assert seen["status"]["containerStatuses"][0]["restartCount"] == 1


async def test_an_image_error_shows_as_a_kubelet_shows_it(registry: Registry) -> None:
    async with running(registry):
        pod = body("pull", annotations={"image-error": "manifest unknown"})
        await registry.create(PODS, pod, manager="test")

        def fails(pod: dict[str, Any]) -> bool:
            entries = (pod.get("status") or {}).get("containerStatuses") or []
            return bool(entries) and "reason" in (entries[0]["state"].get("waiting") or {})

        seen = await until(registry, "pull", fails)
    waiting = seen["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "ErrImagePull"
    assert waiting["message"] == 'failed to pull image "i:1": manifest unknown'


async def test_deletion_takes_the_time_that_the_container_takes(registry: Registry) -> None:
    async with running(registry):
        pod = body("slow", annotations={"stop-seconds": "0.3"})
        made = await registry.create(PODS, pod, manager="test")
        await until(registry, "slow", is_ready)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await registry.delete(PODS, "default", "slow")
        async with asyncio.timeout(10):
            async for _, event in registry.watch(PODS):
                gone = registry.get(PODS, "default", "slow") is None
                if gone or event.type == "DELETED":
                    break
        assert loop.time() - began >= 0.3
        assert registry.find_uid(made["metadata"]["uid"]) is None


async def test_containers_survive_a_restart_of_the_process(registry: Registry) -> None:
    async with running(registry):
        await registry.create(PODS, body("web"), manager="test")
        before = await until(registry, "web", is_ready)
    async with running(registry):
        await registry.create(PODS, body("other"), manager="test")
        other = await until(registry, "other", is_ready)
        after = registry.get(PODS, "default", "web")
    assert after == before
    assert other["status"]["podIP"] != before["status"]["podIP"]


async def test_nodes_of_an_earlier_start_go_with_their_pods(registry: Registry) -> None:
    async with running(registry, nodes=2):
        await registry.create(PODS, body("web", "sim-1"), manager="test")
        await until(registry, "web", is_ready)
    async with running(registry, nodes=1):
        await registry.create(PODS, body("other"), manager="test")
        async with asyncio.timeout(10):
            async for _, event in registry.watch(NODES):
                if event.type == "DELETED" or registry.get(NODES, "", "sim-1") is None:
                    break
    assert registry.get(PODS, "default", "web") is None


async def test_logs_answer_a_line_and_refuse_what_has_not_begun(registry: Registry) -> None:
    async with running(registry) as nodes:
        pod = body("web", annotations={"log": "first\nsecond"})
        await registry.create(PODS, pod, manager="test")
        await until(registry, "web", is_ready)
        lines = [chunk async for chunk in nodes.logs.stream("default", "web", "c", tail_lines=1)]
        assert b"".join(lines) == b"second\n"
        stamped = [chunk async for chunk in nodes.logs.stream("default", "web", timestamps=True)]
        assert b"".join(stamped).split(b" ")[0].endswith(b"Z")
        cut = [chunk async for chunk in nodes.logs.stream("default", "web", limit_bytes=3)]
        assert b"".join(cut) == b"fir"
        slow = body("slow", annotations={"start-seconds": "60"})
        await registry.create(PODS, slow, manager="test")
        await until(registry, "slow", lambda pod: "containerStatuses" in pod.get("status", {}))
        with pytest.raises(ApiError, match="is waiting to start: ContainerCreating"):
            nodes.logs.stream("default", "slow", "c")
        with pytest.raises(ApiError, match="previous terminated container"):
            nodes.logs.stream("default", "web", "c", previous=True)


async def test_events_are_told_once_and_are_rationed(registry: Registry) -> None:
    async with running(registry):
        await registry.create(PODS, body("web"), manager="test")
        await until(registry, "web", is_ready)
        async with asyncio.timeout(10):
            async for _, event in registry.watch(EVENTS):
                if event.object.get("reason") == "Started":
                    break
    reasons = sorted(event["reason"] for event in registry.objects(EVENTS))
    assert reasons == ["Created", "Pulled", "Started"]


async def test_the_allowance_is_that_of_a_kubelet() -> None:
    class Frozen(SystemClock):
        moment = 0.0

        def monotonic(self) -> float:
            return self.moment

    clock = Frozen()
    allowance = Allowance(clock)
    assert sum(allowance.take() for _ in range(500)) == 100
    clock.moment = 1.0
    assert sum(allowance.take() for _ in range(500)) == 50
