from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from towline.drydock.control import run_controllers
from towline.drydock.control.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from towline.kube.status import ApiError

Obj = dict[str, Any]


def conditions(obj: Obj) -> dict[str, tuple[str, str]]:
    found = (obj.get("status") or {}).get("conditions") or []
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def status(cluster: Any, name: str = "web") -> Obj:
    found = cluster.get(DEPLOYMENTS, "default", name)
    return dict((found or {}).get("status") or {})


def complete(cluster: Any, replicas: int) -> Callable[[], bool]:
    def check() -> bool:
        found = cluster.get(DEPLOYMENTS, "default", "web")
        now = status(cluster)
        counts = [now.get(f"{name}eplicas") for name in ("r", "updatedR", "readyR", "availableR")]
        current = now.get("observedGeneration") == found["metadata"]["generation"]
        return current and counts == [replicas] * 4

    return check


def pods(cluster: Any) -> list[str]:
    return sorted(pod["metadata"]["name"] for pod in cluster.objects(PODS))


def sizes(cluster: Any) -> dict[str, int]:
    return {
        one["spec"]["template"]["spec"]["containers"][0]["image"]: one["spec"]["replicas"]
        for one in cluster.objects(REPLICA_SETS)
    }


async def set_image(cluster: Any, image: str) -> None:
    def write(private: Obj) -> None:
        private["spec"]["template"]["spec"]["containers"][0]["image"] = image

    await cluster.mutate(DEPLOYMENTS, "default", "web", write)


