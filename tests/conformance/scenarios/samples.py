"""A small valid object of every kind that stores objects, and edits that spoil it."""

from __future__ import annotations

from typing import Any, NamedTuple

from scenarios.objects import Obj, container, template


class Sample(NamedTuple):
    """One kind.

    Attributes:
        resource: Such as `apps/v1/deployments`; the version is the one asked for.
        kind: Name of the kind.
        body: All but the type and the name.
        bad: Merge patches of the body by name; what they make has to be refused.
        fixed: Merge patches of the stored object by name; most change what must not change.
        namespaced: Whether it lives in a namespace.
        name: Of the object, where it is not free.
    """

    resource: str
    kind: str
    body: Obj
    bad: dict[str, Obj] = {}  # noqa: RUF012  # a tuple's default, never changed
    fixed: dict[str, Obj] = {}  # noqa: RUF012
    namespaced: bool = True
    name: str = "sample"


def _spec(**fields: Any) -> Obj:
    return {"spec": fields}


_RULE = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
_WEBHOOK = {
    "name": "a.example.com",
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "clientConfig": {"service": {"namespace": "default", "name": "hook", "path": "/x"}},
    "rules": [_RULE],
}
_HTTP = {
    "paths": [
        {
            "path": "/",
            "pathType": "Prefix",
            "backend": {"service": {"name": "s", "port": {"number": 80}}},
        }
    ]
}
_TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
_LABELLED = {"matchLabels": {"app": "x"}}
_JOB = {"template": {"spec": {"containers": [container()], "restartPolicy": "Never"}}}
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
_VALIDATION = {"expression": "object.metadata.name != 'x'", "message": "no x"}
_MATCH = {"resourceRules": [_RULE]}

