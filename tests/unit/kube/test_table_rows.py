# ruff: noqa: E501  # one case per line reads best
from datetime import UTC, datetime
from typing import Any

import pytest

from towline.kube.printers.cells import human_duration
from towline.kube.printers.custom import find
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.catalog import load_catalog
from towline.kube.table import columns, row, row_conditions

NOW = datetime(2024, 1, 1, 1, 0, 0, tzinfo=UTC)
CREATED = "2024-01-01T00:00:00Z"
APPS, CORE = "apps", ""


def cells(group: Any, kind: Any, **obj: Any) -> Any:
    gvk = GroupVersionKind(group, "v1", kind)
    metadata = {"name": "x", "creationTimestamp": CREATED, **obj.pop("metadata", {})}
    found = row(gvk, {"metadata": metadata, **obj}, NOW)
    names = [column["name"] for column in columns(gvk)]
    assert len(names) == len(found)
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-0.5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (150, "2m30s"),
        (599, "9m59s"), (600, "10m"), (10799, "179m"), (10800, "3h"), (12600, "3h30m"),
        (28800, "8h"), (172799, "47h"), (172800, "2d"), (180000, "2d2h"), (691200, "8d"),
        (63071999, "729d"), (63072000, "2y"), (94694400, "3y1d"), (252288000, "8y"),
    ],
)  # fmt: skip
def test_ages_read_as_in_kubectl(seconds: Any, text: Any) -> None:
    assert human_duration(seconds) == text


def container(name: Any = "a", restarts: Any = 0, ready: Any = False, **state: Any) -> Any:
    return {"name": name, "restartCount": restarts, "ready": ready, "state": state}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Pending"}, ("0/1", "Pending", "0")),
        ({"phase": "Running", "containerStatuses": [container(ready=True, running={})]}, ("1/1", "Running", "0")),
        ({"phase": "Running", "containerStatuses": [container(waiting={"reason": "CrashLoopBackOff"}, restarts=3)]}, ("0/1", "CrashLoopBackOff", "3")),
        ({"phase": "Succeeded", "containerStatuses": [container(terminated={"reason": "Completed"})]}, ("0/1", "Completed", "0")),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]}, ("0/1", "ExitCode:3", "0")),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"signal": 9, "exitCode": 137})]}, ("0/1", "Signal:9", "0")),
        ({"phase": "Failed", "reason": "Evicted"}, ("0/1", "Evicted", "0")),
        (
            {
                "phase": "Running",
                "containerStatuses": [
                    container(terminated={"reason": "Completed", "exitCode": 0}),
                    container("b", ready=True, running={}),
                ],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
            ("1/1", "Running", "0"),
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [container("i", running={})]},
            ("0/1", "Init:0/1", "0"),
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [container("i", terminated={"exitCode": 1}, restarts=2)]},
            ("0/1", "Init:ExitCode:1", "2"),
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [container("i", waiting={"reason": "ErrImagePull"})]},
            ("0/1", "Init:ErrImagePull", "0"),
        ),
        (
            {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]},
            ("0/1", "SchedulingGated", "0"),
        ),
    ],
)  # fmt: skip
def test_pods(status: Any, expected: Any) -> None:
    spec = {"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]}
    found = cells(CORE, "Pod", spec=spec, status=status)
    assert (found["Ready"], found["Status"], found["Restarts"]) == expected


def test_a_pod_that_restarted_says_when() -> None:
    status = {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "containerStatuses": [
            {
                **container(restarts=2, ready=True, running={}),
                "lastState": {"terminated": {"finishedAt": "2024-01-01T00:55:00Z"}},
            }
        ],
    }
    found = cells(CORE, "Pod", spec={"containers": [{}], "nodeName": "n"}, status=status)
    assert found["Restarts"] == "2 (5m ago)"
    assert (found["IP"], found["Node"], found["Nominated Node"]) == ("10.0.0.1", "n", "<none>")
    assert found["Age"] == "60m"


def test_pods_that_go_or_went() -> None:
    deleted = {"deletionTimestamp": CREATED}
    assert (
        cells(CORE, "Pod", metadata=deleted, status={"phase": "Running"})["Status"] == "Terminating"
    )
    assert cells(CORE, "Pod", metadata=deleted, status={"phase": "Failed"})["Status"] == "Failed"
    lost = {"phase": "Running", "reason": "NodeLost"}
    assert cells(CORE, "Pod", metadata=deleted, status=lost)["Status"] == "Unknown"
    gvk = GroupVersionKind("", "v1", "Pod")
    assert row_conditions(gvk, {"status": {"phase": "Succeeded"}})[0]["type"] == "Completed"
    assert row_conditions(gvk, {"status": {"phase": "Running"}}) == []


def test_sidecars_count_as_containers() -> None:
    spec = {
        "containers": [{"name": "a"}],
        "initContainers": [{"name": "s", "restartPolicy": "Always"}],
    }
    status = {
        "phase": "Running",
        "initContainerStatuses": [{**container("s", ready=True, running={}), "started": True}],
        "containerStatuses": [container(ready=True, running={})],
    }
    assert cells(CORE, "Pod", spec=spec, status=status)["Ready"] == "2/2"


TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "j"}]}}
SELECTOR = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}


