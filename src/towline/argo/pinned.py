"""The sources of an application, each at the revision that it was resolved to."""

from __future__ import annotations

from typing import Any

import msgspec


class Pinned(msgspec.Struct, frozen=True):
    """Sources and revisions, as statuses and operations carry them.

    Attributes:
        sources: As written; shared, never to be changed.
        revisions: One per source: a commit or a chart's version.
        several: Whether they are written as `sources`, not as `source`.
    """

    sources: tuple[dict[str, Any], ...]
    revisions: tuple[str, ...]
    several: bool = False

    @property
    def first(self) -> str:
        """The revision of the first source; empty when there is none."""
        return self.revisions[0] if self.revisions else ""

    @property
    def text(self) -> str:
        """All revisions, for messages."""
        return ", ".join(self.revisions)

    def entry(self) -> dict[str, Any]:
        """`revision` and `source`, or `revisions` and `sources`."""
        if self.several:
            return {"revisions": list(self.revisions), "sources": list(self.sources)}
        return {"revision": self.first, "source": self.sources[0] if self.sources else {}}

    def same_as(self, entry: dict[str, Any]) -> bool:
        """Whether a part of a status is about these sources at these revisions."""
        return all(entry.get(name) == value for name, value in self.entry().items())


def pinned_of(entry: dict[str, Any]) -> Pinned | None:
    """What a part of a status is about; None when it names no revision."""
    if entry.get("revisions"):
        sources = tuple(entry.get("sources") or ())
        return Pinned(sources, tuple(map(str, entry["revisions"])), several=True)
    if entry.get("revision"):
        return Pinned((entry.get("source") or {},), (str(entry["revision"]),))
    return None
