"""Deployments, ReplicaSets and their kin, Jobs: defaults, refusals, what may not change, scale."""

from __future__ import annotations

import copy
from typing import Any

from peers.recording import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Talk

from scenarios.objects import container, pod, template, workload

_KINDS = {
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
}


def workload_defaults(talk: Talk) -> None:
    for kind, plural in _KINDS.items():
        path = talk.path(f"apps/v1/{plural}")
        talk.ask(f"{kind}", "POST", path, workload(kind, "plain"))
        null = workload(kind, "nulls")
        null["metadata"]["creationTimestamp"] = None
        null["spec"]["template"]["metadata"]["creationTimestamp"] = None
        null["status"] = {}
        talk.ask(f"{kind} with nulls", "POST", path, null)
        status = {**workload(kind, "with-status"), "status": {"replicas": 5}}
        talk.ask(f"{kind} with a status", "POST", path, status)
        talk.ask(f"{kind} again", "GET", f"{path}/plain")
        talk.ask(f"{kind} status", "GET", f"{path}/plain/status")


def full_deployment(talk: Talk) -> None:
    path = talk.path("apps/v1/deployments")
    probe = {"httpGet": {"port": 80}}
    box = container(
        ports=[{"containerPort": 80}, {"name": "m", "containerPort": 81, "protocol": "UDP"}],
        env=[
            {"name": "A", "value": "1"},
            {"name": "B", "value": ""},
            {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "R", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
        envFrom=[{"configMapRef": {"name": "x"}}],
        resources={
            "requests": {"cpu": "1000m", "memory": "1024Mi"},
            "limits": {"cpu": 2, "memory": "2Gi"},
        },
        livenessProbe=probe,
        readinessProbe={"tcpSocket": {"port": "m"}, "periodSeconds": 3},
        startupProbe={"exec": {"command": ["true"]}},
        lifecycle={
            "preStop": {"exec": {"command": ["sleep", "1"]}},
            "postStart": {"httpGet": {"port": 80, "path": "/x"}},
        },
        volumeMounts=[{"name": "c", "mountPath": "/c"}, {"name": "e", "mountPath": "/e"}],
        securityContext={"runAsUser": 0, "capabilities": {"drop": ["ALL"]}},
    )
    volumes: list[dict[str, Any]] = [
        {"name": "c", "configMap": {"name": "x"}},
        {"name": "s", "secret": {"secretName": "y"}},
        {"name": "e"},
        {"name": "h", "hostPath": {"path": "/x"}},
        {
            "name": "d",
            "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]},
        },
        {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Ki"}},
    ]
    body = workload(
        "Deployment",
        "full",
        replicas=3,
        strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        template={
            "metadata": {"labels": {"app": "full"}, "annotations": {"a": "b"}},
            "spec": {
                "containers": [
                    box,
                    {"name": "latest", "image": "example.com/x"},
                    {"name": "digest", "image": "x@sha256:" + "0" * 64},
                ],
                "initContainers": [
                    {"name": "i", "image": "x:latest"},
                    {"name": "side", "image": "x:1", "restartPolicy": "Always"},
                ],
                "volumes": volumes,
                "serviceAccountName": "default",
                "hostNetwork": False,
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "affinity": {
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "weight": 1,
                                "podAffinityTerm": {
                                    "topologyKey": "kubernetes.io/hostname",
                                    "labelSelector": {"matchLabels": {"a": "b"}},
                                },
                            }
                        ]
                    }
                },
                "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
                ],
            },
        },
    )
    talk.ask("create", "POST", path, body)
    talk.ask("recreate", "POST", path, workload("Deployment", "re", strategy={"type": "Recreate"}))
    talk.ask(
        "zero",
        "POST",
        path,
        workload(
            "Deployment", "zero", replicas=0, paused=True, minReadySeconds=0, revisionHistoryLimit=0
        ),
    )


