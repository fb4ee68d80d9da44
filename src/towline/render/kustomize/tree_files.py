"""A repository's tree as the files of a build; every read is recorded."""

from __future__ import annotations

from towline.errors import InputError
from towline.render.tree import RecordingTree


class TreeFiles:
    """The files of one commit. Links are followed by the tree itself, and within it only.

    Args:
        tree: The tree.
    """

    def __init__(self, tree: RecordingTree) -> None:
        self._tree = tree

    def real(self, path: str) -> tuple[str, bool] | None:
        """Where a path leads and whether to a folder; None when there is nothing."""
        if path.split("/", maxsplit=1)[0] == "..":
            raise InputError(f"'{path}' leads out of the repository")
        kind = self._tree.kind(path)
        return None if not kind else (self._tree.real(path), kind == "folder")

    def read(self, path: str) -> bytes:
        """The content of a file."""
        return self._tree.read(path)

    def shown(self, path: str) -> str:
        """The path within the repository."""
        return path or "."
