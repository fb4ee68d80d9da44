"""The names that Argo CD's users, scripts and tools rely on."""

from __future__ import annotations

from typing import Final

from towline.kube.refs import GroupVersionKind

GROUP: Final = "argoproj.io"
VERSION: Final = "v1alpha1"
APPLICATION: Final = GroupVersionKind(GROUP, VERSION, "Application")
APP_PROJECT: Final = GroupVersionKind(GROUP, VERSION, "AppProject")

FIELD_MANAGER: Final = "argocd-controller"
PLAIN_MANAGER: Final = "argocd"
"""Who creates and replaces objects without applying them."""
DEFAULT_NAMESPACE: Final = "argocd"
DEFAULT_PROJECT: Final = "default"
IN_CLUSTER_SERVER: Final = "https://kubernetes.default.svc"
IN_CLUSTER_NAME: Final = "in-cluster"

PREFIX: Final = "argocd.argoproj.io/"
REFRESH: Final = PREFIX + "refresh"
SKIP_RECONCILE: Final = PREFIX + "skip-reconcile"
COMPARE_OPTIONS: Final = PREFIX + "compare-options"
SYNC_OPTIONS: Final = PREFIX + "sync-options"
SYNC_WAVE: Final = PREFIX + "sync-wave"
HOOK: Final = PREFIX + "hook"
HOOK_DELETE_POLICY: Final = PREFIX + "hook-delete-policy"
DELETION_APPROVED: Final = PREFIX + "deletion-approved"
IGNORE_RESTART_POLICY: Final = PREFIX + "ignore-restart-policy"
IGNORE_HEALTHCHECK: Final = PREFIX + "ignore-healthcheck"
TRACKING_ID: Final = PREFIX + "tracking-id"

HELM_HOOK: Final = "helm.sh/hook"
HELM_HOOK_WEIGHT: Final = "helm.sh/hook-weight"
HELM_HOOK_DELETE_POLICY: Final = "helm.sh/hook-delete-policy"
HELM_RESOURCE_POLICY: Final = "helm.sh/resource-policy"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

RESOURCES_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"
CASCADE_FINALIZERS: Final = frozenset(
    {RESOURCES_FINALIZER, RESOURCES_FINALIZER + "/foreground", RESOURCES_FINALIZER + "/background"}
)
BACKGROUND_FINALIZER: Final = RESOURCES_FINALIZER + "/background"
MIGRATION_MANAGER: Final = PREFIX + "client-side-apply-migration-manager"
HOOK_FINALIZER: Final = PREFIX + "hook-finalizer"
PRE_DELETE_FINALIZER: Final = "pre-delete-finalizer.argocd.argoproj.io"
POST_DELETE_FINALIZER: Final = "post-delete-finalizer.argocd.argoproj.io"
CLEANUP: Final = "/cleanup"
"""What follows such a finalizer in the name of the one that waits for hooks to be cleaned up."""


def instance_name(name: str, namespace: str, control_namespace: str) -> str:
    """The name under which an application owns objects."""
    return name if namespace == control_namespace else f"{namespace}_{name}"