def deployment_refusals(talk: Talk) -> None:
    path = talk.path("apps/v1/deployments")
    bad = {
        "no spec": {"metadata": {"name": "a"}},
        "empty spec": {"metadata": {"name": "a"}, "spec": {}},
        "no selector": workload("Deployment", "a", selector=None),
        "empty selector": workload("Deployment", "a", selector={}),
        "bad selector": workload("Deployment", "a", selector={"matchLabels": {"a b": "c"}}),
        "bad expression": workload(
            "Deployment", "a", selector={"matchExpressions": [{"key": "app", "operator": "Odd"}]}
        ),
        "in without values": workload(
            "Deployment", "a", selector={"matchExpressions": [{"key": "app", "operator": "In"}]}
        ),
        "other labels": workload("Deployment", "a", template=template("b")),
        "no template": workload("Deployment", "a", template=None),
        "no containers": workload("Deployment", "a", template=template("a", containers=[])),
        "never": workload("Deployment", "a", template=template("a", restartPolicy="Never")),
        "deadline": workload("Deployment", "a", template=template("a", activeDeadlineSeconds=5)),
        "negative": workload("Deployment", "a", replicas=-1),
        "replicas text": workload("Deployment", "a", replicas="3"),
        "replicas float": workload("Deployment", "a", replicas=1.5),
        "replicas null": workload("Deployment", "a", replicas=None),
        "ready seconds": workload("Deployment", "a", minReadySeconds=-1),
        "deadline below ready": workload("Deployment", "a", minReadySeconds=600),
        "odd strategy": workload("Deployment", "a", strategy={"type": "Odd"}),
        "recreate with numbers": workload(
            "Deployment", "a", strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}
        ),
        "both zero": workload(
            "Deployment", "a", strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}
        ),
        "bad percent": workload("Deployment", "a", strategy={"rollingUpdate": {"maxSurge": "a%"}}),
        "over percent": workload(
            "Deployment", "a", strategy={"rollingUpdate": {"maxUnavailable": "101%"}}
        ),
        "negative surge": workload("Deployment", "a", strategy={"rollingUpdate": {"maxSurge": -1}}),
        "bad template label": workload(
            "Deployment",
            "a",
            template={
                "metadata": {"labels": {"app": "a", "x y": "1"}},
                "spec": {"containers": [container()]},
            },
        ),
        "bad name": workload("Deployment", "A"),
        "many": workload("Deployment", "A_", replicas=-1, template=template("b", containers=[])),
    }
    for step, body in bad.items():
        talk.ask(step, "POST", f"{path}?dryRun=All", body)


def containers_refused(talk: Talk) -> None:
    path = f"{talk.path('apps/v1/deployments')}?dryRun=All"
    boxes: dict[str, list[dict[str, Any]]] = {
        "no name": [{"image": "x"}],
        "no image": [{"name": "c"}],
        "image with spaces": [{"name": "c", "image": " x "}],
        "bad name": [container("A_b")],
        "same name": [container(), container()],
        "bad policy": [container(imagePullPolicy="Odd")],
        "bad port": [container(ports=[{"containerPort": 0}])],
        "no port": [container(ports=[{"name": "x"}])],
        "bad port name": [container(ports=[{"name": "A_", "containerPort": 1}])],
        "long port name": [container(ports=[{"name": "a" * 16, "containerPort": 1}])],
        "same port name": [
            container(ports=[{"name": "a", "containerPort": 1}, {"name": "a", "containerPort": 2}])
        ],
        "bad protocol": [container(ports=[{"containerPort": 1, "protocol": "ODD"}])],
        "no variable name": [container(env=[{"value": "1"}])],
        "bad variable name": [container(env=[{"name": "a=b"}])],
        "number variable": [container(env=[{"name": "A", "value": 1}])],
        "two values": [
            container(
                env=[
                    {
                        "name": "A",
                        "value": "1",
                        "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
                    }
                ]
            )
        ],
        "empty source": [container(env=[{"name": "A", "valueFrom": {}}])],
        "bad field": [
            container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.foo"}}}])
        ],
        "no key": [container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "x"}}}])],
        "no mount path": [container(volumeMounts=[{"name": "v"}])],
        "no volume": [container(volumeMounts=[{"name": "v", "mountPath": "/v"}])],
        "empty probe": [container(livenessProbe={})],
        "two handlers": [
            container(livenessProbe={"httpGet": {"port": 1}, "tcpSocket": {"port": 1}})
        ],
        "negative probe": [container(livenessProbe={"httpGet": {"port": 1}, "periodSeconds": -1})],
        "two successes": [container(livenessProbe={"httpGet": {"port": 1}, "successThreshold": 2})],
        "bad probe port": [container(livenessProbe={"httpGet": {"port": 0}})],
        "bad scheme": [container(livenessProbe={"httpGet": {"port": 1, "scheme": "ftp"}})],
        "bad quantity": [container(resources={"limits": {"cpu": "x"}})],
        "negative quantity": [container(resources={"limits": {"cpu": "-1"}})],
        "over the limit": [container(resources={"requests": {"cpu": 2}, "limits": {"cpu": 1}})],
        "bad resource": [container(resources={"limits": {"foo": "1"}})],
        "huge for int32": [container(ports=[{"containerPort": 3000000000}])],
        "bad termination": [container(terminationMessagePolicy="Odd")],
    }
    for step, containers in boxes.items():
        talk.ask(
            step,
            "POST",
            path,
            workload("Deployment", "a", template=template("a", containers=containers)),
        )


