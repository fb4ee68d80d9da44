"""A repository's tree as the files of a build; every read is recorded."""

from __future__ import annotations

from towline.errors import InputError
from towline.render.tree import RecordingTree


class TreeFiles:
    """The files of one commit. Links have been followed, within the tree only, by the tree itself.

    Args:
        tree: The tree.
    """

    def __init__(self, tree: RecordingTree) -> None:
        self._tree = tree

    def real(self, path: str) -> tuple[str, bool] | None:
        """The path itself and whether it is a folder; None when there is nothing."""
        if path.split("/", maxsplit=1)[0] == "..":
            raise InputError(f"'{path}' leads out of the repository")
        kind = self._tree.kind(path)
        return None if not kind else (path, kind == "folder")

    def read(self, path: str) -> bytes:
        """The content of a file."""
        return self._tree.read(path)

    def shown(self, path: str) -> str:
        """The path within the repository."""
        return path or "."
