"""What the engine needs of the world, as small protocols, and whom it tells of progress."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Literal, Protocol

from towline.argo.application import Application
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey
from towline.kubeclient.discovery import ApiResource
from towline.kubeclient.objects import CachedObject
from towline.render.inputs import FileTree, Foreign, Inputs
from towline.render.result import RenderResult
from towline.render.source import RenderRequest

Obj = dict[str, Any]
Gvk = GroupVersionKind | GroupKind
PatchType = Literal["merge", "json", "strategic", "apply"]


class RepositoryPort(Protocol):
    """Git repositories by URL; credentials are its business.

    Errors are those of `towline.errors`, with messages fit for conditions.
    """

    async def resolve(self, url: str, revision: str, *, fresh: bool) -> str:
        """The commit (40 hex digits) that a revision names; `fresh` asks the remote now."""
        ...

    async def tree(self, url: str, commit: str) -> FileTree:
        """The files of a commit."""
        ...


class ChartPort(Protocol):
    """Helm repositories and OCI registries by URL; credentials are its business."""

    async def resolve(self, url: str, chart: str, version: str, *, fresh: bool) -> str:
        """The exact version that a version or constraint names; empty for the newest."""
        ...

    async def tree(self, url: str, chart: str, version: str) -> FileTree:
        """The files of a chart of an exact version."""
        ...


class ForeignPort(Protocol):
    """Files outside an application's sources, as far as its project permits them."""

    async def fetch(self, wanted: Foreign, *, project: str) -> FileTree:
        """The files.

        Raises:
            DeniedError: The project does not permit them.
            TowlineError: They cannot be had.
        """
        ...


class WorkerPort(Protocol):
    """Worker processes; `towline.controllers.application.workers.Workers` fits."""

    async def render(self, inputs: Inputs, request: RenderRequest) -> RenderResult:
        """Renders a source."""
        ...


class ClusterFacts(Protocol):
    """What templates may know of the destination cluster."""

    def kube_version(self) -> str:
        """Its version, such as `1.36.1`; empty when unknown."""
        ...

    def api_versions(self) -> tuple[str, ...]:
        """`group/version` and `group/version/Kind` of what it serves, sorted."""
        ...


class DiscoveryPort(Protocol):
    """Which kinds the cluster has."""

    async def resource(self, kind: Gvk) -> ApiResource | None:
        """The resource of a kind; looks again when it is not known."""
        ...

    def known(self, kind: Gvk) -> ApiResource | None:
        """The resource of a kind as far as known."""
        ...


class ClusterApi(Protocol):
    """The Kubernetes API; `towline.kubeclient.client.KubeClient` fits."""

    @property
    def discovery(self) -> DiscoveryPort:
        """Which kinds the cluster has."""
        ...

    async def get(self, gvk: Gvk, namespace: str, name: str) -> Obj | None:
        """The object, or None."""
        ...

    async def create(
        self, obj: Obj, *, manager: str, dry_run: bool = False, field_validation: str = ""
    ) -> Obj:
        """Creates an object."""
        ...

    async def replace(
        self,
        obj: Obj,
        *,
        manager: str,
        subresource: str = "",
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Obj:
        """Replaces an object."""
        ...

    async def patch(
        self,
        gvk: Gvk,
        namespace: str,
        name: str,
        patch: Any,
        *,
        type: PatchType = "merge",  # noqa: A002  # the API's own word
        manager: str,
        force: bool = False,
        dry_run: bool = False,
        subresource: str = "",
        field_validation: str = "",
    ) -> Obj:
        """Patches an object."""
        ...

    async def apply(
        self,
        obj: Obj,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Obj:
        """Server-side apply."""
        ...

    async def delete(
        self,
        gvk: Gvk,
        namespace: str,
        name: str,
        *,
        propagation: str = "",
        uid: str = "",
        grace: int | None = None,
        dry_run: bool = False,
    ) -> Obj | None:
        """Deletes an object."""
        ...


class LiveCache(Protocol):
    """Live objects by watch; `towline.kubeclient.cache.WatchCache` fits."""

    async def synced(self, timeout: float | None = None) -> None:
        """Returns once everything has been listed."""
        ...

    def watched(self, group_kind: GroupKind) -> bool:
        """Whether a kind is followed: only then absence means absence."""
        ...

    def get(self, key: ObjectKey) -> CachedObject | None:
        """The object with that identity."""
        ...

    def by_uid(self, uid: str) -> CachedObject | None:
        """The object with that uid."""
        ...

    def children(self, uid: str) -> list[CachedObject]:
        """Objects owned by that uid."""
        ...

    def objects(
        self, group_kind: GroupKind | None = None, namespace: str | None = None
    ) -> list[CachedObject]:
        """Objects of a kind and namespace, all when None."""
        ...

    def subscribe(
        self, callback: Callable[[str, CachedObject, CachedObject | None], None]
    ) -> Callable[[], None]:
        """Calls back with every change; returns the way out."""
        ...

    def put(self, obj: Obj) -> None:
        """Takes in the answer to our own write."""
        ...


class Drift(StrEnum):
    """How a live object strayed."""

    DELETED = "deleted"
    MODIFIED = "modified"
    EXTRA = "extra"


class EngineObserver:
    """Is told of progress, at once and in order. This one does nothing; override what you need.

    `app` is `namespace/name`; times are UTC. Methods must not block. After a restart `refreshed`
    and `healthy` are told once more for the present revision.
    """

    def refreshed(self, app: str, revision: str, at: dt.datetime) -> None:
        """The manifests of a new revision were rendered and compared."""

    def sync_started(self, app: str, revision: str, at: dt.datetime) -> None:
        """An operation begins to change objects."""

    def synced(
        self, app: str, revision: str, at: dt.datetime, resources: tuple[ObjectKey, ...]
    ) -> None:
        """An operation succeeded; `resources` are the objects it touched."""

    def healthy(self, app: str, revision: str, at: dt.datetime) -> None:
        """The application is Synced at the revision and has become Healthy."""

    def drift(self, app: str, key: ObjectKey, kind: Drift, at: dt.datetime) -> None:
        """A live object strayed and is about to be repaired."""

    def healed(self, app: str, key: ObjectKey, at: dt.datetime) -> None:
        """The repair of an object was carried out."""

    def changed(self, before: Application, after: Application) -> None:
        """The engine has written an application's status or operation."""

    def compared(self, app: Application, seconds: float) -> None:
        """An application was compared with its source, which took that long."""
