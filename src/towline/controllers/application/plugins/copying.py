"""A private copy of a folder of a commit, as plain files, for a program to read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import msgspec

from towline.errors import InputError, LimitError
from towline.render.tree import RecordingTree, join

_DEEPEST: Final = 64
_SPECIAL: Final = frozenset({"", ".", ".."})


@runtime_checkable
class ModeTree(Protocol):
    """A tree that knows which files are programs."""

    def executable(self, path: str) -> bool:
        """Whether a file is marked as a program."""
        ...


class CopyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a copy.

    Attributes:
        files: Files and folders.
        size: Bytes of all files.
    """

    files: int = 20_000
    size: int = 100 << 20


class Copy:
    """Writes files; all that it writes is recorded as read.

    Nothing in the copy is a link: a link of the commit becomes what it leads to.

    Args:
        tree: Where files come from.
        modes: Knows which of them are programs; None when none of them stays one.
        limits: Bounds.
    """

    def __init__(
        self, tree: RecordingTree, modes: ModeTree | None, limits: CopyLimits | None = None
    ) -> None:
        self._tree = tree
        self._modes = modes
        limits = limits or CopyLimits()
        self._limits = limits
        self._files, self._size = limits.files, limits.size

    def write(self, folder: str, target: Path) -> None:
        """Copies a folder.

        Args:
            folder: The folder in the tree.
            target: Where its content goes; it must not exist yet.

        Raises:
            InputError: A name cannot be a file's name, or a link leads out of the tree.
            LimitError: Too much.
        """
        self._folder(folder, target, 0)
        if self._modes is not None:
            self._tree.oid(folder)  # a folder's id covers the modes of its files

    def _folder(self, folder: str, target: Path, depth: int) -> None:
        if depth > _DEEPEST:
            raise LimitError(
                f"{folder[:200]}: folders are nested deeper than {_DEEPEST}",
                hint="a link may lead back to its own folder",
            )
        target.mkdir(mode=0o700)
        for name, is_dir, _ in self._tree.listdir(folder):
            if name in _SPECIAL or "/" in name or "\0" in name:
                raise InputError(f"{name!r} cannot be a file's name", file=folder)
            self._files -= 1
            if self._files < 0:
                raise LimitError(f"more than {self._limits.files} files for a plugin")
            place = join(folder, name)
            if is_dir:
                self._folder(place, target / name, depth + 1)
            else:
                self._file(place, target / name)

    def _file(self, place: str, target: Path) -> None:
        content = self._tree.read(place)
        self._size -= len(content)
        if self._size < 0:
            raise LimitError(f"more than {self._limits.size} bytes for a plugin")
        mode = 0o700 if self._modes is not None and self._modes.executable(place) else 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(target, flags, mode), "wb") as file:
            file.write(content)
