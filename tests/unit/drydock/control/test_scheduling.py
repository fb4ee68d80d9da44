from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.drydock.control.resources import DEPLOYMENTS, NODES, PODS
from towline.drydock.control.scheduler import NO_NODES, place

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
    placement = place(wanted, nodes, {"n1": 3})
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
