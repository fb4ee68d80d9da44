"""The namespace controller: empties a namespace that is being deleted, then lets it go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import Key, together
from towline.drydock.control.resources import NAMESPACES, PODS
from towline.drydock.control.writes import edit
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

FINALIZER = "kubernetes"


class Content(NamedTuple):
    """An object inside the namespace."""

    resource: GroupResource
    obj: Obj


class Finding(NamedTuple):
    """The state of one condition."""

    status: str
    reason: str
    message: str


class NamespaceController:
    """Deletes everything in terminating namespaces; the last object to go ends the namespace.

    Args:
        cluster: What it works on.
        clock: For conditions.
    """

    name = "namespace-controller"
    watches: frozenset[GroupResource] | None = None

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """Terminating namespaces, and those that lost an object."""
        meta = event.object["metadata"]
        if resource == NAMESPACES:
            if meta.get("deletionTimestamp") and event.type != "DELETED":
                yield Key("", meta["name"])
        elif meta.get("namespace"):
            space = self._cluster.get(NAMESPACES, "", meta["namespace"])
            if space is not None and space["metadata"].get("deletionTimestamp"):
                yield Key("", meta["namespace"])

    async def reconcile(self, key: Key) -> float | None:
        """Deletes what is left; finishes when nothing is."""
        space = self._cluster.get(NAMESPACES, "", key.name)
        if space is None or not space["metadata"].get("deletionTimestamp"):
            return None
        content = self._content(key.name)
        # Pods end first, with everything that they may need while they end still there.
        content = [one for one in content if one.resource == PODS] or content
        refused = await together(
            self._delete(one) for one in content if not one.obj["metadata"].get("deletionTimestamp")
        )
        failures = [text for text in refused if text]
        left = self._content(key.name)
        if not left:
            await self._finish(space)
            return None
        await self._report(space, left, failures)
        # What remains ends by events of its own; a refused deletion needs another try.
        return 1.0 if failures else None

    def _content(self, namespace: str) -> list[Content]:
        return [
            Content(resource, obj)
            for resource, _, namespaced in self._cluster.resources()
            if namespaced
            for obj in self._cluster.objects(resource, namespace)
        ]

    async def _delete(self, content: Content) -> str:
        meta = content.obj["metadata"]
        try:
            await self._cluster.delete(
                content.resource,
                meta["namespace"],
                meta["name"],
                uid=meta["uid"],
                propagation="Background",
            )
        except ApiError as error:
            return "" if error.reason in {"Conflict", "MethodNotAllowed"} else error.message
        return ""

    async def _finish(self, space: Obj) -> None:
        def write(copy: Obj) -> None:
            spec = copy.setdefault("spec", {})
            spec["finalizers"] = [one for one in spec.get("finalizers") or () if one != FINALIZER]

        await edit(self._cluster, NAMESPACES, space, write, subresource="finalize")

    async def _report(self, space: Obj, left: list[Content], failures: list[str]) -> None:
        stamp = rfc3339(self._clock.now())

        def write(copy: Obj) -> None:
            status = copy.setdefault("status", {})
            status["phase"] = "Terminating"
            status["conditions"] = conditions(status.get("conditions") or [], left, failures, stamp)

        await edit(self._cluster, NAMESPACES, space, write, subresource="status")


def conditions(
    before: list[Obj], left: list[Content], failures: list[str], stamp: str
) -> list[Obj]:
    """The conditions of a terminating namespace.

    Args:
        before: Its present conditions.
        left: What is still inside.
        failures: Why deletions were refused.
        stamp: The time.
    """
    wanted = {
        "NamespaceDeletionDiscoveryFailure": Finding(
            "False", "ResourcesDiscovered", "All resources successfully discovered"
        ),
        "NamespaceDeletionGroupVersionParsingFailure": Finding(
            "False", "ParsedGroupVersions", "All legacy kube types successfully parsed"
        ),
        "NamespaceDeletionContentFailure": _failed(failures),
        "NamespaceContentRemaining": _remaining(left),
        "NamespaceFinalizersRemaining": _held(left),
    }
    known = {one["type"]: one for one in before}
    return [_condition(known.get(type_), type_, found, stamp) for type_, found in wanted.items()]


def _failed(failures: list[str]) -> Finding:
    if failures:
        return Finding("True", "ContentDeletionFailed", "; ".join(sorted(set(failures))))
    text = "All content successfully deleted, may be waiting on finalization"
    return Finding("False", "ContentDeleted", text)


def _remaining(left: list[Content]) -> Finding:
    if not left:
        return Finding("False", "ContentRemoved", "All content successfully removed")
    counts = Counter(f"{one.resource.resource}.{one.resource.group}" for one in left)
    listed = ", ".join(
        f"{name} has {count} resource instances" for name, count in sorted(counts.items())
    )
    text = f"Some resources are remaining: {listed}"
    return Finding("True", "SomeResourcesRemain", text)


def _held(left: list[Content]) -> Finding:
    counts = Counter(
        finalizer for one in left for finalizer in one.obj["metadata"].get("finalizers") or ()
    )
    if not counts:
        text = "All content-preserving finalizers finished"
        return Finding("False", "ContentHasNoFinalizers", text)
    listed = ", ".join(
        f"{name} in {count} resource instances" for name, count in sorted(counts.items())
    )
    text = f"Some content in the namespace has finalizers remaining: {listed}"
    return Finding("True", "SomeFinalizersRemain", text)


def _condition(before: Obj | None, type_: str, found: Finding, stamp: str) -> Obj:
    same = before is not None and before["status"] == found.status
    return {
        "type": type_,
        "status": found.status,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else stamp,
        "reason": found.reason,
        "message": found.message,
    }