CORE: tuple[Sample, ...] = (
    Sample(
        "pods",
        "Pod",
        _spec(containers=[container()]),
        bad={
            "no containers": _spec(containers=None),
            "empty containers": _spec(containers=[]),
            "restart": _spec(restartPolicy="Sometimes"),
            "grace": _spec(terminationGracePeriodSeconds=-5),
            "deadline": _spec(activeDeadlineSeconds=0),
            "host alias": _spec(hostAliases=[{"ip": "x", "hostnames": ["a_b"]}]),
            "spread": _spec(topologySpreadConstraints=[{"maxSkew": 0}]),
            "affinity": _spec(
                affinity={
                    "podAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}]
                    }
                }
            ),
            "node affinity": _spec(
                affinity={
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}
                    }
                }
            ),
            "gate": _spec(schedulingGates=[{"name": "a b"}]),
            "runtime class": _spec(runtimeClassName="A_"),
            "dns": _spec(dnsPolicy="None"),
            "readiness gate": _spec(readinessGates=[{"conditionType": "a b"}]),
            "share and host": _spec(hostPID=True, shareProcessNamespace=True),
            "subdomain": _spec(subdomain="a.b"),
            "overhead": _spec(overhead={"cpu": "1"}),
        },
        fixed={
            "image": _spec(containers=[container(image="example.com/app:2")]),
            "containers": _spec(containers=[container(), container("d")]),
            "host": _spec(hostNetwork=True),
            "priority": _spec(priority=5),
            "toleration": _spec(tolerations=[{"key": "a", "operator": "Exists"}]),
            "account": _spec(serviceAccountName="other"),
        },
    ),
    Sample(
        "services",
        "Service",
        _spec(ports=[{"port": 80}], selector={"a": "b"}),
        bad={
            "no ports": _spec(ports=None),
            "type": _spec(type="Odd"),
            "families": _spec(ipFamilies=["IPv5"]),
            "policy": _spec(ipFamilyPolicy="Odd"),
            "external": _spec(type="ExternalName", externalName="a_b"),
            "health port": _spec(healthCheckNodePort=30000),
            "affinity time": _spec(
                sessionAffinity="ClientIP",
                sessionAffinityConfig={"clientIP": {"timeoutSeconds": 0}},
            ),
            "traffic": _spec(trafficDistribution="Odd"),
        },
        fixed={"address": _spec(clusterIP="10.96.3.3", clusterIPs=["10.96.3.3"])},
    ),
    Sample("configmaps", "ConfigMap", {"data": {"a": "b"}}, bad={"key": {"data": {"a b": "c"}}}),
    Sample(
        "secrets",
        "Secret",
        {"data": {"a": "Yg=="}},
        bad={"key": {"data": {"a b": "Yg=="}}, "no tls": {"type": "kubernetes.io/tls"}},
        fixed={"type": {"type": "example.com/other"}},
    ),
    Sample(
        "serviceaccounts",
        "ServiceAccount",
        {"secrets": [{"name": "s"}]},
    ),
    Sample(
        "endpoints",
        "Endpoints",
        {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
        bad={
            "empty subset": {"subsets": [{}]},
            "address": {"subsets": [{"addresses": [{"ip": "x"}], "ports": [{"port": 80}]}]},
            "loopback": {
                "subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 80}]}]
            },
            "port": {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 0}]}]},
            "two unnamed": {
                "subsets": [
                    {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}, {"port": 2}]}
                ]
            },
        },
    ),
    Sample(
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        {"spec": {**_CLAIM, "storageClassName": ""}},
        bad={
            "no modes": _spec(accessModes=None),
            "mode": _spec(accessModes=["Odd"]),
            "no storage": _spec(resources=None),
            "zero": _spec(resources={"requests": {"storage": "0"}}),
            "class": _spec(storageClassName="A_"),
            "volume mode": _spec(volumeMode="Odd"),
            "source": _spec(dataSource={"kind": "", "name": ""}),
        },
        fixed={
            "mode": _spec(accessModes=["ReadOnlyMany"]),
            "more": _spec(resources={"requests": {"storage": "2Gi"}}),
            "class": _spec(storageClassName="other"),
        },
    ),
    Sample(
        "limitranges",
        "LimitRange",
        _spec(limits=[{"type": "Pod", "max": {"cpu": "1000m"}}]),
        bad={
            "no type": _spec(limits=[{"max": {"cpu": "1"}}]),
            "twice": _spec(limits=[{"type": "Pod"}, {"type": "Pod"}]),
            "default of a pod": _spec(limits=[{"type": "Pod", "default": {"cpu": "1"}}]),
            "min above max": _spec(
                limits=[{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]
            ),
            "resource": _spec(limits=[{"type": "Container", "max": {"a b": "1"}}]),
        },
    ),
    Sample(
        "resourcequotas",
        "ResourceQuota",
        _spec(hard={"configmaps": "1000"}),
        bad={
            "resource": _spec(hard={"a b": "1"}),
            "negative": _spec(hard={"pods": "-1"}),
            "fraction": _spec(hard={"pods": "1.5"}),
            "scope": _spec(hard={"pods": "1"}, scopes=["Odd"]),
            "scopes against": _spec(hard={"pods": "1"}, scopes=["BestEffort", "NotBestEffort"]),
            "scope for this": _spec(scopes=["BestEffort"]),
        },
        fixed={"scopes": _spec(scopes=["Terminating"])},
    ),
    Sample(
        "podtemplates",
        "PodTemplate",
        {"template": template("x")},
        bad={"no containers": {"template": {"spec": {"containers": None}}}},
    ),
    Sample(
        "replicationcontrollers",
        "ReplicationController",
        _spec(replicas=0, template=template("x")),
        bad={
            "no template": _spec(template=None, selector={"app": "x"}),
            "selector": _spec(selector={"app": "y"}),
            "negative": _spec(replicas=-1),
            "restart": _spec(template={"spec": {"restartPolicy": "Never"}}),
        },
        fixed={"replicas": _spec(replicas=2), "selector": _spec(selector={"app": "y"})},
    ),
    Sample(
        "persistentvolumes",
        "PersistentVolume",
        _spec(
            capacity={"storage": "1Gi"},
            accessModes=["ReadWriteOnce"],
            hostPath={"path": "/data"},
            persistentVolumeReclaimPolicy="Retain",
        ),
        bad={
            "no capacity": _spec(capacity=None),
            "no modes": _spec(accessModes=None),
            "mode": _spec(accessModes=["Odd"]),
            "no source": _spec(hostPath=None),
            "two sources": _spec(nfs={"server": "s", "path": "/"}),
            "policy": _spec(persistentVolumeReclaimPolicy="Odd"),
            "back step": _spec(hostPath={"path": "/a/../b"}),
            "recycle root": _spec(hostPath={"path": "/"}, persistentVolumeReclaimPolicy="Recycle"),
            "local": _spec(hostPath=None, local={"path": "/data"}),
            "other capacity": _spec(capacity={"cpu": "1"}),
            "class": _spec(storageClassName="A_"),
        },
        fixed={
            "source": _spec(hostPath={"path": "/other"}),
            "capacity": _spec(capacity={"storage": "2Gi"}),
            "policy": _spec(persistentVolumeReclaimPolicy="Delete"),
        },
        namespaced=False,
    ),
    Sample(
        "nodes",
        "Node",
        {"metadata": {"labels": {"a": "b"}}, "spec": {"podCIDR": "10.1.0.0/24"}},
        bad={
            "taint": _spec(taints=[{"key": "a b", "effect": "Odd"}]),
            "taint twice": _spec(
                taints=[{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}]
            ),
            "network": _spec(podCIDR="x", podCIDRs=["x"]),
        },
        fixed={"network": _spec(podCIDR="10.2.0.0/24"), "taint": _spec(unschedulable=True)},
        namespaced=False,
    ),
)

