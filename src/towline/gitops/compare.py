"""Compares what should be with what is: one pair per object, one status for the application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from towline.argo.names import APPLICATION, COMPARE_OPTIONS, IGNORE_HEALTHCHECK
from towline.argo.status import Condition, ConditionType, HealthCode, SyncCode
from towline.gitops.health import Health, combine
from towline.gitops.hooks import is_hook, is_ignored, is_skipped
from towline.gitops.live import LiveObject
from towline.gitops.options import annotation_options
from towline.gitops.order import wave_of
from towline.gitops.targets import Target, TargetSet
from towline.gitops.tracking import self_referenced, tracked_by
from towline.kube.refs import GroupVersionKind, ObjectKey


class Pair(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A desired object, a live object, or both.

    Attributes:
        key: Identity.
        gvk: Kind and version, the target's if there is one.
        target: What should be.
        live: What is.
        status: None for what has no say: hooks, skipped objects, copies of others.
        ours: Whether the live object's tracking id means itself.
        hook: Whether it is a hook.
        extraneous_ignored: Whether it may be extra without the application being out of sync.
    """

    key: ObjectKey
    gvk: GroupVersionKind
    target: Target | None
    live: LiveObject | None
    status: SyncCode | None
    ours: bool
    hook: bool
    extraneous_ignored: bool = False

    @property
    def requires_pruning(self) -> bool:
        """Whether it is live, ours, and no longer wanted."""
        return self.target is None and self.live is not None and self.ours

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations of the target, else of the live object."""
        if self.target is not None:
            return self.target.annotations
        return self.live.annotations if self.live is not None else {}

    @property
    def wave(self) -> int:
        """Sync wave."""
        return self.target.wave if self.target is not None else wave_of(dict(self.annotations))

    @property
    def ending(self) -> bool:
        """Whether the live object is being deleted."""
        return self.live is not None and bool(self.live.deletion_timestamp)


class Comparison(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The outcome: pairs sorted by identity, hooks to run, the application's status."""

    pairs: tuple[Pair, ...]
    hooks: tuple[Target, ...]
    sync: SyncCode
    conditions: tuple[Condition, ...]

    @property
    def out_of_sync(self) -> list[Pair]:
        """Pairs that are not as they should be."""
        return [pair for pair in self.pairs if pair.status is SyncCode.OUT_OF_SYNC]


class World(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What a comparison asks about the world around the manifests.

    Attributes:
        instance: The application's instance name.
        qualified_name: `namespace/name` of the application, for messages.
        modified: Whether a live object differs from its target.
        permitted: Whether the project permits a kind by that name; (gvk, name).
    """

    instance: str
    qualified_name: str
    modified: Callable[[Target, LiveObject], bool]
    permitted: Callable[[GroupVersionKind, str], bool]


def compare(targets: TargetSet, live: Iterable[LiveObject], world: World) -> Comparison:
    """Pairs desired and live objects and judges each pair.

    Args:
        targets: Desired objects.
        live: Live objects that the application tracks, and those that targets name.
        world: What else counts.
    """
    by_key = {obj.key: obj for obj in live if _counts(obj, targets, world)}
    keys = sorted({*targets.objects, *by_key})
    pairs = tuple(_pair(targets.objects.get(key), by_key.get(key), world) for key in keys)
    return Comparison(
        pairs=pairs,
        hooks=targets.hooks,
        sync=_overall(pairs),
        conditions=(*targets.conditions, *_shared(pairs, world)),
    )


def application_health(
    pairs: Iterable[Pair],
    health: Callable[[LiveObject], Health | None],
    itself: ObjectKey | None = None,
) -> Health:
    """Health of the application: the worst of its live objects that have a rule.

    Args:
        pairs: The comparison.
        health: Health of one live object.
        itself: The application, which may be among its own objects.
    """
    counted = [
        pair
        for pair in pairs
        if not pair.hook
        and not is_ignored(pair.annotations)
        and pair.key != itself
        and (pair.target is not None or pair.ours)
        and not is_skipped(pair.annotations)
        and pair.annotations.get(IGNORE_HEALTHCHECK) != "true"
    ]
    if counted and all(pair.live is None for pair in counted):
        return Health(HealthCode.MISSING)
    judged = [(p.key, verdict) for p in counted if p.live and (verdict := health(p.live))]
    return combine((key, verdict) for key, verdict in judged if not _unsaid(key, verdict))


def _unsaid(key: ObjectKey, health: Health) -> bool:
    """Whether a child application has not said anything yet."""
    child = (key.group, key.kind) == APPLICATION.group_kind
    return child and health.status in {HealthCode.MISSING, HealthCode.UNKNOWN}


def has_say(annotations: Mapping[str, str]) -> bool:
    """Whether an object with these annotations counts for the state of sync."""
    return not (is_hook(annotations) or is_skipped(annotations) or is_ignored(annotations))


def _counts(obj: LiveObject, targets: TargetSet, world: World) -> bool:
    return obj.key in targets.objects or world.permitted(obj.gvk, obj.key.name)


def _pair(target: Target | None, live: LiveObject | None, world: World) -> Pair:
    known = target or live
    if known is None:
        raise ValueError("a pair needs a target or a live object")
    annotations = known.annotations
    hook = is_hook(annotations)
    ours = target is not None or live is None or _is_ours(live, world)
    return Pair(
        key=known.key,
        gvk=known.gvk,
        target=target,
        live=live,
        status=_status(target, live, world) if ours and has_say(annotations) else None,
        ours=ours,
        hook=hook,
        extraneous_ignored="IgnoreExtraneous" in annotation_options(annotations, COMPARE_OPTIONS),
    )


def _is_ours(live: LiveObject, world: World) -> bool:
    mark = tracked_by(live.annotations)
    return (
        mark is not None
        and mark.instance == world.instance
        and self_referenced(mark, live.key, None)
    )


def _status(target: Target | None, live: LiveObject | None, world: World) -> SyncCode:
    if target is not None and not world.permitted(target.gvk, target.key.name):
        return SyncCode.UNKNOWN
    if target is None or live is None or world.modified(target, live):
        return SyncCode.OUT_OF_SYNC
    return SyncCode.SYNCED


def _overall(pairs: Iterable[Pair]) -> SyncCode:
    for pair in pairs:
        extra_but_fine = pair.target is None and pair.extraneous_ignored
        if pair.status is SyncCode.OUT_OF_SYNC and not extra_but_fine:
            return SyncCode.OUT_OF_SYNC
    return SyncCode.SYNCED


def _shared(pairs: Iterable[Pair], world: World) -> list[Condition]:
    found = []
    for pair in pairs:
        if pair.target is None or pair.live is None:
            continue
        mark = tracked_by(pair.live.annotations)
        if mark is None or mark.instance == world.instance:
            continue
        if self_referenced(mark, pair.live.key, pair.key):
            message = (
                f"{pair.key.kind}/{pair.key.name} is part of applications"
                f" {world.qualified_name} and {mark.instance}"
            )
            found.append(Condition(ConditionType.SHARED_RESOURCE, message))
    return found
