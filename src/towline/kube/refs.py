"""Names of kinds and objects."""

from __future__ import annotations

from typing import Any, NamedTuple


class GroupResource(NamedTuple):
    """A resource in the URL's sense: API group (empty for core) and plural name."""

    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


class GroupKind(NamedTuple):
    """API group (empty for core) and kind."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class GroupVersionKind(NamedTuple):
    """API group (empty for core), version and kind."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """As objects carry it: `apps/v1` or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> GroupKind:
        """Without the version."""
        return GroupKind(self.group, self.kind)


class ObjectKey(NamedTuple):
    """Identity of an object, any version; `namespace` is empty for cluster-scoped kinds."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        group_kind = f"{self.group}/{self.kind}" if self.group else self.kind
        return (
            f"{group_kind}:{self.namespace}/{self.name}"
            if self.namespace
            else (f"{group_kind}:{self.name}")
        )


def split_api_version(api_version: str) -> tuple[str, str]:
    """Splits `apps/v1` into group and version; the core group is an empty string."""
    group, _, version = api_version.rpartition("/")
    return group, version


def gvk_of(obj: dict[str, Any]) -> GroupVersionKind:
    """The kind that an object says it is; missing fields read as empty strings."""
    group, version = split_api_version(str(obj.get("apiVersion") or ""))
    return GroupVersionKind(group, version, str(obj.get("kind") or ""))


def key_of(obj: dict[str, Any]) -> ObjectKey:
    """The identity of an object."""
    gvk = gvk_of(obj)
    meta = obj.get("metadata") or {}
    return ObjectKey(gvk.group, gvk.kind, meta.get("namespace") or "", meta.get("name") or "")
