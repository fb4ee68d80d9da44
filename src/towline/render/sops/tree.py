"""A tree whose encrypted files read as plain ones."""

from __future__ import annotations

from collections.abc import Callable

from towline.render.inputs import FileTree
from towline.render.sops.decrypt import decrypt_file, looks_encrypted
from towline.render.sops.metadata import Unwrap


class DecryptingTree:
    """Decrypts what is read of a tree; content ids stay those of the encrypted files.

    Args:
        tree: The files.
        unwrap: Opens data keys; None leaves encrypted files as they are.

    Attributes:
        met: Whether an encrypted file was read.
        used: Whether anything was decrypted.
    """

    def __init__(self, tree: FileTree, unwrap: Unwrap | None) -> None:
        self._tree = tree
        self._unwrap = unwrap
        self.met = False
        self.used = False

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """As the tree."""
        return self._tree.listdir(path)

    def oid(self, path: str) -> str:
        """As the tree."""
        return self._tree.oid(path)

    def real(self, path: str) -> str:
        """As the tree, if it follows links."""
        follow: Callable[[str], str] | None = getattr(self._tree, "real", None)
        return follow(path) if follow is not None else path

    def read(self, path: str) -> bytes:
        """A file's content, decrypted when it is encrypted.

        Raises:
            InputError: It is malformed, or was changed after it was encrypted.
            DeniedError: No key at hand opens it.
        """
        content = self._tree.read(path)
        if not looks_encrypted(content):
            return content
        self.met = True
        if self._unwrap is None:
            return content
        plain = decrypt_file(content, self._unwrap, file=path)
        self.used = self.used or plain is not content
        return plain
