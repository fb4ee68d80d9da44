"""The Application resource, read once at the border.

The typed values hold what the engine decides by; `Application.raw` keeps the whole object, so that
fields unknown to this version survive.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from towline.argo.names import DEFAULT_PROJECT
from towline.errors import InputError

T = TypeVar("T")


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    pass


class Directory(_Wire, frozen=True, kw_only=True):
    """How a folder of plain manifests is read; `jsonnet` is kept as written."""

    recurse: bool = False
    include: str = ""
    exclude: str = ""
    disable_extension_filter: bool = False
    jsonnet: dict[str, Any] = {}

    @property
    def explicit(self) -> bool:
        """Whether it names the tool; include and exclude alone do not."""
        return self.recurse or self.disable_extension_filter or bool(self.jsonnet)


class Source(_Wire, frozen=True, kw_only=True):
    """Where manifests come from. Tool blocks are kept as written until their tool reads them."""

    repo_url: str = msgspec.field(default="", name="repoURL")
    path: str = ""
    target_revision: str = ""
    chart: str = ""
    ref: str = ""
    name: str = ""
    tag_prefix: str = ""
    helm: dict[str, Any] = {}
    kustomize: dict[str, Any] = {}
    directory: Directory = Directory()
    plugin: dict[str, Any] = {}


class Destination(_Wire, frozen=True, kw_only=True):
    """Where objects go: a cluster by server URL or by name, and a default namespace."""

    server: str = ""
    name: str = ""
    namespace: str = ""


class Automated(_Wire, frozen=True, kw_only=True):
    """Automated sync."""

    enabled: bool = True
    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False


class Backoff(_Wire, frozen=True, kw_only=True):
    """Waits between retries of a failed sync; Go durations."""

    duration: str | int = "5s"
    factor: int = 2
    max_duration: str | int = "3m0s"


class Retry(_Wire, frozen=True, kw_only=True):
    """Retries of a failed sync; a negative limit means no limit."""

    limit: int = 0
    refresh: bool = False
    backoff: Backoff = Backoff()


class NamespaceMetadata(_Wire, frozen=True, kw_only=True):
    """Labels and annotations of the namespace that a sync creates."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SyncPolicy(_Wire, frozen=True, kw_only=True):
    """When and how to sync; no `automated` means by hand."""

    automated: Automated | None = None
    sync_options: tuple[str, ...] = ()
    retry: Retry | None = None
    managed_namespace_metadata: NamespaceMetadata | None = None


class IgnoreRule(_Wire, frozen=True, kw_only=True):
    """Differences that do not count."""

    kind: str
    group: str = ""
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] = ()
    jq_path_expressions: tuple[str, ...] = ()
    managed_fields_managers: tuple[str, ...] = ()


class Spec(_Wire, frozen=True, kw_only=True):
    """What the application should be."""

    destination: Destination = Destination()
    project: str = DEFAULT_PROJECT
    source: Source | None = None
    sources: tuple[Source, ...] = ()
    sync_policy: SyncPolicy = SyncPolicy()
    ignore_differences: tuple[IgnoreRule, ...] = ()
    revision_history_limit: int = 10


class SyncResource(_Wire, frozen=True, kw_only=True):
    """One object that a selective sync names."""

    kind: str
    name: str
    group: str = ""
    namespace: str = ""


class Strategy(_Wire, frozen=True, kw_only=True):
    """Options of one strategy."""

    force: bool = False


class SyncStrategy(_Wire, frozen=True, kw_only=True):
    """Apply only, or with hooks (the default)."""

    apply: Strategy | None = None
    hook: Strategy | None = None


class SyncOperation(_Wire, frozen=True, kw_only=True):
    """What a sync was asked to do."""

    revision: str = ""
    revisions: tuple[str, ...] = ()
    source: Source | None = None
    sources: tuple[Source, ...] = ()
    prune: bool = False
    dry_run: bool = False
    resources: tuple[SyncResource, ...] = ()
    sync_strategy: SyncStrategy = SyncStrategy()
    sync_options: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    auto_heal_attempts_count: int = 0


