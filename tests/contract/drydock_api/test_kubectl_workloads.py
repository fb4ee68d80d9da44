"""StatefulSets, DaemonSets, CronJobs, volumes and budgets, as people use them with kubectl."""

from __future__ import annotations

import json
from typing import Any

import pytest

SPACE = "workloads"
SETS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - name: c
        image: "example/app:1"
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: c, image: "example/app:1"}]}
"""
INDEXED = """
apiVersion: batch/v1
kind: Job
metadata: {name: indexed}
spec:
  completionMode: Indexed
  completions: 3
  parallelism: 3
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: "example/app:1"}]
"""
GREEDY = """
apiVersion: v1
kind: Pod
metadata: {name: greedy}
spec: {containers: [{name: c, image: "example/app:1", resources: {requests: {cpu: "4000"}}}]}
"""


@pytest.fixture(scope="module")
def kubectl(make_server: Any, make_kubectl: Any) -> Any:
    run = make_kubectl(make_server(nodes=2))
    run("create", "namespace", SPACE)
    run("config", "set-context", "--current", f"--namespace={SPACE}")
    run("apply", "-f", "-", text=SETS)
    run("rollout", "status", "sts/db", "--timeout=30s")
    run("rollout", "status", "ds/agent", "--timeout=30s")
    return run


def test_sets_have_their_pods_and_volumes(kubectl: Any) -> None:
    names = kubectl("get", "pods", "-l", "app=db", "-o", "name").split()
    assert names == ["pod/db-0", "pod/db-1", "pod/db-2"]
    claims = kubectl.json("get", "pvc")["items"]
    assert [one["metadata"]["name"] for one in claims] == ["data-db-0", "data-db-1", "data-db-2"]
    assert {one["status"]["phase"] for one in claims} == {"Bound"}
    assert {one["spec"]["storageClassName"] for one in claims} == {"standard"}
    volumes = {one["metadata"]["name"]: one for one in kubectl.json("get", "pv")["items"]}
    assert {one["spec"]["volumeName"] for one in claims} <= volumes.keys()
    nodes = {
        pod["spec"]["nodeName"] for pod in kubectl.json("get", "pods", "-l", "app=agent")["items"]
    }
    assert nodes == {"sim-0", "sim-1"}


@pytest.mark.parametrize("kind", ["sts/db", "ds/agent"])
def test_roll_out_history_and_undo(kubectl: Any, kind: str) -> None:
    kubectl("set", "image", kind, "c=example/app:2")
    done = kubectl("rollout", "status", kind, "--timeout=30s")
    assert "roll out complete" in done or "successfully rolled out" in done
    assert "example/app:1" in kubectl("rollout", "history", kind, "--revision=1")
    kubectl("rollout", "undo", kind)
    kubectl("rollout", "status", kind, "--timeout=30s")
    image = kubectl.json("get", kind)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "example/app:1"
    kubectl("rollout", "restart", kind)
    kubectl("rollout", "status", kind, "--timeout=30s")


def test_evictions_wait_for_their_budget(kubectl: Any) -> None:
    kubectl("create", "pdb", "db", "--selector=app=db", "--min-available=3")
    none_left = "--for=jsonpath={.status.currentHealthy}=3"
    kubectl("wait", none_left, "pdb/db", "--timeout=10s")
    node = kubectl.json("get", "pod", "db-0")["spec"]["nodeName"]
    drained = kubectl.run("drain", node, "--ignore-daemonsets", "--timeout=2s")
    assert drained.returncode == 1
    assert "Cannot evict pod as it would violate the pod's disruption budget." in drained.stderr
    raw = f"/api/v1/namespaces/{SPACE}/pods/db-0/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "db-0"}}
    refused = kubectl.run("create", "--raw", raw, "-f", "-", text=json.dumps(body))
    assert "(TooManyRequests)" in refused.stderr
    before = kubectl.json("get", "pod", "db-0")["metadata"]["uid"]
    kubectl("patch", "pdb", "db", "-p", '{"spec":{"minAvailable":2}}')
    kubectl("wait", "--for=jsonpath={.status.disruptionsAllowed}=1", "pdb/db", "--timeout=10s")
    kubectl("uncordon", node)
    assert '"Success"' in kubectl("create", "--raw", raw, "-f", "-", text=json.dumps(body))
    kubectl("rollout", "status", "sts/db", "--timeout=30s")
    kubectl("wait", "--for=jsonpath={.status.currentHealthy}=3", "pdb/db", "--timeout=30s")
    assert kubectl.json("get", "pod", "db-0")["metadata"]["uid"] != before
    kubectl("delete", "pdb", "db")


def test_cron_jobs_and_jobs_made_from_them(kubectl: Any) -> None:
    wrong = kubectl.run("create", "cronjob", "bad", "--image=i", "--schedule=61 * * * *")
    assert "end of range (61) above maximum (59): 61" in wrong.stderr
    kubectl("create", "cronjob", "tick", "--image=example/app:1", "--schedule=0 0 1 1 *")
    kubectl("create", "job", "now", "--from=cronjob/tick")
    kubectl("wait", "--for=condition=Complete", "job/now", "--timeout=20s")
    assert "tick" in kubectl("get", "cronjobs")
    kubectl("delete", "cronjob", "tick")
    kubectl("wait", "--for=delete", "job/now", "--timeout=20s")


def test_indexed_jobs_complete(kubectl: Any) -> None:
    kubectl("apply", "-f", "-", text=INDEXED)
    kubectl("wait", "--for=condition=Complete", "job/indexed", "--timeout=20s")
    assert kubectl.json("get", "job", "indexed")["status"]["completedIndexes"] == "0-2"
    assert "Completed Indexes:  0-2" in kubectl("describe", "job", "indexed")


def test_what_does_not_fit_says_why(kubectl: Any) -> None:
    kubectl("apply", "-f", "-", text=GREEDY)
    kubectl("wait", "--for=condition=PodScheduled=False", "pod/greedy", "--timeout=10s")
    described = kubectl("describe", "pod", "greedy")
    assert "0/2 nodes are available: 2 Insufficient cpu." in described
    assert "FailedScheduling" in described
    kubectl("delete", "pod", "greedy")


def test_volumes_go_with_their_claims(kubectl: Any) -> None:
    name = kubectl.json("get", "pvc", "data-db-2")["spec"]["volumeName"]
    kubectl("delete", "pvc", "data-db-2", "--wait=false")
    assert kubectl.json("get", "pvc", "data-db-2")["metadata"]["deletionTimestamp"]
    kubectl("scale", "sts", "db", "--replicas=2")
    kubectl("wait", "--for=delete", f"pv/{name}", "--timeout=30s")
    kubectl("delete", "namespace", SPACE, "--timeout=30s")
    assert kubectl("get", "pv", "-o", "name") == ""
