"""The bare repository on disk behind a mirror: a cache of objects, safe to delete at any moment."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import pygit2

from towline.git.refs import is_sha
from towline.git.smart_http import RemoteRefs
from towline.git.tree import CommitInfo, GitTree, commit_info

_log = logging.getLogger("towline.git")

_MAX_TIPS = 64


class BareMirror:
    """Objects of one remote repository.

    There are no moving refs while objects are fetched: what is here completely is listed in the
    file `tips`, which tells the next fetch what to leave out.

    Args:
        path: Its directory; created when absent, recreated when it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = False
        self._repository: pygit2.Repository | None = None
        self._tips: list[str] = []

    @property
    def tips(self) -> list[str]:
        """Commits that are here with all their history, newest last."""
        self.open()
        return list(self._tips)

    def contains(self, oid: str) -> bool:
        """Whether the object is here."""
        try:
            return oid in self.open()
        except (pygit2.GitError, ValueError):
            self.damaged = True
            return False

    def expand(self, prefix: str) -> str | None:
        """The one commit whose id begins so, or None when there is none or there are several."""
        try:
            found = self.open().get(prefix)
            return str(found.peel(pygit2.Commit).id) if found is not None else None
        except (pygit2.GitError, ValueError, KeyError):
            return None

    def tree(self, commit: str) -> GitTree:
        """The files of a commit that is here."""
        return GitTree(self.open(), commit, damaged=self.mark_damaged)

    def commit_info(self, commit: str) -> CommitInfo:
        """What a commit that is here says about itself."""
        return commit_info(self.open(), commit)

    def mark_damaged(self) -> None:
        """Makes the next use start from nothing."""
        _log.warning("mirror damaged path=%s", self.path.name)
        self.damaged = True

    def fetched(self, commits: Iterable[str]) -> None:
        """Records commits that a fetch has completed."""
        known = dict.fromkeys(self._tips)
        for commit in commits:
            known.pop(commit, None)
            known[commit] = None
        self._tips = list(known)[-_MAX_TIPS:]
        _replace(self.path / "tips", "".join(f"{tip}\n" for tip in self._tips))

    def write_refs(self, refs: RemoteRefs) -> None:
        """Publishes the remote's branches and tags, as far as their objects are here."""
        lines = ["# pack-refs with: peeled fully-peeled sorted "]
        for name in sorted(refs):
            ref = refs[name]
            if name.startswith("refs/") and self.contains(ref.oid):
                lines.append(f"{ref.oid} {name}")
                if ref.commit != ref.oid:
                    lines.append(f"^{ref.commit}")
        _replace(self.path / "packed-refs", "\n".join(lines) + "\n")

    def packs(self) -> int:
        """How many packs there are."""
        return sum(1 for _ in (self.path / "objects" / "pack").glob("*.pack"))

    def reset(self) -> None:
        """Forgets everything; the next fetch brings it back."""
        self.close()
        if self.path.exists():
            trash = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}")
            self.path.rename(trash)
            shutil.rmtree(trash, ignore_errors=True)
        self.damaged = False

    def close(self) -> None:
        """Releases file handles."""
        if self._repository is not None:
            self._repository.free()
            self._repository = None

    def open(self) -> pygit2.Repository:
        """The repository, created or recreated when need be."""
        if self.damaged:
            self.reset()
        if self._repository is None:
            self._repository = self._open()
        return self._repository

    def _open(self) -> pygit2.Repository:
        if self.path.exists():
            try:
                _sweep(self.path)
                repository = pygit2.Repository(str(self.path), pygit2.enums.RepositoryOpenFlag.BARE)
                self._tips = self._read_tips(repository)
            except (pygit2.GitError, OSError, ValueError):
                _log.warning("mirror unusable, starting afresh path=%s", self.path.name)
                self.reset()
            else:
                return repository
        self._tips = []
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return pygit2.init_repository(str(self.path), bare=True)

    def _read_tips(self, repository: pygit2.Repository) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            lines = (self.path / "tips").read_text().split()
            return [line for line in lines if is_sha(line) and line in repository]
        return []


def _sweep(path: Path) -> None:
    """Removes what a killed process left half-written; nobody else writes here."""
    for pattern in ("*.lock", "objects/pack/tmp_*", "objects/pack/.tmp*", "objects/*/tmp_obj_*"):
        for leftover in path.glob(pattern):
            leftover.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text)
    os.replace(temporary, path)  # noqa: PTH105  # the atomic rename is the point
