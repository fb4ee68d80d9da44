"""ServiceAccount tokens: issued on request, for pods and for Secrets; checked when they return."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import OrderedDict
from typing import Any, NamedTuple

from towline.aio.clock import Clock, rfc3339
from towline.drydock.auth import claims as claims_module
from towline.drydock.auth.claims import ACCOUNTS, ISSUER, NODES, PODS, SECRETS, ClaimsError, Find
from towline.drydock.auth.keys import MAX_TOKEN, SigningKey
from towline.drydock.auth.user import User
from towline.drydock.refusals import bad_request, conflict, not_found
from towline.kube.refs import GroupKind, GroupResource
from towline.kube.schema.fielderror import FieldError, invalid, invalid_status

Obj = dict[str, Any]

_DEFAULT_SECONDS = 3600
_MIN_SECONDS = 600
_MAX_SECONDS = 1 << 32
_REMEMBERED = 2048
_REQUEST = GroupKind("authentication.k8s.io", "TokenRequest")
_REQUESTS = GroupResource("authentication.k8s.io", "TokenRequest")
_BINDABLE = {"Pod": PODS, "Node": NODES, "Secret": SECRETS}


class Issued(NamedTuple):
    """A token.

    Attributes:
        token: The token itself, a secret.
        expires: When a new one should have been asked for.
    """

    token: str
    expires: dt.datetime


class Verdict(NamedTuple):
    """What a token is worth.

    Attributes:
        user: Who it stands for, or None.
        error: Why nobody.
        audiences: Those asked for that it is meant for.
    """

    user: User | None
    error: str = ""
    audiences: tuple[str, ...] = ()


class AccountTokens:
    """Issues and checks the tokens of ServiceAccounts.

    Args:
        key: Signs and verifies.
        find: Reads an object by resource, namespace and name.
        clock: For lifetimes and identifiers.
    """

    def __init__(self, key: SigningKey, find: Find, clock: Clock) -> None:
        self.key = key
        self._find = find
        self._clock = clock
        self._known: OrderedDict[bytes, Obj] = OrderedDict()

    # Issuing

    def request(self, namespace: str, name: str, body: Obj) -> Obj:
        """Answers a TokenRequest.

        Args:
            namespace: Of the ServiceAccount.
            name: Of the ServiceAccount.
            body: The request.

        Raises:
            ApiError: NotFound, Invalid, BadRequest or Conflict.
        """
        meta, spec = body.get("metadata") or {}, body.get("spec") or {}
        if meta.get("namespace", namespace) != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
        if meta.get("name", name) != name:
            why = "must match the service account name if specified"
            raise _refused(name, invalid("metadata.name", meta["name"], why))
        account = self._account(namespace, name)
        uid = account["metadata"]["uid"]
        if meta.get("uid") and meta["uid"] != uid:
            raise conflict(
                _REQUESTS,
                name,
                f"the UID in the token request ({meta['uid']}) does not match the UID of the"
                f" service account ({uid})",
            )
        audiences = [str(each) for each in spec.get("audiences") or (ISSUER,)]
        seconds = _seconds(spec)
        now = self._clock.now()
        refs = self._bound_to(account, spec.get("boundObjectRef"))
        issued = self._issue(account, audiences, seconds, now, refs)
        filled = {"name": name, "namespace": namespace, "uid": uid, **meta}
        filled["creationTimestamp"] = rfc3339(now)
        said = {**spec, "audiences": audiences, "expirationSeconds": seconds}
        said.setdefault("boundObjectRef", None)
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": filled,
            "spec": said,
            "status": {"token": issued.token, "expirationTimestamp": rfc3339(issued.expires)},
        }

    def for_pod(self, pod: Obj, audience: str, seconds: int) -> Issued:
        """A token for a pod's projected volume.

        Raises:
            ApiError: NotFound, the pod's ServiceAccount is gone.
        """
        name = pod["spec"].get("serviceAccountName") or "default"
        account = self._account(pod["metadata"]["namespace"], name)
        life = max(_MIN_SECONDS, seconds or _DEFAULT_SECONDS)
        refs = self._pod_refs(pod)
        return self._issue(account, [audience or ISSUER], life, self._clock.now(), refs)

    def for_secret(self, account: Obj, secret: Obj) -> str:
        """The token that a Secret of type `kubernetes.io/service-account-token` holds."""
        return self.key.sign(claims_module.legacy_claims(account, secret))

    def _account(self, namespace: str, name: str) -> Obj:
        account = self._find(ACCOUNTS, namespace, name)
        if account is None:
            raise not_found(ACCOUNTS, name)
        return account

    def _issue(
        self,
        account: Obj,
        audiences: list[str],
        seconds: int,
        now: dt.datetime,
        refs: dict[str, Obj],
    ) -> Issued:
        said = claims_module.bound_claims(
            account,
            audiences=audiences,
            seconds=seconds,
            now=now,
            identifier=self._clock.uuid(),
            refs=refs,
        )
        return Issued(self.key.sign(said), now + dt.timedelta(seconds=seconds))

    def _bound_to(self, account: Obj, reference: Obj | None) -> dict[str, Obj]:
        if not reference:
            return {}
        kind, name = str(reference.get("kind") or ""), str(reference.get("name") or "")
        resource = _BINDABLE.get(kind)
        group, _, version = str(reference.get("apiVersion") or "").rpartition("/")
        if resource is None or group:
            raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        namespace = "" if resource == NODES else account["metadata"]["namespace"]
        live = self._find(resource, namespace, name)
        if live is None:
            raise not_found(resource, name)
        uid = live["metadata"]["uid"]
        if reference.get("uid") and reference["uid"] != uid:
            raise conflict(
                GroupResource("", kind),
                name,
                f"the UID in the bound object reference ({reference['uid']}) does not match the"
                " UID in record. The object might have been deleted and then recreated",
            )
        if resource != PODS:
            return {kind.lower(): live}
        title = account["metadata"]["name"]
        if live["spec"].get("serviceAccountName") != title:
            raise bad_request(
                f'cannot bind token for serviceaccount "{title}" to pod running with different'
                " serviceaccount name."
            )
        return self._pod_refs(live)

    def _pod_refs(self, pod: Obj) -> dict[str, Obj]:
        name = pod["spec"].get("nodeName")
        if not name:
            return {"pod": pod}
        node = self._find(NODES, "", name) or {"metadata": {"name": name}}
        return {"pod": pod, "node": node}

    # Checking

    def check(self, token: str, audiences: tuple[str, ...] = (ISSUER,)) -> Verdict:
        """Whether a token is good now, for one of the audiences."""
        said = self._claims(token)
        if said is None:
            return Verdict(None)
        meant = tuple(each for each in audiences if each in claims_module.audiences_of(said))
        if not meant:
            return Verdict(None, "token audiences do not match")
        try:
            user = claims_module.user_of(said, token, self._clock.now(), self._find)
        except ClaimsError as error:
            return Verdict(None, str(error))
        return Verdict(user, "", meant)

    def _claims(self, token: str) -> Obj | None:
        """The claims behind a good signature, which is verified once for each token."""
        if token.count(".") != 2 or len(token) > MAX_TOKEN:
            return None
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None:
            self._known.move_to_end(digest)
            return known
        said = self.key.claims(token)
        if said is not None:
            self._known[digest] = said
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return said


def _seconds(spec: Obj) -> int:
    given = spec.get("expirationSeconds")
    seconds = _DEFAULT_SECONDS if given is None else given
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise bad_request("spec.expirationSeconds: must be a whole number")
    path = "spec.expirationSeconds"
    if seconds < _MIN_SECONDS:
        raise _refused(
            "", invalid(path, seconds, "may not specify a duration less than 10 minutes")
        )
    if seconds > _MAX_SECONDS:
        why = "may not specify a duration larger than 2^32 seconds"
        raise _refused("", invalid(path, seconds, why))
    return seconds


def _refused(name: str, error: FieldError) -> Exception:
    return invalid_status(_REQUEST, name, [error])
