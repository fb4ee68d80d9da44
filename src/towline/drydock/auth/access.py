"""What every request passes first: who asks, as whom, and whether they may."""

from __future__ import annotations

from pathlib import Path

from towline.aio.clock import Clock
from towline.drydock.api.auth import TokenFile
from towline.drydock.api.messages import Request
from towline.drydock.auth.attributes import of_request
from towline.drydock.auth.authorizer import Authorizer
from towline.drydock.auth.claims import ISSUER
from towline.drydock.auth.escalation import WriteGuard, guard_for
from towline.drydock.auth.impersonation import PREFIX, impersonated
from towline.drydock.auth.keys import SigningKey
from towline.drydock.auth.tokens import AccountTokens, Verdict
from towline.drydock.auth.user import MASTERS, User
from towline.drydock.registry import Registry
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError


class Access:
    """Authentication, impersonation and authorization in one place.

    Args:
        file: Static tokens.
        tokens: Tokens of ServiceAccounts.
        authorizer: Who may do what.
    """

    def __init__(self, file: TokenFile, tokens: AccountTokens, authorizer: Authorizer) -> None:
        self._file = file
        self.tokens = tokens
        self.authorizer = authorizer

    def admit(self, request: Request, segments: tuple[str, ...]) -> User:
        """The user that a request acts as, who may do what it asks.

        Args:
            request: The request; its `user` and `asked` are set.
            segments: The path as routing reads it.

        Raises:
            ApiError: Unauthorized, Forbidden, or BadRequest for odd impersonation.
        """
        user = self._authenticated(request)
        if any(name.startswith(PREFIX) for name in request.headers):
            user = impersonated(user, request.pairs, self.authorizer)
        request.user = user
        if MASTERS not in user.groups:
            self._authorize(request, segments, user)
        return user

    def _authorize(self, request: Request, segments: tuple[str, ...], user: User) -> None:
        def param(name: str) -> str | None:
            return request.param(name) if request.has_param(name) else None

        asked = of_request(request.method, segments, request.path, param)
        request.asked = asked
        self.authorizer.check(user, asked)
        if request.subprotocols is not None:
            # Opening a WebSocket is a GET, but what it does to a pod is no reading.
            self.authorizer.check(user, asked._replace(verb="create"))

    def guard(self, request: Request, resource: GroupResource) -> WriteGuard | None:
        """What looks at a write before it is stored; None when the user may do everything."""
        if request.user is None or request.asked is None:
            return None
        return guard_for(self.authorizer, request.user, request.asked, resource)

    def _authenticated(self, request: Request) -> User:
        if request.certified is not None:
            return request.certified
        scheme, _, token = request.header(b"authorization").partition(" ")
        token = token.strip()
        if scheme.lower() == "bearer" and token:
            verdict = self.review(token)
            if verdict.user is not None:
                return verdict.user
        raise ApiError("Unauthorized", reason="Unauthorized")

    def review(self, token: str, audiences: tuple[str, ...] = (ISSUER,)) -> Verdict:
        """What a bearer token is worth for some audiences."""
        known = self._file.user(token)
        if known is not None:
            return Verdict(known, "", audiences)
        return self.tokens.check(token, audiences)


def open_access(registry: Registry, file: TokenFile, folder: Path, clock: Clock) -> Access:
    """Access to a registry's objects.

    Args:
        registry: Where roles, bindings and accounts are.
        file: Static tokens.
        folder: Where the key of ServiceAccount tokens is, or will be.
        clock: For the life of tokens.
    """
    tokens = AccountTokens(SigningKey(folder / "sa.key"), registry.get, clock)
    return Access(file, tokens, Authorizer(registry.store))
