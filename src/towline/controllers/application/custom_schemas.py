"""Schemas of custom resources, read from their definitions in the watch cache."""

from __future__ import annotations

from typing import Final

from towline.controllers.application.ports import ClusterApi, LiveCache
from towline.gitops.ignore import CRD
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kube.schema.node import SchemaNode
from towline.kube.schema.structural import crd_kinds

_MOST: Final = 512


class CustomSchemas:
    """Tells how lists and maps of a custom resource merge.

    Args:
        client: Knows under which name a kind is served.
        cache: Has the definitions.
    """

    def __init__(self, client: ClusterApi, cache: LiveCache) -> None:
        self._client = client
        self._cache = cache
        self._known: dict[GroupVersionKind, tuple[str, SchemaNode | None]] = {}

    def __call__(self, gvk: GroupVersionKind) -> SchemaNode | None:
        """The schema of a kind; None when there is no definition or it has no schema."""
        resource = self._client.discovery.known(gvk)
        if resource is None:
            return None
        name = f"{resource.plural}.{gvk.group}"
        found = self._cache.get(ObjectKey(CRD.group, CRD.kind, "", name))
        if found is None:
            return None
        known = self._known.get(gvk)
        if known is None or known[0] != found.resource_version:
            if len(self._known) >= _MOST:
                self._known.clear()
            kinds = {info.gvk: info.schema for info in crd_kinds(found.body())}
            self._known[gvk] = known = (found.resource_version, kinds.get(gvk))
        return known[1]
