"""Finds the live objects of applications: an index by tracking id over the watch cache."""

from __future__ import annotations

from collections.abc import Callable

from towline.controllers.application.ports import LiveCache
from towline.gitops.tracking import tracked_by
from towline.kube.refs import ObjectKey
from towline.kubeclient.objects import CachedObject

_MAX_OWNERS = 16

Touched = Callable[[str, bool], None]
"""Called with an instance name, and whether a tracked object itself changed."""


class LiveIndex:
    """Top-level objects by the instance name in their tracking id.

    Args:
        cache: The live objects.
        touched: Told of every change that concerns an application.
    """

    def __init__(self, cache: LiveCache, touched: Touched) -> None:
        self._cache = cache
        self._touched = touched
        self._instances: dict[str, set[ObjectKey]] = {}

    def attach(self) -> Callable[[], None]:
        """Takes in what the cache has and follows it; returns the way out."""
        leave = self._cache.subscribe(self._changed)
        for obj in self._cache.objects():
            self._add(obj)
        return leave

    def tracked(self, instance: str) -> list[CachedObject]:
        """Live objects without owners whose tracking id names the instance."""
        keys = self._instances.get(instance, ())
        return [obj for key in keys if (obj := self._cache.get(key)) is not None]

    def root_of(self, obj: CachedObject) -> str:
        """The instance that tracks the topmost owner of an object, or an empty string."""
        seen = 0
        while obj.owner_references and seen < _MAX_OWNERS:
            owner = self._cache.by_uid(obj.owner_references[0].uid)
            if owner is None:
                return ""
            obj, seen = owner, seen + 1
        mark = tracked_by(obj.annotations)
        return mark.instance if mark is not None else ""

    def _changed(self, type_: str, new: CachedObject, old: CachedObject | None) -> None:
        before = self._remove(old) if old is not None else ""
        if type_ == "DELETED":
            before = before or self._remove(new)
            after = ""
        else:
            after = self._add(new)
        for instance in {before, after} - {""}:
            self._touched(instance, True)
        if new.owner_references and not after and (root := self.root_of(new)):
            self._touched(root, False)

    def _add(self, obj: CachedObject) -> str:
        mark = tracked_by(obj.annotations)
        if mark is None or obj.owner_references:
            return ""
        self._instances.setdefault(mark.instance, set()).add(obj.key)
        return mark.instance

    def _remove(self, obj: CachedObject) -> str:
        mark = tracked_by(obj.annotations)
        if mark is None:
            return ""
        keys = self._instances.get(mark.instance)
        if keys is None or obj.key not in keys:
            return ""
        keys.discard(obj.key)
        if not keys:
            del self._instances[mark.instance]
        return mark.instance
