"""The garbage collector: objects follow their owners, in the way the deletion asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import together
from towline.drydock.control.ownership import drop_references
from towline.drydock.control.writes import CONTROLLER_MANAGER
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Item(NamedTuple):
    """An object to look at: where it is and which one it is."""

    resource: GroupResource
    namespace: str
    name: str
    uid: str


class Owners(NamedTuple):
    """Owner references by what became of the owners.

    Attributes:
        solid: The owner exists and stays.
        dangling: There is no such owner.
        waiting: The owner waits for this object to go first.
    """

    solid: list[str]
    dangling: list[str]
    waiting: list[str]


class GarbageCollector:
    """Deletes what no owner needs any more, and finishes foreground and orphan deletions.

    Args:
        cluster: What it works on.
    """

    name = "generic-garbage-collector"
    watches: frozenset[GroupResource] | None = None

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Item]:
        """Objects with owners; owners that go; dependents of what is gone."""
        obj = event.object
        meta = obj["metadata"]
        if event.type == "DELETED":
            for at, dependent in self._cluster.by_owner(meta["uid"]):
                yield item_of(at, dependent)
            yield from self._waiting_owners(obj)
            return
        if meta.get("ownerReferences") or meta.get("deletionTimestamp"):
            yield item_of(resource, obj)
        if event.old is not None and event.old["metadata"].get("ownerReferences"):
            yield from self._waiting_owners(event.old)

    def _waiting_owners(self, dependent: Obj) -> Iterable[Item]:
        for reference in dependent["metadata"].get("ownerReferences") or ():
            found = self._cluster.find_uid(reference["uid"])
            if found is not None and found[1]["metadata"].get("deletionTimestamp"):
                yield item_of(*found)

    async def reconcile(self, key: Item) -> float | None:
        """Does what is due for one object."""
        obj = self._cluster.get(key.resource, key.namespace, key.name)
        if obj is None or obj["metadata"]["uid"] != key.uid:
            return None
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            finalizers = meta.get("finalizers") or []
            if ORPHAN in finalizers:
                await self._orphan(key)
            elif FOREGROUND in finalizers:
                await self._delete_dependents(key)
            return None
        if meta.get("ownerReferences"):
            await self._judge(key, obj)
        return None

    async def _orphan(self, key: Item) -> None:
        await together(
            self._drop(item_of(at, dependent), [key.uid])
            for at, dependent in self._cluster.by_owner(key.uid)
        )
        await self._finish(key, ORPHAN)

    async def _delete_dependents(self, key: Item) -> None:
        blocking = [
            (item_of(at, dependent), dependent)
            for at, dependent in self._cluster.by_owner(key.uid)
            if blocks(dependent, key.uid)
        ]
        if not blocking:
            await self._finish(key, FOREGROUND)
            return
        await together(
            self._judge(item, dependent)
            for item, dependent in blocking
            if not dependent["metadata"].get("deletionTimestamp")
        )

    async def _judge(self, key: Item, obj: Obj) -> None:
        """Deletes an object without owners; takes references to lost owners from others."""
        owners = self._classify(obj)
        if owners.solid:
            if owners.dangling or owners.waiting:
                await self._drop(key, [*owners.dangling, *owners.waiting])
            return
        propagation = wanted_propagation(obj)
        dependents = self._cluster.by_owner(key.uid) if owners.waiting else []
        if dependents:
            propagation = "Foreground"
        if any(_waits_for_dependents(dependent) for _, dependent in dependents):
            # Perhaps a circle: an owner that waits for this object must not wait for ever.
            await self._unblock(key)
        try:
            await self._cluster.delete(
                key.resource, key.namespace, key.name, uid=key.uid, propagation=propagation
            )
        except ApiError as error:
            if error.reason != "Conflict":  # a conflict means: another object by now
                raise

    def _classify(self, obj: Obj) -> Owners:
        owners = Owners([], [], [])
        for reference in obj["metadata"].get("ownerReferences") or ():
            found = self._cluster.find_uid(reference["uid"])
            owner = found[1] if found is not None else None
            if owner is None or not _may_own(owner, obj):
                owners.dangling.append(reference["uid"])
            elif reference.get("blockOwnerDeletion") and _waits_for_dependents(owner):
                owners.waiting.append(reference["uid"])
            else:
                owners.solid.append(reference["uid"])
        return owners

    async def _drop(self, key: Item, owners: list[str]) -> None:
        await self._cluster.mutate(
            key.resource,
            key.namespace,
            key.name,
            lambda copy: drop_references(copy, owners),
            manager=CONTROLLER_MANAGER,
            uid=key.uid,
        )

    async def _unblock(self, key: Item) -> None:
        def write(copy: Obj) -> None:
            for reference in copy["metadata"].get("ownerReferences") or ():
                if reference.get("blockOwnerDeletion"):
                    reference["blockOwnerDeletion"] = False

        await self._cluster.mutate(
            key.resource,
            key.namespace,
            key.name,
            write,
            manager=CONTROLLER_MANAGER,
            uid=key.uid,
        )

    async def _finish(self, key: Item, finalizer: str) -> None:
        def write(copy: Obj) -> None:
            meta = copy["metadata"]
            meta["finalizers"] = [one for one in meta.get("finalizers") or () if one != finalizer]

        await self._cluster.mutate(
            key.resource,
            key.namespace,
            key.name,
            write,
            manager=CONTROLLER_MANAGER,
            uid=key.uid,
        )


def item_of(resource: GroupResource, obj: Obj) -> Item:
    """The item of an object."""
    meta = obj["metadata"]
    return Item(resource, meta.get("namespace") or "", meta["name"], meta["uid"])


def blocks(dependent: Obj, owner_uid: str) -> bool:
    """Whether an owner must wait for this dependent."""
    return any(
        reference["uid"] == owner_uid and reference.get("blockOwnerDeletion")
        for reference in dependent["metadata"].get("ownerReferences") or ()
    )


def wanted_propagation(obj: Obj) -> str:
    """How to delete an object: as its own finalizers say, else in the background."""
    finalizers = obj["metadata"].get("finalizers") or []
    if ORPHAN in finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in finalizers else "Background"


def _waits_for_dependents(owner: Obj) -> bool:
    meta = owner["metadata"]
    return bool(meta.get("deletionTimestamp")) and FOREGROUND in (meta.get("finalizers") or [])


def _may_own(owner: Obj, obj: Obj) -> bool:
    """An owner in a namespace owns only there; a cluster-scoped one owns everywhere."""
    at = owner["metadata"].get("namespace") or ""
    return at in {"", obj["metadata"].get("namespace") or ""}
