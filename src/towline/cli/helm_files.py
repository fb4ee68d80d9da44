"""A folder of this machine as a tree of files, symbolic links followed as Helm follows them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from towline.errors import InputError, NotFoundError

_LARGEST = 128 * 1024 * 1024


class LocalTree:
    """Files below a folder that the person who runs the command named.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """Entries of a folder as (name, is a folder, nothing).

        Raises:
            NotFoundError: No such folder.
            InputError: An entry is a device, a socket or the like.
        """
        folder = self._root / path
        try:
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"{folder}: no such folder") from error
        found = []
        for entry in entries:
            is_dir = entry.is_dir()
            if not is_dir and not entry.is_file():
                if not entry.exists():
                    raise InputError(f"error evaluating symlink {entry}: no such file")
                raise InputError(
                    f"cannot load irregular file {entry} as it has file mode type bits set"
                )
            found.append((entry.name, is_dir, ""))
        return found

    def read(self, path: str) -> bytes:
        """A file's content.

        Raises:
            NotFoundError: No such file.
            InputError: It is too large.
        """
        file = self._root / path
        try:
            if file.stat().st_size > _LARGEST:
                raise InputError(f"{file} is larger than {_LARGEST} bytes")
            return file.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFoundError(f"open {file}: no such file or directory") from error

    def oid(self, path: str) -> str:
        """A digest of a file's content, or of the names in a folder.

        Raises:
            NotFoundError: Nothing there.
        """
        if (self._root / path).is_dir():
            names = "\0".join(name for name, _, _ in self.listdir(path))
            return hashlib.sha256(names.encode()).hexdigest()
        return hashlib.sha256(self.read(path)).hexdigest()
