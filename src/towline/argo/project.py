"""The AppProject resource, read once at the border."""

from __future__ import annotations

from typing import Any

import msgspec

from towline.argo.application import Destination, decode
from towline.argo.names import APP_PROJECT, DEFAULT_PROJECT


class GroupKindName(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern for kinds; every part is a glob, an empty name matches all."""

    group: str = ""
    kind: str = ""
    name: str = ""


class SyncWindow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When applications may, or may not, be synced; patterns are globs."""

    kind: str = ""
    schedule: str = ""
    duration: str = ""
    time_zone: str = ""
    applications: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    and_operator: bool = False
    manual_sync: bool = False
    sync_overrun: bool = False


class OrphanedResources(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Look-out for objects that no application tracks; being there at all turns it on."""

    warn: bool = False
    ignore: tuple[GroupKindName, ...] = ()


class ProjectSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What applications of the project may do; None lists are absent ones, which matters."""

    source_repos: tuple[str, ...] = ()
    source_namespaces: tuple[str, ...] = ()
    destinations: tuple[Destination, ...] = ()
    cluster_resource_whitelist: tuple[GroupKindName, ...] | None = None
    cluster_resource_blacklist: tuple[GroupKindName, ...] = ()
    namespace_resource_whitelist: tuple[GroupKindName, ...] | None = None
    namespace_resource_blacklist: tuple[GroupKindName, ...] = ()
    sync_windows: tuple[SyncWindow, ...] = ()
    orphaned_resources: OrphanedResources | None = None


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project: name and specification."""

    name: str
    spec: ProjectSpec


def parse_project(obj: dict[str, Any]) -> Project:
    """Reads an AppProject.

    Raises:
        InputError: A field has the wrong type; its path is in `field`.
    """
    name = str((obj.get("metadata") or {}).get("name") or "")
    return Project(name=name, spec=decode(obj.get("spec") or {}, ProjectSpec, at="spec"))


def default_project(namespace: str) -> dict[str, Any]:
    """The project that exists from the start: everything is allowed."""
    return {
        "apiVersion": APP_PROJECT.api_version,
        "kind": APP_PROJECT.kind,
        "metadata": {"name": DEFAULT_PROJECT, "namespace": namespace},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
