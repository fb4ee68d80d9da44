"""Acting as somebody else, with headers: who may become whom. Pure but for the authorizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from towline.drydock.auth.attributes import Attributes, quoted
from towline.drydock.auth.authorizer import Authorizer
from towline.drydock.auth.user import (
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    User,
    account_groups,
    account_of,
)
from towline.drydock.refusals import bad_request

PREFIX = b"impersonate-"
_USER = b"impersonate-user"
_GROUP = b"impersonate-group"
_UID = b"impersonate-uid"
_EXTRA = b"impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"


class Wish(NamedTuple):
    """Who the caller wants to be.

    Attributes:
        name: User name.
        groups: Group names as given.
        uid: Identifier, or empty.
        extra: Key and value, in the order given.
    """

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, str], ...] = ()


def wish_of(headers: Iterable[tuple[bytes, bytes]]) -> Wish | None:
    """Reads the headers; None when nobody is to be impersonated.

    Raises:
        ApiError: BadRequest, groups or more are asked for without a user.
    """
    name, uid, groups, extra = "", "", [], []
    for header, raw in headers:
        if not header.startswith(PREFIX):
            continue
        value = raw.decode("latin-1")
        if header == _USER:
            name = name or value
        elif header == _GROUP:
            groups.append(value)
        elif header == _UID:
            uid = uid or value
        elif header.startswith(_EXTRA):
            extra.append((unquote(header[len(_EXTRA) :].decode("latin-1")), value))
    wish = Wish(name, tuple(groups), uid, tuple(extra))
    if name:
        return wish
    if groups or uid or extra:
        raise bad_request(f"requested {_shown(wish)} without impersonating a user name")
    return None


def _shown(wish: Wish) -> str:
    strings = "[]string"
    groups = f"{strings}{_braced(wish.groups)}" if wish.groups else f"{strings}(nil)"
    extra = "map[string][]string"
    if wish.extra:
        told = _by_key(wish.extra).items()
        pairs = [f"{quoted(key)}:{strings}{_braced(values)}" for key, values in sorted(told)]
        extra += "{" + ", ".join(pairs) + "}"
    else:
        extra += "(nil)"
    uid = quoted(wish.uid)
    return f'&user.DefaultInfo{{Name:"", UID:{uid}, Groups:{groups}, Extra:{extra}}}'


def _braced(values: Iterable[str]) -> str:
    return "{" + ", ".join(quoted(value) for value in values) + "}"


def _by_key(extra: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, value in extra:
        found[key] = (*found.get(key, ()), value)
    return found


def questions(wish: Wish) -> list[Attributes]:
    """What the caller must be allowed, each by itself, to become that user."""
    account = account_of(wish.name)
    if account is not None:
        asked = [
            Attributes(
                "impersonate",
                resource="serviceaccounts",
                name=account[1],
                namespace=account[0],
            )
        ]
    else:
        asked = [Attributes("impersonate", resource="users", name=wish.name)]
    asked += [Attributes("impersonate", resource="groups", name=group) for group in wish.groups]
    asked += [
        Attributes("impersonate", _AUTHENTICATION, "v1", "userextras", key, value)
        for key, value in wish.extra
    ]
    if wish.uid:
        asked.append(Attributes("impersonate", _AUTHENTICATION, "v1", "uids", name=wish.uid))
    return asked


def granted(wish: Wish) -> User:
    """The user that a granted wish makes."""
    account = account_of(wish.name)
    groups = wish.groups
    if account is not None and not groups:
        groups = account_groups(account[0])
    if wish.name == ANONYMOUS:
        if UNAUTHENTICATED not in groups:
            groups = (*groups, UNAUTHENTICATED)
    elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups = (*groups, AUTHENTICATED)
    return User(wish.name, groups, wish.uid, _by_key(wish.extra))


def impersonated(
    user: User, headers: Iterable[tuple[bytes, bytes]], authorizer: Authorizer
) -> User:
    """The user that the request acts as: the caller, or who the headers name.

    Raises:
        ApiError: BadRequest or Forbidden.
    """
    wish = wish_of(headers)
    if wish is None:
        return user
    for asked in questions(wish):
        authorizer.check(user, asked)
    return granted(wish)
