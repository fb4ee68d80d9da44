"""Reads commits of a bare repository out of its object database: no checkout, nothing executed."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

import msgspec
import pygit2
from pygit2.enums import FileMode, ObjectType

from towline.errors import InputError, LimitError, NotFoundError, TransientError

_MAX_FOLDERS = 4096
_MAX_HOPS = 40
_MAX_DEPTH = 256
_FAULTS = (pygit2.GitError, KeyError, ValueError)
_SPECIAL = frozenset({"", ".", "..", ".git"})


class CommitInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit says about itself.

    Attributes:
        author: Name of the author.
        email: Address of the author.
        message: Whole message.
        committed_at: Seconds since 1970, UTC.
        trailers: `Key: value` lines of the last paragraph, in order.
        parents: Ids of its parents.
    """

    author: str
    email: str
    message: str
    committed_at: int
    trailers: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()


class GitTree:
    """The files of one commit.

    Symbolic links are followed inside the tree only. Submodules are empty directories.

    Args:
        repository: The bare repository.
        commit: Full id of the commit.
        max_file: Bytes of the largest file that may be read.
        damaged: Called when the object database turns out to be broken.

    Raises:
        NotFoundError: There is no such commit.
        TransientError: The object database is damaged.
    """

    def __init__(
        self,
        repository: pygit2.Repository,
        commit: str,
        *,
        max_file: int = 32 << 20,
        damaged: Callable[[], None] | None = None,
    ) -> None:
        self._repository = repository
        self._max_file = max_file
        self._damaged = damaged
        self.commit = commit
        self.repository_path = str(repository.path)
        self._folders: dict[pygit2.Oid, pygit2.Object] = {}
        self._root: pygit2.Tree = self._root_of(commit)

    def mark_damaged(self) -> None:
        """Tells the owner of the repository that its object database is broken."""
        if self._damaged is not None:
            self._damaged()

    def listdir(self, path: str = "") -> list[tuple[str, bool, str]]:
        """Entries of a directory as (name, whether a directory, object id), sorted by git.

        A link counts as what it leads to; a link that leads nowhere or outside is listed as a file
        and fails when read.

        Raises:
            NotFoundError: There is no such directory.
            InputError: The path or an entry leaves the tree.
            TransientError: The object database is damaged.
        """
        parts = _split(path)
        found = self._walk(parts, path)
        if found.filemode == FileMode.COMMIT:
            return []
        if not isinstance(found, pygit2.Tree):
            raise NotFoundError(f"not a directory: {path}")
        return [self._entry(parts, entry) for entry in self._entries(found)]

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            NotFoundError: There is no such file.
            InputError: The path leaves the tree.
            LimitError: The file is too large.
            TransientError: The object database is damaged.
        """
        found = self._walk(_split(path), path)
        if not isinstance(found, pygit2.Blob):
            raise NotFoundError(f"not a file: {path}")
        try:
            if found.size > self._max_file:
                raise LimitError(f"{path}: larger than {self._max_file} bytes")
            data: bytes = found.data
        except _FAULTS as error:
            raise self._broken(error) from error
        return data

    def oid(self, path: str = "") -> str:
        """The id of the file's or directory's content; a link has that of its target.

        Raises:
            NotFoundError: There is nothing at the path.
            InputError: The path leaves the tree.
            TransientError: The object database is damaged.
        """
        return str(self._walk(_split(path), path).id)

    def crosses_link(self, path: str) -> bool:
        """Whether a symbolic link is on the way to a path, or among the entries of a folder.

        Raises:
            TransientError: The object database is damaged.
        """
        found: pygit2.Object = self._root
        for part in _split(path):
            try:
                found = self._child(found, part, path)
            except NotFoundError:
                return False
            if found.filemode == FileMode.LINK:
                return True
        return isinstance(found, pygit2.Tree) and any(
            entry.filemode == FileMode.LINK for entry in self._entries(found)
        )

    def executable(self, path: str) -> bool:
        """Whether a file of the tree itself, no link to one, is marked as a program.

        Raises:
            TransientError: The object database is damaged.
        """
        *folders, name = _split(path) or [""]
        found: pygit2.Object = self._root
        try:
            for part in folders:
                found = self._child(found, part, path)
            return self._child(found, name, path).filemode == FileMode.BLOB_EXECUTABLE
        except NotFoundError:
            return False

    def real(self, path: str) -> str:
        """The path with all links followed.

        Raises:
            NotFoundError: There is nothing at the path.
            InputError: The path leaves the tree.
        """
        names: list[str] = []
        self._walk(_split(path), path, names)
        return "/".join(names)

    def exists(self, path: str) -> bool:
        """Whether there is something at the path."""
        try:
            self.oid(path)
        except NotFoundError:
            return False
        return True

    def _root_of(self, commit: str) -> pygit2.Tree:
        try:
            found = self._repository.get(commit)
            if found is None:
                raise NotFoundError(f"no such commit: {commit}")
            return found.peel(pygit2.Tree)
        except _FAULTS as error:
            raise self._broken(error) from error

    def _entries(self, tree: pygit2.Tree) -> list[pygit2.Object]:
        try:
            return list(tree)
        except _FAULTS as error:
            raise self._broken(error) from error

    def _entry(self, parents: list[str], entry: pygit2.Object) -> tuple[str, bool, str]:
        name = _name(entry)
        if entry.filemode != FileMode.LINK:
            return (name, entry.type != ObjectType.BLOB, str(entry.id))
        try:
            target = self._walk([*parents, name], name)
        except (NotFoundError, InputError):
            return (name, False, str(entry.id))
        return (name, target.type != ObjectType.BLOB, str(target.id))

    def _walk(self, parts: list[str], shown: str, names: list[str] | None = None) -> pygit2.Object:
        """The object at the path with all links followed; `names` gets the path that this gives."""
        todo, hops = list(reversed(parts)), 0
        chain: list[pygit2.Object] = [self._root]
        names = [] if names is None else names
        while todo:
            part = todo.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                if len(chain) == 1:
                    raise InputError("leaves the repository", file=shown)
                chain.pop()
                names.pop()
                continue
            entry = self._child(chain[-1], part, shown)
            if entry.filemode != FileMode.LINK:
                chain.append(entry)
                names.append(part)
                continue
            hops += 1
            if hops > _MAX_HOPS:
                raise InputError("too many symbolic links", file=shown)
            todo.extend(reversed(self._target(entry, shown)))
        return chain[-1]

    def _child(self, parent: pygit2.Object, name: str, shown: str) -> pygit2.Object:
        if not isinstance(parent, pygit2.Tree):
            raise NotFoundError(f"no such file or directory: {shown}")
        try:
            if name in parent:
                return self._loaded(parent[name])
        except _FAULTS as error:
            raise self._broken(error) from error
        raise NotFoundError(f"no such file or directory: {shown}")

    def _loaded(self, entry: pygit2.Object) -> pygit2.Object:
        """The entry, a folder's in the form that has been read already."""
        if entry.filemode != FileMode.TREE:
            return entry
        if len(self._folders) >= _MAX_FOLDERS:
            self._folders.clear()
        return self._folders.setdefault(entry.id, entry)

    def _target(self, link: pygit2.Object, shown: str) -> list[str]:
        try:
            data = link.data if isinstance(link, pygit2.Blob) else b""
        except _FAULTS as error:
            raise self._broken(error) from error
        text = data.decode("utf-8", "replace")
        if not text or len(text) > 4096 or "\0" in text:
            raise InputError("malformed symbolic link", file=shown)
        if text.startswith("/"):
            raise InputError("symbolic link leaves the repository", file=shown)
        return text.split("/")

    def _broken(self, reason: object) -> TransientError:
        self.mark_damaged()
        return TransientError(f"the repository's local mirror is damaged: {reason}")


