"""metrics.k8s.io as it is asked for over HTTP: forms, selectors, absences, refusals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.drydock.api.app import ApiServer
from towline.drydock.api.auth import TokenFile
from towline.drydock.api.health import Health
from towline.drydock.api.metrics import Metrics, window_text
from towline.drydock.api.metrics_kinds import serve_metrics
from towline.drydock.api.resources import Resources
from towline.drydock.auth.access import open_access
from towline.drydock.auth.bootstrap import ensure_metrics_role, ensure_roles
from towline.drydock.metrics import NodeSample, PodSample, Usage
from towline.kube.refs import GroupResource

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PODS = GroupResource("", "pods")
ROOT = "/apis/metrics.k8s.io/v1beta1"
SPACE = f"{ROOT}/namespaces/default/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


class Source:
    """Samples by name."""

    def __init__(self) -> None:
        self.containers = {"a": {"c": Usage(2_000_000, 4096), "d": Usage(1_500, 3_000_000)}}

    def nodes(self) -> Mapping[str, NodeSample]:
        return {"n": NodeSample(START, 15.5, Usage(10**9, 2**30))}

    def pod(self, pod: dict[str, Any]) -> PodSample | None:
        found = self.containers.get(pod["metadata"]["name"])
        return None if found is None else PodSample(START, 15.0, found)


@pytest_asyncio.fixture
async def measured(api: Any, tmp_path: Any) -> Any:
    """The API of a cluster with nodes `n` and `new` and pods `a`, `late` and `over`."""
    clock = SystemClock()
    registry = api.registry
    for name in ("n", "new"):
        node = {"metadata": {"name": name, "labels": {"zone": name}}}
        await registry.create(GroupResource("", "nodes"), node, manager="test")
    for name, phase in (("a", "Running"), ("late", "Running"), ("over", "Succeeded")):
        pod = {
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }
        await registry.create(PODS, pod, manager="test")

        def change(obj: dict[str, Any], phase: str = phase) -> None:
            obj["status"] = {"phase": phase}

        await registry.mutate(PODS, "default", name, change, manager="test", subresource="status")
    source = Source()
    source.containers["over"] = {"c": Usage(1, 1)}
    serve_metrics(registry.kinds)
    access = open_access(registry, TokenFile(tmp_path / "tokens.csv"), tmp_path, clock)
    metrics = Metrics(registry.store, source, clock)
    resources = Resources(registry, access, clock, Random(7), None, metrics=metrics)
    health = Health(lambda: True)
    api.app = ApiServer(registry, resources, access, health, clock=clock, address="h:1")
    return api


@pytest.mark.asyncio
async def test_a_pod_with_its_containers(measured: Any) -> None:
    body = (await measured.get(f"{SPACE}/a")).json()
    assert body["metadata"].pop("creationTimestamp")
    assert body == {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": "a", "namespace": "default", "labels": {"app": "a"}},
        "timestamp": "2026-01-01T00:00:00Z",
        "window": "15s",
        "containers": [
            {"name": "c", "usage": {"cpu": "2m", "memory": "4Ki"}},
            {"name": "d", "usage": {"cpu": "1500n", "memory": "2929Ki"}},
        ],
    }


@pytest.mark.asyncio
async def test_lists_have_what_was_measured(measured: Any) -> None:
    pods = (await measured.get(f"{ROOT}/pods")).json()
    assert (pods["kind"], pods["metadata"]) == ("PodMetricsList", {})
    assert [item["metadata"]["name"] for item in pods["items"]] == ["a"], "running and measured"
    assert "kind" not in pods["items"][0]
    nodes = (await measured.get(f"{ROOT}/nodes")).json()
    assert [(n["metadata"]["name"], n["usage"]["cpu"]) for n in nodes["items"]] == [("n", "1")]
    assert nodes["items"][0]["usage"]["memory"] == "1Gi"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("labelSelector=app=a", ["a"]),
        ("labelSelector=app!=a", []),
        ("labelSelector=app%20in%20(a,late)", ["a"]),
        ("fieldSelector=metadata.name=a", ["a"]),
        ("fieldSelector=metadata.name=late", []),
    ],
)
async def test_selectors(measured: Any, query: str, found: list[str]) -> None:
    body = (await measured.get(f"{SPACE}?{query}")).json()
    assert [item["metadata"]["name"] for item in body["items"]] == found


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"{SPACE}/late", 'podmetrics.metrics.k8s.io "default/late" not found'),
        (f"{SPACE}/over", 'podmetrics.metrics.k8s.io "default/over" not found'),
        (f"{SPACE}/nobody", 'pods "nobody" not found'),
        (f"{ROOT}/nodes/new", 'nodemetrics.metrics.k8s.io "new" not found'),
        (f"{ROOT}/nodes/nobody", 'nodes "nobody" not found'),
    ],
)
async def test_what_was_not_measured_is_absent(measured: Any, path: str, message: str) -> None:
    reply = await measured.get(path)
    assert (reply.status, reply.json()["message"]) == (404, message)


@pytest.mark.asyncio
async def test_tables_and_metadata(measured: Any) -> None:
    table = (await measured.get(SPACE, accept=TABLE)).json()
    assert [column["name"] for column in table["columnDefinitions"]] == [
        *("Name", "cpu", "memory", "Window")
    ]
    assert table["rows"][0]["cells"] == ["a", "2001500n", "2933Ki", "15s"]
    listed = (await measured.get(f"{ROOT}/nodes", accept=PARTIAL)).json()
    assert listed["kind"] == "PartialObjectMetadataList"
    assert listed["items"][0]["metadata"]["labels"] == {"zone": "n"}


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_is_written(measured: Any, method: str) -> None:
    reply = await measured.request(method, f"{SPACE}/a", {})
    assert reply.status == 405
    watched = await measured.get(f"{SPACE}?watch=true")
    assert (watched.status, watched.json()["reason"]) == (405, "MethodNotAllowed")


@pytest.mark.asyncio
async def test_it_is_discovered_and_described(measured: Any) -> None:
    listed = (await measured.get(ROOT)).json()["resources"]
    assert [(r["name"], r["kind"], r["verbs"]) for r in listed] == [
        ("nodes", "NodeMetrics", ["get", "list"]),
        ("pods", "PodMetrics", ["get", "list"]),
    ]
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = (await measured.get("/apis", accept=aggregated)).json()["items"]
    assert "metrics.k8s.io" in [group["metadata"]["name"] for group in groups]
    schemas = (await measured.get(f"/openapi/v3{ROOT}")).json()["components"]["schemas"]
    assert "io.k8s.metrics.v1beta1.PodMetrics" in schemas


@pytest.mark.asyncio
async def test_whoever_may_view_may_see_use(measured: Any) -> None:
    await ensure_roles(measured.registry)
    await ensure_metrics_role(measured.registry)
    await ensure_metrics_role(measured.registry)
    roles = GroupResource("rbac.authorization.k8s.io", "clusterroles")
    role = measured.registry.get(roles, "", "system:aggregated-metrics-reader")
    assert role["rules"][0]["apiGroups"] == ["metrics.k8s.io"]
    labels = role["metadata"]["labels"]
    assert labels["rbac.authorization.k8s.io/aggregate-to-view"] == "true"


@pytest.mark.asyncio
async def test_without_a_node_there_is_no_such_group(api: Any) -> None:
    assert (await api.get(ROOT)).status == 404
    assert (await api.get(SPACE)).status == 404


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (15, "15s"),
        (15.0204, "15.02s"),
        (0.5, "0.5s"),
        (60, "1m0s"),
        (61.5, "1m1.5s"),
        (59.9996, "1m0s"),
        (3600, "1h0m0s"),
    ],
)
def test_windows_are_written_as_go_does(seconds: float, text: str) -> None:
    assert window_text(seconds) == text
