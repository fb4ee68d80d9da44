"""Revisions of several sources as they were at one moment.

Sources are asked one after the other, and commits land in between: what comes together then may
never have been together. So what was read first is read again after the last (a double collect, as
of a set of registers), until both readings agree.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from towline.errors import TransientError

_ATTEMPTS: Final = 5
_COMMIT: Final = 40  # hexadecimal digits: such a revision never moves
_HEX: Final = frozenset("0123456789abcdefABCDEF")


class Resolve(Protocol):
    """Finds the revision that a source's revision names."""

    def __call__(self, raw: Mapping[str, Any], revision: str, *, fresh: bool) -> Awaitable[str]:
        """The commit or version; `fresh` asks the remote now."""
        ...


class _Place(msgspec.Struct, frozen=True):
    """Something that may move.

    Attributes:
        remote: A repository, or a chart in one.
        revision: What is asked of it.
        prefix: Restricts its tags.
    """

    remote: tuple[str, str]
    revision: str
    prefix: str


class Snapshots:
    """Reads several sources together.

    Args:
        resolve: Reads one.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def take(
        self, asked: Sequence[tuple[Mapping[str, Any], str]], *, fresh: bool
    ) -> tuple[str, ...]:
        """What each source's revision names, all at one moment.

        Equal revisions of one repository give the same commit.

        Args:
            asked: Sources as written, with the revision that is asked of each.
            fresh: Ask the remotes; otherwise what is known of a single one is good enough.

        Raises:
            TransientError: They move faster than they can be read.
            TowlineError: One does not exist or does not answer.
        """
        places = {_place(source, revision): source for source, revision in asked}
        for _ in range(_ATTEMPTS):
            found = await self._read(places, {place.remote for place in places} if fresh else set())
            moving = [place for place in places if not _is_fixed(place, found[place])]
            remotes = {place.remote for place in moving}
            if not fresh and len(remotes) > 1:
                fresh = True  # what is known of each is of another time
                continue
            # The last one is as it is now; what is known of its repository is as new as that.
            known = {moving[-1].remote} if moving else set()
            first = {place: places[place] for place in moving[:-1]}
            again = await self._read(first, remotes - known if fresh else set())
            if all(found[place] == revision for place, revision in again.items()):
                return tuple(found[_place(source, revision)] for source, revision in asked)
        raise TransientError("the sources change faster than they can be read together")

    async def _read(
        self, places: Mapping[_Place, Mapping[str, Any]], fresh: set[tuple[str, str]]
    ) -> dict[_Place, str]:
        found: dict[_Place, str] = {}
        asked: set[tuple[str, str]] = set()
        for place, source in places.items():
            ask = place.remote in fresh and place.remote not in asked
            found[place] = await self._resolve(source, place.revision, fresh=ask)
            asked.add(place.remote)
        return found


def _place(source: Mapping[str, Any], revision: str) -> _Place:
    # As written: another spelling of the same repository is only read once more.
    remote = str(source.get("repoURL") or ""), str(source.get("chart") or "")
    return _Place(remote, revision, str(source.get("tagPrefix") or ""))


def _is_fixed(place: _Place, found: str) -> bool:
    """Whether the revision names the same for ever: a whole commit id, or a version as it is."""
    revision = place.revision
    if place.remote[1]:
        return bool(revision) and revision == found
    return len(revision) == _COMMIT and set(revision) <= _HEX
