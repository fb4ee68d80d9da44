"""File trees to render from, and the record of what a render has read.

The record is the render's key: as long as every file and listing in it is unchanged, so is the
result, whatever else a commit has changed.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from towline.errors import InputError, NotFoundError


class FileTree(Protocol):
    """A read-only tree of files. Paths are relative with `/`; the root is an empty string."""

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder as (name, is a folder, content id).

        Raises:
            NotFoundError: No such folder.
        """
        ...

    def read(self, path: str) -> bytes:
        """A file's content.

        Raises:
            NotFoundError: No such file.
        """
        ...

    def oid(self, path: str) -> str:
        """Content id of a file or folder.

        Raises:
            NotFoundError: Nothing there.
        """
        ...


class Read(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One thing that was read.

    Attributes:
        kind: `file`, `list` (names in a folder), or `none` (nothing there).
        path: Where.
        oid: Content id of the file, or an id of the names; empty for `none`.
    """

    kind: str
    path: str
    oid: str


class RecordingTree:
    """A tree that remembers what was read of it."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._reads: dict[tuple[str, str], Read] = {}

    @property
    def reads(self) -> tuple[Read, ...]:
        """Everything read so far, sorted."""
        return tuple(sorted(self._reads.values()))

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder, sorted by name; records their names and kinds."""
        path = clean_path(path)
        try:
            entries = sorted(self._tree.listdir(path))
        except NotFoundError:
            self._note(Read("none", path, ""))
            raise
        self._note(Read("list", path, listing_id(entries)))
        return entries

    def read(self, path: str) -> bytes:
        """A file's content; records its content id."""
        path = clean_path(path)
        try:
            content, oid = self._tree.read(path), self._tree.oid(path)
        except NotFoundError:
            self._note(Read("none", path, ""))
            raise
        self._note(Read("file", path, oid))
        return content

    def oid(self, path: str) -> str:
        """Content id of a file or folder; recorded as read."""
        path = clean_path(path)
        oid = self._tree.oid(path)
        self._note(Read("file", path, oid))
        return oid

    def _note(self, read: Read) -> None:
        self._reads[read.kind, read.path] = read


def unchanged(tree: FileTree, reads: tuple[Read, ...]) -> bool:
    """Whether every read would give the same in this tree."""
    return all(_current(tree, read) == read.oid for read in reads)


def _current(tree: FileTree, read: Read) -> str | None:
    try:
        if read.kind == "list":
            return listing_id(tree.listdir(read.path))
        return tree.oid(read.path)
    except NotFoundError:
        return "" if read.kind == "none" else None


def listing_id(entries: list[tuple[str, bool, str]]) -> str:
    """An id of the names in a folder; contents do not count."""
    return "\0".join(sorted(f"{name}/" if is_dir else name for name, is_dir, _ in entries))


def clean_path(path: str, *, field: str = "path") -> str:
    """A path in its one spelling: no `.`, no `..`, no leading or trailing `/`.

    Raises:
        InputError: The path leads out of the tree, is absolute, or has a NUL.
    """
    if "\0" in path or "\\" in path:
        raise InputError(f"{path!r} is not a path", field=field)
    if path.startswith("/"):
        raise InputError(f"{path!r} is absolute, not inside the repository", field=field)
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise InputError(f"{path!r} leads out of the repository", field=field)
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def join(folder: str, name: str) -> str:
    """A name within a folder, the root included."""
    return f"{folder}/{name}" if folder else name
