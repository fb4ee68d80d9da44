"""Objects in an application's namespace that no application tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from towline.argo.globs import matches
from towline.argo.project import GroupKindName, OrphanedResources
from towline.argo.status import Condition, ConditionType
from towline.kube.refs import GroupVersionKind, ObjectKey


class Candidate(Protocol):
    """What has to be known of a live object."""

    @property
    def key(self) -> ObjectKey:
        """Identity."""
        ...

    @property
    def gvk(self) -> GroupVersionKind:
        """Kind."""
        ...

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations."""
        ...

    @property
    def owner_references(self) -> tuple[Any, ...]:
        """Owners."""
        ...


def orphans(
    candidates: Iterable[Candidate],
    rules: OrphanedResources,
    *,
    namespace: str,
    tracked: Callable[[Candidate], bool],
    permitted: Callable[[GroupVersionKind, str], bool],
) -> list[ObjectKey]:
    """The orphans in a namespace, sorted.

    Args:
        candidates: Live objects.
        rules: The project's rules.
        namespace: The application's destination namespace; without one there are no orphans.
        tracked: Whether an application tracks a live object.
        permitted: Whether the project permits a kind by that name.
    """
    if not namespace:
        return []
    return sorted(
        obj.key
        for obj in candidates
        if obj.key.namespace == namespace
        and not obj.owner_references
        and not tracked(obj)
        and not _kept_by_kubernetes(obj.key)
        and permitted(obj.gvk, obj.key.name)
        and not any(_matches(pattern, obj.key) for pattern in rules.ignore)
    )


def orphan_warning(found: Iterable[ObjectKey], rules: OrphanedResources) -> list[Condition]:
    """What is said of orphans; nothing when the project does not want to be warned."""
    number = len(list(found))
    if not number or not rules.warn:
        return []
    text = f"Application has {number} orphaned resources"
    return [Condition(ConditionType.ORPHANED_RESOURCE, text)]


_EVERYWHERE: Final = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})


def _kept_by_kubernetes(key: ObjectKey) -> bool:
    if key.group:
        return False
    if (key.kind, key.name) in _EVERYWHERE:
        return True
    return (key.kind, key.namespace, key.name) == ("Service", "default", "kubernetes")


def _matches(pattern: GroupKindName, key: ObjectKey) -> bool:
    pairs = ((pattern.group, key.group), (pattern.kind, key.kind), (pattern.name, key.name))
    return all(not glob or matches(glob, text) for glob, text in pairs)
