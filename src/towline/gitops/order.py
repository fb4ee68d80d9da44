"""The order of kinds within a wave."""

from __future__ import annotations

from typing import Any, Final

from towline.argo.names import HELM_HOOK_WEIGHT, SYNC_WAVE

_KINDS: Final = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_RANK: Final = {kind: rank for rank, kind in enumerate(_KINDS)}


def kind_rank(kind: str) -> int:
    """Position of a kind; kinds without one come last."""
    return _RANK.get(kind, len(_RANK))


def wave_of(annotations: dict[str, Any]) -> int:
    """The sync wave of an object; anything that is not an integer is 0."""
    for name in (SYNC_WAVE, HELM_HOOK_WEIGHT):
        text = annotations.get(name)
        if text is None:
            continue
        try:
            return int(str(text))
        except ValueError:
            return 0
    return 0
