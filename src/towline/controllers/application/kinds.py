"""Which kinds the engine watches, and what it knows of them."""

from __future__ import annotations

from typing import Final

from towline.controllers.application.ports import DiscoveryPort
from towline.kube.refs import GroupKind, GroupVersionKind
from towline.kubeclient.discovery import ApiResource

_NEVER_GROUPS: Final = frozenset({"events.k8s.io", "metrics.k8s.io"})
_NEVER_KINDS: Final = frozenset(
    {
        GroupKind("", "Event"),
        GroupKind("", "Endpoints"),
        GroupKind("discovery.k8s.io", "EndpointSlice"),
        GroupKind("coordination.k8s.io", "Lease"),
        GroupKind("authentication.k8s.io", "TokenReview"),
        GroupKind("authentication.k8s.io", "SelfSubjectReview"),
        GroupKind("authorization.k8s.io", "LocalSubjectAccessReview"),
        GroupKind("authorization.k8s.io", "SelfSubjectAccessReview"),
        GroupKind("authorization.k8s.io", "SelfSubjectRulesReview"),
        GroupKind("authorization.k8s.io", "SubjectAccessReview"),
        GroupKind("certificates.k8s.io", "CertificateSigningRequest"),
    }
)


def engine_kind(resource: ApiResource) -> bool:
    """Whether the engine's cache follows a kind; pass it to `WatchCache.run`."""
    return resource.group not in _NEVER_GROUPS and resource.group_kind not in _NEVER_KINDS


def scope_of(discovery: DiscoveryPort, gvk: GroupVersionKind) -> bool | None:
    """Whether a kind is namespaced; None when the cluster does not have it as far as known."""
    found = discovery.known(gvk)
    return None if found is None else found.namespaced
