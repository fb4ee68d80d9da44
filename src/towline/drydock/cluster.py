"""The inside view of the embedded cluster that its controllers and its node share.

The API server's registry implements it; controllers and node see nothing else of the server.
Objects are plain JSON dictionaries. What `get`, `objects` and `watch` hand out is shared and must
not be changed: copy, then write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple, Protocol

from towline.kube.refs import GroupResource

Obj = dict[str, Any]


class ClusterEvent(NamedTuple):
    """A committed change.

    Attributes:
        type: `ADDED`, `MODIFIED` or `DELETED`; `SYNCED` (object is empty) once after the initial
            objects of a watch.
        object: The object after the change; the last state for `DELETED`.
        old: The object before the change, or None.
    """

    type: str
    object: Obj
    old: Obj | None


class Cluster(Protocol):
    """CRUD and watch with the full semantics of the API (admission, defaults, managed fields).

    Errors are `towline.kube.status.ApiError` (with reason NotFound, Conflict, AlreadyExists,
    Invalid...), the same that a client sees as a Status.
    """

    def get(self, resource: GroupResource, namespace: str, name: str) -> Obj | None:
        """The object, or None. `namespace` is empty for cluster-scoped kinds."""
        ...

    def objects(
        self,
        resource: GroupResource,
        namespace: str = "",
        *,
        labels: Mapping[str, str] | None = None,
    ) -> list[Obj]:
        """Objects of a kind, all namespaces when `namespace` is empty."""
        ...

    def by_owner(self, uid: str) -> list[tuple[GroupResource, Obj]]:
        """Objects of every kind with an owner reference to that uid."""
        ...

    def find_uid(self, uid: str) -> tuple[GroupResource, Obj] | None:
        """The object with that uid."""
        ...

    def resources(self) -> list[tuple[GroupResource, str, bool]]:
        """Every served kind: (resource, kind, namespaced), custom resources included."""
        ...

    async def create(self, resource: GroupResource, obj: Obj, *, manager: str) -> Obj:
        """Creates; metadata.namespace and name or generateName come from the object."""
        ...

    async def update(
        self, resource: GroupResource, obj: Obj, *, manager: str, subresource: str = ""
    ) -> Obj:
        """Replaces; a resourceVersion in the object is a precondition."""
        ...

    async def mutate(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        change: Callable[[Obj], None],
        *,
        manager: str,
        subresource: str = "",
        uid: str = "",
    ) -> Obj | None:
        """Reads a private copy, lets `change` edit it, writes it; retried on conflict.

        Nothing is written when nothing changed. None when the object is gone (or has another uid).
        """
        ...

    async def delete(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace: int | None = None,
        propagation: str = "",
    ) -> None:
        """Deletes; absent is not an error.

        `propagation` is Background, Foreground, Orphan or empty for the kind's default.
        """
        ...

    def watch(
        self, *resources: GroupResource, namespace: str = ""
    ) -> AsyncIterator[tuple[GroupResource, ClusterEvent]]:
        """Present objects as ADDED, then SYNCED once per resource, then every change in order."""
        ...

    async def event(
        self,
        obj: Obj,
        *,
        type_: str,
        reason: str,
        message: str,
        component: str,
        field_path: str = "",
    ) -> None:
        """Records an Event about the object, merging repeats (count, lastTimestamp)."""
        ...
