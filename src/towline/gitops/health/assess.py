"""Chooses the rule for an object. A kind without a rule has no health, which counts as nothing.

Scripts come before all rules here; they run elsewhere, and `pending_deletion` comes before them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from towline.argo.names import HOOK_FINALIZER
from towline.gitops.bundled_health.catalogue import bundled_rule
from towline.gitops.bundled_health.rules import judge
from towline.gitops.bundled_health.standard import STANDARD
from towline.gitops.customisations import Customisations
from towline.gitops.health.autoscaling import horizontal_pod_autoscaler
from towline.gitops.health.network import api_service, ingress, service
from towline.gitops.health.pods import job, pod
from towline.gitops.health.storage import persistent_volume_claim
from towline.gitops.health.verdict import Health, part, progressing, unknown
from towline.gitops.health.workflows import workflow
from towline.gitops.health.workloads import daemon_set, deployment, replica_set, stateful_set
from towline.kube.refs import GroupKind, gvk_of

Rule = Callable[[dict[str, Any]], Health]

_APPS: Final = "apps/v1"
BUILT_IN: Final[Mapping[GroupKind, tuple[Rule, frozenset[str]]]] = {
    GroupKind("apps", "Deployment"): (deployment, frozenset({_APPS})),
    # These left that group; what still claims to be in it cannot be judged.
    GroupKind("extensions", "Deployment"): (deployment, frozenset({_APPS})),
    GroupKind("extensions", "ReplicaSet"): (replica_set, frozenset({_APPS})),
    GroupKind("extensions", "DaemonSet"): (daemon_set, frozenset({_APPS})),
    GroupKind("apps", "ReplicaSet"): (replica_set, frozenset({_APPS})),
    GroupKind("apps", "DaemonSet"): (daemon_set, frozenset({_APPS})),
    GroupKind("apps", "StatefulSet"): (stateful_set, frozenset({_APPS})),
    GroupKind("", "Pod"): (pod, frozenset({"v1"})),
    GroupKind("", "Service"): (service, frozenset({"v1"})),
    GroupKind("", "PersistentVolumeClaim"): (persistent_volume_claim, frozenset({"v1"})),
    GroupKind("batch", "Job"): (job, frozenset({"batch/v1"})),
    GroupKind("autoscaling", "HorizontalPodAutoscaler"): (horizontal_pod_autoscaler, frozenset()),
    GroupKind("networking.k8s.io", "Ingress"): (ingress, frozenset()),
    GroupKind("extensions", "Ingress"): (ingress, frozenset()),
    GroupKind("apiregistration.k8s.io", "APIService"): (api_service, frozenset()),
    GroupKind("argoproj.io", "Workflow"): (workflow, frozenset()),
}


_NOTHING: Final = Customisations()


def assess(obj: dict[str, Any], customisations: Customisations = _NOTHING) -> Health | None:
    """Health of one live object, by rules alone.

    Args:
        obj: The object.
        customisations: May name further kinds with standard conditions. Scripts do not run here.

    Returns:
        The health, or None for kinds without a rule.
    """
    ending = pending_deletion(obj)
    if ending is not None:
        return ending
    gvk = gvk_of(obj)
    entry = BUILT_IN.get(gvk.group_kind)
    if entry is not None:
        rule, versions = entry
        if versions and gvk.api_version not in versions:
            return unknown(f"unsupported {gvk.kind} GVK: {gvk.api_version}, Kind={gvk.kind}")
        return rule(obj)
    declared = bundled_rule(gvk.group_kind)
    if declared is None and customisations.has_standard_conditions(gvk.group_kind):
        declared = STANDARD
    return None if declared is None else judge(declared, obj)


def pending_deletion(obj: dict[str, Any]) -> Health | None:
    """The health of an object that is being deleted; before every rule and script."""
    meta = part(obj, "metadata")
    if meta.get("deletionTimestamp") and HOOK_FINALIZER not in (meta.get("finalizers") or []):
        return progressing("Pending deletion")
    return None
