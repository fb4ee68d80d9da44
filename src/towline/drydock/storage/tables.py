"""Current versions in memory with the indexes that reads need. No I/O, no waiting."""

from __future__ import annotations

from collections.abc import Iterator

from towline.drydock.storage.record import Record, StoreKey
from towline.kube.refs import GroupResource


class Table:
    """Versions of one resource, by namespace and name."""

    __slots__ = ("_order", "rows")

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Record]] = {}
        self._order: dict[str, list[str]] = {}

    def put(self, record: Record) -> None:
        """Adds or replaces a version."""
        key = record.key
        rows = self.rows.setdefault(key.namespace, {})
        if key.name not in rows:
            self._order.pop(key.namespace, None)
        rows[key.name] = record

    def drop(self, key: StoreKey) -> None:
        """Removes a version if it is there."""
        rows = self.rows.get(key.namespace)
        if rows is None or rows.pop(key.name, None) is None:
            return
        self._order.pop(key.namespace, None)
        if not rows:
            del self.rows[key.namespace]

    def sorted(self, namespace: str = "") -> list[Record]:
        """Versions in key order; all namespaces when `namespace` is empty."""
        spaces = [namespace] if namespace else sorted(self.rows)
        return [record for space in spaces for record in self._space(space)]

    def _space(self, namespace: str) -> list[Record]:
        rows = self.rows.get(namespace)
        if rows is None:
            return []
        order = self._order.get(namespace)
        if order is None:
            order = self._order[namespace] = sorted(rows)
        return [rows[name] for name in order]

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())


class Tables:
    """All resources, with look-up by uid and by owner."""

    def __init__(self) -> None:
        self._tables: dict[GroupResource, Table] = {}
        self._uids: dict[str, StoreKey] = {}
        self._owned: dict[str, dict[StoreKey, None]] = {}

    def get(self, key: StoreKey) -> Record | None:
        """The current version, or None."""
        table = self._tables.get(key.resource)
        return None if table is None else table.rows.get(key.namespace, {}).get(key.name)

    def table(self, resource: GroupResource) -> Table:
        """The versions of a resource; empty when there are none."""
        return self._tables.get(resource) or Table()

    def put(self, record: Record, old: Record | None) -> None:
        """Adds or replaces a version and its index entries."""
        if old is not None:
            self._unindex(old)
        self._tables.setdefault(record.key.resource, Table()).put(record)
        uid, owners = record.links()
        self._uids[uid] = record.key
        for owner in owners:
            self._owned.setdefault(owner, {})[record.key] = None

    def drop(self, record: Record) -> None:
        """Removes a version and its index entries."""
        self._unindex(record)
        table = self._tables.get(record.key.resource)
        if table is not None:
            table.drop(record.key)
            if not table.rows:
                del self._tables[record.key.resource]

    def by_uid(self, uid: str) -> Record | None:
        """The object with that uid."""
        key = self._uids.get(uid)
        return None if key is None else self.get(key)

    def by_owner(self, uid: str) -> list[Record]:
        """Objects with an owner reference to that uid."""
        found = (self.get(key) for key in self._owned.get(uid, ()))
        return [record for record in found if record is not None]

    def all(self) -> Iterator[Record]:
        """Every object of every resource."""
        for table in list(self._tables.values()):
            yield from table.sorted()

    def _unindex(self, record: Record) -> None:
        uid, owners = record.links()
        if self._uids.get(uid) == record.key:
            del self._uids[uid]
        for owner in owners:
            owned = self._owned.get(owner)
            if owned is not None:
                owned.pop(record.key, None)
                if not owned:
                    del self._owned[owner]
