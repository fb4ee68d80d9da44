"""Secrets at rest: AES-256-GCM with a key from a file that only the owner reads."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from towline.errors import SettingsError
from towline.store.keyfile import load_key

__all__ = ["Sealer", "load_key"]

_NONCE = 12


class Sealer:
    """Seals and opens small secrets, each bound to the record it belongs to.

    Args:
        key: 32 random bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, *, purpose: str) -> bytes:
        """Nonce and ciphertext; `purpose` names the record and must be given to open it."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """The plain bytes.

        Raises:
            SettingsError: The key is another one, or the bytes were changed or moved.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
        except InvalidTag as error:
            raise SettingsError(
                f"a stored secret cannot be opened: {purpose}",
                hint="the key file does not belong to this store",
            ) from error
