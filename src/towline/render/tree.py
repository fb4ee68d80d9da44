"""File trees to render from, and the record of what a render has read.

The record is the render's key: as long as every file and listing in it is unchanged, so is the
result, whatever else a commit has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from towline.errors import InputError, NotFoundError
from towline.render.inputs import FileTree, Foreign, Inputs, MissingInputError

__all__ = [
    "FileTree",
    "Read",
    "RecordingTree",
    "clean_path",
    "join",
    "listing_id",
    "unchanged",
]


class Read(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One thing that was read.

    Attributes:
        kind: `file`, `list` (names in a folder), `kind` (of an entry), `real` (where links lead),
            `none` (nothing there) or `variable`.
        path: Where, or the variable's name.
        oid: Content id of the file, an id of the names, `file` or `folder`, the variable's value;
            empty for nothing.
        root: The tree: empty for the source's own, `$NAME` for another source.
        foreign: The tree when it lies outside the application's sources.
    """

    kind: str
    path: str
    oid: str
    root: str = ""
    foreign: Foreign | None = None


_Key = tuple[str, str, str, Foreign | None]


class RecordingTree:
    """A tree that remembers what was read of it, and of the trees that it leads to.

    Args:
        source: A tree, or everything that the render may read.
    """

    def __init__(self, source: FileTree | Inputs) -> None:
        self._inputs = source if isinstance(source, Inputs) else Inputs(tree=source)
        self._tree = self._inputs.tree
        self._reads: dict[_Key, Read] = {}
        self._root = ""
        self._foreign: Foreign | None = None

    @property
    def reads(self) -> tuple[Read, ...]:
        """Everything read so far, sorted; the trees that it leads to included."""
        return tuple(self._reads[key] for key in sorted(self._reads, key=_order))

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder, sorted by name; records their names and kinds."""
        path = clean_path(path)
        try:
            entries = sorted(self._tree.listdir(path))
        except NotFoundError:
            self._note("none", path, "")
            raise
        self._note("list", path, listing_id(entries))
        return entries

    def read(self, path: str) -> bytes:
        """A file's content; records its content id."""
        path = clean_path(path)
        try:
            content, oid = self._tree.read(path), self._tree.oid(path)
        except NotFoundError:
            self._note("none", path, "")
            raise
        self._note("file", path, oid)
        return content

    def oid(self, path: str) -> str:
        """Content id of a file or folder; recorded as read."""
        path = clean_path(path)
        try:
            oid = self._tree.oid(path)
        except NotFoundError:
            self._note("none", path, "")
            raise
        self._note("file", path, oid)
        return oid

    def kind(self, path: str) -> str:
        """What is at a path: `folder`, `file`, or empty for nothing; only that is recorded."""
        path = clean_path(path)
        found = _kind(self._tree, path)
        self._note("kind", path, found)
        return found

    def real(self, path: str) -> str:
        """The path with all links followed, as far as the tree has links; recorded as read.

        Raises:
            NotFoundError: Nothing there.
        """
        path = clean_path(path)
        found = _real(self._tree, path)
        self._note("real", path, found)
        return found

    def variable(self, name: str) -> str:
        """A build variable, empty when unknown; recorded as read."""
        value = self._inputs.variables.get(name, "")
        self._reads["variable", name, "", None] = Read("variable", name, value)
        return value

    def ref(self, name: str) -> RecordingTree:
        """The tree of the application's source with that `ref`.

        Raises:
            NotFoundError: No source has it.
        """
        tree = self._inputs.refs.get(name)
        if tree is None:
            raise NotFoundError(
                f"source referenced {name!r}, but no source has a 'ref' field defined"
            )
        return self._leading_to(tree, f"${name}", None)

    def foreign(self, wanted: Foreign) -> RecordingTree:
        """The tree of something outside the application's sources.

        Raises:
            MissingInputError: It was not fetched yet.
        """
        tree = self._inputs.foreign.get(wanted)
        if tree is None:
            raise MissingInputError(wanted)
        return self._leading_to(tree, "", wanted)

    def _leading_to(self, tree: FileTree, root: str, foreign: Foreign | None) -> RecordingTree:
        other = RecordingTree(self._inputs)
        other._tree, other._reads = tree, self._reads  # its own kind
        other._root, other._foreign = root, foreign
        return other

    def _note(self, kind: str, path: str, oid: str) -> None:
        key = (kind, path, self._root, self._foreign)
        self._reads[key] = Read(kind, path, oid, self._root, self._foreign)


def _order(key: _Key) -> tuple[str, str, str, str]:
    kind, path, root, foreign = key
    return root, str(foreign or ""), path, kind


def unchanged(source: FileTree | Inputs, reads: Iterable[Read]) -> bool:
    """Whether every read would give the same now."""
    inputs = source if isinstance(source, Inputs) else Inputs(tree=source)
    return all(_current(inputs, read) == read.oid for read in reads)


def _current(inputs: Inputs, read: Read) -> str | None:
    """What the read would give, or None when it fails otherwise than it did."""
    if read.kind == "variable":
        return inputs.variables.get(read.path, "")
    tree = _tree_of(inputs, read)
    if tree is None:
        return None
    try:
        if read.kind == "kind":
            return _kind(tree, read.path)
        if read.kind == "real":
            return _real(tree, read.path)
        if read.kind == "list":
            return listing_id(tree.listdir(read.path))
        oid = tree.oid(read.path)
    except NotFoundError:
        return "" if read.kind == "none" else None
    return None if read.kind == "none" else oid


def _tree_of(inputs: Inputs, read: Read) -> FileTree | None:
    if read.foreign is not None:
        return inputs.foreign.get(read.foreign)
    return inputs.refs.get(read.root[1:]) if read.root else inputs.tree


def _real(tree: FileTree, path: str) -> str:
    follow: Callable[[str], str] | None = getattr(tree, "real", None)
    return follow(path) if follow is not None else path


def _kind(tree: FileTree, path: str) -> str:
    if not path:
        return "folder"
    folder, _, name = path.rpartition("/")
    try:
        entries = tree.listdir(folder)
    except NotFoundError:
        return ""
    found = next((is_dir for entry, is_dir, _ in entries if entry == name), None)
    return "" if found is None else "folder" if found else "file"


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
