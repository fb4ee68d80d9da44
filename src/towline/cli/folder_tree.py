"""A folder of this machine as the repository of an application."""

from __future__ import annotations

import hashlib
from pathlib import Path

from towline.errors import InputError, LimitError, NotFoundError

_LARGEST = 32 << 20
_HIDDEN = ".git"


class FolderTree:
    """Files below a folder; symbolic links are followed within it only.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder as (name, is a folder, content id).

        Raises:
            NotFoundError: No such folder.
        """
        folder = self._place(path)
        if not folder.is_dir():
            raise NotFoundError(f"not a directory: {path}")
        found = []
        for entry in sorted(folder.iterdir()):
            if entry.name != _HIDDEN:
                inner = f"{path}/{entry.name}" if path else entry.name
                is_dir = entry.is_dir()
                found.append((entry.name, is_dir, "" if is_dir else self._oid_of_link(inner)))
        return found

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            NotFoundError: No such file.
            InputError: It lies outside the folder.
            LimitError: It is too large.
        """
        file = self._place(path)
        if not file.is_file():
            raise NotFoundError(f"no such file or directory: {path}")
        if file.stat().st_size > _LARGEST:
            raise LimitError(f"{path}: larger than {_LARGEST} bytes")
        return file.read_bytes()

    def oid(self, path: str) -> str:
        """A digest of everything at a path.

        Raises:
            NotFoundError: Nothing there.
            InputError: It lies outside the folder.
        """
        if not self._place(path).is_dir():
            return hashlib.sha256(self.read(path)).hexdigest()
        total = hashlib.sha256()
        for name, is_dir, oid in self.listdir(path):
            inner = f"{path}/{name}" if path else name
            total.update(f"{name}\0{self.oid(inner) if is_dir else oid}\0".encode())
        return total.hexdigest()

    def _oid_of_link(self, path: str) -> str:
        try:
            return hashlib.sha256(self.read(path)).hexdigest()
        except (NotFoundError, InputError):
            return "unreadable"  # it counts only when somebody reads it

    def _place(self, path: str) -> Path:
        place = (self._root / path).resolve()
        if not place.is_relative_to(self._root):
            raise InputError("leads out of the repository", file=path)
        return place
