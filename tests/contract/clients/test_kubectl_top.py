"""What is used, as `kubectl top` and the metrics API tell it of simulated pods."""

from __future__ import annotations

from typing import Any

import pytest

PODS = """
apiVersion: v1
kind: Pod
metadata:
  name: busy
  namespace: use
  labels: {app: told}
  annotations:
    drydock.io/sim-cpu: 250m
    drydock.io/sim-cpu.small: 5m
    drydock.io/sim-memory: 64Mi
spec:
  nodeName: sim-0
  containers: [{name: big, image: "example/app:1"}, {name: small, image: "example/app:1"}]
---
apiVersion: v1
kind: Pod
metadata: {name: asking, namespace: use}
spec:
  nodeName: sim-1
  containers:
  - {name: c, image: "example/app:1", resources: {requests: {cpu: "3", memory: 2Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: late, namespace: use, annotations: {drydock.io/sim-start-seconds: "600"}}
spec: {nodeName: sim-1, containers: [{name: c, image: "example/app:1"}]}
"""


@pytest.fixture(scope="module")
def ctl(kubectl: Any) -> Any:
    kubectl("create", "namespace", "use")
    kubectl("config", "set-context", "--current", "--namespace=use")
    kubectl("apply", "-f", "-", text=PODS)
    kubectl("wait", "--for=condition=Ready", "pod/busy", "pod/asking", "--timeout=20s")
    # A container's first second has no sample; each question takes a while.
    for _ in range(100):
        if kubectl("get", "podmetrics", "-o", "name").count("/") == 2:
            return kubectl
    raise AssertionError("no samples")


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()[1:]]


def test_pods_and_their_containers(ctl: Any) -> None:
    assert rows(ctl("top", "pods")) == [["asking", "1500m", "1024Mi"], ["busy", "255m", "128Mi"]]
    assert rows(ctl("top", "pods", "--containers", "-l", "app=told")) == [
        ["busy", "big", "250m", "64Mi"],
        ["busy", "small", "5m", "64Mi"],
    ]
    by_cpu = rows(ctl("top", "pods", "-A", "--sort-by=cpu"))
    assert [row[1] for row in by_cpu] == ["asking", "busy"]
    assert ctl("top", "pods", "--sum").split()[-2:] == ["1755m", "1152Mi"]
    assert rows(ctl("top", "pod", "busy")) == [["busy", "255m", "128Mi"]]


def test_nodes(ctl: Any) -> None:
    table = rows(ctl("top", "nodes", "--sort-by=memory"))
    # What the pods use and 100m, 512Mi for the node itself, of 64 processors and 256Gi.
    assert table == [
        ["sim-1", "1600m", "2%", "1536Mi", "0%"],
        ["sim-0", "355m", "0%", "640Mi", "0%"],
    ]
    assert rows(ctl("top", "node", "sim-0"))[0][1] == "355m"


def test_what_was_not_measured_is_absent(ctl: Any) -> None:
    assert 'podmetrics.metrics.k8s.io "use/late" not found' in ctl.refused(
        "get", "podmetrics", "late"
    )
    assert 'pods "nobody" not found' in ctl.refused("top", "pod", "nobody")
    assert "late" not in ctl("top", "pods")


def test_the_api_is_discovered_and_read_only(ctl: Any) -> None:
    served = ctl("api-resources", "--api-group=metrics.k8s.io", "--no-headers").splitlines()
    assert [line.split() for line in served] == [
        ["nodes", "metrics.k8s.io/v1beta1", "false", "NodeMetrics"],
        ["pods", "metrics.k8s.io/v1beta1", "true", "PodMetrics"],
    ]
    one = ctl.json("get", "podmetrics", "busy")
    assert one["kind"] == "PodMetrics"
    assert one["metadata"]["labels"] == {"app": "told"}
    assert one["window"].endswith("s")
    assert {c["name"]: c["usage"]["cpu"] for c in one["containers"]} == {
        "big": "250m",
        "small": "5m",
    }
    refused = ctl.refused("delete", "podmetrics", "busy")
    assert "the server does not allow this method" in refused
    assert "watch is not supported" in ctl.refused("get", "podmetrics", "-w")
    table = ctl("get", "podmetrics", "busy").splitlines()
    assert table[0].split() == ["NAME", "CPU", "MEMORY", "WINDOW"]
