"""Hooks: which objects are hooks, in which phases they run, when they are deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from towline.argo.names import (
    CLEANUP,
    HELM_HOOK,
    HELM_HOOK_DELETE_POLICY,
    HOOK,
    HOOK_DELETE_POLICY,
    POST_DELETE_FINALIZER,
    PRE_DELETE_FINALIZER,
)
from towline.argo.status import HealthCode


class SyncPhase(StrEnum):
    """Phases of a sync, in order."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"

    @property
    def rank(self) -> int:
        """Position in a sync."""
        return list(SyncPhase).index(self)


class DeletePolicy(StrEnum):
    """When a hook object is deleted."""

    BEFORE_CREATION = "BeforeHookCreation"
    SUCCEEDED = "HookSucceeded"
    FAILED = "HookFailed"


class DeletePhase(StrEnum):
    """When a hook runs around the deletion of an application."""

    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"

    @property
    def finalizer(self) -> str:
        """The application's finalizer that waits for such hooks."""
        before = self is DeletePhase.PRE_DELETE
        return PRE_DELETE_FINALIZER if before else POST_DELETE_FINALIZER


SKIP: Final = "Skip"
_TYPES: Final = frozenset({*(p.value for p in (*SyncPhase, *DeletePhase)), SKIP})
_PHASES: Final = frozenset(p.value for p in SyncPhase)
_HELM_TYPES: Final = {
    "pre-install": "PreSync",
    "pre-upgrade": "PreSync",
    "post-install": "PostSync",
    "post-upgrade": "PostSync",
    "pre-delete": "PreDelete",
    "post-delete": "PostDelete",
}
_HELM_POLICIES: Final = {
    "before-hook-creation": DeletePolicy.BEFORE_CREATION,
    "hook-succeeded": DeletePolicy.SUCCEEDED,
    "hook-failed": DeletePolicy.FAILED,
}
_NO_HOOK: Final = "crd-install"


def hook_types(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The known hook types of an object, Argo CD's own first, else Helm's."""
    own = [item for item in _items(annotations, HOOK) if item in _TYPES]
    if own:
        return tuple(dict.fromkeys(own))
    helm = [_HELM_TYPES[i] for i in _items(annotations, HELM_HOOK) if i in _HELM_TYPES]
    return tuple(dict.fromkeys(helm))


def is_hook(annotations: Mapping[str, str]) -> bool:
    """Whether an object is a hook rather than a part of the application."""
    types = hook_types(annotations)
    return bool(types) and types != (SKIP,)


def is_skipped(annotations: Mapping[str, str]) -> bool:
    """Whether an object is left out of syncs (`hook: Skip` alone)."""
    return hook_types(annotations) == (SKIP,)


def is_ignored(annotations: Mapping[str, str]) -> bool:
    """Whether an object claims to be a hook of a type that nobody runs."""
    if hook_types(annotations):
        return False
    helm = _items(annotations, HELM_HOOK)
    return bool(_items(annotations, HOOK)) or bool(helm and _NO_HOOK not in helm)


def phases_of(annotations: Mapping[str, str]) -> tuple[SyncPhase, ...]:
    """Phases in which the object is applied during a sync."""
    return tuple(SyncPhase(t) for t in hook_types(annotations) if t in _PHASES)


def is_delete_hook(annotations: Mapping[str, str], phase: DeletePhase) -> bool:
    """Whether an object is a hook that runs in a phase of the application's deletion."""
    return phase.value in hook_types(annotations)


def with_delete_finalizers(
    finalizers: Sequence[str], hooks: Iterable[Mapping[str, str]]
) -> list[str]:
    """The finalizers that an application needs for its deletion hooks, no others of this kind.

    Args:
        finalizers: Those that it has; their order is kept.
        hooks: Annotations of its hooks.
    """
    all_hooks = list(hooks)
    wanted: list[str] = []
    unwanted: set[str] = set()
    for phase in DeletePhase:
        names = [phase.finalizer, phase.finalizer + CLEANUP]
        if any(is_delete_hook(hook, phase) for hook in all_hooks):
            wanted += names
        else:
            unwanted.update(names)
    kept = [name for name in finalizers if name not in unwanted]
    return kept + [name for name in wanted if name not in kept]


def is_spent(annotations: Mapping[str, str], outcome: HealthCode) -> bool:
    """Whether a deletion hook is to be deleted, now that it is known how all of them ended."""
    policies = delete_policies(annotations)
    return (outcome is HealthCode.HEALTHY and DeletePolicy.SUCCEEDED in policies) or (
        outcome is HealthCode.DEGRADED and DeletePolicy.FAILED in policies
    )


def delete_policies(annotations: Mapping[str, str]) -> frozenset[DeletePolicy]:
    """When the hook is deleted; before its next creation when nothing is said."""
    known = {policy.value: policy for policy in DeletePolicy}
    found = {known[item] for item in _items(annotations, HOOK_DELETE_POLICY) if item in known}
    found |= {
        _HELM_POLICIES[item]
        for item in _items(annotations, HELM_HOOK_DELETE_POLICY)
        if item in _HELM_POLICIES
    }
    return frozenset(found or {DeletePolicy.BEFORE_CREATION})


def _items(annotations: Mapping[str, str], name: str) -> list[str]:
    text = annotations.get(name) or ""
    return [item.strip() for item in text.split(",") if item.strip()]