@pytest.mark.asyncio
async def test_new_deployment_becomes_ready_pods(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment())
    await live.until(complete(live, 3))
    (replica_set,) = live.objects(REPLICA_SETS)
    meta = replica_set["metadata"]
    digest = meta["labels"]["pod-template-hash"]
    assert meta["name"] == f"web-{digest}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {
        "app": "web",
        "pod-template-hash": digest,
    }
    assert meta["annotations"] == {
        "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    found = live.get(DEPLOYMENTS, "default", "web")
    assert found["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
    assert conditions(found) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert [one["type"] for one in found["status"]["conditions"]] == ["Available", "Progressing"]
    assert all(name.startswith(f"web-{digest}-") for name in pods(live))
    events = [event[2:] for event in live.events if event[0] == "web"]
    assert events == [("ScalingReplicaSet", f"Scaled up replica set web-{digest} from 0 to 3")]


@pytest.mark.asyncio
async def test_roll_out_never_falls_below_nor_rises_above_its_bounds(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment(replicas=4))
    await live.until(complete(live, 4))
    seen: list[tuple[int, int]] = []

    def look() -> bool:
        alive = [pod for pod in live.objects(PODS) if not pod["metadata"].get("deletionTimestamp")]
        ready = [
            pod
            for pod in alive
            if any(one["status"] == "True" for one in pod["status"].get("conditions") or ())
        ]
        seen.append((len(alive), len(ready)))
        return complete(live, 4)() and sizes(live) == {"img:1": 0, "img:2": 4}

    await set_image(live, "img:2")
    await live.until(look)
    assert max(total for total, _ in seen) <= 5
    assert min(ready for _, ready in seen) >= 3
    assert live.get(DEPLOYMENTS, "default", "web")["metadata"]["annotations"] == {
        "deployment.kubernetes.io/revision": "2"
    }


@pytest.mark.asyncio
async def test_roll_back_reuses_the_old_replica_set_under_a_new_number(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment())
    await live.until(complete(live, 3))
    first = live.objects(REPLICA_SETS)[0]["metadata"]["name"]
    await set_image(live, "img:2")
    await live.until(lambda: complete(live, 3)() and sizes(live) == {"img:1": 0, "img:2": 3})
    await set_image(live, "img:1")
    await live.until(lambda: complete(live, 3)() and sizes(live) == {"img:1": 3, "img:2": 0})
    annotations = live.get(REPLICA_SETS, "default", first)["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"
    assert annotations["deployment.kubernetes.io/revision-history"] == "1"
    assert len(live.objects(REPLICA_SETS)) == 2


@pytest.mark.asyncio
async def test_broken_image_stops_the_roll_out_and_keeps_the_old_pods(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    node.sick = lambda pod: pod["spec"]["containers"][0]["image"] == "bad"
    await live.create(DEPLOYMENTS, deployment())
    await live.until(complete(live, 3))
    await set_image(live, "bad")
    await live.until(lambda: status(live).get("unavailableReplicas") == 1)
    await live.quiet()
    assert sizes(live) == {"img:1": 3, "bad": 1}
    assert conditions(live.get(DEPLOYMENTS, "default", "web"))["Available"][0] == "True"


@pytest.mark.asyncio
async def test_recreate_waits_until_the_last_old_pod_is_gone(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    body = deployment(replicas=2, strategy={"type": "Recreate"})
    await live.create(DEPLOYMENTS, body)
    await live.until(complete(live, 2))
    before = pods(live)
    node.slow_to_end = lambda pod: True
    await set_image(live, "img:2")
    await live.until(lambda: sizes(live) == {"img:1": 0})
    await live.quiet()
    assert pods(live) == before
    node.slow_to_end = lambda pod: False
    for name in before:
        await live.delete(PODS, "default", name, grace=0)
    await live.until(lambda: complete(live, 2)() and sizes(live) == {"img:1": 0, "img:2": 2})


@pytest.mark.asyncio
async def test_scaling_and_deleting_a_pod_are_repaired(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment())
    await live.until(complete(live, 3))

    def scale(private: Obj) -> None:
        private["spec"]["replicas"] = 1

    await live.mutate(DEPLOYMENTS, "default", "web", scale)
    await live.until(complete(live, 1))
    (last,) = pods(live)
    await live.delete(PODS, "default", last)
    await live.until(lambda: pods(live) not in ([last], []) and complete(live, 1)())


@pytest.mark.asyncio
async def test_paused_deployment_scales_but_does_not_roll(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment())
    await live.until(complete(live, 3))

    def pause(private: Obj) -> None:
        private["spec"]["paused"] = True
        private["spec"]["replicas"] = 5
        private["spec"]["template"]["spec"]["containers"][0]["image"] = "img:2"

    await live.mutate(DEPLOYMENTS, "default", "web", pause)
    await live.until(lambda: status(live).get("readyReplicas") == 5)
    assert sizes(live) == {"img:1": 5}
    found = live.get(DEPLOYMENTS, "default", "web")
    assert conditions(found)["Progressing"] == ("Unknown", "DeploymentPaused")
    await live.mutate(
        DEPLOYMENTS, "default", "web", lambda private: private["spec"].update(paused=False)
    )
    await live.until(lambda: complete(live, 5)() and sizes(live)["img:2"] == 5)


@pytest.mark.asyncio
async def test_history_is_limited(live: Any, node: Any, deployment: Callable[..., Obj]) -> None:
    await live.create(DEPLOYMENTS, deployment(replicas=1, revisionHistoryLimit=1))
    for number in range(2, 6):
        await live.until(complete(live, 1))
        await set_image(live, f"img:{number}")
        await live.until(lambda number=number: sizes(live).get(f"img:{number}") == 1)
    await live.until(lambda: complete(live, 1)() and len(live.objects(REPLICA_SETS)) == 2)
    assert sizes(live) == {"img:4": 0, "img:5": 1}


@pytest.mark.asyncio
async def test_settled_deployment_causes_no_more_writes(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment())
    await live.until(complete(live, 3))
    await live.quiet()
    before = len(live.writes)

    def touch(private: Obj) -> None:
        private["metadata"].setdefault("annotations", {})[
            "kubectl.kubernetes.io/last-applied-configuration"
        ] = "x"

    await live.mutate(DEPLOYMENTS, "default", "web", touch)
    await live.quiet()
    # Annotations count as a new generation, which the controller acknowledges.
    assert len(live.writes) == before + 2


@pytest.mark.asyncio
async def test_replica_set_without_owner_is_adopted_with_its_pods(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    body = deployment()
    await live.create(DEPLOYMENTS, body)
    await live.until(complete(live, 3))
    before = pods(live)
    await live.delete(DEPLOYMENTS, "default", "web", propagation="Orphan")
    await live.until(lambda: live.get(DEPLOYMENTS, "default", "web") is None)
    assert pods(live) == before
    await live.create(DEPLOYMENTS, body)
    await live.until(complete(live, 3))
    assert pods(live) == before


@pytest.mark.asyncio
async def test_pod_that_stops_matching_is_released_and_replaced(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment(replicas=2))
    await live.until(complete(live, 2))
    name = pods(live)[0]

    def relabel(private: Obj) -> None:
        private["metadata"]["labels"] = {"debug": "1"}

    await live.mutate(PODS, "default", name, relabel)
    await live.until(lambda: len(pods(live)) == 3 and complete(live, 2)())
    assert "ownerReferences" not in live.get(PODS, "default", name)["metadata"]


@pytest.mark.asyncio
async def test_a_name_taken_by_another_template_counts_as_collision(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    body = deployment(replicas=1)
    await live.create(DEPLOYMENTS, body)
    await live.until(complete(live, 1))
    name = live.objects(REPLICA_SETS)[0]["metadata"]["name"]
    await live.delete(DEPLOYMENTS, "default", "web")
    await live.until(lambda: not pods(live) and not live.objects(REPLICA_SETS))
    other = copy.deepcopy(body["spec"])
    other["template"]["metadata"]["labels"] = other["selector"]["matchLabels"] = {"app": "other"}
    spec = {key: other[key] for key in ("selector", "template")} | {"replicas": 0}
    meta = {"name": name, "namespace": "default"}
    await live.create(REPLICA_SETS, {"metadata": meta, "spec": spec})
    await live.create(DEPLOYMENTS, body)
    await live.until(complete(live, 1))
    assert status(live)["collisionCount"] == 1
    assert len(live.objects(REPLICA_SETS)) == 2


@pytest.mark.asyncio
async def test_refused_pods_show_as_replica_failure(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    def refuse(verb: str, resource: Any, obj: Obj) -> ApiError | None:
        if (verb, resource) == ("create", PODS):
            return ApiError("exceeded quota", reason="Forbidden")
        return None

    live.refuse = refuse
    await live.create(DEPLOYMENTS, deployment())
    failed = ("True", "FailedCreate")
    await live.until(
        lambda: conditions(live.get(DEPLOYMENTS, "default", "web")).get("ReplicaFailure") == failed
    )
    assert ("Warning", "FailedCreate", "Error creating: exceeded quota") in [
        event[1:] for event in live.events
    ]
    live.refuse = lambda *_: None
    await live.until(complete(live, 3))
    assert "ReplicaFailure" not in conditions(live.get(DEPLOYMENTS, "default", "web"))


@pytest.mark.asyncio
async def test_writes_carry_the_field_managers_of_the_real_api(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment())
    await live.until(complete(live, 3))
    named = {manager for manager, _, _ in live.writes if manager}
    for resource in (DEPLOYMENTS, REPLICA_SETS, PODS):
        for obj in live.objects(resource):
            named |= {one["manager"] for one in obj["metadata"].get("managedFields") or ()}
    # A binding is credited to nobody, so the scheduler shows only where writes are recorded.
    assert named - {"test", "node", "kube-scheduler"} == {"kube-controller-manager"}


@pytest.mark.asyncio
async def test_s65_a_broken_watch_is_begun_anew(
    cluster: Any, clock: Any, deployment: Callable[..., Obj]
) -> None:
    class Breaking:
        broken = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(cluster, name)

        async def watch(self, *resources: Any, **options: Any) -> AsyncIterator[Any]:
            stream = cluster.watch(*resources, **options)
            self.broken += 1
            if self.broken == 1:
                raise KeyError("spec")
            async for item in stream:
                yield item

    task = asyncio.create_task(run_controllers(Breaking(), clock))
    try:
        await cluster.create(DEPLOYMENTS, deployment())
        await cluster.until(lambda: len(cluster.objects(PODS)) == 3)
    finally:
        task.cancel()
        await asyncio.wait([task])
