"""Matches the parts of an object with those of the version that it replaces. Pure.

What did not change is not refused: a schema may have become stricter since it was stored. Parts are
matched by field, by key in maps, and by the key fields of lists of type `map`; items of other lists
have no counterpart.
"""

from __future__ import annotations

import json
from typing import Any

from towline.kube.schema.node import SchemaNode


class Correlation:
    """A value and the one it replaces.

    Args:
        new: The value.
        old: What it replaces.
        node: Their schema.
        root: Whether they are whole objects: apiVersion and kind always count as changed.
    """

    __slots__ = ("_by_key", "_node", "_same", "new", "old", "root")

    def __init__(self, new: Any, old: Any, node: SchemaNode, *, root: bool = False) -> None:
        self.new = new
        self.old = old
        self.root = root
        self._node = node
        self._same: bool | None = None
        self._by_key: dict[str, Any] | None = None

    @property
    def same(self) -> bool:
        """Whether nothing changed; the order of lists of type `map` does not count."""
        if self._same is None:
            self._same = self._compare()
        return self._same

    def _compare(self) -> bool:
        new, old = self.new, self.old
        if new is old:
            return True
        if type(new) is not type(old) or new is None:
            return False
        if isinstance(new, dict):
            return len(new) == len(old) and all(
                (below := self.key(name)) is not None and below.same for name in new
            )
        if isinstance(new, list) and self._node.list_type == "map":
            return len(new) == len(old) and all(
                (below := self.index(position)) is not None and below.same
                for position in range(len(new))
            )
        return bool(new == old)

    def key(self, name: str) -> Correlation | None:
        """The field or entry of both, or None when one of them lacks it."""
        if not isinstance(self.new, dict) or not isinstance(self.old, dict):
            return None
        if name not in self.new or name not in self.old:
            return None
        return Correlation(self.new[name], self.old[name], self._node.child(name))

    def index(self, position: int) -> Correlation | None:
        """The item and the old one with its keys, or None."""
        if self._node.list_type != "map" or not isinstance(self.old, list):
            return None
        item = self.new[position]
        old = self._old_items().get(self._identity(item))
        return None if old is None else Correlation(item, old, self._node.items)

    def _old_items(self) -> dict[str, Any]:
        if self._by_key is None:
            self._by_key = {self._identity(item): item for item in self.old}
        return self._by_key

    def _identity(self, item: Any) -> str:
        if not isinstance(item, dict):
            return ""
        keys = [item.get(name) for name in self._node.list_map_keys]
        return json.dumps(keys, sort_keys=True, default=str)
