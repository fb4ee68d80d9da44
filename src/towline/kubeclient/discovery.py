"""Which kinds a server has: discovery, cached, refreshed when a kind is not known.

Uses the aggregated form (two requests, with ETag) and falls back to the older one request per
group version. A group version that cannot be read now keeps what was known of it: discovery that
is partly broken must not look like kinds that are gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from towline.errors import TransientError
from towline.kube.refs import GroupKind, GroupResource, GroupVersionKind, split_api_version
from towline.kube.status import ApiError
from towline.kubeclient.transport import Transport

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
_MIN_LEGACY_SECONDS = 2.0
_MALFORMED = (msgspec.DecodeError, KeyError, TypeError, AttributeError)

_log = logging.getLogger("towline.kubeclient")


class ApiResource(msgspec.Struct, frozen=True):
    """A kind as a server serves it, in one version.

    Attributes:
        group: API group, empty for core.
        version: API version.
        kind: Kind of the objects.
        plural: Name in URLs.
        namespaced: Whether objects live in namespaces.
        verbs: What the server allows, such as `list`, `watch`.
        subresources: Names such as `status`, `scale`.
        short_names: Abbreviations for people.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()

    @property
    def gvk(self) -> GroupVersionKind:
        """Group, version and kind."""
        return GroupVersionKind(self.group, self.version, self.kind)

    @property
    def group_kind(self) -> GroupKind:
        """Group and kind."""
        return GroupKind(self.group, self.kind)

    @property
    def group_resource(self) -> GroupResource:
        """Group and plural name."""
        return GroupResource(self.group, self.plural)

    @property
    def watchable(self) -> bool:
        """Whether it can be listed and watched."""
        return "list" in self.verbs and "watch" in self.verbs

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, an object, or a subresource of it.

        Raises:
            ApiError: BadRequest for a name that cannot be a path segment.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if self.namespaced and namespace:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(_segment(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def _segment(text: str) -> str:
    if text in {".", ".."} or "/" in text or "%" in text:
        raise ApiError(f"{text!r} cannot be a name", reason="BadRequest")
    return quote(text, safe=":")


class Discovery:
    """The kinds of one server.

    Args:
        transport: Connection to the server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lists: dict[str, _GroupLists] = {}
        self._by_gvk: dict[GroupVersionKind, ApiResource] = {}
        self._preferred: dict[GroupKind, ApiResource] = {}
        self._lock = asyncio.Lock()
        self._refreshes = 0
        self._legacy_at = float("-inf")

    async def resource(self, kind: GroupVersionKind | GroupKind) -> ApiResource | None:
        """The resource that serves a kind; a GroupKind means its preferred version.

        An unknown kind causes one fresh look at the server. None when it is still unknown.

        Raises:
            TransientError: The server cannot be asked.
        """
        found = self.known(kind)
        if found is None:
            await self.refresh()
            found = self.known(kind)
        return found

    def known(self, kind: GroupVersionKind | GroupKind) -> ApiResource | None:
        """As `resource`, from what is known already."""
        if isinstance(kind, GroupVersionKind):
            return self._by_gvk.get(kind)
        return self._preferred.get(kind)

    async def all(self) -> list[ApiResource]:
        """Every kind once, in its preferred version."""
        if not self._preferred:
            await self.refresh()
        return list(self._preferred.values())

    async def refresh(self) -> None:
        """Looks at the server again; calls that wait meanwhile share the result.

        Raises:
            TransientError: The server cannot be asked.
            ApiError: The server refuses discovery.
        """
        seen = self._refreshes
        async with self._lock:
            if self._refreshes > seen + 1:
                return  # somebody else began and finished while we waited
            changed = False
            for path in ("/api", "/apis"):
                lists = await self._fetch(path)
                if lists is not None:
                    self._lists[path] = lists
                    changed = True
            if changed:
                self._index()
            self._refreshes += 1

    async def _fetch(self, path: str) -> _GroupLists | None:
        """The groups below a path, or None when they have not changed."""
        before = self._lists.get(path)
        headers = {"Accept": _AGGREGATED}
        if before is not None and before.etag:
            headers["If-None-Match"] = before.etag
        reply = await self._transport.exchange("GET", path, headers=headers)
        if reply.status == 304:
            return None
        try:
            body = msgspec.json.decode(reply.body, type=dict[str, Any])
            if body.get("kind") == "APIGroupDiscoveryList":
                etag = reply.headers.get("etag", "")
                return _GroupLists(etag, _merge(before, _read_aggregated(body)))
            group_versions = list(_legacy_group_versions(path, body))
        except _MALFORMED as error:
            raise TransientError(f"discovery at {path} is malformed: {error}") from error
        return await self._fetch_legacy(path, group_versions, before)

    async def _fetch_legacy(
        self, path: str, group_versions: list[str], before: _GroupLists | None
    ) -> _GroupLists | None:
        now = asyncio.get_running_loop().time()
        if before is not None and now - self._legacy_at < _MIN_LEGACY_SECONDS:
            return None
        if path == "/apis":
            self._legacy_at = now
        found: dict[str, list[ApiResource] | None] = {}
        for group_version in group_versions:
            try:
                reply = await self._transport.exchange("GET", f"{path}/{group_version}")
                found[group_version] = _read_legacy(group_version, reply.body)
            except (ApiError, TransientError, *_MALFORMED) as error:
                _log.warning("discovery incomplete group_version=%s error=%s", group_version, error)
                found[group_version] = None
        return _GroupLists("", _merge(before, found))

    def _index(self) -> None:
        by_gvk: dict[GroupVersionKind, ApiResource] = {}
        preferred: dict[GroupKind, ApiResource] = {}
        for lists in self._lists.values():
            for resources in lists.versions.values():
                for resource in resources:
                    by_gvk.setdefault(resource.gvk, resource)
                    preferred.setdefault(resource.group_kind, resource)
        self._by_gvk = by_gvk
        self._preferred = preferred


class _GroupLists(msgspec.Struct, frozen=True):
    """Resources by group version, best version of a group first."""

    etag: str
    versions: dict[str, list[ApiResource]]


def _merge(
    before: _GroupLists | None, found: Mapping[str, list[ApiResource] | None]
) -> dict[str, list[ApiResource]]:
    """Fills group versions that could not be read with what was known of them."""
    known = before.versions if before is not None else {}
    return {
        group_version: known.get(group_version, []) if resources is None else resources
        for group_version, resources in found.items()
    }


def _read_aggregated(body: dict[str, Any]) -> dict[str, list[ApiResource] | None]:
    found: dict[str, list[ApiResource] | None] = {}
    for item in body.get("items") or []:
        group = (item.get("metadata") or {}).get("name") or ""
        for version in item.get("versions") or []:
            name = version["version"]
            group_version = f"{group}/{name}" if group else name
            stale = version.get("freshness") == "Stale"
            found[group_version] = (
                None
                if stale
                else [
                    _aggregated_resource(group, name, entry)
                    for entry in version.get("resources") or []
                    if entry.get("responseKind")
                ]
            )
    return found


def _aggregated_resource(group: str, version: str, entry: dict[str, Any]) -> ApiResource:
    return ApiResource(
        group=group,
        version=version,
        kind=entry["responseKind"].get("kind") or "",
        plural=entry["resource"],
        namespaced=entry.get("scope") == "Namespaced",
        verbs=tuple(entry.get("verbs") or ()),
        subresources=tuple(sub["subresource"] for sub in entry.get("subresources") or ()),
        short_names=tuple(entry.get("shortNames") or ()),
    )


def _legacy_group_versions(path: str, body: dict[str, Any]) -> Iterable[str]:
    if path == "/api":
        return list(body.get("versions") or [])
    found: list[str] = []
    for group in body.get("groups") or []:
        versions = [entry["groupVersion"] for entry in group.get("versions") or []]
        best = (group.get("preferredVersion") or {}).get("groupVersion")
        found += sorted(versions, key=lambda name, best=best: name != best)  # type: ignore[misc]
    return found


def _read_legacy(group_version: str, body: bytes) -> list[ApiResource]:
    group, version = split_api_version(group_version)
    entries = msgspec.json.decode(body).get("resources") or []
    subresources: dict[str, list[str]] = {}
    for entry in entries:
        plural, slash, sub = entry["name"].partition("/")
        if slash:
            subresources.setdefault(plural, []).append(sub)
    return [
        ApiResource(
            group=group,
            version=version,
            kind=entry["kind"],
            plural=entry["name"],
            namespaced=bool(entry.get("namespaced")),
            verbs=tuple(entry.get("verbs") or ()),
            subresources=tuple(subresources.get(entry["name"], ())),
            short_names=tuple(entry.get("shortNames") or ()),
        )
        for entry in entries
        if "/" not in entry["name"]
    ]