class InitiatedBy(_Wire, frozen=True, kw_only=True):
    """Who asked."""

    username: str = ""
    automated: bool = False


class Operation(_Wire, frozen=True, kw_only=True):
    """A requested sync, as `operation` and `status.operationState.operation` carry it."""

    sync: SyncOperation | None = None
    initiated_by: InitiatedBy = InitiatedBy()
    retry: Retry = Retry()


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """An Application as the engine sees it.

    Attributes:
        namespace: Where it lives.
        name: Its name.
        uid: Its uid.
        resource_version: The version that was read.
        raw: The whole object; shared, never to be changed.
        spec: Typed specification.
        operation: The requested operation, if any.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    raw: dict[str, Any]
    spec: Spec
    operation: Operation | None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def qualified_name(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def status(self) -> dict[str, Any]:
        """The status as last written; shared."""
        return self.raw.get("status") or {}

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations; shared."""
        return (self.raw.get("metadata") or {}).get("annotations") or {}

    @property
    def finalizers(self) -> list[str]:
        """Its finalizers; shared."""
        return (self.raw.get("metadata") or {}).get("finalizers") or []

    @property
    def deleting(self) -> bool:
        """Whether deletion was requested."""
        return bool((self.raw.get("metadata") or {}).get("deletionTimestamp"))

    @property
    def source(self) -> Source:
        """The effective single source; an empty one when none is given."""
        return self.spec.sources[0] if self.spec.sources else self.spec.source or Source()

    @property
    def raw_source(self) -> dict[str, Any]:
        """The effective source as written."""
        spec = self.raw.get("spec") or {}
        sources = spec.get("sources") or []
        return (sources[0] if sources else spec.get("source")) or {}

    @property
    def several(self) -> bool:
        """Whether it is written with `sources`."""
        return bool(self.spec.sources)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Its sources."""
        return self.spec.sources or (self.source,)

    @property
    def raw_sources(self) -> tuple[dict[str, Any], ...]:
        """Its sources as written."""
        if not self.several:
            return (self.raw_source,)
        return tuple((self.raw.get("spec") or {}).get("sources") or ())

    @property
    def compared_sources(self) -> dict[str, Any]:
        """Its sources as `comparedTo` carries them."""
        if self.several:
            return {"sources": list(self.raw_sources)}
        return {"source": self.raw_source}

    @property
    def automated(self) -> Automated | None:
        """The automation in force, or None for manual syncs."""
        automated = self.spec.sync_policy.automated
        return automated if automated is not None and automated.enabled else None


def parse_application(obj: dict[str, Any]) -> Application:
    """Reads an Application.

    Raises:
        InputError: A field has the wrong type; its path is in `field`.
    """
    meta = obj.get("metadata") or {}
    operation = obj.get("operation")
    return Application(
        namespace=str(meta.get("namespace") or ""),
        name=str(meta.get("name") or ""),
        uid=str(meta.get("uid") or ""),
        resource_version=str(meta.get("resourceVersion") or ""),
        raw=obj,
        spec=decode(obj.get("spec") or {}, Spec, at="spec"),
        operation=decode(operation, Operation, at="operation") if operation else None,
    )


def decode(value: Any, type_: type[T], *, at: str) -> T:
    """Decodes a part of a resource; null stands for absent, as in Go.

    Args:
        value: JSON value.
        type_: What it should be.
        at: Path of the value, for errors.

    Raises:
        InputError: The value does not fit; `field` is the path.
    """
    try:
        return msgspec.convert(without_nulls(value), type_, strict=True)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        raise InputError(problem, field=at + where.rstrip("`")) from error


def without_nulls(value: Any) -> Any:
    """The value without null members, recursively; in Helm values a null has a meaning."""
    if isinstance(value, dict):
        return {
            key: item if key == "valuesObject" else without_nulls(item)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
