"""The recent changes in memory: what a watch can resume from and an exact list can go back to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from towline.drydock.storage.record import Change, Record, StoreKey
from towline.kube.refs import GroupResource


class History:
    """A window of changes, bounded by number and bytes.

    Args:
        floor: Changes up to this revision are not in the window.
        max_changes: Most changes kept.
        max_bytes: Most bytes of object JSON kept.

    Attributes:
        floor: Changes up to this revision are gone.
    """

    def __init__(self, floor: int, *, max_changes: int = 50_000, max_bytes: int = 16 << 20) -> None:
        self.floor = floor
        self._max_changes = max_changes
        self._max_bytes = max_bytes
        self._bytes = 0
        self._changes: deque[Change] = deque()

    def append(self, change: Change) -> None:
        """Adds the newest change and lets the oldest go when a bound is passed."""
        self._changes.append(change)
        self._bytes += len(change.record.raw)
        while len(self._changes) > self._max_changes or self._bytes > self._max_bytes:
            self._pop()

    def expire(self, before: float) -> None:
        """Lets changes go that were made before that time."""
        while self._changes and self._changes[0].at < before:
            self._pop()

    def since(self, rev: int, wanted: Callable[[Change], bool]) -> list[Change]:
        """Changes after a revision, oldest first. The caller has checked the floor."""
        found = []
        for change in reversed(self._changes):
            if change.rev <= rev:
                break
            if wanted(change):
                found.append(change)
        found.reverse()
        return found

    def rewind(
        self, current: dict[StoreKey, Record], resource: GroupResource, rev: int
    ) -> dict[StoreKey, Record]:
        """The versions of a resource as they were at a revision at or above the floor."""
        state = dict(current)
        for change in reversed(self._changes):
            if change.rev <= rev:
                break
            key = change.record.key
            if key.resource != resource:
                continue
            if change.old is None:
                state.pop(key, None)
            else:
                state[key] = change.old
        return state

    def __len__(self) -> int:
        return len(self._changes)

    def _pop(self) -> None:
        gone = self._changes.popleft()
        self._bytes -= len(gone.record.raw)
        self.floor = gone.rev
