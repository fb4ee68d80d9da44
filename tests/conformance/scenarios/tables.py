"""What kubectl prints: columns and cells."""

from __future__ import annotations

from typing import Any

from peers.recording import MERGE_PATCH, TABLE, Talk

from scenarios.objects import config_map, container, pod, service, workload


def _cells(found: Any) -> Any:
    columns = [
        (each["name"], each["type"], each["format"], each["priority"])
        for each in found["columnDefinitions"]
    ]
    return {
        "columns": columns,
        "rows": [
            {
                "name": row["object"]["metadata"]["name"],
                "cells": row["cells"],
                "conditions": row.get("conditions"),
            }
            for row in found["rows"] or ()
        ],
        "metadata": sorted(found["metadata"]),
    }


def cells_of_kinds(talk: Talk) -> None:
    created: dict[str, list[dict[str, Any]]] = {
        "configmaps": [config_map("a"), config_map("b", data={"x": "1", "y": "2"})],
        "secrets": [{"metadata": {"name": "s"}, "data": {"a": "Yg=="}}],
        "serviceaccounts": [],
        "services": [
            service("a"),
            service("h", clusterIP="None"),
            service("n", selector=None),
            service("e", type="ExternalName", externalName="example.com", ports=[]),
            service("x", externalIPs=["192.0.2.1"]),
            service(
                "l",
                clusterIP="None",
                ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2, "protocol": "UDP"}],
            ),
        ],
        "apps/v1/deployments": [
            workload("Deployment", "a"),
            workload("Deployment", "z", replicas=0),
        ],
        "apps/v1/replicasets": [workload("ReplicaSet", "a", replicas=4)],
        "apps/v1/statefulsets": [workload("StatefulSet", "a", replicas=4)],
        "apps/v1/daemonsets": [workload("DaemonSet", "a")],
        "pods": [
            pod("a"),
            pod("n", nodeName="n1"),
            pod("two", containers=[container(), container("d")]),
            pod("gated", schedulingGates=[{"name": "a.io/g"}]),
        ],
        "networking.k8s.io/v1/ingresses": [
            {
                "metadata": {"name": "a"},
                "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}},
            }
        ],
        "networking.k8s.io/v1/networkpolicies": [
            {"metadata": {"name": "a"}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}
        ],
        "policy/v1/poddisruptionbudgets": [
            {"metadata": {"name": "a"}, "spec": {"minAvailable": 1}}
        ],
        "batch/v1/jobs": [
            {
                "metadata": {"name": "a"},
                "spec": {
                    "suspend": True,
                    "template": {"spec": {"restartPolicy": "Never", "containers": [container()]}},
                },
            }
        ],
        "batch/v1/cronjobs": [
            {
                "metadata": {"name": "a"},
                "spec": {
                    "schedule": "0 0 * * *",
                    "jobTemplate": {
                        "spec": {
                            "template": {
                                "spec": {"restartPolicy": "Never", "containers": [container()]}
                            }
                        }
                    },
                },
            }
        ],
        "rbac.authorization.k8s.io/v1/roles": [{"metadata": {"name": "a"}, "rules": []}],
        "rbac.authorization.k8s.io/v1/rolebindings": [
            {
                "metadata": {"name": "a"},
                "roleRef": {"kind": "Role", "name": "a", "apiGroup": "rbac.authorization.k8s.io"},
            }
        ],
        "coordination.k8s.io/v1/leases": [
            {"metadata": {"name": "a"}, "spec": {"holderIdentity": "me"}}
        ],
        "endpoints": [
            {
                "metadata": {"name": "a"},
                "subsets": [
                    {
                        "addresses": [{"ip": f"10.0.0.{each}"} for each in range(1, 6)],
                        "ports": [{"port": 80}],
                    }
                ],
            }
        ],
        "discovery.k8s.io/v1/endpointslices": [
            {
                "metadata": {"name": "a"},
                "addressType": "IPv4",
                "ports": [{"port": 80}],
                "endpoints": [{"addresses": ["10.0.0.1"]}],
            }
        ],
        "persistentvolumeclaims": [
            {
                "metadata": {"name": "a"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        ],
        "autoscaling/v2/horizontalpodautoscalers": [
            {
                "metadata": {"name": "a"},
                "spec": {
                    "maxReplicas": 3,
                    "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
                },
            }
        ],
        "limitranges": [],
        "resourcequotas": [],
        "events": [],
        "apps/v1/controllerrevisions": [{"metadata": {"name": "a"}, "revision": 2, "data": {}}],
    }
    for resource, bodies in created.items():
        path = talk.path(resource)
        for body in bodies:
            assert talk.quiet("POST", path, body).status == 201, (resource, body)
        if resource == "events":
            # The real server's own upkeep may report here.
            path += "?fieldSelector=reason=none"
        talk.ask(resource, "GET", path, accept=TABLE, view=_cells)


def cells_of_pods(talk: Talk) -> None:
    path = talk.path("pods")

    def box(name: str, state: dict[str, Any], ready: bool = False, restarts: int = 0) -> Any:
        return {
            "name": name,
            "state": state,
            "ready": ready,
            "restartCount": restarts,
            "image": "x",
            "imageID": "",
        }

    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    ready = [{"type": "Ready", "status": "True"}]
    finished = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    statuses: dict[str, dict[str, Any]] = {
        "running": {
            "phase": "Running",
            "conditions": ready,
            "containerStatuses": [box("c", running, ready=True)],
        },
        "crash": {
            "phase": "Running",
            "containerStatuses": [
                box("c", {"waiting": {"reason": "CrashLoopBackOff"}}, restarts=4)
            ],
        },
        "pull": {
            "phase": "Pending",
            "containerStatuses": [box("c", {"waiting": {"reason": "ImagePullBackOff"}})],
        },
        "failed": {
            "phase": "Failed",
            "containerStatuses": [box("c", {"terminated": {"exitCode": 3}})],
        },
        "killed": {
            "phase": "Failed",
            "containerStatuses": [box("c", {"terminated": {"exitCode": 137, "signal": 9}})],
        },
        "done": {"phase": "Succeeded", "containerStatuses": [box("c", finished)]},
        "evicted": {"phase": "Failed", "reason": "Evicted"},
        "init": {
            "phase": "Pending",
            "initContainerStatuses": [box("i", running)],
            "containerStatuses": [box("c", {"waiting": {"reason": "PodInitializing"}})],
        },
        "init-crash": {
            "phase": "Pending",
            "initContainerStatuses": [
                box("i", {"terminated": {"exitCode": 1, "reason": "Error"}}, restarts=2)
            ],
        },
        "init-wait": {
            "phase": "Pending",
            "initContainerStatuses": [box("i", {"waiting": {"reason": "ErrImagePull"}})],
        },
        "address": {
            "phase": "Running",
            "podIP": "10.0.0.9",
            "podIPs": [{"ip": "10.0.0.9"}],
            "nominatedNodeName": "n2",
            "containerStatuses": [box("c", running)],
        },
    }
    for name, status in statuses.items():
        more: dict[str, Any] = {}
        if name.startswith("init"):
            more["initContainers"] = [container("i")]
        assert talk.quiet("POST", path, pod(name, **more)).status == 201
        made = talk.quiet(
            "PATCH", f"{path}/{name}/status", {"status": status}, content_type=MERGE_PATCH
        )
        assert made.status == 200, made
    talk.ask("list", "GET", path, accept=TABLE, view=_cells)
    talk.ask("one", "GET", f"{path}/running", accept=TABLE)
    talk.ask("with the object", "GET", f"{path}/running?includeObject=Object", accept=TABLE)
    talk.ask("without the object", "GET", f"{path}/running?includeObject=None", accept=TABLE)
    talk.ask("odd inclusion", "GET", f"{path}/running?includeObject=Odd", accept=TABLE)
    talk.ask("an error", "GET", f"{path}/nothing", accept=TABLE)
    talk.ask("created as a table", "POST", talk.path("configmaps"), config_map("t"), accept=TABLE)
    talk.ask("deleted as a table", "DELETE", talk.path("configmaps", "t"), accept=TABLE)


def cells_of_cluster_kinds(talk: Talk) -> None:
    talk.ask(
        "namespaces",
        "GET",
        f"/api/v1/namespaces?fieldSelector=metadata.name={talk.namespace}",
        accept=TABLE,
        view=_cells,
    )
    node = {
        "metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/worker": ""}},
        "spec": {"unschedulable": True},
    }
    talk.quiet("POST", "/api/v1/nodes", node)
    talk.quiet(
        "PATCH",
        "/api/v1/nodes/n1/status",
        {
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
                "nodeInfo": {
                    "kubeletVersion": "v1.36.1",
                    "osImage": "Linux",
                    "kernelVersion": "6",
                    "containerRuntimeVersion": "podman://4",
                    "architecture": "",
                    "bootID": "",
                    "kubeProxyVersion": "",
                    "machineID": "",
                    "operatingSystem": "",
                    "systemUUID": "",
                },
            }
        },
        content_type=MERGE_PATCH,
    )
    talk.ask("nodes", "GET", "/api/v1/nodes", accept=TABLE, view=_cells)
    talk.ask("node", "GET", "/api/v1/nodes/n1")
    talk.ask("new pod on a full cluster", "DELETE", "/api/v1/nodes/n1")
    storage = {"metadata": {"name": "sc"}, "provisioner": "example.com/p"}
    path = "/apis/storage.k8s.io/v1/storageclasses"
    talk.ask("storage class", "POST", path, storage)
    talk.ask("storage classes", "GET", path, accept=TABLE, view=_cells)
    talk.quiet("DELETE", f"{path}/sc")
    priority = {"metadata": {"name": "pc"}, "value": 10}
    path = "/apis/scheduling.k8s.io/v1/priorityclasses"
    talk.ask("priority class", "POST", path, priority)
    talk.ask(
        "of that priority",
        "POST",
        f"{talk.path('pods')}?dryRun=All",
        pod("p", priorityClassName="pc"),
    )
    talk.quiet("DELETE", f"{path}/pc")
    volume = {
        "metadata": {"name": "pv"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/x"},
        },
    }
    path = "/api/v1/persistentvolumes"
    talk.ask("volume", "POST", path, volume)
    talk.ask("volumes", "GET", path, accept=TABLE, view=_cells)
    talk.quiet("DELETE", f"{path}/pv")