def test_workloads() -> None:
    spec = {"replicas": 3, "template": TEMPLATE, "selector": SELECTOR}
    found = cells(APPS, "Deployment", spec=spec, status={"readyReplicas": 2, "updatedReplicas": 3})
    assert found == {
        "Name": "x", "Ready": "2/3", "Up-to-date": 3, "Available": 0, "Age": "60m",
        "Containers": "c,d", "Images": "i,j", "Selector": "a=b,x",
    }  # fmt: skip
    found = cells(APPS, "ReplicaSet", spec=spec, status={"replicas": 3})
    assert (found["Desired"], found["Current"], found["Ready"]) == (3, 3, 0)
    assert cells(APPS, "StatefulSet", spec=spec, status={"readyReplicas": 1})["Ready"] == "1/3"
    found = cells(APPS, "DaemonSet", spec={"template": TEMPLATE}, status={"numberReady": 1})
    assert (found["Ready"], found["Node Selector"]) == (1, "<none>")


def test_jobs() -> None:
    done = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1,
            "startTime": CREATED, "completionTime": "2024-01-01T00:01:00Z"}  # fmt: skip
    found = cells("batch", "Job", spec={"completions": 1}, status=done)
    assert (found["Status"], found["Completions"], found["Duration"]) == ("Complete", "1/1", "60s")
    assert cells("batch", "Job", spec={"parallelism": 3}, status={})["Completions"] == "0/1 of 3"
    assert cells("batch", "Job", spec={}, status={"startTime": CREATED})["Duration"] == "60m"
    found = cells("batch", "CronJob", spec={"schedule": "* * * * *"}, status={})
    assert (found["Suspend"], found["Active"], found["Last Schedule"]) == ("False", 0, "<none>")


def test_network_kinds() -> None:
    spec = {
        "type": "LoadBalancer", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
        "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}], "selector": {"a": "b"},
    }  # fmt: skip
    found = cells(CORE, "Service", spec=spec, status={})
    assert (found["External-IP"], found["Port(s)"]) == ("<pending>", "80:30080/TCP")
    status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    assert cells(CORE, "Service", spec=spec, status=status)["External-IP"] == "127.0.0.1"
    assert cells(CORE, "Service", spec={"type": "ClusterIP"})["External-IP"] == "<none>"
    addresses = [{"ip": f"10.0.0.{n}"} for n in range(5)]
    subsets = [{"addresses": addresses, "ports": [{"port": 80}]}]
    found = cells(CORE, "Endpoints", subsets=subsets)
    assert found["Endpoints"] == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."
    assert cells(CORE, "Endpoints")["Endpoints"] == "<none>"
    found = cells("discovery.k8s.io", "EndpointSlice", addressType="IPv4", ports=[{"port": 80}],
                  endpoints=[{"addresses": ["10.0.0.1"]}])  # fmt: skip
    assert (found["Ports"], found["Endpoints"]) == ("80", "10.0.0.1")
    assert cells("discovery.k8s.io", "EndpointSlice")["Endpoints"] == "<unset>"
    found = cells("networking.k8s.io", "Ingress", spec={"rules": [{"host": "h"}], "tls": [{}]})
    assert (found["Class"], found["Hosts"], found["Ports"]) == ("<none>", "h", "80, 443")
    assert cells("networking.k8s.io", "Ingress", spec={})["Hosts"] == "*"