def pod_specs_refused(talk: Talk) -> None:
    path = f"{talk.path('apps/v1/deployments')}?dryRun=All"
    specs: dict[str, dict[str, Any]] = {
        "bad restart": {"restartPolicy": "Odd"},
        "bad dns": {"dnsPolicy": "Odd"},
        "negative grace": {"terminationGracePeriodSeconds": -1},
        "bad account": {"serviceAccountName": "A_"},
        "bad node selector": {"nodeSelector": {"a b": "c"}},
        "bad hostname": {"hostname": "A_"},
        "bad toleration": {"tolerations": [{"operator": "Odd"}]},
        "no volume name": {"volumes": [{"emptyDir": {}}]},
        "same volume": {"volumes": [{"name": "v"}, {"name": "v"}]},
        "two sources": {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]},
        "bad volume name": {"volumes": [{"name": "A_", "emptyDir": {}}]},
        "no secret name": {"volumes": [{"name": "v", "secret": {}}]},
        "bad mode": {"volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 1000}}]},
        "no path": {
            "volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k"}]}}]
        },
        "path up": {
            "volumes": [
                {"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "../x"}]}}
            ]
        },
        "pull secret": {"imagePullSecrets": [{}]},
        "host port": {
            "hostNetwork": True,
            "containers": [container(ports=[{"containerPort": 80, "hostPort": 81}])],
        },
        "init twice": {"initContainers": [container("i"), container("i")]},
        "init like main": {"initContainers": [container("c")]},
        "init probe": {
            "initContainers": [container("i", readinessProbe={"tcpSocket": {"port": 1}})]
        },
    }
    for step, spec in specs.items():
        talk.ask(step, "POST", path, workload("Deployment", "a", template=template("a", **spec)))


def workload_changes(talk: Talk) -> None:
    for kind, plural in _KINDS.items():
        path = talk.path(f"apps/v1/{plural}")
        made = talk.quiet("POST", path, workload(kind, "w")).body
        mine = f"{path}/w"
        for step, patch in (
            ("label", {"metadata": {"labels": {"a": "b"}}}),
            (
                "image",
                {
                    "spec": {
                        "template": {
                            "spec": {"containers": [{"name": "c", "image": "example.com/app:2"}]}
                        }
                    }
                },
            ),
            (
                "second container",
                {
                    "spec": {
                        "template": {
                            "spec": {"containers": [{"name": "d", "image": "example.com/d:1"}]}
                        }
                    }
                },
            ),
            ("replicas", {"spec": {"replicas": 5}}),
            ("selector", {"spec": {"selector": {"matchLabels": {"b": "c"}}}}),
            ("template labels", {"spec": {"template": {"metadata": {"labels": {"app": "z"}}}}}),
            ("status", {"status": {"replicas": 7}}),
            ("negative replicas", {"spec": {"replicas": -5}}),
            ("ready seconds", {"spec": {"minReadySeconds": 1}}),
        ):
            talk.ask(f"{kind} {step}", "PATCH", mine, patch, content_type=STRATEGIC_PATCH)
        talk.ask(f"{kind} old version", "PUT", mine, made)
        fresh = copy.deepcopy(made)
        del fresh["metadata"]["resourceVersion"]
        talk.ask(f"{kind} put", "PUT", mine, fresh)
        status = {"status": {"replicas": 3, "observedGeneration": 1}}
        for patch in ({**status}, {**status, "spec": {"replicas": 9}}):
            talk.ask(
                f"{kind} set status {len(patch)}",
                "PATCH",
                f"{mine}/status",
                patch,
                content_type=MERGE_PATCH,
            )
        talk.ask(
            f"{kind} negative status",
            "PATCH",
            f"{mine}/status",
            {"status": {"replicas": -1}},
            content_type=MERGE_PATCH,
        )


def scaling(talk: Talk) -> None:
    for kind, plural in list(_KINDS.items())[:3]:
        path = talk.path(f"apps/v1/{plural}")
        talk.quiet("POST", path, workload(kind, "w", replicas=2))
        scale = f"{path}/w/scale"
        made = talk.ask(f"{kind} get", "GET", scale)
        made["spec"]["replicas"] = 4
        talk.ask(f"{kind} put", "PUT", f"{scale}?fieldManager=hand", made)
        talk.ask(f"{kind} put the old version", "PUT", scale, made)
        talk.ask(
            f"{kind} patch", "PATCH", scale, {"spec": {"replicas": 3}}, content_type=MERGE_PATCH
        )
        talk.ask(
            f"{kind} json patch",
            "PATCH",
            scale,
            [{"op": "replace", "path": "/spec/replicas", "value": 1}],
            content_type=JSON_PATCH,
        )
        talk.ask(
            f"{kind} negative", "PATCH", scale, {"spec": {"replicas": -1}}, content_type=MERGE_PATCH
        )
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "w"},
            "spec": {"replicas": 6},
        }
        talk.ask(
            f"{kind} apply", "PATCH", f"{scale}?fieldManager=g&force=true", body, content_type=APPLY
        )
        talk.ask(f"{kind} other kind", "PUT", scale, workload(kind, "w"))
        talk.ask(f"{kind} at the end", "GET", f"{path}/w")
        talk.ask(f"{kind} of nothing", "GET", f"{path}/none/scale")


