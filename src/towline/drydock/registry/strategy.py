"""Facts about built-in kinds that their schema does not tell."""

from __future__ import annotations

from typing import Any

from towline.drydock.registry.kinds import ServedKind
from towline.kube.refs import GroupResource

PODS = GroupResource("", "pods")
NAMESPACES = GroupResource("", "namespaces")
SERVICES = GroupResource("", "services")
SECRETS = GroupResource("", "secrets")
EVENTS = GroupResource("", "events")
DEPLOYMENTS = GroupResource("apps", "deployments")
CLAIMS = GroupResource("", "persistentvolumeclaims")
VOLUMES = GroupResource("", "persistentvolumes")
STORAGE_CLASSES = GroupResource("storage.k8s.io", "storageclasses")
JOBS = GroupResource("batch", "jobs")
CUSTOM_RESOURCE_DEFINITIONS = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")

ENDPOINT_SLICES = GroupResource("discovery.k8s.io", "endpointslices")

_GENERATION = frozenset(
    {
        PODS,
        GroupResource("", "replicationcontrollers"),
        DEPLOYMENTS,
        GroupResource("apps", "replicasets"),
        GroupResource("apps", "statefulsets"),
        GroupResource("apps", "daemonsets"),
        JOBS,
        GroupResource("", "podtemplates"),
        GroupResource("discovery.k8s.io", "endpointslices"),
        GroupResource("batch", "cronjobs"),
        GroupResource("policy", "poddisruptionbudgets"),
        GroupResource("networking.k8s.io", "ingresses"),
        GroupResource("networking.k8s.io", "networkpolicies"),
        GroupResource("networking.k8s.io", "ingressclasses"),
        GroupResource("scheduling.k8s.io", "priorityclasses"),
        GroupResource("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        GroupResource("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicies"),
        GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        GroupResource("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
        GroupResource("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
        GroupResource("flowcontrol.apiserver.k8s.io", "flowschemas"),
        GroupResource("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
        CUSTOM_RESOURCE_DEFINITIONS,
    }
)

# What the generation counts of kinds that have no specification.
_COUNTED_BESIDE_SPEC = {
    GroupResource("", "podtemplates"): ("template",),
    ENDPOINT_SLICES: ("addressType", "endpoints", "ports"),
    GroupResource("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): ("webhooks",),
    GroupResource("admissionregistration.k8s.io", "validatingwebhookconfigurations"): ("webhooks",),
}

# Updates of these must name the version that they replace.
_CONDITIONAL_UPDATE = frozenset(
    {
        GroupResource("coordination.k8s.io", "leases"),
        GroupResource("policy", "poddisruptionbudgets"),
        GroupResource("node.k8s.io", "runtimeclasses"),
        GroupResource("storage.k8s.io", "volumeattachments"),
        GroupResource("storage.k8s.io", "csidrivers"),
        GroupResource("storage.k8s.io", "csinodes"),
        GroupResource("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        GroupResource("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicies"),
        GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        GroupResource("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
        GroupResource("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
        CUSTOM_RESOURCE_DEFINITIONS,
    }
)

# A PUT to an absent object of these creates it.
_CREATE_ON_UPDATE = frozenset(
    {
        GroupResource("coordination.k8s.io", "leases"),
        GroupResource("", "endpoints"),
        EVENTS,
        GroupResource("", "limitranges"),
        GroupResource("node.k8s.io", "runtimeclasses"),
        SERVICES,
        GroupResource("rbac.authorization.k8s.io", "roles"),
        GroupResource("rbac.authorization.k8s.io", "rolebindings"),
        GroupResource("rbac.authorization.k8s.io", "clusterroles"),
        GroupResource("rbac.authorization.k8s.io", "clusterrolebindings"),
    }
)

# Their creator may set the status.
_STATUS_ON_CREATE = frozenset({GroupResource("", "nodes"), CUSTOM_RESOURCE_DEFINITIONS})

_ORPHAN_BY_DEFAULT = frozenset({JOBS, GroupResource("", "replicationcontrollers")})

# Kinds that are kept for clients that bring them along, but that nothing here acts on.
_INERT = {
    "admissionregistration.k8s.io": "no admission webhook is called and no policy is evaluated",
    "apiregistration.k8s.io": "requests are not passed on to other API servers",
    "certificates.k8s.io": "no certificate is signed",
    "flowcontrol.apiserver.k8s.io": "requests have no priorities",
}

ALL_METADATA = frozenset({"*"})
"""Stands for all of the metadata."""

# What of the metadata a status write leaves alone, where that is not nothing.
_KEPT_BY_STATUS = {
    PODS: frozenset({"ownerReferences"}),
    DEPLOYMENTS: frozenset({"labels"}),
    CUSTOM_RESOURCE_DEFINITIONS: ALL_METADATA,
    GroupResource("storage.k8s.io", "volumeattachments"): ALL_METADATA,
    GroupResource("networking.k8s.io", "servicecidrs"): ALL_METADATA,
    GroupResource("flowcontrol.apiserver.k8s.io", "flowschemas"): ALL_METADATA,
    GroupResource("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): ALL_METADATA,
    GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicies"): ALL_METADATA,
}

_LABEL_NAMES = frozenset({NAMESPACES, GroupResource("apps", "statefulsets")})
# Nobody looks at their names, not even the real server.
_FREE_NAMES = frozenset({GroupResource("policy", "poddisruptionbudgets")})
_SERVICE_NAMES = frozenset({SERVICES})
_ADDRESS_NAMES = frozenset({GroupResource("networking.k8s.io", "ipaddresses")})
_PATH_NAMES = frozenset({"rbac.authorization.k8s.io"})

PROTECTED_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})


def has_generation(kind: ServedKind) -> bool:
    """Whether the kind counts changes of its specification."""
    return kind.custom or kind.resource in _GENERATION


def spec_changed(kind: ServedKind, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether an update changes what the generation counts."""
    if not kind.custom:
        counted = _COUNTED_BESIDE_SPEC.get(kind.resource, ("spec",))
        if any(old.get(name) != new.get(name) for name in counted):
            return True
        if kind.resource == ENDPOINT_SLICES:
            return _said(old) != _said(new)
        # A Deployment counts its annotations as well: its ReplicaSets carry copies of them.
        return kind.resource == DEPLOYMENTS and _annotations(old) != _annotations(new)
    outside = {"metadata", "apiVersion", "kind"}
    if kind.has_status:
        outside.add("status")
    names = (old.keys() | new.keys()) - outside
    return any(old.get(name) != new.get(name) for name in names)


def _said(obj: dict[str, Any]) -> dict[str, Any]:
    """The metadata that callers write."""
    meta = obj.get("metadata") or {}
    kept = ("managedFields", "resourceVersion", "generation")
    return {name: value for name, value in meta.items() if name not in kept}


def _annotations(obj: dict[str, Any]) -> Any:
    return (obj.get("metadata") or {}).get("annotations") or {}


def needs_version_on_update(kind: ServedKind) -> bool:
    """Whether an update without resourceVersion is refused."""
    return kind.custom or kind.resource in _CONDITIONAL_UPDATE


def creates_on_update(kind: ServedKind) -> bool:
    """Whether a PUT creates an absent object."""
    return kind.resource in _CREATE_ON_UPDATE


def inert_warnings(kind: ServedKind) -> tuple[str, ...]:
    """What who creates an object of the kind has to know: that it has no effect."""
    why = "" if kind.custom else _INERT.get(kind.resource.group, "")
    return (f"{kind.gvk.kind} is stored but has no effect in this cluster: {why}",) if why else ()


def kept_by_status(kind: ServedKind) -> frozenset[str]:
    """The fields of the metadata that a status write does not change."""
    return ALL_METADATA if kind.custom else _KEPT_BY_STATUS.get(kind.resource, frozenset())


def keeps_status_on_create(kind: ServedKind) -> bool:
    """Whether a create may carry a status."""
    return not kind.has_status or kind.resource in _STATUS_ON_CREATE


def orphans_by_default(kind: ServedKind) -> bool:
    """Whether a delete without a policy leaves the dependents alone."""
    return kind.resource in _ORPHAN_BY_DEFAULT


def name_rule(kind: ServedKind) -> str:
    """The rule for names: `subdomain`, `label`, `service`, `address`, `path` or `free`."""
    if kind.resource in _LABEL_NAMES:
        return "label"
    if kind.resource in _FREE_NAMES:
        return "free"
    if kind.resource in _SERVICE_NAMES:
        return "service"
    if kind.resource in _ADDRESS_NAMES:
        return "address"
    if kind.resource.group in _PATH_NAMES:
        return "path"
    return "subdomain"
