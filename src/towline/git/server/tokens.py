"""Who may read and write hosted repositories: one admin token and scoped tokens.

Tokens are 256 bits of randomness; scoped ones are stored as their SHA-256 only. The user name that
comes with a token is free text: it names the pusher, it proves nothing.
"""

from __future__ import annotations

import enum
import fnmatch
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from towline.errors import ConflictError, SettingsError

_MAX_TOKENS = 10_000


class Access(enum.Enum):
    """The answer to an access question."""

    GRANTED = "granted"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


class AccessControl(Protocol):
    """Decides who may do what."""

    def check(self, secret: str, full_name: str, *, write: bool) -> Access:
        """Whether the bearer of the secret may read or write the repository."""
        ...


class ScopedToken(msgspec.Struct, frozen=True):
    """A token with limits.

    Attributes:
        name: What it is for.
        digest: SHA-256 of the token, hexadecimal.
        repos: Glob patterns over `OWNER/NAME`, without regard to case.
        write: Whether it may push.
    """

    name: str
    digest: str
    repos: tuple[str, ...]
    write: bool


class TokenBook:
    """The tokens of the local forge.

    Args:
        admin_file: File with the admin token, mode 0600; created when absent.
        scoped_file: File with the scoped tokens, mode 0600.

    Raises:
        SettingsError: A file is damaged.
    """

    def __init__(self, admin_file: Path, scoped_file: Path) -> None:
        self._scoped_file = scoped_file
        self.admin_token = _admin_token(admin_file)
        self._tokens = _read(scoped_file)

    def create_token(self, name: str, repos: Sequence[str], *, write: bool) -> str:
        """Makes a token; this is the only time that it is seen.

        Args:
            name: What it is for; unique.
            repos: Glob patterns over `OWNER/NAME`.
            write: Whether it may push.

        Raises:
            ConflictError: The name is taken, or there are too many tokens.
        """
        if any(token.name == name for token in self._tokens):
            raise ConflictError(f"there is a token named {name!r} already")
        if len(self._tokens) >= _MAX_TOKENS:
            raise ConflictError("there are too many tokens")
        secret = secrets.token_urlsafe(32)
        patterns = tuple(pattern.lower() for pattern in repos)
        self._save([*self._tokens, ScopedToken(name, _digest(secret), patterns, write)])
        return secret

    def delete_token(self, name: str) -> None:
        """Revokes a token at once; absent is fine."""
        self._save([token for token in self._tokens if token.name != name])

    def check(self, secret: str, full_name: str, *, write: bool) -> Access:
        """Whether the bearer of the secret may read or write the repository."""
        if hmac.compare_digest(secret.encode(), self.admin_token.encode()):
            return Access.GRANTED
        digest = _digest(secret)
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                name = full_name.lower()
                matches = any(fnmatch.fnmatchcase(name, pattern) for pattern in token.repos)
                allowed = matches and (token.write or not write)
                return Access.GRANTED if allowed else Access.FORBIDDEN
        return Access.UNKNOWN

    def _save(self, tokens: list[ScopedToken]) -> None:
        _write_private(self._scoped_file, msgspec.json.encode(tokens))
        self._tokens = tokens


def _admin_token(path: Path) -> str:
    if path.exists():
        token = path.read_text().strip()
        if len(token) < 32:
            raise SettingsError(f"{path.name}: not a token", hint="delete it to get a new one")
        return token
    token = secrets.token_urlsafe(32)
    _write_private(path, token.encode() + b"\n")
    return token


def _read(path: Path) -> list[ScopedToken]:
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[ScopedToken])
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path.name}: {error}") from error


def _write_private(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)  # noqa: PTH105  # the atomic rename is the point


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
