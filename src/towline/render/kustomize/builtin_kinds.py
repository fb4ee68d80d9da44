"""What Kustomize knows of the built-in kinds: scope, and the lists that patches merge by key.

Kustomize 5.8 carries the API of Kubernetes 1.21. Lists that are not named here are replaced whole.
"""

from __future__ import annotations

from typing import Final

_CLUSTER: Final = {
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingWebhookConfiguration"
    " ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io/v1beta1": "MutatingWebhookConfiguration"
    " ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apiextensions.k8s.io/v1beta1": "CustomResourceDefinition",
    "apiregistration.k8s.io/v1": "APIService",
    "apiregistration.k8s.io/v1beta1": "APIService",
    "certificates.k8s.io/v1": "CertificateSigningRequest",
    "certificates.k8s.io/v1beta1": "CertificateSigningRequest",
    "flowcontrol.apiserver.k8s.io/v1beta1": "FlowSchema PriorityLevelConfiguration",
    "networking.k8s.io/v1": "IngressClass",
    "networking.k8s.io/v1beta1": "IngressClass",
    "node.k8s.io/v1": "RuntimeClass",
    "node.k8s.io/v1beta1": "RuntimeClass",
    "policy/v1beta1": "PodSecurityPolicy",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding",
    "rbac.authorization.k8s.io/v1beta1": "ClusterRole ClusterRoleBinding",
    "scheduling.k8s.io/v1": "PriorityClass",
    "scheduling.k8s.io/v1beta1": "PriorityClass",
    "storage.k8s.io/v1": "CSIDriver CSINode StorageClass VolumeAttachment",
    "storage.k8s.io/v1beta1": "CSIDriver CSINode StorageClass VolumeAttachment",
    "v1": "ComponentStatus Namespace Node NodeProxyOptions PersistentVolume",
}
_OTHER: Final = {
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "autoscaling/v1": "HorizontalPodAutoscaler Scale",
    "autoscaling/v2beta1": "HorizontalPodAutoscaler",
    "autoscaling/v2beta2": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "batch/v1beta1": "CronJob",
    "coordination.k8s.io/v1": "Lease",
    "coordination.k8s.io/v1beta1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "discovery.k8s.io/v1beta1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "events.k8s.io/v1beta1": "Event",
    "extensions/v1beta1": "Ingress",
    "networking.k8s.io/v1": "Ingress NetworkPolicy",
    "networking.k8s.io/v1beta1": "Ingress",
    "policy/v1": "PodDisruptionBudget",
    "policy/v1beta1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding",
    "rbac.authorization.k8s.io/v1beta1": "Role RoleBinding",
    "storage.k8s.io/v1beta1": "CSIStorageCapacity",
    "v1": "ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodAttachOptions"
    " PodExecOptions PodPortForwardOptions PodProxyOptions PodTemplate ReplicationController"
    " ResourceQuota Secret Service ServiceAccount ServiceProxyOptions",
}


def _pairs(table: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((version, kind) for version, kinds in table.items() for kind in kinds.split())


CLUSTER_KINDS: Final = _pairs(_CLUSTER)
NAMESPACED_KINDS: Final = _pairs(_OTHER)

# A part of a schema: field -> merge keys of a list (None: not a list that merges), next part.
Part = dict[str, tuple[tuple[str, ...] | None, str]]
_CONDITIONS: Final[Part] = {"conditions": (("type",), "")}
_VOLUMES_OF: Final[Part] = {
    "env": (("name",), ""),
    "volumeDevices": (("devicePath",), ""),
    "volumeMounts": (("mountPath",), ""),
}
PARTS: Final[dict[str, Part]] = {
    "object": {"metadata": (None, "metadata")},
    "metadata": {"finalizers": ((), ""), "ownerReferences": (("uid",), "")},
    "conditioned": {"metadata": (None, "metadata"), "status": (None, "conditions")},
    "conditions": _CONDITIONS,
    "container": {**_VOLUMES_OF, "ports": (("containerPort", "protocol"), "")},
    "ephemeral container": _VOLUMES_OF,
    "volume": {"ephemeral": (None, "ephemeral volume")},
    "ephemeral volume": {"volumeClaimTemplate": (None, "object")},
    "pod spec": {
        "containers": (("name",), "container"),
        "ephemeralContainers": (("name",), "ephemeral container"),
        "hostAliases": (("ip",), ""),
        "imagePullSecrets": (("name",), ""),
        "initContainers": (("name",), "container"),
        "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"), ""),
        "volumes": (("name",), "volume"),
    },
    "pod status": {**_CONDITIONS, "podIPs": (("ip",), "")},
    "pod": {
        "metadata": (None, "metadata"),
        "spec": (None, "pod spec"),
        "status": (None, "pod status"),
    },
    "pod template": {"metadata": (None, "metadata"), "spec": (None, "pod spec")},
    "template object": {"metadata": (None, "metadata"), "template": (None, "pod template")},
    "workload": {
        "metadata": (None, "metadata"),
        "spec": (None, "workload spec"),
        "status": (None, "conditions"),
    },
    "workload spec": {
        "template": (None, "pod template"),
        "volumeClaimTemplates": (None, "[conditioned]"),
    },
    "cron job": {"metadata": (None, "metadata"), "spec": (None, "cron job spec")},
    "cron job spec": {"jobTemplate": (None, "job template")},
    "job template": {"metadata": (None, "metadata"), "spec": (None, "workload spec")},
    "service": {
        "metadata": (None, "metadata"),
        "spec": (None, "service spec"),
        "status": (None, "conditions"),
    },
    "service spec": {"ports": (("port", "protocol"), "")},
    "service account": {"metadata": (None, "metadata"), "secrets": (("name",), "")},
    "component status": {"metadata": (None, "metadata"), **_CONDITIONS},
    "webhooks": {"metadata": (None, "metadata"), "webhooks": (("name",), "")},
    "node": {
        "metadata": (None, "metadata"),
        "spec": (None, "node spec"),
        "status": (None, "node status"),
    },
    "node spec": {"podCIDRs": ((), "")},
    "node status": {**_CONDITIONS, "addresses": (("type",), "")},
    "csi node": {"metadata": (None, "metadata"), "spec": (None, "csi node spec")},
    "csi node spec": {"drivers": (("name",), "")},
    "kustomization": {"configMapGenerator": (("name",), ""), "secretGenerator": (("name",), "")},
}
_PART_OF_KIND: Final = {
    "Pod": "pod",
    "PodTemplate": "template object",
    "CronJob": "cron job",
    "Service": "service",
    "ServiceAccount": "service account",
    "ComponentStatus": "component status",
    "Node": "node",
    "CSINode": "csi node",
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet", "ReplicationController", "Job"),
        "workload",
    ),
    **dict.fromkeys(("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"), "webhooks"),
    **dict.fromkeys(
        ("APIService", "Namespace", "PersistentVolumeClaim", "PodDisruptionBudget"), "conditioned"
    ),
}


def part_of_kind(api_version: str, kind: str) -> str:
    """Name of the part that describes a kind's objects; empty for an unknown kind."""
    if (api_version, kind) in CLUSTER_KINDS or (api_version, kind) in NAMESPACED_KINDS:
        return _PART_OF_KIND.get(kind, "object")
    if api_version == "kustomize.config.k8s.io/v1beta1" and kind == "Kustomization":
        return "kustomization"
    return ""
