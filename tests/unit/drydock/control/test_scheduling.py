from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.drydock.control.placement import NO_NODES, place, view_of
from towline.drydock.control.resources import DEPLOYMENTS, NODES, PODS, REPLICATION_CONTROLLERS
from towline.drydock.control.usage import Demand, Ledger, demand_of

Obj = dict[str, Any]

TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}


def make_node(name: str = "n1", *, ready: bool = True, labels: Any = None, **spec: Any) -> Obj:
    status = "True" if ready else "False"
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": status}]},
    }


def pod(**spec: Any) -> Obj:
    return {"metadata": {"name": "p"}, "spec": spec}


@pytest.mark.parametrize(
    ("wanted", "nodes", "expected"),
    [
        (pod(), [], NO_NODES),
        (pod(), [make_node()], "n1"),
        (
            pod(),
            [make_node(ready=False)],
            "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
        ),
        (
            pod(),
            [make_node(unschedulable=True)],
            "0/1 nodes are available: 1 node(s) were unschedulable.",
        ),
        (
            pod(nodeSelector={"disk": "ssd"}),
            [make_node(), make_node("n2")],
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
        ),
        (pod(nodeSelector={"disk": "ssd"}), [make_node(labels={"disk": "ssd"})], "n1"),
        (
            pod(),
            [make_node(taints=[TAINT])],
            "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
        ),
        (pod(tolerations=[{"key": "k", "operator": "Exists"}]), [make_node(taints=[TAINT])], "n1"),
        (pod(tolerations=[{"key": "k", "value": "v"}]), [make_node(taints=[TAINT])], "n1"),
        (pod(), [make_node(), make_node("n2")], "n2"),
    ],
)
def test_placement(wanted: Obj, nodes: list[Obj], expected: str) -> None:
    ledger = Ledger()
    for number in range(3):
        ledger.put(str(number), "n1", Demand({}))
    placement = place(wanted, [view_of(node) for node in nodes], ledger.load)
    assert expected in {placement.node, placement.reason}


@pytest.mark.asyncio
async def test_pods_wait_for_a_node_and_say_so(
    live: Any, deployment: Callable[..., Obj], clock: Any
) -> None:
    await live.create(DEPLOYMENTS, deployment(replicas=1))

    def refused() -> bool:
        found = live.objects(PODS)
        conditions = found[0]["status"].get("conditions") if found else None
        return bool(conditions) and conditions[0]["message"] == NO_NODES

    await live.until(refused)
    assert ("Warning", "FailedScheduling", NO_NODES) in [event[1:] for event in live.events]
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    await live.create(NODES, {"metadata": {"name": "n1"}})
    await live.mutate(
        NODES, "", "n1", lambda private: private.update(status=ready), subresource="status"
    )
    await live.until(lambda: live.objects(PODS)[0]["spec"].get("nodeName") == "n1")
    await live.quiet()
    name = live.objects(PODS)[0]["metadata"]["name"]
    text = f"Successfully assigned default/{name} to n1"
    assert ("Normal", "Scheduled", text) in [event[1:] for event in live.events]


def sized(name: str = "n1", **allocatable: str) -> Obj:
    node = make_node(name, labels={"kubernetes.io/hostname": name, "rank": "7"})
    node["status"]["allocatable"] = allocatable
    return node


def asking(*containers: Obj, init: Any = (), **spec: Any) -> Obj:
    def made(requests: Obj) -> Obj:
        restart = {"restartPolicy": requests.pop("restart")} if "restart" in requests else {}
        return {"resources": {"requests": requests}, **restart}

    return pod(
        containers=[made(one) for one in containers],
        initContainers=[made(one) for one in init],
        **spec,
    )


NO_VICTIMS = (
    " no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 No preemption victims found for incoming pod."
)
NO_HELP = (
    " no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 Preemption is not helpful for scheduling."
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (asking({"cpu": "500m", "memory": "1Gi"}), "n1"),
        (
            asking({"cpu": "800m"}),
            "0/1 nodes are available: 1 Insufficient cpu." + NO_VICTIMS,
        ),
        (
            asking({"cpu": "3", "memory": "9Gi"}),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory." + NO_HELP,
        ),
        (
            asking({"example.com/gpu": "1"}),
            "0/1 nodes are available: 1 Insufficient example.com/gpu." + NO_HELP,
        ),
        (asking({"cpu": "400m"}, {"cpu": "100m"}, init=[{"cpu": "700m"}]), "n1"),
        (
            asking({"cpu": "400m"}, init=[{"cpu": "200m", "restart": "Always"}, {"cpu": "600m"}]),
            "0/1 nodes are available: 1 Insufficient cpu." + NO_VICTIMS,
        ),
        (
            asking({"cpu": "700m"}, overhead={"cpu": "100m"}),
            "0/1 nodes are available: 1 Insufficient cpu." + NO_VICTIMS,
        ),
    ],
)
def test_requests_must_fit_beside_those_of_other_pods(wanted: Obj, expected: str) -> None:
    ledger = Ledger()
    ledger.put("a", "n1", Demand({"cpu": 300, "memory": 2**30}))
    node = sized(cpu="1", memory="4Gi", pods="2")
    placement = place(wanted, [view_of(node)], ledger.load)
    assert (placement.node or placement.message) == expected
    ledger.put("b", "n1", Demand({}))
    full = place(pod(), [view_of(node)], ledger.load)
    assert full.reason == "0/1 nodes are available: 1 Too many pods."
    assert ledger.drop("b")
    assert not ledger.drop("b")
    assert ledger.load("n1").pods == 1


