"""The guard in front of every route: who may call what, from where, with which headers back.

A route is public only if it is in the table of public routes; everything else needs a session or a
token, whether the route exists or not. Writes with a cookie must come from our own pages.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from towline.web.auth.sessions import Sessions

COOKIE = "towline_session"
MAX_BODY = 1024 * 1024

PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/login", "/api/v1/session", "/api/webhook"})
PUBLIC_PREFIXES = ("/hooks/", "/static/")

_SECURITY_HEADERS = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class Guard:
    """ASGI middleware: authentication, cross-site checks, body limit, security headers."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] != "http":
            return
        send = _with_headers(send)
        headers = Headers(scope=scope)
        hook = scope["path"].startswith("/hooks/") or scope["path"] == "/api/webhook"
        refusal = None if hook else _refuse_size(headers)
        if refusal is None and not is_public(scope["path"]):
            refusal = await self._authenticate(scope, headers)
        if refusal is None and scope["path"] in {"/login", "/api/v1/session"}:
            refusal = _refuse_foreign(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        # Hooks bring their own, larger limit, which counts while the body streams.
        await self._app(scope, receive if hook else _limited(receive), send)

    async def _authenticate(self, scope: Scope, headers: Headers) -> Response | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            account = await self._sessions.identify(token.strip())
        else:
            foreign = _refuse_foreign(scope, headers)
            if foreign is not None:
                return foreign
            account = await self._sessions.identify(session_cookie(headers))
        if account is None:
            if scope["path"].startswith("/api/") or "text/html" not in headers.get("accept", ""):
                return JSONResponse({"error": "not logged in"}, 401)
            return RedirectResponse("/login", 303)
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["account"] = account
        return None


def is_public(path: str) -> bool:
    """Whether the path may be called by anybody."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)


def session_cookie(headers: Headers) -> str:
    """The session secret in the cookie header, or an empty string."""
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    morsel = cookie.get(COOKIE)
    return morsel.value if morsel is not None else ""


def _refuse_size(headers: Headers) -> Response | None:
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        return JSONResponse({"error": f"body over {MAX_BODY} bytes"}, 413)
    return None


def _refuse_foreign(scope: Scope, headers: Headers) -> Response | None:
    """Refuses a state change that another site's page caused."""
    if scope["method"] in {"GET", "HEAD", "OPTIONS"}:
        return None
    site = headers.get("sec-fetch-site", "")
    if site:
        # Browsers say it themselves, and no page can change it. (They send a null Origin with our
        # own forms, because our pages send no referrer.)
        same = site in {"same-origin", "none"}
    else:
        origin = headers.get("origin", "")
        same = not origin or urlsplit(origin).netloc == headers.get("host", "")
    if same:
        return None
    return JSONResponse({"error": "refused: the request comes from another site"}, 403)


def _limited(receive: Receive) -> Receive:
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY:
            raise HTTPException(413, f"body over {MAX_BODY} bytes")
        return message

    return counting


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_SECURITY_HEADERS]
        await send(message)

    return sending
