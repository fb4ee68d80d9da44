from __future__ import annotations

from typing import Any

import pytest

from towline.drydock.control.daemonplan import plan
from towline.drydock.control.daemonpods import new_pod, node_of
from towline.drydock.control.resources import CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS

Obj = dict[str, Any]


def daemon_set(**spec: Any) -> Obj:
    labels = {"app": "agent"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
            },
            "revisionHistoryLimit": 10,
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "img:1"}]},
            },
            **spec,
        },
    }


async def add_node(cluster: Any, name: str, **spec: Any) -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    labels = {"kubernetes.io/hostname": name}
    await cluster.create(NODES, {"metadata": {"name": name, "labels": labels}, "spec": spec})
    await cluster.mutate(
        NODES, "", name, lambda private: private.update(status=ready), subresource="status"
    )


def status(cluster: Any) -> Obj:
    found = cluster.get(DAEMON_SETS, "default", "agent")
    return dict((found or {}).get("status") or {})


def settled(cluster: Any, count: int) -> bool:
    found = cluster.get(DAEMON_SETS, "default", "agent")
    now = status(cluster)
    fields = (
        "currentNumberScheduled",
        "desiredNumberScheduled",
        "numberReady",
        "numberAvailable",
        "updatedNumberScheduled",
    )
    return now.get("observedGeneration") == found["metadata"]["generation"] and [
        now.get(name, 0) for name in fields
    ] == [count] * len(fields)


def by_node(cluster: Any) -> dict[str, str]:
    return {
        pod["spec"].get("nodeName", ""): pod["spec"]["containers"][0]["image"]
        for pod in cluster.objects(PODS)
    }


async def set_image(cluster: Any, image: str) -> None:
    def write(private: Obj) -> None:
        private["spec"]["template"]["spec"]["containers"][0]["image"] = image

    await cluster.mutate(DAEMON_SETS, "default", "agent", write)


@pytest.mark.asyncio
async def test_every_node_gets_one_pod_also_a_later_one(live: Any, node: Any) -> None:
    await add_node(live, "n2")
    await live.create(DAEMON_SETS, daemon_set())
    await live.until(lambda: settled(live, 2))
    await add_node(live, "n3")
    await live.until(lambda: settled(live, 3))
    assert set(by_node(live)) == {"n1", "n2", "n3"}
    (revision,) = live.objects(CONTROLLER_REVISIONS)
    digest = revision["metadata"]["labels"]["controller-revision-hash"]
    assert revision["metadata"]["name"] == f"agent-{digest}"
    hashes = {pod["metadata"]["labels"]["controller-revision-hash"] for pod in live.objects(PODS)}
    assert hashes == {digest}
    await live.delete(NODES, "", "n3")
    await live.until(lambda: status(live).get("desiredNumberScheduled") == 2)


@pytest.mark.asyncio
async def test_tainted_nodes_are_left_out_unless_tolerated(live: Any, node: Any) -> None:
    taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    await add_node(live, "n2", taints=[taint])
    await add_node(live, "n3", unschedulable=True)
    await live.create(DAEMON_SETS, daemon_set())
    await live.until(lambda: settled(live, 2))
    assert set(by_node(live)) == {"n1", "n3"}

    def tolerate(private: Obj) -> None:
        spec = private["spec"]["template"]["spec"]
        spec["tolerations"] = [{"key": "gpu", "operator": "Exists"}]

    await live.mutate(DAEMON_SETS, "default", "agent", tolerate)
    await live.until(lambda: settled(live, 3))


@pytest.mark.asyncio
async def test_update_replaces_pods_node_by_node(live: Any, node: Any) -> None:
    await add_node(live, "n2")
    await add_node(live, "n3")
    await live.create(DAEMON_SETS, daemon_set())
    await live.until(lambda: settled(live, 3))
    lowest = 3

    def look() -> bool:
        nonlocal lowest
        ready = [
            pod
            for pod in live.objects(PODS)
            if not pod["metadata"].get("deletionTimestamp") and pod["status"].get("conditions")
        ]
        lowest = min(lowest, len(ready))
        return settled(live, 3) and set(by_node(live).values()) == {"img:2"}

    await set_image(live, "img:2")
    await live.until(look)
    assert lowest >= 2


@pytest.mark.asyncio
async def test_update_with_surge_starts_the_new_pod_first(live: Any, node: Any) -> None:
    rolling = {"maxUnavailable": 0, "maxSurge": 1}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    await live.create(DAEMON_SETS, daemon_set(updateStrategy=strategy))
    await live.until(lambda: settled(live, 1))
    node.sick = lambda pod: pod["spec"]["containers"][0]["image"] == "img:2"
    await set_image(live, "img:2")
    await live.until(lambda: len(live.objects(PODS)) == 2)
    await live.quiet()
    assert len(live.objects(PODS)) == 2
    node.sick = lambda pod: False
    await set_image(live, "img:3")
    await live.until(lambda: settled(live, 1) and set(by_node(live).values()) == {"img:3"})


@pytest.mark.asyncio
async def test_failed_daemon_pods_are_replaced_and_told(live: Any, node: Any) -> None:
    await live.create(DAEMON_SETS, daemon_set())
    await live.until(lambda: settled(live, 1))
    (pod,) = live.objects(PODS)
    name = pod["metadata"]["name"]

    def fail(private: Obj) -> None:
        private["status"] = {**private["status"], "phase": "Failed"}

    await live.mutate(PODS, "default", name, fail, subresource="status")
    await live.until(lambda: live.get(PODS, "default", name) is None and live.objects(PODS))
    await live.until(lambda: settled(live, 1))
    await live.quiet()
    text = f"Found failed daemon pod default/{name} on node n1, will try to kill it"
    assert ("agent", "Warning", "FailedDaemonPod", text) in live.events


def make(name: str, **meta: Any) -> Obj:
    return {"metadata": {"name": name, **meta}, "spec": {}}


def test_pods_are_pinned_to_their_node_in_every_term() -> None:
    body = daemon_set()
    body["metadata"]["uid"] = "d"
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = [{"matchExpressions": [{"key": k, "operator": "Exists"}]} for k in ("a", "b")]
    affinity = {"nodeAffinity": {required: {"nodeSelectorTerms": terms}}}
    body["spec"]["template"]["spec"]["affinity"] = affinity
    pod = new_pod(body, "n7", "h")
    assert node_of(pod) == "n7"
    pinned = pod["spec"]["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"]
    assert [term["matchFields"][0]["values"] for term in pinned] == [["n7"]] * 2
    assert [term["matchExpressions"] for term in pinned] == [t["matchExpressions"] for t in terms]


def test_surplus_and_misplaced_pods_are_deleted(clock: Any) -> None:
    body = daemon_set()
    body["metadata"] |= {"uid": "d"}
    body["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    nodes = [make("n1", labels={"disk": "ssd"}), make("n2")]

    def pod(name: str, node: str) -> Obj:
        meta = {"name": name, "uid": name, "creationTimestamp": f"2030-01-01T00:00:0{name}Z"}
        return {"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": "Running"}}

    pods = [pod("2", "n1"), pod("1", "n1"), pod("3", "n2"), pod("4", "gone")]
    step = plan(body, pods, nodes, "h", now=clock.now())
    assert sorted(one["metadata"]["name"] for one in step.delete) == ["2", "3", "4"]
    assert step.status["numberMisscheduled"] == 1
    assert step.create == []
