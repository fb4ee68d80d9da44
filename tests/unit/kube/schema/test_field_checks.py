# ruff: noqa: E501  # one case per line reads best
"""What single objects of every kind are refused for, and what is wrong with updates of them."""

import copy
from typing import Any

import pytest

from towline.kube.refs import gvk_of
from towline.kube.schema.defaults import default_builtin, normalize_builtin
from towline.kube.schema.immutable import check_update

NOT_A_NAME = "name part must consist of alphanumeric characters"
HTTP = {
    "paths": [
        {
            "path": "/",
            "pathType": "Prefix",
            "backend": {"service": {"name": "s", "port": {"number": 80}}},
        }
    ]
}
HOOK = {
    "name": "a.example.com",
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "clientConfig": {"url": "https://example.com"},
    "rules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    ],
}
TEMPLATE = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
ONCE = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}  # type: ignore[dict-item]
CHOSEN = {"matchLabels": {"a": "b"}}

GOOD: dict[str, Any] = {
    "networking.k8s.io/v1 Ingress": {"spec": {"rules": [{"host": "a.example.com", "http": HTTP}]}},
    "networking.k8s.io/v1 NetworkPolicy": {
        "spec": {
            "podSelector": {},
            "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}],
        }
    },
    "networking.k8s.io/v1 IngressClass": {"spec": {"controller": "example.com/x"}},
    "v1 Endpoints": {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
    "discovery.k8s.io/v1 EndpointSlice": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [],
    },
    "v1 PersistentVolumeClaim": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
    "v1 PersistentVolume": {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/d"},
        }
    },
    "storage.k8s.io/v1 StorageClass": {"provisioner": "example.com/p"},
    "storage.k8s.io/v1 CSIDriver": {"spec": {}},
    "storage.k8s.io/v1 CSINode": {"spec": {"drivers": [{"name": "d", "nodeID": "n"}]}},
    "policy/v1 PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": CHOSEN}},
    "autoscaling/v2 HorizontalPodAutoscaler": {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        }
    },
    "scheduling.k8s.io/v1 PriorityClass": {"value": 5},
    "coordination.k8s.io/v1 Lease": {"spec": {"leaseDurationSeconds": 5}},
    "node.k8s.io/v1 RuntimeClass": {"handler": "runc"},
    "v1 LimitRange": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}},
    "v1 ResourceQuota": {"spec": {"hard": {"pods": "5"}}},
    "v1 Node": {"spec": {"podCIDR": "10.0.0.0/24"}},
    "v1 PodTemplate": {"template": TEMPLATE},
    "v1 ReplicationController": {"spec": {"template": TEMPLATE}},
    "apps/v1 ControllerRevision": {"revision": 1, "data": {"a": 1}},
    "apps/v1 StatefulSet": {"spec": {"selector": CHOSEN, "template": TEMPLATE}},
    "apps/v1 DaemonSet": {"spec": {"selector": CHOSEN, "template": TEMPLATE}},
    "batch/v1 Job": {"spec": {"manualSelector": True, "selector": CHOSEN, "template": ONCE}},
    "batch/v1 CronJob": {
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ONCE}}}
    },
    "v1 Pod": {"spec": TEMPLATE["spec"]},
    "v1 Service": {"spec": {"ports": [{"port": 80}]}},
    "rbac.authorization.k8s.io/v1 Role": {
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    },
    "rbac.authorization.k8s.io/v1 ClusterRole": {
        "rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]
    },
    "rbac.authorization.k8s.io/v1 RoleBinding": {
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}],
    },
    "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration": {"webhooks": [HOOK]},
    "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy": {
        "spec": {
            "matchConstraints": {"resourceRules": HOOK["rules"]},
            "validations": [{"expression": "true"}],
        }
    },
    "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding": {
        "spec": {"policyName": "p", "validationActions": ["Deny"]}
    },
    "flowcontrol.apiserver.k8s.io/v1 FlowSchema": {
        "spec": {"priorityLevelConfiguration": {"name": "p"}}
    },
    "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration": {
        "spec": {"type": "Exempt", "exempt": {}}
    },
}


