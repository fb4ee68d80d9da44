"""Default values of built-in kinds that their OpenAPI schema does not express.

Pure and idempotent. Addresses, ports and names are not allocated here.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from towline.kube.refs import GroupVersionKind
from towline.kube.schema import policy_defaults
from towline.kube.schema.catalog import load_catalog
from towline.kube.schema.pod_defaults import (
    Obj,
    change,
    change_items,
    default_pod,
    default_template,
    default_volume_source,
    fill,
    fill_unset,
)
from towline.kube.schema.process import normalize

_ADMISSION = "admissionregistration.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_ROLLING = {"maxUnavailable": "25%", "maxSurge": "25%"}


def default_builtin(gvk: GroupVersionKind, obj: Obj) -> Obj:
    """The object with the server's defaults; kinds without any come back as they are."""
    rule = _RULES.get((gvk.group, gvk.kind))
    return rule(obj) if rule else obj


def defaults_only_spec(gvk: GroupVersionKind) -> bool:
    """Whether an object whose `spec` is complete needs no further defaults."""
    return (gvk.group, gvk.kind) not in _BESIDE_SPEC


def normalize_builtin(gvk: GroupVersionKind, obj: Obj) -> Obj:
    """The object in canonical form: quantities, times, empty and zero values (see `normalize`).

    Raises:
        InputError: A quantity is malformed.
    """
    kind = load_catalog().kind(gvk)
    if kind is None:
        return obj
    normal: Obj = normalize(obj, kind.schema)
    return normal


def with_job_selector(job: Obj) -> Obj:
    """A new Job's generated selector and labels; needs its uid. Manual selectors stay.

    The Job itself takes the labels of its template when it has none.
    """
    spec = job.get("spec") or {}
    if spec.get("manualSelector"):
        return job
    metadata = job.get("metadata") or {}
    uid, name = metadata.get("uid", ""), metadata.get("name", "")
    template = spec.get("template") or {}
    template_meta = template.get("metadata") or {}
    generated = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    labels = {**generated, **(template_meta.get("labels") or {})}
    selector = spec.get("selector") or {}
    match = {
        **(selector.get("matchLabels") or {}),
        "batch.kubernetes.io/controller-uid": uid,
    }
    if not metadata.get("labels"):
        metadata = {**metadata, "labels": labels}
    return {
        **job,
        "metadata": metadata,
        "spec": {
            **spec,
            "selector": {**selector, "matchLabels": match},
            "template": {**template, "metadata": {**template_meta, "labels": labels}},
        },
    }


def _spec(edit: Callable[[Obj], Obj]) -> Callable[[Obj], Obj]:
    """A rule for the `spec` of an object."""

    def rule(obj: Obj) -> Obj:
        spec = obj.get("spec") or {}
        edited = edit(spec)
        return obj if edited is obj.get("spec") else {**obj, "spec": edited}

    return rule


def _with_template(spec: Obj) -> Obj:
    before = spec.get("template")
    after = default_template(before or {})
    return spec if after is before else {**spec, "template": after}


