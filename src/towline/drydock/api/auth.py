"""Who asks: bearer tokens from a file. Only digests of tokens are kept in memory."""

from __future__ import annotations

import csv
import hashlib
import os
import secrets
from pathlib import Path

from towline.drydock.auth.user import AUTHENTICATED, MASTERS, User
from towline.errors import SettingsError

ADMIN_GROUP = MASTERS


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class TokenFile:
    """Users by bearer token: lines of `token,user,uid,"group1,group2"`.

    Args:
        path: The file, created with a random token for `admin` when absent, readable by its owner.

    Raises:
        SettingsError: A line cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _create(path)
        self._users: dict[bytes, User] = {}
        self.admin_token = ""
        with path.open(newline="") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if row:
                    self._add(path, number, row)
        if not self.admin_token:
            raise SettingsError(f"{path}: no token has the group {ADMIN_GROUP}")

    def _add(self, path: Path, number: int, row: list[str]) -> None:
        if len(row) < 3 or not row[0]:
            raise SettingsError(f"{path}:{number}: a line needs token, user and uid")
        token, name, uid = row[:3]
        groups = tuple(each.strip() for each in row[3].split(",")) if len(row) > 3 else ()
        if ADMIN_GROUP in groups and not self.admin_token:
            self.admin_token = token
        self._users[_digest(token)] = User(name, (*groups, AUTHENTICATED), uid)

    def user(self, token: str) -> User | None:
        """The user behind a token, or None.

        The look-up is by digest, so its time tells nothing about the tokens.
        """
        return self._users.get(_digest(token))

    def authenticate(self, authorization: str) -> User | None:
        """The user behind an Authorization header, or None."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        return self.user(token) if scheme.lower() == "bearer" and token else None


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = f'{secrets.token_urlsafe(32)},admin,admin,"{ADMIN_GROUP}"\n'
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(line)
