"""Which application owns an object: the tracking annotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from towline.argo.names import TRACKING_ID
from towline.kube.refs import GroupKind, ObjectKey

CRD: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")


class Tracked(NamedTuple):
    """What a tracking id says: the owner, and which object was meant."""

    instance: str
    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.instance}:{self.group}/{self.kind}:{self.namespace}/{self.name}"


def parse_tracking_id(text: str) -> Tracked | None:
    """Reads a tracking id; None for any other shape."""
    parts = text.split(":")
    if len(parts) != 3:
        return None
    kind, place = parts[1].split("/"), parts[2].split("/")
    if len(kind) != 2 or len(place) != 2:
        return None
    return Tracked(parts[0], kind[0], kind[1], place[0], place[1])


def tracked_by(annotations: Mapping[str, str]) -> Tracked | None:
    """The tracking id among an object's annotations."""
    text = annotations.get(TRACKING_ID)
    return parse_tracking_id(text) if text else None


def with_tracking(obj: dict[str, Any], instance: str, namespace: str) -> dict[str, Any]:
    """A copy with the tracking id; CRDs are not tracked.

    Args:
        obj: The rendered object, its namespace already settled.
        instance: The application's instance name.
        namespace: Destination namespace, which stands in for cluster-scoped objects.
    """
    meta = obj["metadata"]
    group, _, _ = str(obj["apiVersion"]).rpartition("/")
    if (group, obj["kind"]) == CRD:
        return obj
    at = meta.get("namespace") or namespace
    mark = Tracked(instance, group, obj["kind"], at, meta.get("name") or "")
    annotations = {**(meta.get("annotations") or {}), TRACKING_ID: str(mark)}
    return {**obj, "metadata": {**meta, "annotations": annotations}}


def self_referenced(mark: Tracked | None, live: ObjectKey, target: ObjectKey | None) -> bool:
    """Whether the tracking id on a live object means that object itself.

    A copy made by another controller carries the annotation of its original: it is not ours.
    """
    if mark is None:
        return False
    group = target.group if target is not None else live.group
    if (mark.group, mark.kind, mark.name) != (group, live.kind, live.name):
        return False
    return not live.namespace or mark.namespace == live.namespace
