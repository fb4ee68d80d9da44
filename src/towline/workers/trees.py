"""Opens the trees that a job names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pygit2

from towline.errors import TransientError
from towline.git.tree import GitTree
from towline.render.archives import ArchiveTree, open_archive
from towline.render.inputs import FileTree
from towline.workers.messages import Address, ArchiveAddress, GitAddress


class Trees:
    """Opens trees; a repository is opened anew for each, because it may have been replaced."""

    def open(self, address: Address, damaged: Callable[[], None] | None = None) -> FileTree:
        """The tree.

        Args:
            address: Where it is.
            damaged: Called when it turns out to be broken.

        Raises:
            TransientError: It cannot be read.
            NotFoundError: There is no such commit.
            LimitError: An archive is too large.
            InputError: An archive is malformed.
        """
        if not isinstance(address, GitAddress):
            return _archive(address)
        try:
            repository = pygit2.Repository(address.repository)
        except pygit2.GitError as error:
            raise TransientError(f"the repository's local mirror is damaged: {error}") from error
        return GitTree(repository, address.commit, damaged=damaged)


def address_of(tree: FileTree, archives: Path | None = None) -> Address | None:
    """Where a worker finds a tree, or None when only this process has it.

    Args:
        tree: The tree.
        archives: Folder of archives, named for their digests.
    """
    if isinstance(tree, GitTree):
        return GitAddress(tree.repository_path, tree.commit)
    if isinstance(tree, ArchiveTree) and archives is not None:
        file = archives / tree.digest
        return ArchiveAddress(str(file), tree.digest) if file.exists() else None
    return None


def _archive(address: ArchiveAddress) -> FileTree:
    try:
        data = Path(address.file).read_bytes()
    except OSError as error:
        raise TransientError(f"the archive {address.digest[:12]} cannot be read") from error
    if hashlib.sha256(data).hexdigest() != address.digest:
        raise TransientError(f"the archive {address.digest[:12]} was changed")
    return open_archive(data)
