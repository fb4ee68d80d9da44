"""A tree whose encrypted files read as plain ones."""

from __future__ import annotations

from collections.abc import Sequence

import pyrage

from towline.errors import SettingsError
from towline.render.inputs import FileTree
from towline.render.sops.decrypt import decrypt_file, looks_encrypted
from towline.render.sops.metadata import Unwrap


class DecryptingTree:
    """Decrypts what is read of a tree; content ids stay those of the encrypted files.

    Args:
        tree: The files.
        unwrap: Opens data keys.

    Attributes:
        used: Whether anything was decrypted.
    """

    def __init__(self, tree: FileTree, unwrap: Unwrap) -> None:
        self._tree = tree
        self._unwrap = unwrap
        self.used = False

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        """As the tree."""
        return self._tree.listdir(path)

    def oid(self, path: str) -> str:
        """As the tree."""
        return self._tree.oid(path)

    def read(self, path: str) -> bytes:
        """A file's content, decrypted when it is encrypted.

        Raises:
            InputError: It is malformed, or was changed after it was encrypted.
            DeniedError: No key at hand opens it.
        """
        content = self._tree.read(path)
        if not looks_encrypted(content):
            return content
        plain = decrypt_file(content, self._unwrap, file=path)
        self.used = self.used or plain is not content
        return plain


def age_unwrapper(keys: Sequence[str]) -> Unwrap:
    """Opens age messages with identities of the form `AGE-SECRET-KEY-1...`.

    Raises:
        SettingsError: One of them is malformed; the text is not shown.
    """
    try:
        identities = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError as error:
        raise SettingsError("an age key is malformed", hint="it begins AGE-SECRET-KEY-1") from error

    def unwrap(armored: str) -> bytes | None:
        try:
            return bytes(pyrage.decrypt(armored.encode(), identities)) if identities else None
        except pyrage.DecryptError:
            return None

    return unwrap
