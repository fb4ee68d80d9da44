"""Objects in an application's namespace that no application tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from towline.argo.application import decode
from towline.argo.globs import matches
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
    def owner_references(self) -> tuple[Any, ...]:
        """Owners."""
        ...


class OrphanPattern(msgspec.Struct, frozen=True, kw_only=True):
    """Orphans that nobody minds; every part is a glob, an empty one matches everything."""

    group: str = ""
    kind: str = ""
    name: str = ""

    def matches(self, key: ObjectKey) -> bool:
        """Whether it means that object."""
        pairs = ((self.group, key.group), (self.kind, key.kind), (self.name, key.name))
        return all(not pattern or matches(pattern, text) for pattern, text in pairs)


class OrphanRules(msgspec.Struct, frozen=True, kw_only=True):
    """`spec.orphanedResources` of a project; being there at all turns the look-out on."""

    warn: bool = False
    ignore: tuple[OrphanPattern, ...] = ()


def orphan_rules(project_spec: dict[str, Any]) -> OrphanRules | None:
    """The rules of a project; None when it does not look for orphans.

    Raises:
        InputError: They have the wrong shape.
    """
    value = project_spec.get("orphanedResources")
    if value is None:
        return None
    return decode(value, OrphanRules, at="spec.orphanedResources")


def orphans(
    candidates: Iterable[Candidate],
    rules: OrphanRules,
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
        and not any(pattern.matches(obj.key) for pattern in rules.ignore)
    )


def orphan_warning(found: Iterable[ObjectKey], rules: OrphanRules) -> list[Condition]:
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
