"""Password hashes: argon2id, verified in threads, few at once because each needs its memory."""

from __future__ import annotations

import asyncio
import secrets

import argon2

_AT_ONCE = 4


class Passwords:
    """Hashes and verifies.

    The parameters are the second choice of RFC 9106: 64 MiB, three passes, four lanes.
    """

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        # An unknown account costs the same work as a known one.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The encoded hash of a password."""
        return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password fits; None stands for an account that does not exist."""
        async with self._slots:
            fits = await asyncio.to_thread(self._verify, encoded or self._nobody, password)
        return fits and encoded is not None

    def _verify(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except argon2.exceptions.VerificationError:
            return False
        except argon2.exceptions.InvalidHashError:
            return False


def new_password() -> str:
    """A random password with 160 bits."""
    return secrets.token_urlsafe(20)
