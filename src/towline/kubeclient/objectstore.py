"""Objects in memory with the indexes that reconcilers need; accepts changes in any order.

Deliveries may be duplicated, late or repeated after a relist, and answers to our own writes may
arrive before or after the watch says the same. Versions decide: what is older than what is known
changes nothing.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable

from towline.kube.refs import GroupKind, ObjectKey
from towline.kubeclient.objects import CachedObject, is_older

Callback = Callable[[str, CachedObject, CachedObject | None], None]

ADDED = "ADDED"
MODIFIED = "MODIFIED"
DELETED = "DELETED"

_TOMBSTONES = 4096

_log = logging.getLogger("towline.kubeclient")


class ObjectStore:
    """The live objects that are known."""

    def __init__(self) -> None:
        self._kinds: dict[GroupKind, dict[tuple[str, str], CachedObject]] = {}
        self._uids: dict[str, CachedObject] = {}
        self._children: dict[str, dict[str, CachedObject]] = {}
        self._gone: OrderedDict[ObjectKey, str] = OrderedDict()
        self._seen: dict[GroupKind, str] = {}
        self._callbacks: list[Callback] = []

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def get(self, key: ObjectKey) -> CachedObject | None:
        """The object with that identity."""
        kind = self._kinds.get(GroupKind(key.group, key.kind))
        return kind.get((key.namespace, key.name)) if kind else None

    def by_uid(self, uid: str) -> CachedObject | None:
        """The object with that uid."""
        return self._uids.get(uid)

    def children(self, uid: str) -> list[CachedObject]:
        """Objects of every kind with an owner reference to that uid."""
        return list(self._children.get(uid, {}).values())

    def objects(
        self, group_kind: GroupKind | None = None, namespace: str | None = None
    ) -> list[CachedObject]:
        """Objects of a kind (all kinds when None), of one namespace unless None."""
        kinds: Iterable[dict[tuple[str, str], CachedObject]] = (
            self._kinds.values() if group_kind is None else [self._kinds.get(group_kind, {})]
        )
        return [
            obj
            for kind in kinds
            for (at, _), obj in kind.items()
            if namespace is None or at == namespace
        ]

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Calls back with every change: type, object (last state if DELETED), object before.

        Returns:
            A function that ends it.
        """
        self._callbacks.append(callback)

        def unsubscribe() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return unsubscribe

    def watched(self, type_: str, obj: CachedObject) -> None:
        """Takes in a watch event (ADDED, MODIFIED or DELETED)."""
        self._saw(obj.key, obj.resource_version)
        if type_ == DELETED:
            old = self.get(obj.key)
            if old is None:
                self._bury(obj.key, obj.resource_version)
                return
            if is_older(obj.resource_version, old.resource_version):
                return
            self._drop(old, obj.resource_version)
            if old.uid == obj.uid:
                self._tell(DELETED, obj, old)
            else:
                self._tell(DELETED, old, old)
        else:
            self._put(obj)

    def written(self, obj: CachedObject) -> None:
        """Takes in the answer to a write of our own."""
        known = self.get(obj.key)
        seen = self._seen.get(obj.gvk.group_kind, "")
        if known is None and seen and not is_older(seen, obj.resource_version):
            return  # the watch is past it: it was deleted meanwhile
        self._put(obj)

    def replace(
        self,
        group_kind: GroupKind,
        objects: Iterable[CachedObject],
        version: str,
        *,
        namespace: str = "",
        force: bool = False,
    ) -> None:
        """Takes in a complete list of a kind: what it lacks is gone.

        Args:
            group_kind: The kind.
            objects: All its objects.
            version: resourceVersion of the list.
            namespace: The list is of one namespace only, unless empty.
            force: The server's history went back: take the list whatever its versions say.
        """
        if force:
            self._forget_history(group_kind)
        found: set[tuple[str, str]] = set()
        for obj in objects:
            found.add((obj.namespace, obj.name))
            self._put(obj, force=force)
        for place, old in list(self._kinds.get(group_kind, {}).items()):
            if place in found or (namespace and place[0] != namespace):
                continue
            if force or not is_older(version, old.resource_version):
                self._drop(old, version)
                self._tell(DELETED, old, old)
        if not is_older(version, self._seen.get(group_kind, "")):
            self._seen[group_kind] = version

    def forget(self, group_kind: GroupKind) -> None:
        """Drops every object of a kind that the server no longer has."""
        for old in list(self._kinds.get(group_kind, {}).values()):
            self._drop(old, old.resource_version)
            self._tell(DELETED, old, old)
        self._kinds.pop(group_kind, None)
        self._forget_history(group_kind)

    def seen(self, group_kind: GroupKind) -> str:
        """The newest resourceVersion that was seen of a kind, empty before the first list."""
        return self._seen.get(group_kind, "")

    def _forget_history(self, group_kind: GroupKind) -> None:
        self._seen.pop(group_kind, None)
        for key in [key for key in self._gone if (key.group, key.kind) == group_kind]:
            del self._gone[key]

    def _put(self, obj: CachedObject, *, force: bool = False) -> None:
        old = self.get(obj.key)
        version = obj.resource_version
        if old is not None:
            if old.resource_version == version and old.uid == obj.uid:
                return
            if not force and is_older(version, old.resource_version):
                return
        elif not force and (gone := self._gone.get(obj.key)) and not is_older(gone, version):
            return
        if old is not None and old.uid != obj.uid:
            self._drop(old, "")
            self._tell(DELETED, old, old)
            old = None
        self._keep(obj, old)
        self._tell(ADDED if old is None else MODIFIED, obj, old)

    def _keep(self, obj: CachedObject, old: CachedObject | None) -> None:
        if old is not None:
            self._unlink(old)
        self._gone.pop(obj.key, None)
        kind = self._kinds.setdefault(obj.gvk.group_kind, {})
        kind[obj.key.namespace, obj.key.name] = obj
        self._uids[obj.uid] = obj
        for owner in obj.owner_references:
            self._children.setdefault(owner.uid, {})[obj.uid] = obj

    def _drop(self, old: CachedObject, version: str) -> None:
        self._unlink(old)
        kind = self._kinds.get(old.gvk.group_kind, {})
        kind.pop((old.key.namespace, old.key.name), None)
        if self._uids.get(old.uid) is old:
            del self._uids[old.uid]
        if version:
            self._bury(old.key, version)

    def _bury(self, key: ObjectKey, version: str) -> None:
        """Remembers a deletion, so that news from before it are not taken for a new object."""
        if is_older(version, self._gone.get(key, "")):
            return
        self._gone[key] = version
        self._gone.move_to_end(key)
        if len(self._gone) > _TOMBSTONES:
            self._gone.popitem(last=False)

    def _unlink(self, old: CachedObject) -> None:
        for owner in old.owner_references:
            siblings = self._children.get(owner.uid)
            if siblings is not None:
                siblings.pop(old.uid, None)
                if not siblings:
                    del self._children[owner.uid]

    def _saw(self, key: ObjectKey, version: str) -> None:
        kind = GroupKind(key.group, key.kind)
        if not is_older(version, self._seen.get(kind, "")):
            self._seen[kind] = version

    def _tell(self, type_: str, new: CachedObject, old: CachedObject | None) -> None:
        for callback in tuple(self._callbacks):
            try:
                callback(type_, new, old)
            except Exception:  # noqa: BLE001  # one reader's bug must not stop the others or the watch
                _log.exception("subscriber failed type=%s key=%s", type_, new.key)
