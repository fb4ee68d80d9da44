"""What ServiceAccount tokens say, and whether it still holds. Pure."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
from collections.abc import Callable, Sequence
from typing import Any

from towline.drydock.auth.user import AUTHENTICATED, User, account_groups, account_name
from towline.kube.refs import GroupResource

Obj = dict[str, Any]
Find = Callable[[GroupResource, str, str], Obj | None]

ISSUER = "https://kubernetes.default.svc.cluster.local"
LEGACY_ISSUER = "kubernetes/serviceaccount"
ACCOUNTS = GroupResource("", "serviceaccounts")
SECRETS = GroupResource("", "secrets")
PODS = GroupResource("", "pods")
NODES = GroupResource("", "nodes")
# Tokens for the API server that pods mount live for a year, though they are said to end sooner:
# clients that never read the file again go on working.
MOUNTED_SECONDS = 3607
EXTENDED_SECONDS = 365 * 24 * 3600
_LEEWAY = 60
_PRIVATE = "kubernetes.io"
_LEGACY = "kubernetes.io/serviceaccount/"
_EXTRA = "authentication.kubernetes.io/"
_BOUND = {"secret": SECRETS, "pod": PODS, "node": NODES}


class ClaimsError(ValueError):
    """A token that is not, or no longer, valid; says why."""


def bound_claims(
    account: Obj,
    *,
    audiences: Sequence[str],
    seconds: int,
    now: dt.datetime,
    identifier: str,
    refs: dict[str, Obj],
) -> Obj:
    """The claims of a token that ends and is bound to objects.

    Args:
        account: The ServiceAccount.
        audiences: For whom it is.
        seconds: Its life.
        now: The wall time.
        identifier: Of this token.
        refs: The objects that it is bound to, by `pod`, `node` or `secret`.
    """
    meta = account["metadata"]
    moment = int(now.timestamp())
    private: Obj = {"namespace": meta["namespace"], "serviceaccount": _reference(account)}
    private |= {kind: _reference(obj) for kind, obj in refs.items()}
    end = moment + seconds
    if "pod" in refs and seconds == MOUNTED_SECONDS and list(audiences) == [ISSUER]:
        private["warnafter"] = end
        end = moment + EXTENDED_SECONDS
    return {
        "aud": list(audiences),
        "exp": end,
        "iat": moment,
        "iss": ISSUER,
        "jti": identifier,
        _PRIVATE: private,
        "nbf": moment,
        "sub": account_name(meta["namespace"], meta["name"]),
    }


def _reference(obj: Obj) -> Obj:
    meta = obj["metadata"]
    said = {"name": meta["name"], "uid": meta.get("uid") or ""}
    return {key: value for key, value in said.items() if value}


def legacy_claims(account: Obj, secret: Obj) -> Obj:
    """The claims of a token that lives as long as its Secret."""
    meta = account["metadata"]
    return {
        "iss": LEGACY_ISSUER,
        f"{_LEGACY}namespace": meta["namespace"],
        f"{_LEGACY}secret.name": secret["metadata"]["name"],
        f"{_LEGACY}service-account.name": meta["name"],
        f"{_LEGACY}service-account.uid": meta["uid"],
        "sub": account_name(meta["namespace"], meta["name"]),
    }


def user_of(claims: Obj, token: str, now: dt.datetime, find: Find) -> User:
    """The user that valid claims stand for.

    Args:
        claims: Of a token with a good signature.
        token: The token, which a legacy one's Secret must hold.
        now: The wall time.
        find: Reads the objects that the token is bound to.

    Raises:
        ClaimsError: It has ended, or what it is bound to is gone.
    """
    if claims.get("iss") == LEGACY_ISSUER:
        return _legacy_user(claims, token, find)
    if claims.get("iss") != ISSUER:
        raise ClaimsError("the token was issued by somebody else")
    _check_times(claims, now.timestamp())
    private = _section(claims, _PRIVATE)
    namespace = str(private.get("namespace") or "")
    account = _section(private, "serviceaccount")
    _check_reference(ACCOUNTS, namespace, account, find)
    for kind, resource in _BOUND.items():
        # The node of a pod's token is told for information: the pod decides.
        if kind in private and not (kind == "node" and "pod" in private):
            _check_reference(
                resource, "" if kind == "node" else namespace, _section(private, kind), find
            )
    extra: dict[str, tuple[str, ...]] = {}
    if claims.get("jti"):
        extra["credential-id"] = (f"JTI={claims['jti']}",)
    for kind in ("node", "pod"):
        if kind in private:
            reference = _section(private, kind)
            extra[f"{kind}-name"] = (str(reference.get("name") or ""),)
            if reference.get("uid"):
                extra[f"{kind}-uid"] = (str(reference["uid"]),)
    prefixed = {f"{_EXTRA}{key}": value for key, value in extra.items()}
    return _user(namespace, account, prefixed)


def audiences_of(claims: Obj) -> tuple[str, ...]:
    """For whom a token is; legacy tokens are for the API server."""
    if claims.get("iss") == LEGACY_ISSUER:
        return (ISSUER,)
    said = claims.get("aud") or ()
    return (said,) if isinstance(said, str) else tuple(str(each) for each in said)


def _user(namespace: str, account: Obj, extra: dict[str, tuple[str, ...]]) -> User:
    name = account_name(namespace, str(account.get("name") or ""))
    groups = (*account_groups(namespace), AUTHENTICATED)
    return User(name, groups, str(account.get("uid") or ""), extra)


def _section(claims: Obj, name: str) -> Obj:
    section = claims.get(name)
    if not isinstance(section, dict):
        raise ClaimsError(f"the token has no {name}")
    return section


def _check_times(claims: Obj, now: float) -> None:
    times = [claims.get(name) for name in ("exp", "nbf", "iat")]
    numbers = [time for time in times if isinstance(time, int | float)]
    if len(numbers) != len(times):
        raise ClaimsError("the token does not say when it is valid")
    end, start, made = numbers
    if now > end + _LEEWAY:
        raise ClaimsError("service account token has expired")
    if now < start - _LEEWAY:
        raise ClaimsError("service account token is not valid yet")
    if now < made - _LEEWAY:
        raise ClaimsError("service account token is issued in the future")


def _check_reference(resource: GroupResource, namespace: str, said: Obj, find: Find) -> Obj:
    live = find(resource, namespace, str(said.get("name") or ""))
    if live is None:
        raise ClaimsError("service account token has been invalidated")
    uid = live["metadata"].get("uid")
    if not said.get("uid") or uid != said["uid"]:
        raise ClaimsError(f"{resource} UID ({uid}) does not match claim ({said.get('uid')})")
    return live


def _legacy_user(claims: Obj, token: str, find: Find) -> User:
    names = ("namespace", "secret.name", "service-account.name", "service-account.uid")
    values = [claims.get(f"{_LEGACY}{name}") for name in names]
    if not all(isinstance(value, str) and value for value in values):
        raise ClaimsError("the token names no service account")
    namespace, secret_name, name, uid = (str(value) for value in values)
    if claims.get("sub") != account_name(namespace, name):
        raise ClaimsError("sub claim is invalid")
    secret = find(SECRETS, namespace, secret_name)
    if secret is None or secret["metadata"].get("deletionTimestamp"):
        raise ClaimsError("Token has been invalidated")
    if not hmac.compare_digest(_held(secret), token.encode()):
        raise ClaimsError("Token does not match server's copy")
    account = {"name": name, "uid": uid}
    live = _check_reference(ACCOUNTS, namespace, account, find)
    if live["metadata"].get("deletionTimestamp"):
        raise ClaimsError(f"ServiceAccount {namespace}/{name} has been deleted")
    return _user(namespace, account, {})


def _held(secret: Obj) -> bytes:
    try:
        return base64.b64decode((secret.get("data") or {}).get("token") or "")
    except (binascii.Error, ValueError):
        return b""
