"""Rules between the fields of built-in objects that a schema cannot express. Pure.

The kinds that people write by hand come first: workloads, pods, Services, configuration, labels.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from towline.kube.names import config_key_problems
from towline.kube.refs import GroupVersionKind
from towline.kube.schema import network_checks, policy_checks, storage_checks, workload_checks
from towline.kube.schema.access_checks import binding_problems, role_problems
from towline.kube.schema.fielderror import FieldError, invalid, required, too_long
from towline.kube.schema.metadata_checks import check_metadata
from towline.kube.schema.node_checks import node_problems
from towline.kube.schema.pod_checks import pod_spec_problems
from towline.kube.schema.service_checks import service_problems

Obj = dict[str, Any]

MAX_DATA = 1024 * 1024
_RBAC = "rbac.authorization.k8s.io"
_KEYS_OF_SECRETS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def check_object(gvk: GroupVersionKind, obj: Obj) -> Iterator[FieldError]:
    """Rules for one object by itself, defaulted."""
    yield from check_metadata(obj.get("metadata") or {})
    rule = _RULES.get((gvk.group, gvk.kind))
    if rule:
        yield from rule(obj)


# --- pods ----------------------------------------------------------------------------------------


def _pod(obj: Obj) -> Iterator[FieldError]:
    yield from pod_spec_problems(obj.get("spec") or {}, "spec")


# --- configuration and the rest ------------------------------------------------------------------


def _configuration(obj: Obj) -> Iterator[FieldError]:
    total = 0
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            for problem in config_key_problems(key):
                yield invalid(f"{field}[{key}]", key, problem)
            total += len(str(value))
    for key in sorted((obj.get("data") or {}).keys() & (obj.get("binaryData") or {}).keys()):
        yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    if total > MAX_DATA:
        yield too_long("", MAX_DATA)


def _secret(obj: Obj) -> Iterator[FieldError]:
    yield from _configuration(obj)
    data = obj.get("data") or {}
    kind = obj.get("type") or ""
    if kind == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        yield required("data[username]")
        yield required("data[password]")
    if kind == "kubernetes.io/service-account-token":
        name = "kubernetes.io/service-account.name"
        if not ((obj.get("metadata") or {}).get("annotations") or {}).get(name):
            yield required(f"metadata.annotations[{name}]")
    for key in _KEYS_OF_SECRETS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif key == ".dockerconfigjson" and not _is_json(data[key]):
            yield invalid(f"data[{key}]", "<secret contents redacted>", "it is not JSON")


def _is_json(encoded: str) -> bool:
    try:
        json.loads(base64.b64decode(encoded))
    except ValueError:
        return False
    return True


def _event(obj: Obj) -> Iterator[FieldError]:
    about = obj.get("involvedObject") or {}
    own = (obj.get("metadata") or {}).get("namespace", "")
    namespace = about.get("namespace") or ""
    if namespace != own and not (not namespace and own == "default"):
        yield invalid("involvedObject.namespace", namespace, "does not match event.namespace")


_APPS = "apps"
_ADMISSION = "admissionregistration.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_NETWORK = "networking.k8s.io"
_STORAGE = "storage.k8s.io"
_RULES: dict[tuple[str, str], Callable[[Obj], Iterator[FieldError]]] = {
    ("", "Pod"): _pod,
    ("", "Service"): service_problems,
    ("", "ConfigMap"): _configuration,
    ("", "Secret"): _secret,
    ("", "Event"): _event,
    ("", "Endpoints"): network_checks.endpoints_problems,
    ("", "LimitRange"): policy_checks.limit_range_problems,
    ("", "Node"): node_problems,
    ("", "PersistentVolume"): storage_checks.volume_problems,
    ("", "PersistentVolumeClaim"): storage_checks.claim_problems,
    ("", "PodTemplate"): workload_checks.pod_template_problems,
    ("", "ReplicationController"): workload_checks.controller_problems,
    ("", "ResourceQuota"): policy_checks.quota_problems,
    (_APPS, "ControllerRevision"): workload_checks.revision_problems,
    (_APPS, "DaemonSet"): workload_checks.daemon_set_problems,
    (_APPS, "Deployment"): workload_checks.deployment_problems,
    (_APPS, "ReplicaSet"): workload_checks.replica_set_problems,
    (_APPS, "StatefulSet"): workload_checks.stateful_set_problems,
    ("autoscaling", "HorizontalPodAutoscaler"): policy_checks.autoscaler_problems,
    ("batch", "CronJob"): workload_checks.cron_job_problems,
    ("batch", "Job"): workload_checks.job_problems,
    ("coordination.k8s.io", "Lease"): policy_checks.lease_problems,
    ("discovery.k8s.io", "EndpointSlice"): network_checks.endpoint_slice_problems,
    ("node.k8s.io", "RuntimeClass"): policy_checks.runtime_class_problems,
    ("policy", "PodDisruptionBudget"): policy_checks.budget_problems,
    ("scheduling.k8s.io", "PriorityClass"): policy_checks.priority_class_problems,
    (_ADMISSION, "MutatingWebhookConfiguration"): policy_checks.webhook_problems,
    (_ADMISSION, "ValidatingWebhookConfiguration"): policy_checks.webhook_problems,
    (_ADMISSION, "ValidatingAdmissionPolicy"): policy_checks.admission_policy_problems,
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): policy_checks.admission_binding_problems,
    (_FLOW, "FlowSchema"): policy_checks.flow_schema_problems,
    (_FLOW, "PriorityLevelConfiguration"): policy_checks.priority_level_problems,
    (_NETWORK, "Ingress"): network_checks.ingress_problems,
    (_NETWORK, "IngressClass"): network_checks.ingress_class_problems,
    (_NETWORK, "NetworkPolicy"): network_checks.network_policy_problems,
    (_RBAC, "ClusterRole"): role_problems,
    (_RBAC, "ClusterRoleBinding"): binding_problems,
    (_RBAC, "Role"): role_problems,
    (_RBAC, "RoleBinding"): binding_problems,
    (_STORAGE, "CSIDriver"): storage_checks.csi_driver_problems,
    (_STORAGE, "CSINode"): storage_checks.csi_node_problems,
    (_STORAGE, "StorageClass"): storage_checks.storage_class_problems,
}
