"""Desired objects, made ready to be compared: namespace settled, tracked, unique."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from towline.argo.manifest import Manifest, content_digest
from towline.argo.status import Condition, ConditionType
from towline.gitops.hooks import is_hook, is_ignored
from towline.gitops.order import wave_of
from towline.gitops.tracking import with_tracking
from towline.kube.refs import GroupVersionKind, ObjectKey, gvk_of

Scope = Callable[[GroupVersionKind], bool | None]
"""Whether a kind is namespaced; None when the cluster does not know it."""


class Target(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A desired object.

    Attributes:
        key: Identity; the name is empty when only `generateName` is given.
        gvk: Kind and version.
        object: The object with namespace and tracking id; shared, never to be changed.
        digest: Identity of the content.
        annotations: Its annotations; shared.
        wave: Sync wave.
        origin: File and line where it stands, `app/web.yaml:5`; no part of its identity.
    """

    key: ObjectKey
    gvk: GroupVersionKind
    object: dict[str, Any]
    digest: str
    annotations: dict[str, str]
    wave: int
    origin: str = ""


class TargetSet(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """All desired objects of an application.

    Attributes:
        objects: Parts of the application, by identity.
        hooks: Hook objects, in the order of the manifests.
        conditions: Warnings about the manifests.
    """

    objects: dict[ObjectKey, Target]
    hooks: tuple[Target, ...]
    conditions: tuple[Condition, ...]


def settle(
    manifests: Iterable[Manifest], *, instance: str, namespace: str, scope: Scope
) -> TargetSet:
    """Makes rendered manifests comparable.

    Args:
        manifests: What was rendered.
        instance: The application's instance name.
        namespace: Destination namespace.
        scope: Which kinds are namespaced; an unknown kind counts as namespaced.
    """
    targets = [
        _target(manifest, instance, namespace, scope)
        for manifest in manifests
        if not is_ignored(_annotations(manifest.object))
    ]
    named = Counter(target.key for target in targets if target.key.name)
    conditions = [
        Condition(
            ConditionType.REPEATED_RESOURCE,
            f"Resource {key.group}/{key.kind}/{key.namespace}/{key.name} appeared {times} times"
            " among application resources.",
        )
        for key, times in named.items()
        if times > 1
    ]
    conditions += [
        Condition(
            ConditionType.INVALID_SPEC_ERROR,
            f"Namespace for {t.key.name} {t.gvk.api_version}, Kind={t.gvk.kind} is missing.",
        )
        for t in targets
        if not t.key.namespace and scope(t.gvk)
    ]
    last = {
        target.key if target.key.name else (target.key, position): target
        for position, target in enumerate(targets)
    }
    hooks = tuple(t for t in last.values() if is_hook(t.annotations))
    objects = {t.key: t for t in last.values() if not is_hook(t.annotations)}
    return TargetSet(objects=objects, hooks=hooks, conditions=tuple(conditions))


def _target(manifest: Manifest, instance: str, namespace: str, scope: Scope) -> Target:
    obj = manifest.object
    gvk = gvk_of(obj)
    meta = dict(obj["metadata"])
    if scope(gvk) is False:
        meta.pop("namespace", None)
    elif not meta.get("namespace") and namespace:
        meta["namespace"] = namespace
    tracked = with_tracking({**obj, "metadata": meta}, instance, namespace)
    annotations = _annotations(tracked)
    return Target(
        key=ObjectKey(gvk.group, gvk.kind, meta.get("namespace") or "", meta.get("name") or ""),
        gvk=gvk,
        object=tracked,
        digest=content_digest(tracked),
        annotations=annotations,
        wave=wave_of(annotations),
        origin=manifest.origin,
    )


def _annotations(obj: dict[str, Any]) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}
