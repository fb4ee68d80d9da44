from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.drydock.control.backends import backends
from towline.drydock.control.endpoints import endpoints
from towline.drydock.control.endpointslice import plan, slices
from towline.drydock.control.resources import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    PODS,
    SERVICES,
)

Obj = dict[str, Any]


def service(**spec: Any) -> Obj:
    ports = [{"port": 80, "protocol": "TCP", "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "uid": "s", "labels": {"l": "1"}},
        "spec": {"selector": {"app": "web"}, "ports": ports, **spec},
    }


def pod(name: str, ip: str, *, ready: bool = True, port: int = 5000, **meta: Any) -> Obj:
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"u-{name}",
            "labels": {"app": "web"},
            **meta,
        },
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": port}]}],
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def conditions(slice_: Obj) -> dict[str, tuple[bool, bool, bool]]:
    return {
        one["addresses"][0]: tuple(
            one["conditions"][name] for name in ("ready", "serving", "terminating")
        )
        for one in slice_["endpoints"]
    }


PODS_OF_ALL_SORTS = [
    pod("ready", "10.0.0.2"),
    pod("starting", "10.0.0.3", ready=False),
    pod("leaving", "10.0.0.4", deletionTimestamp="2030-01-01T00:00:00Z"),
    pod("no-address", ""),
    pod("other", "10.0.0.6", labels={"app": "x"}),
    {**pod("done", "10.0.0.7"), "status": {"phase": "Succeeded", "podIP": "10.0.0.7"}},
]


def test_slice_tells_ready_serving_and_terminating() -> None:
    (slice_,) = slices(service(), backends(service(), PODS_OF_ALL_SORTS))
    assert conditions(slice_) == {
        "10.0.0.2": (True, True, False),
        "10.0.0.3": (False, False, False),
        "10.0.0.4": (False, True, True),
    }
    assert slice_["ports"] == [{"name": "", "port": 5000, "protocol": "TCP"}]
    assert slice_["metadata"]["labels"] == {
        "l": "1",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }


def test_endpoints_hold_ready_and_not_ready_without_terminating() -> None:
    body = endpoints(service(), backends(service(), PODS_OF_ALL_SORTS))
    (subset,) = body["subsets"]
    assert [one["ip"] for one in subset["addresses"]] == ["10.0.0.2"]
    assert [one["ip"] for one in subset["notReadyAddresses"]] == ["10.0.0.3"]
    assert subset["ports"] == [{"port": 5000, "protocol": "TCP"}]
    assert subset["addresses"][0]["targetRef"] == {
        "kind": "Pod",
        "namespace": "default",
        "name": "ready",
        "uid": "u-ready",
    }


def test_publish_not_ready_addresses_counts_every_pod_as_ready() -> None:
    open_ = service(publishNotReadyAddresses=True)
    (slice_,) = slices(open_, backends(open_, PODS_OF_ALL_SORTS))
    assert conditions(slice_) == {
        "10.0.0.2": (True, True, False),
        "10.0.0.3": (True, False, False),
        "10.0.0.4": (True, True, True),
    }
    (subset,) = endpoints(open_, backends(open_, PODS_OF_ALL_SORTS))["subsets"]
    assert [one["ip"] for one in subset["addresses"]] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]


def test_named_ports_are_resolved_for_each_pod() -> None:
    pods = [pod("a", "10.0.0.2"), pod("b", "10.0.0.3", port=6000)]
    found = slices(service(), backends(service(), pods))
    assert [[one["port"] for one in slice_["ports"]] for slice_ in found] == [[5000], [6000]]
    assert len(endpoints(service(), backends(service(), pods))["subsets"]) == 2


def test_headless_service_without_ports_still_lists_its_pods() -> None:
    headless = service(clusterIP="None", ports=[])
    found = backends(headless, [pod("a", "10.0.0.2")])
    body = endpoints(headless, found)
    assert body["subsets"][0]["addresses"][0]["ip"] == "10.0.0.2"
    assert "ports" not in body["subsets"][0]
    assert body["metadata"]["labels"]["service.kubernetes.io/headless"] == ""


def test_hundred_endpoints_per_slice_and_slices_are_reused() -> None:
    pods = [pod(f"p{number:03}", f"10.0.1.{number}") for number in range(150)]
    wanted = slices(service(), backends(service(), pods))
    assert [len(one["endpoints"]) for one in wanted] == [100, 50]
    stored = [
        {**one, "metadata": {**one["metadata"], "name": f"s{number}"}}
        for number, one in enumerate(wanted)
    ]
    assert plan(stored, wanted) == ([], [], [])
    fewer = slices(service(), backends(service(), pods[:90]))
    step = plan(stored, fewer)
    assert [pair[0]["metadata"]["name"] for pair in step.update] == ["s0"]
    assert [one["metadata"]["name"] for one in step.delete] == ["s1"]


def addresses(cluster: Any) -> set[str]:
    found = cluster.objects(ENDPOINT_SLICES)
    return {
        endpoint["addresses"][0]
        for slice_ in found
        for endpoint in slice_.get("endpoints") or ()
        if endpoint["conditions"]["ready"]
    }


def old_addresses(cluster: Any) -> set[str]:
    return {
        one["ip"]
        for body in cluster.objects(ENDPOINTS)
        for subset in body.get("subsets") or ()
        for one in subset.get("addresses") or ()
    }


@pytest.mark.asyncio
async def test_service_follows_its_pods_and_ends_with_everything(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    body = service()
    del body["metadata"]["uid"]
    await live.create(SERVICES, body)
    await live.create(DEPLOYMENTS, deployment())
    await live.until(lambda: len(addresses(live)) == 3 and len(old_addresses(live)) == 3)
    node.slow_to_end = lambda pod: True
    leaving = live.objects(PODS)[0]
    await live.delete(PODS, "default", leaving["metadata"]["name"])
    await live.until(
        lambda: (
            leaving["status"]["podIP"] not in addresses(live) | old_addresses(live)
            and len(addresses(live)) == 3
        )
    )
    await live.delete(SERVICES, "default", "web")
    await live.until(lambda: not live.objects(ENDPOINTS) and not live.objects(ENDPOINT_SLICES))


@pytest.mark.asyncio
async def test_service_without_selector_is_left_alone(live: Any) -> None:
    body = service(selector={})
    del body["metadata"]["uid"]
    await live.create(SERVICES, body)
    await live.quiet()
    assert not live.objects(ENDPOINTS)
    assert not live.objects(ENDPOINT_SLICES)


@pytest.mark.asyncio
async def test_deleted_endpoints_come_back(live: Any) -> None:
    body = service()
    del body["metadata"]["uid"]
    await live.create(SERVICES, body)
    await live.until(lambda: live.objects(ENDPOINTS) and live.objects(ENDPOINT_SLICES))
    old = live.objects(ENDPOINT_SLICES)[0]["metadata"]
    await live.delete(ENDPOINTS, "default", "web")
    await live.delete(ENDPOINT_SLICES, "default", old["name"])
    await live.until(
        lambda: (
            live.objects(ENDPOINTS)
            and [
                one for one in live.objects(ENDPOINT_SLICES) if one["metadata"]["uid"] != old["uid"]
            ]
        )
    )
