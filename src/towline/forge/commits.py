"""The commits that a push webhook lists, as all forges write them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from towline.forge.hooks import ObjectId, Path


class ListedCommit(msgspec.Struct):
    """A commit in the body of a push."""

    id: ObjectId
    message: str = ""
    added: list[Path] | None = None
    modified: list[Path] | None = None
    removed: list[Path] | None = None


def files_of(commits: Iterable[ListedCommit]) -> tuple[str, ...] | None:
    """Every path that the commits touch, once; None when one of them does not tell its own."""
    files = dict[str, None]()
    for commit in commits:
        if commit.added is None or commit.modified is None or commit.removed is None:
            return None
        for names in (commit.added, commit.modified, commit.removed):
            files.update(dict.fromkeys(names))
    return tuple(files)
