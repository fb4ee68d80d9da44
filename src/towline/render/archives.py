"""Files in memory as a tree: the content of a chart archive, or one fetched file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from towline.errors import NotFoundError
from towline.render.helm.archive import read_archive


class ArchiveTree:
    """Files by path.

    Args:
        files: Path and content; paths are relative with `/`.
        digest: SHA-256 of the archive: where a worker finds the same tree.
    """

    def __init__(self, files: Iterable[tuple[str, bytes]], digest: str) -> None:
        self.digest = digest
        self._files = dict(files)
        self._folders: dict[str, dict[str, bool]] = {"": {}}
        for path in self._files:
            parent, name = _split(path)
            self._enter(parent)[name] = False

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder as (name, is a folder, content id).

        Raises:
            NotFoundError: No such folder.
        """
        found = self._folders.get(path)
        if found is None:
            raise NotFoundError(f"not a directory: {path}")
        prefix = f"{path}/" if path else ""
        return [(name, is_dir, self.oid(prefix + name)) for name, is_dir in found.items()]

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            NotFoundError: No such file.
        """
        found = self._files.get(path)
        if found is None:
            raise NotFoundError(f"no such file or directory: {path}")
        return found

    def oid(self, path: str) -> str:
        """The content id of a file or folder.

        Raises:
            NotFoundError: Nothing there.
        """
        if path in self._folders:
            return f"{self.digest}:{path}"
        return hashlib.sha256(self.read(path)).hexdigest()

    def _enter(self, folder: str) -> dict[str, bool]:
        if folder not in self._folders:
            parent, name = _split(folder)
            self._enter(parent)[name] = True
            self._folders[folder] = {}
        return self._folders[folder]


def open_archive(data: bytes) -> ArchiveTree:
    """A packed chart as a tree; the chart's folder is the root.

    Raises:
        InputError: It is malformed.
        LimitError: It is too large.
    """
    files = ((file.name, file.data) for file in read_archive(data))
    return ArchiveTree(files, hashlib.sha256(data).hexdigest())


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition("/")
    return parent, name
