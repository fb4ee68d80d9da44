"""The resource tree of an application: managed objects and everything they own."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from towline.argo.application import Application
from towline.controllers.application.ports import LiveCache
from towline.gitops.health import Health, assess
from towline.gitops.status import images_of
from towline.kube.refs import ObjectKey
from towline.kubeclient.objects import CachedObject

_MAX_DEPTH: Final = 16


class Node(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One object in the tree.

    Attributes:
        group: API group.
        version: API version.
        kind: Kind.
        namespace: Namespace, empty for cluster-scoped kinds.
        name: Name.
        uid: Uid; empty for a desired object that is not live.
        resource_version: Version of the live object.
        created_at: RFC 3339 time.
        parents: Uids of its owners within the tree; empty for managed objects.
        status: `Synced`, `OutOfSync` or `Unknown` for managed objects, else empty.
        requires_pruning: Whether it is live but not desired.
        health: Health, None for kinds without a rule.
        images: Images of a pod.
    """

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    created_at: str = ""
    parents: tuple[str, ...] = ()
    status: str = ""
    requires_pruning: bool = False
    health: Health | None = None
    images: tuple[str, ...] = ()


def build_tree(app: Application, cache: LiveCache) -> list[Node]:
    """The nodes, parents before children.

    Args:
        app: The application, with its status.
        cache: Live objects.
    """
    nodes: list[Node] = []
    seen: set[str] = set()
    entries: list[dict[str, Any]] = app.status.get("resources") or []
    for entry in entries:
        key = ObjectKey(
            entry.get("group", ""),
            entry["kind"],
            entry.get("namespace", ""),
            entry["name"],
        )
        live = cache.get(key)
        if live is None:
            nodes.append(_missing(entry))
        else:
            node = _node(live, ())
            nodes.append(
                msgspec.structs.replace(
                    node,
                    status=entry.get("status", ""),
                    requires_pruning=bool(entry.get("requiresPruning")),
                )
            )
            seen.add(live.uid)
            _descend(live, cache, nodes, seen, 0)
    return nodes


def _descend(
    parent: CachedObject, cache: LiveCache, nodes: list[Node], seen: set[str], depth: int
) -> None:
    if depth >= _MAX_DEPTH:
        return
    for child in sorted(cache.children(parent.uid), key=lambda one: one.key):
        if child.uid in seen:
            continue
        seen.add(child.uid)
        nodes.append(_node(child, tuple(owner.uid for owner in child.owner_references)))
        _descend(child, cache, nodes, seen, depth + 1)


def _node(live: CachedObject, parents: tuple[str, ...]) -> Node:
    body = live.body()
    is_pod = live.gvk.group_kind == ("", "Pod")
    return Node(
        group=live.gvk.group,
        version=live.gvk.version,
        kind=live.gvk.kind,
        namespace=live.key.namespace,
        name=live.key.name,
        uid=live.uid,
        resource_version=live.resource_version,
        created_at=live.creation_timestamp,
        parents=parents,
        health=assess(body),
        images=tuple(images_of(body)) if is_pod else (),
    )


def _missing(entry: dict[str, Any]) -> Node:
    return Node(
        group=entry.get("group", ""),
        version=entry.get("version", ""),
        kind=entry["kind"],
        namespace=entry.get("namespace", ""),
        name=entry["name"],
        status=entry.get("status", ""),
    )