APPS: tuple[Sample, ...] = (
    *(
        Sample(
            f"apps/v1/{kind.lower()}s",
            kind,
            _spec(selector=_LABELLED, template=template("x"), **more),
            bad={
                "no selector": _spec(selector=None),
                "empty selector": _spec(selector={"matchLabels": None}),
                "other labels": _spec(selector={"matchLabels": {"app": "y"}}),
                "key": _spec(selector={"matchLabels": {"a b": "y"}}),
                "operator": _spec(selector={"matchExpressions": [{"key": "a", "operator": "Odd"}]}),
                "no template": _spec(template=None),
                "ready": _spec(minReadySeconds=-1),
                "restart": _spec(template={"spec": {"restartPolicy": "Never"}}),
                "deadline": _spec(template={"spec": {"activeDeadlineSeconds": 5}}),
                **bad,
            },
            fixed={
                "selector": _spec(
                    selector={"matchLabels": {"app": "y"}},
                    template={"metadata": {"labels": {"app": "y"}}},
                ),
                "ready": _spec(minReadySeconds=3),
                **fixed,
            },
        )
        for kind, more, bad, fixed in (
            (
                "Deployment",
                {"replicas": 0},
                {
                    "replicas": _spec(replicas=-1),
                    "progress": _spec(progressDeadlineSeconds=0),
                    "history": _spec(revisionHistoryLimit=-1),
                    "surge": _spec(strategy={"rollingUpdate": {"maxSurge": "x"}}),
                    "none": _spec(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
                },
                {"strategy": _spec(strategy={"type": "Recreate", "rollingUpdate": None})},
            ),
            ("ReplicaSet", {"replicas": 0}, {"replicas": _spec(replicas=-1)}, {}),
            (
                "StatefulSet",
                {"replicas": 0, "serviceName": "s"},
                {
                    "replicas": _spec(replicas=-1),
                    "management": _spec(podManagementPolicy="Odd"),
                    "strategy": _spec(updateStrategy={"type": "Odd"}),
                    "partition": _spec(updateStrategy={"rollingUpdate": {"partition": -1}}),
                    "retention": _spec(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Odd"}),
                    "ordinals": _spec(ordinals={"start": -1}),
                },
                {"service": _spec(serviceName="t"), "order": _spec(podManagementPolicy="Parallel")},
            ),
            (
                "DaemonSet",
                {},
                {
                    "strategy": _spec(updateStrategy={"type": "Odd"}),
                    "unavailable": _spec(updateStrategy={"rollingUpdate": {"maxUnavailable": 0}}),
                    "both": _spec(
                        updateStrategy={"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}
                    ),
                },
                {},
            ),
        )
    ),
    Sample(
        "apps/v1/controllerrevisions",
        "ControllerRevision",
        {"revision": 1, "data": {"kind": "X"}},
        bad={"no data": {"data": None}, "negative": {"revision": -1}},
        fixed={"data": {"data": {"kind": "Y"}}, "revision": {"revision": 2}},
    ),
)

BATCH: tuple[Sample, ...] = (
    Sample(
        "batch/v1/jobs",
        "Job",
        {"spec": _JOB},
        bad={
            "restart": _spec(template={"spec": {"restartPolicy": "Always"}}),
            "parallelism": _spec(parallelism=-1),
            "completions": _spec(completions=-1),
            "deadline": _spec(activeDeadlineSeconds=-1),
            "backoff": _spec(backoffLimit=-1),
            "time to live": _spec(ttlSecondsAfterFinished=-1),
            "mode": _spec(completionMode="Odd"),
            "indexed without": _spec(completionMode="Indexed"),
            "index limit": _spec(backoffLimitPerIndex=1),
            "failed indexes": _spec(maxFailedIndexes=1),
            "selector": _spec(selector=_LABELLED),
            "manual without": _spec(manualSelector=True),
            "replacement": _spec(podReplacementPolicy="Odd"),
            "policy": _spec(podFailurePolicy={"rules": [{"action": "Odd"}]}),
            "success": _spec(successPolicy={"rules": []}),
            "managed": _spec(managedBy="odd"),
        },
        fixed={
            "parallelism": _spec(parallelism=2),
            "completions": _spec(completions=3),
            "template": _spec(template={"metadata": {"labels": {"x": "y"}}}),
            "suspend": _spec(suspend=True),
            "mode": _spec(completionMode="Indexed"),
            "backoff": _spec(backoffLimit=9),
        },
    ),
    Sample(
        "batch/v1/cronjobs",
        "CronJob",
        _spec(schedule="*/5 * * * *", suspend=True, jobTemplate={"spec": _JOB}),
        bad={
            "no schedule": _spec(schedule=None),
            "schedule": _spec(schedule="* * *"),
            "zone in it": _spec(schedule="TZ=UTC * * * * *"),
            "zone": _spec(timeZone="Nowhere/City"),
            "empty zone": _spec(timeZone=""),
            "policy": _spec(concurrencyPolicy="Odd"),
            "deadline": _spec(startingDeadlineSeconds=-1),
            "history": _spec(successfulJobsHistoryLimit=-1, failedJobsHistoryLimit=-1),
            "restart": _spec(jobTemplate={"spec": {"template": {"spec": {"restartPolicy": None}}}}),
        },
        fixed={"schedule": _spec(schedule="1 1 * * *"), "zone": _spec(timeZone="Europe/Berlin")},
    ),
)

OTHERS: tuple[Sample, ...] = (
    Sample(
        "networking.k8s.io/v1/ingresses",
        "Ingress",
        _spec(rules=[{"host": "a.example.com", "http": _HTTP}]),
        bad={
            "no rules": _spec(rules=None),
            "host": _spec(rules=[{"host": "A_b", "http": _HTTP}]),
            "address": _spec(rules=[{"host": "10.0.0.1", "http": _HTTP}]),
            "wildcard": _spec(rules=[{"host": "*.*.x", "http": _HTTP}]),
            "no paths": _spec(rules=[{"http": {"paths": []}}]),
            "no type": _spec(rules=[{"http": {"paths": [{"backend": {}}]}}]),
            "path": _spec(rules=[{"http": {"paths": [{**_HTTP["paths"][0], "path": "x"}]}}]),
            "dots": _spec(rules=[{"http": {"paths": [{**_HTTP["paths"][0], "path": "/a/../b"}]}}]),
            "port": _spec(defaultBackend={"service": {"name": "s"}}),
            "two ports": _spec(
                defaultBackend={"service": {"name": "s", "port": {"name": "a", "number": 1}}}
            ),
            "resource too": _spec(
                defaultBackend={
                    "service": {"name": "s", "port": {"number": 1}},
                    "resource": {"kind": "A", "name": "b"},
                }
            ),
            "class": _spec(ingressClassName="A_"),
            "tls": _spec(tls=[{"hosts": ["A_"]}]),
        },
    ),
    Sample(
        "networking.k8s.io/v1/networkpolicies",
        "NetworkPolicy",
        _spec(podSelector={}, ingress=[{"ports": [{"port": 53}]}]),
        bad={
            "type": _spec(policyTypes=["Odd"]),
            "protocol": _spec(ingress=[{"ports": [{"protocol": "Odd"}]}]),
            "port": _spec(ingress=[{"ports": [{"port": 99999}]}]),
            "name": _spec(ingress=[{"ports": [{"port": "A_b"}]}]),
            "end": _spec(ingress=[{"ports": [{"port": 5, "endPort": 4}]}]),
            "end alone": _spec(ingress=[{"ports": [{"endPort": 4}]}]),
            "peer": _spec(ingress=[{"from": [{}]}]),
            "block": _spec(ingress=[{"from": [{"ipBlock": {"cidr": "x"}}]}]),
            "except": _spec(
                ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}]
            ),
            "both": _spec(
                ingress=[{"from": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}]
            ),
            "selector": _spec(podSelector={"matchLabels": {"a b": "c"}}),
        },
    ),
    Sample(
        "networking.k8s.io/v1/ingressclasses",
        "IngressClass",
        _spec(controller="example.com/ingress"),
        bad={
            "no controller": _spec(controller=""),
            "controller": _spec(controller="x"),
            "parameters": _spec(parameters={"kind": "", "name": ""}),
            "scope": _spec(parameters={"kind": "A", "name": "b", "scope": "Odd"}),
            "namespace": _spec(parameters={"kind": "A", "name": "b", "scope": "Namespace"}),
        },
        fixed={"controller": _spec(controller="example.com/other")},
        namespaced=False,
    ),
    Sample(
        "policy/v1/poddisruptionbudgets",
        "PodDisruptionBudget",
        _spec(minAvailable=1, selector=_LABELLED),
        bad={
            "both": _spec(maxUnavailable=1),
            "negative": _spec(minAvailable=-1),
            "share": _spec(minAvailable="x"),
            "above": _spec(minAvailable="101%"),
            "policy": _spec(unhealthyPodEvictionPolicy="Odd"),
            "selector": _spec(selector={"matchLabels": {"a b": "c"}}),
        },
        fixed={"selector": _spec(selector={"matchLabels": {"a": "b"}})},
    ),
    *(
        Sample(
            f"autoscaling/{version}/horizontalpodautoscalers",
            "HorizontalPodAutoscaler",
            _spec(maxReplicas=3, scaleTargetRef=_TARGET),
            bad={
                "no maximum": _spec(maxReplicas=None),
                "no target": _spec(scaleTargetRef=None),
                "minimum": _spec(minReplicas=0),
                "above": _spec(minReplicas=5),
                **bad,
            },
        )
        for version, bad in (
            (
                "v2",
                {
                    "metric": _spec(metrics=[{"type": "Odd"}]),
                    "no source": _spec(metrics=[{"type": "Resource"}]),
                    "no value": _spec(
                        metrics=[
                            {
                                "type": "Resource",
                                "resource": {"name": "cpu", "target": {"type": "Utilization"}},
                            }
                        ]
                    ),
                    "behavior": _spec(
                        behavior={"scaleDown": {"policies": [{"type": "Odd", "value": 0}]}}
                    ),
                },
            ),
            ("v1", {"share": _spec(targetCPUUtilizationPercentage=0)}),
        )
    ),
    Sample(
        "discovery.k8s.io/v1/endpointslices",
        "EndpointSlice",
        {
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}],
            "ports": [{"port": 80}],
        },
        bad={
            "no type": {"addressType": None},
            "type": {"addressType": "Odd"},
            "address": {"endpoints": [{"addresses": ["x"]}]},
            "no addresses": {"endpoints": [{"addresses": []}]},
            "twice": {"ports": [{"port": 1}, {"port": 2}]},
            "protocol": {"ports": [{"port": 1, "protocol": "Odd"}]},
            "name": {"ports": [{"port": 1, "name": "A_"}]},
            "host": {"endpoints": [{"addresses": ["10.0.0.1"], "hostname": "A_"}]},
        },
        fixed={"type": {"addressType": "IPv6", "endpoints": []}},
    ),
    Sample(
        "coordination.k8s.io/v1/leases",
        "Lease",
        _spec(
            holderIdentity="me", leaseDurationSeconds=15, renewTime="2026-01-01T00:00:00.000000Z"
        ),
        bad={
            "duration": _spec(leaseDurationSeconds=0),
            "transitions": _spec(leaseTransitions=-1),
            "holder": _spec(holderIdentity=""),
            "strategy": _spec(strategy="a b"),
        },
    ),
    Sample(
        "storage.k8s.io/v1/storageclasses",
        "StorageClass",
        {"provisioner": "example.com/p"},
        bad={
            "no provisioner": {"provisioner": ""},
            "provisioner": {"provisioner": "a b"},
            "policy": {"reclaimPolicy": "Odd"},
            "binding": {"volumeBindingMode": "Odd"},
            "parameter": {"parameters": {"": "x"}},
            "topology": {"allowedTopologies": [{"matchLabelExpressions": [{"key": "a"}]}]},
        },
        fixed={
            "provisioner": {"provisioner": "example.com/q"},
            "expansion": {"allowVolumeExpansion": True},
            "policy": {"reclaimPolicy": "Retain"},
        },
        namespaced=False,
    ),
    Sample(
        "storage.k8s.io/v1/csidrivers",
        "CSIDriver",
        _spec(attachRequired=False),
        bad={
            "mode": _spec(volumeLifecycleModes=["Odd"]),
            "group": _spec(fsGroupPolicy="Odd"),
        },
        fixed={"attach": _spec(attachRequired=True)},
        namespaced=False,
    ),
    Sample(
        "storage.k8s.io/v1/csinodes",
        "CSINode",
        _spec(drivers=[{"name": "example.com", "nodeID": "n", "topologyKeys": ["a"]}]),
        bad={"no node": _spec(drivers=[{"name": "example.com", "nodeID": ""}])},
        namespaced=False,
    ),
    Sample(
        "scheduling.k8s.io/v1/priorityclasses",
        "PriorityClass",
        {"value": 10},
        bad={
            "too high": {"value": 2000000000},
            "preemption": {"preemptionPolicy": "Odd"},
        },
        fixed={
            "value": {"value": 11},
            "preemption": {"preemptionPolicy": "Never"},
            "default": {"description": "x"},
        },
        namespaced=False,
    ),
    Sample(
        "node.k8s.io/v1/runtimeclasses",
        "RuntimeClass",
        {"handler": "runc"},
        bad={
            "handler": {"handler": "A_"},
            "no handler": {"handler": None},
            "selector": {"scheduling": {"nodeSelector": {"a b": "c"}}},
        },
        fixed={"handler": {"handler": "other"}},
        namespaced=False,
    ),
    Sample(
        "rbac.authorization.k8s.io/v1/roles",
        "Role",
        {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
        bad={
            "no verbs": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": []}]},
            "no groups": {"rules": [{"resources": ["pods"], "verbs": ["get"]}]},
            "no resources": {"rules": [{"apiGroups": [""], "verbs": ["get"]}]},
            "paths": {"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]},
        },
    ),
    Sample(
        "rbac.authorization.k8s.io/v1/clusterroles",
        "ClusterRole",
        {"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]},
        bad={
            "both": {
                "rules": [
                    {
                        "nonResourceURLs": ["/x"],
                        "apiGroups": [""],
                        "resources": ["pods"],
                        "verbs": ["get"],
                    }
                ]
            },
            "selector": {
                "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a b": "c"}}]}
            },
            "no selectors": {"aggregationRule": {"clusterRoleSelectors": []}},
        },
        namespaced=False,
    ),
    Sample(
        "rbac.authorization.k8s.io/v1/rolebindings",
        "RoleBinding",
        {
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [{"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}],
        },
        bad={
            "kind": {"roleRef": {"kind": "Odd"}},
            "group": {"roleRef": {"apiGroup": "odd"}},
            "no name": {"roleRef": {"name": ""}},
            "subject": {"subjects": [{"kind": "Odd", "name": "x"}]},
            "account": {"subjects": [{"kind": "ServiceAccount", "name": "A_"}]},
            "account group": {
                "subjects": [{"kind": "ServiceAccount", "name": "a", "apiGroup": "x"}]
            },
        },
        fixed={"role": {"roleRef": {"name": "edit"}}},
    ),
    Sample(
        "rbac.authorization.k8s.io/v1/clusterrolebindings",
        "ClusterRoleBinding",
        {
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "a", "namespace": "default"}],
        },
        bad={
            "kind": {"roleRef": {"kind": "Role"}},
            "no namespace": {"subjects": [{"kind": "ServiceAccount", "name": "a"}]},
        },
        fixed={"role": {"roleRef": {"name": "edit"}}},
        namespaced=False,
    ),
)