def build(kind: str, fields: Any) -> Any:
    version, _, name = kind.partition(" ")
    obj = {"apiVersion": version, "kind": name, "metadata": {"name": "x"}, **copy.deepcopy(fields)}
    gvk = gvk_of(obj)
    return normalize_builtin(gvk, default_builtin(gvk, obj))


def merged(obj: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    out = dict(obj) if isinstance(obj, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def problems(old: Any, new: Any) -> list[str]:
    return [str(error) for error in check_update(gvk_of(new), old, new)]


@pytest.mark.parametrize("kind", GOOD)
def test_a_plain_object_is_fine(kind: str) -> None:
    made = build(kind, GOOD[kind])
    assert problems(None, made) == []
    assert problems(made, made) == []


@pytest.mark.parametrize(
    ("kind", "patch", "message"),
    [
        ("Ingress", {"spec": {"rules": None}}, "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"),
        ("Ingress", {"spec": {"rules": [{"host": "10.0.0.1", "http": HTTP}]}}, 'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'),
        ("Ingress", {"spec": {"rules": [{"host": "*.*.x"}]}}, 'spec.rules[0].host: Invalid value: "*.*.x": a wildcard'),
        ("Ingress", {"spec": {"rules": [{"http": {"paths": [{"backend": {}}]}}]}}, "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"),
        ("Ingress", {"spec": {"defaultBackend": {"service": {"name": "s"}}}}, "spec.defaultBackend: Required value: port name or number is required"),
        ("Ingress", {"spec": {"tls": [{"hosts": ["A_"]}]}}, "spec.tls[0].hosts[0]: Invalid value"),
        ("NetworkPolicy", {"spec": {"ingress": [{"ports": [{"port": 5, "endPort": 4}]}]}}, "spec.ingress[0].ports[0].endPort: Invalid value: 5: must be greater than or equal to `port`"),
        ("NetworkPolicy", {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}]}}, 'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/8": must be a strict subset of `cidr`'),
        ("NetworkPolicy", {"spec": {"ingress": [{"from": [{}]}]}}, "spec.ingress[0].from[0]: Required value: must specify a peer"),
        ("NetworkPolicy", {"spec": {"policyTypes": ["Odd"]}}, 'spec.policyTypes[0]: Unsupported value: "Odd": supported values: "Ingress", "Egress"'),
        ("IngressClass", {"spec": {"controller": "x"}}, "spec.controller: Invalid value"),
        ("IngressClass", {"spec": {"parameters": {"kind": "A", "name": "b", "scope": "Namespace"}}}, "spec.parameters.namespace: Required value"),
        ("Endpoints", {"subsets": [{}]}, "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"),
        ("Endpoints", {"subsets": [{"addresses": [{"ip": "169.254.1.1"}]}]}, 'subsets[0].addresses[0].ip: Invalid value: "169.254.1.1": may not be in the link-local range'),
        ("EndpointSlice", {"addressType": None}, "addressType: Required value"),
        ("EndpointSlice", {"endpoints": [{"addresses": ["::1:2"]}]}, "endpoints[0].addresses[0]: Invalid value"),
        ("EndpointSlice", {"ports": [{"port": 1}, {"port": 2}]}, 'ports[1].name: Duplicate value: ""'),
        ("PersistentVolumeClaim", {"spec": {"accessModes": None}}, "spec.accessModes: Required value: at least 1 access mode is required"),
        ("PersistentVolumeClaim", {"spec": {"resources": {"requests": {"storage": "0"}}}}, 'spec.resources[storage]: Invalid value: "0": must be greater than zero'),
        ("PersistentVolumeClaim", {"spec": {"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}}, "spec.accessModes: Forbidden: may not use ReadWriteOncePod"),
        ("PersistentVolume", {"spec": {"hostPath": None}}, "spec: Required value: must specify a volume type"),
        ("PersistentVolume", {"spec": {"nfs": {"server": "s", "path": "/"}}}, "spec.nfs: Forbidden: may not specify more than 1 volume type"),
        ("PersistentVolume", {"spec": {"hostPath": {"path": "/a/../b"}}}, "spec.hostPath.path: Invalid value"),
        ("StorageClass", {"provisioner": ""}, "provisioner: Required value"),
        ("StorageClass", {"volumeBindingMode": "Odd"}, 'volumeBindingMode: Unsupported value: "Odd"'),
        ("CSIDriver", {"spec": {"fsGroupPolicy": "Odd"}}, 'spec.fsGroupPolicy: Unsupported value: "Odd"'),
        ("CSINode", {"spec": {"drivers": [{"name": "d", "nodeID": ""}]}}, "spec.drivers[0].nodeID: Required value"),
        ("PodDisruptionBudget", {"spec": {"maxUnavailable": 1}}, "spec: Invalid value"),
        ("PodDisruptionBudget", {"spec": {"minAvailable": "101%"}}, 'spec.minAvailable: Invalid value: "101%": must not be greater than 100%'),
        ("HorizontalPodAutoscaler", {"spec": {"maxReplicas": None}}, "spec.maxReplicas: Required value: must be set and greater than 0"),
        ("HorizontalPodAutoscaler", {"spec": {"minReplicas": 5}}, "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"),
        ("HorizontalPodAutoscaler", {"spec": {"metrics": [{"type": "Resource"}]}}, "spec.metrics[0].resource: Required value"),
        ("PriorityClass", {"value": 2000000000}, "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"),
        ("Lease", {"spec": {"leaseDurationSeconds": 0}}, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"),
        ("RuntimeClass", {"handler": "A_"}, "handler: Invalid value"),
        ("LimitRange", {"spec": {"limits": [{"type": "Pod", "default": {"cpu": "1"}}]}}, "spec.limits[0].default: Forbidden"),
        ("LimitRange", {"spec": {"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}}, 'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'),
        ("ResourceQuota", {"spec": {"hard": {"pods": "-1"}}}, 'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'),
        ("ResourceQuota", {"spec": {"scopes": ["Odd"]}}, 'spec.scopes: Invalid value: ["Odd"]: unsupported scope'),
        ("Node", {"spec": {"taints": [{"key": "a", "effect": "Odd"}]}}, 'metadata.taints[0].effect: Unsupported value: "Odd"'),
        ("PodTemplate", {"template": {"spec": {"containers": None}}}, "template.spec.containers: Required value"),
        ("ReplicationController", {"spec": {"selector": {"a": "c"}}}, 'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'),
        ("ControllerRevision", {"revision": -1}, "revision: Invalid value: -1"),
        ("StatefulSet", {"spec": {"podManagementPolicy": "Odd"}}, "spec.podManagementPolicy: Invalid value: \"Odd\": must be 'OrderedReady' or 'Parallel'"),
        ("DaemonSet", {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}}, "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"),
        ("Job", {"spec": {"completionMode": "Indexed", "completions": None, "parallelism": 1}}, "spec.completions: Required value: when completion mode is Indexed"),
        ("Job", {"spec": {"manualSelector": False}}, "spec.selector: Invalid value"),
        ("Job", {"spec": {"podFailurePolicy": {"rules": [{"action": "Odd"}]}}}, 'spec.podFailurePolicy.rules[0].action: Unsupported value: "Odd"'),
        ("CronJob", {"spec": {"timeZone": "Nowhere/City"}}, 'spec.timeZone: Invalid value: "Nowhere/City": unknown time zone Nowhere/City'),
        ("CronJob", {"metadata": {"name": "x" * 53}}, f'metadata.name: Invalid value: "{"x" * 53}": must be no more than 52 characters'),
        ("Pod", {"spec": {"activeDeadlineSeconds": 0}}, "spec.activeDeadlineSeconds: Invalid value: 0"),
        ("Pod", {"spec": {"topologySpreadConstraints": [{"maxSkew": 0}]}}, "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"),
        ("Pod", {"spec": {"schedulingGates": [{"name": "a b"}]}}, f'spec.schedulingGates[0]: Invalid value: "a b": {NOT_A_NAME}'),
        ("Pod", {"spec": {"dnsPolicy": "None"}}, "spec.dnsConfig: Required value"),
        ("Pod", {"spec": {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}}}, "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty"),
        ("Service", {"spec": {"ipFamilies": ["IPv5"]}}, 'spec.ipFamilies[0]: Unsupported value: "IPv5"'),
        ("Service", {"spec": {"healthCheckNodePort": 30000}}, "spec.healthCheckNodePort: Invalid value: 30000"),
        ("Role", {"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]}, "rules[0].nonResourceURLs: Invalid value"),
        ("ClusterRole", {"aggregationRule": {"clusterRoleSelectors": []}}, "aggregationRule.clusterRoleSelectors: Required value"),
        ("RoleBinding", {"subjects": [{"kind": "Odd", "name": "x"}]}, 'subjects[0].kind: Unsupported value: "Odd"'),
        ("ValidatingWebhookConfiguration", {"webhooks": [{**HOOK, "name": "x"}]}, 'webhooks[0].name: Invalid value: "x": should be a domain'),
        ("ValidatingWebhookConfiguration", {"webhooks": [{**HOOK, "clientConfig": {"url": "http://x"}}]}, 'webhooks[0].clientConfig.url: Invalid value: "http"'),
        ("ValidatingAdmissionPolicy", {"spec": {"validations": None}}, "spec.validations: Required value"),
        ("ValidatingAdmissionPolicyBinding", {"spec": {"policyName": None}}, "spec.policyName: Required value"),
        ("FlowSchema", {"spec": {"priorityLevelConfiguration": None}}, "spec.priorityLevelConfiguration.name: Required value"),
        ("PriorityLevelConfiguration", {"spec": {"type": "Odd"}}, 'spec.type: Unsupported value: "Odd"'),
    ],
)  # fmt: skip
def test_what_is_refused(kind: str, patch: Any, message: str) -> None:
    whole = next(each for each in GOOD if each.endswith(f" {kind}"))
    found = problems(None, build(whole, merged(GOOD[whole], patch)))
    assert any(each.startswith(message) for each in found), found


@pytest.mark.parametrize(
    ("kind", "patch", "message"),
    [
        ("ControllerRevision", {"data": {"a": 2}}, "data: Invalid value"),
        ("EndpointSlice", {"addressType": "IPv6", "endpoints": []}, "addressType: Invalid value"),
        ("IngressClass", {"spec": {"controller": "example.com/y"}}, "spec.controller: Invalid value"),
        ("RuntimeClass", {"handler": "other"}, "handler: Invalid value"),
        ("PriorityClass", {"value": 6}, "value: Forbidden: may not be changed in an update."),
        ("StorageClass", {"provisioner": "example.com/q"}, "provisioner: Invalid value"),
        ("CSIDriver", {"spec": {"attachRequired": False}}, "spec.attachedRequired: Invalid value"),
        ("PersistentVolume", {"spec": {"hostPath": {"path": "/e"}}}, "spec.persistentvolumesource: Forbidden"),
        ("ResourceQuota", {"spec": {"scopes": ["Terminating"]}}, "spec.scopes: Invalid value"),
        ("Node", {"spec": {"podCIDR": "10.9.0.0/24"}}, "spec.podCIDRs: Forbidden"),
        ("PersistentVolumeClaim", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}, "spec: Forbidden: spec is immutable after creation"),
        ("Pod", {"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]}}, "spec.containers: Forbidden: pod updates may not add or remove containers"),
    ],
)  # fmt: skip
def test_what_an_update_must_leave(kind: str, patch: Any, message: str) -> None:
    whole = next(each for each in GOOD if each.endswith(f" {kind}"))
    found = problems(build(whole, GOOD[whole]), build(whole, merged(GOOD[whole], patch)))
    assert any(each.startswith(message) for each in found), found
