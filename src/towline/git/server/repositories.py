"""The hosted repositories on disk: create, list, read refs and history."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path

import msgspec
import pygit2
from pygit2.enums import DeltaStatus, RepositoryOpenFlag, SortMode

from towline.errors import InputError, NotFoundError
from towline.git.library import isolate_library
from towline.git.refs import ZERO, is_ref_name, is_sha
from towline.git.server.names import checked_full_name

_PREFERRED = ("main", "master", "trunk")
_NAME_FILE = "towline-name"


class CommitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A commit as a push tells about it.

    Attributes:
        id: Full object id.
        tree: Id of its tree.
        message: Whole message.
        author: Name of the author.
        email: Address of the author.
        committer: Name of the committer.
        committed_at: Seconds since 1970, UTC.
        added: Paths that are new against the first parent.
        modified: Paths with other content.
        removed: Paths that are gone.
    """

    id: str
    tree: str
    message: str
    author: str
    email: str
    committer: str
    committed_at: int
    added: tuple[str, ...]
    modified: tuple[str, ...]
    removed: tuple[str, ...]


class Repositories:
    """Bare repositories under one directory, named `OWNER/NAME` without regard to case.

    Args:
        root: The directory; created when absent.
    """

    def __init__(self, root: Path) -> None:
        isolate_library()
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in root.glob(".new-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def path(self, full_name: str) -> Path:
        """Directory of the repository, whether it exists or not.

        Raises:
            InputError: The name is malformed.
        """
        owner, _, name = checked_full_name(full_name).lower().partition("/")
        return self.root / owner / f"{name}.git"

    def exists(self, full_name: str) -> bool:
        """Whether the repository exists."""
        return (self.path(full_name) / "HEAD").exists()

    def full_name(self, full_name: str) -> str:
        """The name in the letter case of its creation.

        Raises:
            NotFoundError: There is no such repository.
        """
        try:
            return (self.path(full_name) / _NAME_FILE).read_text().strip()
        except FileNotFoundError:
            raise NotFoundError(f"repository not found: {full_name}") from None

    def create(self, full_name: str) -> bool:
        """Creates an empty repository; False when it exists already.

        It appears complete or not at all.

        Raises:
            InputError: The name is malformed.
        """
        path = self.path(full_name)
        if self.exists(full_name):
            return False
        temporary = self.root / f".new-{uuid.uuid4().hex}"
        pygit2.init_repository(str(temporary), bare=True, initial_head="main").free()
        shutil.rmtree(temporary / "hooks", ignore_errors=True)
        (temporary / _NAME_FILE).write_text(full_name + "\n")
        path.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            temporary.rename(path)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            if not self.exists(full_name):
                raise
            return False
        return True

    def names(self) -> list[str]:
        """All repositories, sorted."""
        found = []
        for file in self.root.glob(f"*/*.git/{_NAME_FILE}"):
            with contextlib.suppress(InputError):
                found.append(checked_full_name(file.read_text().strip()))
        return sorted(found)

    def heads(self, full_name: str) -> dict[str, str]:
        """Branches and tags with the objects they name.

        Raises:
            NotFoundError: There is no such repository.
        """
        repository = self._open(full_name)
        try:
            heads = {}
            for ref in repository.references.iterator():
                if ref.name.startswith(("refs/heads/", "refs/tags/")) and is_ref_name(ref.name):
                    heads[ref.name] = str(ref.target)
            return heads
        finally:
            repository.free()

    def serial(self, full_name: str, ref: str) -> int:
        """How often the ref was moved since it was created; 0 when it does not exist."""
        log = self.path(full_name) / "logs" / ref
        if not is_ref_name(ref) or not log.is_file():
            return 0
        with log.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 16), b""))

    def moved_at(self, full_name: str, ref: str) -> float:
        """When the ref moved last, seconds since 1970; 0.0 when it does not exist."""
        log = self.path(full_name) / "logs" / ref
        if not is_ref_name(ref):
            return 0.0
        try:
            return log.stat().st_mtime
        except OSError:
            return 0.0

    def default_branch(self, full_name: str) -> str:
        """Name of the branch that `HEAD` stands for.

        Raises:
            NotFoundError: There is no such repository.
        """
        try:
            head = (self.path(full_name) / "HEAD").read_text().strip()
        except FileNotFoundError:
            raise NotFoundError(f"repository not found: {full_name}") from None
        return head.removeprefix("ref: refs/heads/")

    def adopt_head(self, full_name: str) -> None:
        """Points `HEAD` to a branch that exists: after the first push, the pushed one."""
        if self._has_branch(full_name, self.default_branch(full_name)):
            return
        heads = self.heads(full_name)
        branches = [
            ref.removeprefix("refs/heads/") for ref in heads if ref.startswith("refs/heads/")
        ]
        if not branches:
            return
        chosen = next((name for name in _PREFERRED if name in branches), min(branches))
        head = self.path(full_name) / "HEAD"
        temporary = head.with_name("HEAD.new")
        temporary.write_text(f"ref: refs/heads/{chosen}\n")
        os.replace(temporary, head)  # noqa: PTH105  # the atomic rename is the point

    def _has_branch(self, full_name: str, name: str) -> bool:
        repository = self._open(full_name)
        try:
            return repository.references.get(f"refs/heads/{name}") is not None
        finally:
            repository.free()

    def history(
        self, full_name: str, before: str, after: str, *, limit: int = 20
    ) -> list[CommitFacts]:
        """Commits that `after` has and `before` has not, oldest first, the newest `limit` of them.

        Args:
            full_name: The repository.
            before: Old object id; zeros, or an id that is not here, for "nothing".
            after: New object id; a tag stands for its commit.
            limit: How many at most.

        Raises:
            NotFoundError: There is no such repository or object.
        """
        repository = self._open(full_name)
        try:
            start = repository.get(after) if is_sha(after) and after != ZERO else None
            if start is None:
                raise NotFoundError(f"no such commit: {after}")
            walker = repository.walk(
                start.peel(pygit2.Commit).id, SortMode.TOPOLOGICAL | SortMode.TIME
            )
            if is_sha(before) and before != ZERO and before in repository:
                walker.hide(pygit2.Oid(hex=before))
            commits = [commit for commit, _ in zip(walker, range(limit), strict=False)]
            return [_facts(repository, commit) for commit in reversed(commits)]
        finally:
            repository.free()

    def is_ancestor(self, full_name: str, old: str, new: str) -> bool:
        """Whether the commit `new` contains the commit `old`."""
        repository = self._open(full_name)
        try:
            if old not in repository or new not in repository:
                return False
            return old == new or bool(repository.descendant_of(new, old))
        except pygit2.GitError:
            return False
        finally:
            repository.free()

    def _open(self, full_name: str) -> pygit2.Repository:
        path = self.path(full_name)
        if not self.exists(full_name):
            raise NotFoundError(f"repository not found: {full_name}")
        return pygit2.Repository(str(path), RepositoryOpenFlag.BARE)


def _facts(repository: pygit2.Repository, commit: pygit2.Commit) -> CommitFacts:
    paths: dict[str, list[str]] = {"added": [], "modified": [], "removed": []}
    if commit.parents:
        diff = commit.parents[0].tree.diff_to_tree(commit.tree)
    else:
        diff = commit.tree.diff_to_tree(swap=True)
    for delta in diff.deltas:
        if delta.status == DeltaStatus.ADDED:
            paths["added"].append(delta.new_file.path)
        elif delta.status == DeltaStatus.DELETED:
            paths["removed"].append(delta.old_file.path)
        else:
            paths["modified"].append(delta.new_file.path)
    return CommitFacts(
        id=str(commit.id),
        tree=str(commit.tree_id),
        message=commit.message,
        author=commit.author.name,
        email=commit.author.email,
        committer=commit.committer.name,
        committed_at=commit.commit_time,
        added=tuple(paths["added"]),
        modified=tuple(paths["modified"]),
        removed=tuple(paths["removed"]),
    )
