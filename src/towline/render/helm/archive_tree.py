"""A packed chart as a tree of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from towline.errors import NotFoundError
from towline.render.helm.archive import read_archive
from towline.render.helm.chart import ChartFile
from towline.render.tree import clean_path


class ArchiveTree:
    """The files of a packed chart; the chart's folder is the root.

    Args:
        files: Its files.
        digest: Content id of the whole.
    """

    def __init__(self, files: Iterable[ChartFile], digest: str) -> None:
        self.digest = digest
        self._files = {file.name: file.data for file in files}
        self._folders: dict[str, dict[str, bool]] = {"": {}}
        for name in self._files:
            self._place(name)

    def _place(self, name: str) -> None:
        folder, _, last = name.rpartition("/")
        is_dir = False
        while True:
            known = self._folders.setdefault(folder, {})
            known[last] = is_dir or known.get(last, False)
            if not folder:
                return
            folder, _, last = folder.rpartition("/")
            is_dir = True

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder.

        Raises:
            NotFoundError: No such folder.
        """
        folder = clean_path(path)
        entries = self._folders.get(folder)
        if entries is None:
            raise NotFoundError(f"{path}: no such folder in the chart")
        return [(name, is_dir, "") for name, is_dir in sorted(entries.items())]

    def read(self, path: str) -> bytes:
        """A file's content.

        Raises:
            NotFoundError: No such file.
        """
        data = self._files.get(clean_path(path))
        if data is None:
            raise NotFoundError(f"{path}: no such file in the chart")
        return data

    def oid(self, path: str) -> str:
        """The digest of a file's content; of a folder, that of the whole chart.

        Raises:
            NotFoundError: Nothing there.
        """
        path = clean_path(path)
        if path in self._folders:
            return self.digest
        return hashlib.blake2b(self.read(path), digest_size=20).hexdigest()


def open_archive(data: bytes) -> ArchiveTree:
    """A packed chart as a tree.

    Raises:
        ChartError: It is malformed.
        LimitError: It is too large.
    """
    return ArchiveTree(read_archive(data), hashlib.sha256(data).hexdigest())