def _deployment(spec: Obj) -> Obj:
    spec = fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = fill(spec.get("strategy") or {}, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        rolling = fill(strategy.get("rollingUpdate") or {}, _ROLLING)
        strategy = {**strategy, "rollingUpdate": rolling}
    return _with_template({**spec, "strategy": strategy})


def _controller(obj: Obj) -> Obj:
    """A ReplicationController takes labels and selector from its template."""
    spec = fill(obj.get("spec") or {}, {"replicas": 1})
    template = spec.get("template")
    if template is not None:
        labels = (template.get("metadata") or {}).get("labels")
        metadata = obj.get("metadata") or {}
        if labels and not spec.get("selector"):
            spec = {**spec, "selector": labels}
        if labels and not metadata.get("labels"):
            obj = {**obj, "metadata": {**metadata, "labels": labels}}
        spec = _with_template(spec)
    return {**obj, "spec": spec}


def _replica_set(spec: Obj) -> Obj:
    return _with_template(fill(spec, {"replicas": 1}))


def _stateful_set(spec: Obj) -> Obj:
    spec = fill(
        spec,
        {
            "replicas": 1,
            "podManagementPolicy": "OrderedReady",
            "revisionHistoryLimit": 10,
        },
    )
    strategy = fill(spec.get("updateStrategy") or {}, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        rolling = fill(strategy.get("rollingUpdate") or {}, {"partition": 0})
        strategy = {**strategy, "rollingUpdate": rolling}
    retention = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    policy = fill(spec.get("persistentVolumeClaimRetentionPolicy") or {}, retention)
    spec = {**spec, "updateStrategy": strategy, "persistentVolumeClaimRetentionPolicy": policy}
    spec = change_items(spec, "volumeClaimTemplates", _claim_template)
    return _with_template(spec)


def _claim_template(claim: Obj) -> Obj:
    typed = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    return _claim({**typed, **claim})


def _daemon_set(spec: Obj) -> Obj:
    spec = fill(spec, {"revisionHistoryLimit": 10})
    strategy = fill(spec.get("updateStrategy") or {}, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        limits = {"maxUnavailable": 1, "maxSurge": 0}
        rolling = fill(strategy.get("rollingUpdate") or {}, limits)
        strategy = {**strategy, "rollingUpdate": rolling}
    return _with_template({**spec, "updateStrategy": strategy})


def _job(spec: Obj) -> Obj:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec = {**spec, "completions": 1, "parallelism": 1}
    policy = "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    limit = 6 if spec.get("backoffLimitPerIndex") is None else 2**31 - 1
    spec = fill_unset(
        spec,
        {
            "parallelism": 1,
            "backoffLimit": limit,
            "completionMode": "NonIndexed",
            "suspend": False,
            "manualSelector": False,
            "podReplacementPolicy": policy,
        },
    )
    return _with_template(spec)


def _job_object(job: Obj) -> Obj:
    """A Job also takes its labels from its template."""
    job = _spec(_job)(job)
    labels = (job["spec"]["template"].get("metadata") or {}).get("labels")
    metadata = job.get("metadata") or {}
    if labels and not metadata.get("labels"):
        return {**job, "metadata": {**metadata, "labels": labels}}
    return job


def _cron_job(spec: Obj) -> Obj:
    spec = fill(
        spec,
        {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
    )
    job = spec.get("jobTemplate") or {}
    return {**spec, "jobTemplate": {**job, "spec": _with_template(job.get("spec") or {})}}


def _service_object(service: Obj) -> Obj:
    service = _spec(_service)(service)
    return change(
        service,
        "status",
        lambda status: change(
            status, "loadBalancer", lambda given: change_items(given, "ingress", _ingress_point)
        ),
    )


def _ingress_point(point: Obj) -> Obj:
    return fill(point, {"ipMode": "VIP"}) if point.get("ip") else point


def _service(spec: Obj) -> Obj:
    spec = fill(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    kind = spec["type"]
    if spec["sessionAffinity"] == "ClientIP":
        affinity = {"clientIP": {"timeoutSeconds": 10800}}
        spec = fill(spec, {"sessionAffinityConfig": affinity})
    elif spec.get("sessionAffinityConfig") is not None:
        spec = {key: value for key, value in spec.items() if key != "sessionAffinityConfig"}
    spec = change_items(spec, "ports", _service_port)
    if kind != "ExternalName":
        spec = fill(spec, {"internalTrafficPolicy": "Cluster"})
    if kind in {"NodePort", "LoadBalancer"} or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec = fill(spec, {"externalTrafficPolicy": "Cluster"})
    if kind == "LoadBalancer":
        spec = fill(spec, {"allocateLoadBalancerNodePorts": True})
    return spec


def _service_port(port: Obj) -> Obj:
    port = fill(port, {"protocol": "TCP"})
    if port.get("targetPort") in (None, "", 0):
        return {**port, "targetPort": port.get("port")}
    return port


def _claim(claim: Obj) -> Obj:
    spec = fill_unset(claim.get("spec") or {}, {"volumeMode": "Filesystem"})
    status = fill(claim.get("status") or {}, {"phase": "Pending"})
    return {**claim, "spec": spec, "status": status}


def _volume(volume: Obj) -> Obj:
    defaults = {"persistentVolumeReclaimPolicy": "Retain"}
    volume = {**volume, "spec": fill_unset(volume.get("spec") or {}, {"volumeMode": "Filesystem"})}
    spec = default_volume_source(fill(volume.get("spec") or {}, defaults))
    status = fill(volume.get("status") or {}, {"phase": "Pending"})
    return {**volume, "spec": spec, "status": status}


def _secret(secret: Obj) -> Obj:
    texts = secret.get("stringData")
    if texts is not None:
        encoded = {key: base64.b64encode(str(t).encode()).decode() for key, t in texts.items()}
        secret = {key: value for key, value in secret.items() if key != "stringData"}
        secret = {**secret, "data": {**(secret.get("data") or {}), **encoded}}
    return fill(secret, {"type": "Opaque"})


def _namespace(namespace: Obj) -> Obj:
    metadata = namespace.get("metadata") or {}
    name = metadata.get("name")
    if name:
        labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": name}
        if labels != metadata.get("labels"):
            namespace = {**namespace, "metadata": {**metadata, "labels": labels}}
    status = fill(namespace.get("status") or {}, {"phase": "Active"})
    return {**namespace, "status": status}


def _autoscaler(spec: Obj) -> Obj:
    spec = fill(spec, {"minReplicas": 1})
    if not spec.get("metrics") and "targetCPUUtilizationPercentage" not in spec:
        target = {"type": "Utilization", "averageUtilization": 80}
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        spec = {**spec, "metrics": [metric]}
    return change(spec, "behavior", _scaling_behavior)


def _scaling_behavior(behavior: Obj) -> Obj:
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
    up = {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [pods, percent]}
    down = {"selectPolicy": "Max", "policies": [percent]}
    return {
        **behavior,
        "scaleUp": fill_unset(behavior.get("scaleUp") or {}, up),
        "scaleDown": fill_unset(behavior.get("scaleDown") or {}, down),
    }


def _autoscaler_any(obj: Obj) -> Obj:
    if obj.get("apiVersion") == "autoscaling/v1":
        cpu = {"minReplicas": 1, "targetCPUUtilizationPercentage": 80}
        return _spec(lambda spec: fill_unset(spec, cpu))(obj)
    return _spec(_autoscaler)(obj)


def _network_policy(spec: Obj) -> Obj:
    if not spec.get("policyTypes"):
        types = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        spec = {**spec, "policyTypes": types}
    for key in ("ingress", "egress"):
        spec = change_items(
            spec,
            key,
            lambda rule: change_items(
                rule, "ports", lambda port: fill_unset(port, {"protocol": "TCP"})
            ),
        )
    return spec


def _role_binding(binding: Obj) -> Obj:
    binding = change(binding, "roleRef", lambda role: fill(role, {"apiGroup": _RBAC}))
    return change_items(binding, "subjects", _subject)


def _subject(subject: Obj) -> Obj:
    if subject.get("kind") in {"User", "Group"}:
        return fill(subject, {"apiGroup": _RBAC})
    return subject


def _limit_range(spec: Obj) -> Obj:
    return change_items(spec, "limits", _limit)


def _limit(limit: Obj) -> Obj:
    if limit.get("type") != "Container":
        return limit
    default = {**(limit.get("max") or {}), **(limit.get("default") or {})}
    floor = {**default, **(limit.get("min") or {})}
    request = {**floor, **(limit.get("defaultRequest") or {})}
    found = {
        key: value for key, value in (("default", default), ("defaultRequest", request)) if value
    }
    return {**limit, **found} if any(limit.get(k) != v for k, v in found.items()) else limit


def _endpoints(obj: Obj) -> Obj:
    return change_items(
        obj,
        "subsets",
        lambda subset: change_items(subset, "ports", lambda port: fill(port, {"protocol": "TCP"})),
    )


def _endpoint_slice(obj: Obj) -> Obj:
    return change_items(
        obj,
        "ports",
        lambda port: fill_unset(port, {"name": "", "protocol": "TCP"}),
    )


def _storage_class(obj: Obj) -> Obj:
    return fill_unset(obj, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"})


def _priority_class(obj: Obj) -> Obj:
    return fill_unset(obj, {"preemptionPolicy": "PreemptLowerPriority"})


def _ingress_class(spec: Obj) -> Obj:
    return change(spec, "parameters", lambda given: fill_unset(given, {"scope": "Cluster"}))


def _csi_driver(spec: Obj) -> Obj:
    return fill_unset(
        spec,
        {
            "attachRequired": True,
            "podInfoOnMount": False,
            "storageCapacity": False,
            "fsGroupPolicy": "ReadWriteOnceWithFSType",
            "volumeLifecycleModes": ["Persistent"],
            "requiresRepublish": False,
            "seLinuxMount": False,
        },
    )


def _node(node: Obj) -> Obj:
    spec = node.get("spec") or {}
    if spec.get("podCIDR") and spec["podCIDR"] not in (spec.get("podCIDRs") or [])[:1]:
        node = {**node, "spec": {**spec, "podCIDRs": [spec["podCIDR"]]}}

    def allocatable(status: Obj) -> Obj:
        known = status.get("capacity")
        return fill_unset(status, {"allocatable": known}) if known else status

    return change(node, "status", allocatable)


# Rules that also fill metadata or status, or kinds that keep their content elsewhere.
_BESIDE_SPEC = frozenset(
    {
        ("", "Node"),
        ("", "Service"),
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("", "ReplicationController"),
        ("batch", "Job"),
    }
)

_RULES: dict[tuple[str, str], Callable[[Obj], Obj]] = {
    ("", "Pod"): default_pod,
    ("", "PodTemplate"): _with_template,
    ("", "ReplicationController"): _controller,
    ("", "Node"): _node,
    ("", "Service"): _service_object,
    ("", "Secret"): _secret,
    ("", "Namespace"): _namespace,
    ("", "Endpoints"): _endpoints,
    ("", "LimitRange"): _spec(_limit_range),
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("apps", "Deployment"): _spec(_deployment),
    ("apps", "ReplicaSet"): _spec(_replica_set),
    ("apps", "StatefulSet"): _spec(_stateful_set),
    ("apps", "DaemonSet"): _spec(_daemon_set),
    ("batch", "Job"): _job_object,
    ("batch", "CronJob"): _spec(_cron_job),
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler_any,
    ("networking.k8s.io", "NetworkPolicy"): _spec(_network_policy),
    ("networking.k8s.io", "IngressClass"): _spec(_ingress_class),
    ("storage.k8s.io", "CSIDriver"): _spec(_csi_driver),
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    (_RBAC, "RoleBinding"): _role_binding,
    (_RBAC, "ClusterRoleBinding"): _role_binding,
    ("storage.k8s.io", "StorageClass"): _storage_class,
    (_ADMISSION, "ValidatingWebhookConfiguration"): policy_defaults.default_validating_webhooks,
    (_ADMISSION, "MutatingWebhookConfiguration"): policy_defaults.default_mutating_webhooks,
    (_ADMISSION, "ValidatingAdmissionPolicy"): _spec(policy_defaults.default_admission_policy),
    (_ADMISSION, "MutatingAdmissionPolicy"): _spec(policy_defaults.default_admission_policy),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _spec(
        policy_defaults.default_admission_binding
    ),
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): _spec(
        policy_defaults.default_admission_binding
    ),
    (_FLOW, "FlowSchema"): _spec(policy_defaults.default_flow_schema),
    (_FLOW, "PriorityLevelConfiguration"): _spec(policy_defaults.default_priority_level),
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
}
