"""Namespaces: what a new one starts with, and whether another object may enter one."""

from __future__ import annotations

from typing import Any

from towline.drydock.refusals import namespace_terminating, not_found
from towline.kube.refs import GroupResource

NAMESPACES = GroupResource("", "namespaces")
FINALIZER = "kubernetes"
NAME_LABEL = "kubernetes.io/metadata.name"


def prepare(namespace: dict[str, Any]) -> dict[str, Any]:
    """A new namespace, active, with its name label and content finalizer."""
    meta = namespace["metadata"]
    labels = {**(meta.get("labels") or {}), NAME_LABEL: meta.get("name", "")}
    return {
        **namespace,
        "metadata": {**meta, "labels": labels},
        "spec": {"finalizers": [FINALIZER]},
        "status": {"phase": "Active"},
    }


def check_entry(
    namespace: dict[str, Any] | None, name: str, resource: GroupResource, object_name: str
) -> None:
    """Refuses a new object in a namespace that is absent or going.

    Raises:
        ApiError: NotFound or Forbidden.
    """
    if namespace is None:
        raise not_found(NAMESPACES, name)
    if namespace["metadata"].get("deletionTimestamp"):
        raise namespace_terminating(resource, object_name, name)