def jobs(talk: Talk) -> None:
    path = talk.path("batch/v1/jobs")

    def job(name: str, **spec: Any) -> dict[str, Any]:
        once = {"spec": {"containers": [container()], "restartPolicy": "Never"}}
        return {"metadata": {"name": name}, "spec": {"template": once, **spec}}

    talk.ask("create", "POST", path, job("j"))
    talk.ask("parallel", "POST", path, job("p", parallelism=3))
    talk.ask(
        "always",
        "POST",
        path,
        {"metadata": {"name": "x"}, "spec": {"template": {"spec": {"containers": [container()]}}}},
    )
    talk.ask("indexed", "POST", path, job("i", completionMode="Indexed"))
    talk.ask("negative", "POST", path, job("n", backoffLimit=-1, completions=-1))
    talk.ask("own selector", "POST", path, job("s", selector={"matchLabels": {"a": "b"}}))
    talk.ask(
        "change the template",
        "PATCH",
        f"{path}/j",
        {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "y"}]}}}},
        content_type=STRATEGIC_PATCH,
    )
    talk.ask(
        "change completions",
        "PATCH",
        f"{path}/j",
        {"spec": {"completions": 4}},
        content_type=STRATEGIC_PATCH,
    )
    talk.ask(
        "suspend", "PATCH", f"{path}/j", {"spec": {"suspend": True}}, content_type=STRATEGIC_PATCH
    )
    talk.ask("delete", "DELETE", f"{path}/j")
    talk.ask("delete in the background", "DELETE", f"{path}/p?propagationPolicy=Background")
    crons = talk.path("batch/v1/cronjobs")
    body = {
        "metadata": {"name": "c"},
        "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": job("x")["spec"]}},
    }
    talk.ask("cron", "POST", crons, body)
    talk.ask(
        "bad schedule",
        "POST",
        f"{crons}?dryRun=All",
        {**body, "spec": {**body["spec"], "schedule": "x"}},
    )  # type: ignore[dict-item]


def other_kinds(talk: Talk) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "networking.k8s.io/v1/ingresses": {
            "spec": {
                "rules": [
                    {
                        "host": "a.example.com",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "s", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                ]
            }
        },
        "networking.k8s.io/v1/networkpolicies": {
            "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}
        },
        "policy/v1/poddisruptionbudgets": {
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
        },
        "autoscaling/v2/horizontalpodautoscalers": {
            "spec": {
                "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            }
        },
        "persistentvolumeclaims": {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1024Mi"}},
            }
        },
        "limitranges": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1000m"}}]}},
        "resourcequotas": {"spec": {"hard": {"pods": "100", "requests.cpu": "10"}}},
        "endpoints": {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
        "discovery.k8s.io/v1/endpointslices": {
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}],
            "ports": [{"port": 80}],
        },
        "coordination.k8s.io/v1/leases": {
            "spec": {
                "holderIdentity": "me",
                "leaseDurationSeconds": 15,
                "renewTime": "2026-01-01T00:00:00.000000Z",
            }
        },
        "apps/v1/controllerrevisions": {"revision": 1, "data": {"a": 1}},
        "podtemplates": {"template": template("x")},
        "replicationcontrollers": {"spec": {"template": template("x")}},
    }
    for resource, body in bodies.items():
        if resource == "resourcequotas":
            continue
        talk.ask(
            f"create {resource}", "POST", talk.path(resource), {"metadata": {"name": "x"}, **body}
        )
        talk.ask(
            f"create an empty one of {resource}",
            "POST",
            f"{talk.path(resource)}?dryRun=All",
            {"metadata": {"name": "y"}},
        )
    talk.ask(
        "quota",
        "POST",
        f"{talk.path('resourcequotas')}?dryRun=All",
        {"metadata": {"name": "x"}, **bodies["resourcequotas"]},
    )
    talk.ask("pod after a limit range", "POST", f"{talk.path('pods')}?dryRun=All", pod("p"))