def test_host_ports_are_taken_once() -> None:
    wanted = pod(containers=[{"ports": [{"containerPort": 80, "hostPort": 8080}]}])
    ledger = Ledger()
    ledger.put("a", "n1", demand_of(wanted))
    text = "1 node(s) didn't have free ports for the requested pod ports"
    assert text in place(wanted, [view_of(sized())], ledger.load).reason
    ledger.drop("a")
    assert place(wanted, [view_of(sized())], ledger.load).node == "n1"


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        ({"key": "rank", "operator": "Gt", "values": ["5"]}, True),
        ({"key": "rank", "operator": "Lt", "values": ["5"]}, False),
        ({"key": "rank", "operator": "In", "values": ["7", "8"]}, True),
        ({"key": "rank", "operator": "NotIn", "values": ["7"]}, False),
        ({"key": "zone", "operator": "NotIn", "values": ["a"]}, True),
        ({"key": "zone", "operator": "Exists"}, False),
        ({"key": "zone", "operator": "DoesNotExist"}, True),
        ({"key": "zone", "operator": "Gt", "values": ["5"]}, False),
    ],
)
def test_node_affinity(term: Obj, fits: bool) -> None:
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    placement = place(pod(affinity=affinity), [view_of(sized())], Ledger().load)
    assert bool(placement.node) is fits
    required["nodeSelectorTerms"] = [{}]
    assert not place(pod(affinity=affinity), [view_of(sized())], Ledger().load).node


def test_preferred_nodes_win_over_emptier_ones() -> None:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n2"]}
    preferred = [{"weight": 5, "preference": {"matchExpressions": [here]}}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    ledger = Ledger()
    ledger.put("a", "n2", Demand({}))
    views = [view_of(sized(name)) for name in ("n1", "n2")]
    assert place(pod(affinity=affinity), views, ledger.load).node == "n2"


@pytest.mark.asyncio
async def test_a_pod_that_did_not_fit_starts_when_another_has_ended(live: Any, node: Any) -> None:
    room = {"cpu": "1", "pods": "10"}
    await live.mutate(
        NODES,
        "",
        "n1",
        lambda private: private["status"].update(allocatable=room, capacity=room),
        subresource="status",
    )
    requests = {"resources": {"requests": {"cpu": "600m"}}}
    for name in ("first", "second"):
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "i", **requests}]},
        }
        await live.create(PODS, body)
        await live.quiet()
    second = lambda: live.get(PODS, "default", "second")  # noqa: E731
    (condition,) = second()["status"]["conditions"]
    assert condition["message"] == ("0/1 nodes are available: 1 Insufficient cpu." + NO_VICTIMS)
    await live.delete(PODS, "default", "first")
    await live.until(lambda: second()["spec"].get("nodeName") == "n1")


@pytest.mark.asyncio
async def test_many_pods_at_once_never_fill_a_node_beyond_its_room(live: Any, node: Any) -> None:
    room = {"cpu": "1", "pods": "10"}
    await live.mutate(
        NODES,
        "",
        "n1",
        lambda private: private["status"].update(allocatable=room, capacity=room),
        subresource="status",
    )
    body = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "rc", "namespace": "default"},
        "spec": {
            "replicas": 12,
            "selector": {"app": "rc"},
            "template": {
                "metadata": {"labels": {"app": "rc"}},
                "spec": {
                    "containers": [
                        {"name": "c", "image": "i", "resources": {"requests": {"cpu": "300m"}}}
                    ]
                },
            },
        },
    }
    await live.create(REPLICATION_CONTROLLERS, body)
    await live.until(
        lambda: (
            live.get(REPLICATION_CONTROLLERS, "default", "rc")
            .get("status", {})
            .get("readyReplicas")
            == 3
        )
    )
    await live.quiet()
    bound = [one for one in live.objects(PODS) if one["spec"].get("nodeName")]
    assert len(bound) == 3
    status = live.get(REPLICATION_CONTROLLERS, "default", "rc")["status"]
    assert (status["replicas"], "terminatingReplicas" in status) == (12, False)
