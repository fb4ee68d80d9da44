"""Users as the API knows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = "system:anonymous"
_ACCOUNT_PREFIX = "system:serviceaccount:"
_ACCOUNT_GROUP = "system:serviceaccounts"


class User(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        name: User name.
        groups: Group names.
        uid: Identifier, may be empty.
        extra: What the authenticator knows beside that.
    """

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = {}

    def info(self) -> dict[str, Any]:
        """The user as a `UserInfo` object."""
        said: dict[str, Any] = {"username": self.name}
        if self.uid:
            said["uid"] = self.uid
        if self.groups:
            said["groups"] = list(self.groups)
        if self.extra:
            said["extra"] = {key: list(values) for key, values in self.extra.items()}
        return said


def account_name(namespace: str, name: str) -> str:
    """The user name of a ServiceAccount."""
    return f"{_ACCOUNT_PREFIX}{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, str]:
    """The groups that every ServiceAccount of a namespace is in."""
    return _ACCOUNT_GROUP, f"{_ACCOUNT_GROUP}:{namespace}"


def account_of(user: str) -> tuple[str, str] | None:
    """Namespace and name of the ServiceAccount behind a user name, or None."""
    if not user.startswith(_ACCOUNT_PREFIX):
        return None
    namespace, colon, name = user[len(_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, name) if colon and namespace and name and ":" not in name else None