def test_cluster_kinds() -> None:
    found = cells(
        CORE, "Node",
        metadata={"labels": {"node-role.kubernetes.io/control-plane": ""}},
        spec={"unschedulable": True},
        status={
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1", "kernelVersion": "6", "architecture": "amd64"},
        },
    )  # fmt: skip
    assert found["Status"] == "Ready,SchedulingDisabled"
    assert (found["Roles"], found["Kernel-Version"]) == ("control-plane", "6 (amd64)")
    assert cells(CORE, "Namespace", status={"phase": "Active"})["Status"] == "Active"
    assert cells(CORE, "ConfigMap", data={"a": "1"}, binaryData={"b": ""})["Data"] == 2
    assert cells(CORE, "Secret", type="Opaque", data={"a": ""})["Data"] == 1
    found = cells(
        CORE, "Event", involvedObject={"kind": "Pod", "name": "p"}, count=3, message=" m ",
        lastTimestamp="2024-01-01T00:59:30Z", firstTimestamp=CREATED,
    )  # fmt: skip
    assert (found["Last Seen"], found["Object"], found["Count"]) == ("30s", "pod/p", 3)
    assert found["Message"] == "m"
    lease = cells("coordination.k8s.io", "Lease", spec={"holderIdentity": "h"})
    assert lease["Holder"] == "h"


def test_every_kind_prints_an_empty_object() -> None:
    for kind in load_catalog().kinds():
        found = row(kind.gvk, {"metadata": {"name": "x"}}, NOW)
        assert len(found) == len(columns(kind.gvk))


def test_kinds_without_a_printer_show_when_they_were_made() -> None:
    assert cells(CORE, "LimitRange") == {"Name": "x", "Created At": CREATED}
    gvk = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    assert [c["name"] for c in columns(gvk)] == ["Name", "Created At"]


def test_custom_columns() -> None:
    gvk = GroupVersionKind("argoproj.io", "v1alpha1", "Application")
    given = [
        {"name": "Sync", "type": "string", "jsonPath": ".status.sync.status"},
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1},
        {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "None", "type": "string", "jsonPath": ".status.none"},
        {"name": "Images", "type": "string", "jsonPath": ".status.images[*]"},
    ]
    obj = {
        "metadata": {"name": "a", "creationTimestamp": CREATED},
        "spec": {"size": 3},
        "status": {"sync": {"status": "Synced"}, "images": ["i", "j"]},
    }
    assert row(gvk, obj, NOW, given) == ["a", "Synced", 3, "60m", None, "i j"]
    assert row(gvk, obj, "2024-01-01T01:00:00Z", []) == ["a", "60m"]
    assert [c["name"] for c in columns(gvk, [])] == ["Name", "Age"]
    assert columns(gvk, given)[2]["priority"] == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".a.b", [1]),
        ("{.a.b}", [1]),
        (".a['x.y']", [2]),
        (r".a.x\.y", [2]),
        (".l[0].t", ["A"]),
        (".l[-1].t", ["B"]),
        (".l[*].t", ["A", "B"]),
        ('.l[?(@.t=="B")].v', [5]),
        (".missing.b", []),
        (".l[9]", []),
        ("nonsense(", []),
    ],
)
def test_simple_paths(path: Any, expected: Any) -> None:
    obj = {"a": {"b": 1, "x.y": 2}, "l": [{"t": "A", "v": 4}, {"t": "B", "v": 5}]}
    assert find(obj, path) == expected