POLICIES: tuple[Sample, ...] = (
    *(
        Sample(
            f"admissionregistration.k8s.io/v1/{kind.lower()}s",
            kind,
            {"webhooks": [_WEBHOOK]},
            bad={
                "name": {"webhooks": [{**_WEBHOOK, "name": "x"}]},
                "no versions": {"webhooks": [{**_WEBHOOK, "admissionReviewVersions": []}]},
                "effects": {"webhooks": [{**_WEBHOOK, "sideEffects": "Some"}]},
                "no client": {"webhooks": [{**_WEBHOOK, "clientConfig": {}}]},
                "address": {"webhooks": [{**_WEBHOOK, "clientConfig": {"url": "http://x"}}]},
                "time": {"webhooks": [{**_WEBHOOK, "timeoutSeconds": 60}]},
                "policy": {"webhooks": [{**_WEBHOOK, "failurePolicy": "Odd"}]},
                "rules": {"webhooks": [{**_WEBHOOK, "rules": [{}]}]},
            },
            namespaced=False,
        )
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
    ),
    Sample(
        "admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        _spec(matchConstraints=_MATCH, validations=[_VALIDATION]),
        namespaced=False,
    ),
    Sample(
        "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        _spec(policyName="p", validationActions=["Deny"]),
        namespaced=False,
    ),
    Sample(
        "flowcontrol.apiserver.k8s.io/v1/flowschemas",
        "FlowSchema",
        _spec(priorityLevelConfiguration={"name": "global-default"}, matchingPrecedence=9000),
        namespaced=False,
    ),
    Sample(
        "flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
        "PriorityLevelConfiguration",
        _spec(type="Limited", limited={"limitResponse": {"type": "Reject"}}),
        namespaced=False,
    ),
)

SAMPLES = (*CORE, *APPS, *BATCH, *OTHERS, *POLICIES)
