"""A bounded cache by digest, for what is parsed once and read often."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedCache(Generic[T]):
    """Keeps the entries that were used last.

    Threads may share it: at worst one of them does not find what another is just reading.

    Args:
        size: How many entries are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[str, T] = OrderedDict()

    def get(self, key: str) -> T | None:
        """The entry, or None."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._entries[key] = entry
        return entry

    def put(self, key: str, entry: T) -> None:
        """Keeps an entry."""
        self._entries[key] = entry
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