def commit_info(repository: pygit2.Repository, commit: str) -> CommitInfo:
    """What the commit says about itself.

    Raises:
        NotFoundError: There is no such commit.
    """
    found = repository.get(commit)
    if found is None:
        raise NotFoundError(f"no such commit: {commit}")
    entry = found.peel(pygit2.Commit)
    return CommitInfo(
        author=entry.author.name,
        email=entry.author.email,
        message=entry.message,
        committed_at=entry.commit_time,
        trailers=parse_trailers(entry.message),
        parents=tuple(str(parent) for parent in entry.parent_ids),
    )


def parse_trailers(message: str) -> tuple[tuple[str, str], ...]:
    """The `Key: value` lines when the last paragraph of the message consists of nothing else."""
    paragraphs = message.strip().split("\n\n")
    if len(paragraphs) < 2:
        return ()
    trailers: list[tuple[str, str]] = []
    for line in paragraphs[-1].splitlines():
        key, colon, value = line.partition(":")
        if line[:1].isspace() and trailers:
            name, start = trailers[-1]
            trailers[-1] = (name, f"{start} {line.strip()}")
            continue
        if not colon or not key.replace("-", "").isalnum():
            return ()
        trailers.append((key, value.strip()))
    return tuple(trailers)


def _split(path: str) -> list[str]:
    if path.startswith("/"):
        raise InputError("a path inside a repository is relative", file=path)
    if "\0" in path or "\\" in path:
        raise InputError("the path holds forbidden characters", file=path)
    clean = posixpath.normpath(path) if path else "."
    parts = [] if clean == "." else clean.split("/")
    if parts and parts[0] == "..":
        raise InputError("the path leaves the repository", file=path)
    if len(parts) > _MAX_DEPTH:
        raise InputError("the path is too deep", file=path[:200])
    return parts


def _name(entry: pygit2.Object) -> str:
    name = entry.name
    if not isinstance(name, str) or name.lower() in _SPECIAL or "/" in name or "\0" in name:
        raise InputError("the tree holds an entry with a forbidden name", file=repr(name)[:80])
    return name
