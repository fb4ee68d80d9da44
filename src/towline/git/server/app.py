"""The ASGI application of the hosted repositories: routes, authentication, limits."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

import msgspec
import pygit2

from towline.errors import InputError, TowlineError
from towline.git.command import Git, GitLimits
from towline.git.server.cgi import BackendCall, Receive, Scope, Send, send_plain
from towline.git.server.names import checked_full_name
from towline.git.server.repositories import Repositories
from towline.git.server.tokens import Access, AccessControl

_log = logging.getLogger("towline.forge")

_ROUTE = re.compile(
    r"\A/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?"
    r"/(?P<service>info/refs|git-upload-pack|git-receive-pack)\Z"
)
_SERVICES = {"git-upload-pack", "git-receive-pack"}
_PROTOCOL = re.compile(r"\Aversion=[012]\Z")
_USER = re.compile(r"[^A-Za-z0-9._@+-]")
_CHALLENGE = ((b"www-authenticate", b'Basic realm="Towline", charset="UTF-8"'),)

PushListener = Callable[[str, str], None]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How repositories are served.

    Attributes:
        anonymous_read: Whether anybody may clone.
        deny_rewrites: Whether branches may only move forward.
        push_limit: Bytes of one push.
        timeout: Seconds that one request may take.
        concurrency: Requests that git serves at once.
    """

    anonymous_read: bool = False
    deny_rewrites: bool = False
    push_limit: int = 512 << 20
    timeout: float = 600.0
    concurrency: int = 16


class GitServer:
    """Serves `/OWNER/NAME.git/...`; the first authenticated push creates a repository.

    Args:
        repositories: Where they are.
        git: The git program.
        access: Who may do what.
        settings: How they are served.
    """

    def __init__(
        self,
        repositories: Repositories,
        git: Git,
        access: AccessControl,
        settings: ServerSettings | None = None,
    ) -> None:
        self.repositories = repositories
        self._git = git
        self._access = access
        self._settings = settings or ServerSettings()
        self._slots = asyncio.Semaphore(self._settings.concurrency)
        self._listeners: list[PushListener] = []

    def listen(self, listener: PushListener) -> None:
        """Calls the listener with (full name, pusher) after every request that may have pushed."""
        self._listeners.append(listener)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one ASGI request."""
        if scope["type"] != "http":
            raise RuntimeError(f"unsupported ASGI scope: {scope['type']}")
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        match = _ROUTE.match(path)
        service = _service(match, scope)
        if match is None or service is None:
            await send_plain(send, 404, "not found")
            return
        if scope["method"] != ("GET" if match["service"] == "info/refs" else "POST"):
            await send_plain(send, 405, "method not allowed")
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        full_name = f"{match['owner']}/{match['name']}"
        try:
            checked_full_name(full_name)
        except InputError as error:
            await send_plain(send, 400, error.message)
            return
        write = service == "git-receive-pack"
        user, secret = _basic(headers.get("authorization", ""))
        access = self._decide(secret, full_name, write=write)
        if access is Access.UNKNOWN:
            await send_plain(send, 401, "authentication required", _CHALLENGE)
        elif access is Access.FORBIDDEN:
            await send_plain(send, 403, "this token does not allow it")
        elif not (self.repositories.exists(full_name) or self._first_push(full_name, write=write)):
            await send_plain(send, 404, "repository not found")
        else:
            variables = self._variables(scope, headers, full_name, match["service"], user)
            await self._serve(variables, full_name, user, receive, send)

    def _decide(self, secret: str, full_name: str, *, write: bool) -> Access:
        if not secret:
            anonymous = self._settings.anonymous_read and not write
            return Access.GRANTED if anonymous else Access.UNKNOWN
        return self._access.check(secret, full_name, write=write)

    def _first_push(self, full_name: str, *, write: bool) -> bool:
        if not write:
            return False
        if self.repositories.create(full_name):
            _log.info("repository created name=%s", full_name)
        return True

    async def _serve(
        self,
        variables: Mapping[str, str],
        full_name: str,
        user: str,
        receive: Receive,
        send: Send,
    ) -> None:
        pushes = variables["PATH_INFO"].endswith("/git-receive-pack")
        call = BackendCall(
            self._git,
            variables=variables,
            config=self._config(),
            limits=GitLimits(file=4 << 30),
            body_limit=self._settings.push_limit if pushes else 16 << 20,
            finish_alone=pushes,
        )
        try:
            async with self._slots:
                await call.run(receive, send, timeout=self._settings.timeout)
        finally:
            if pushes:
                self._pushed(full_name, user)

    def _pushed(self, full_name: str, user: str) -> None:
        """Tells the listeners; a repository that cannot be read must not keep a push from them."""
        try:
            self.repositories.adopt_head(full_name)
        except (TowlineError, pygit2.GitError, OSError, ValueError) as error:
            _log.warning("head not set name=%s error=%s", full_name, error)
        name = self.repositories.full_name(full_name)
        for listener in self._listeners:
            listener(name, user)

    def _variables(
        self, scope: Scope, headers: Mapping[str, str], full_name: str, service: str, user: str
    ) -> dict[str, str]:
        directory = self.repositories.path(full_name).relative_to(self.repositories.root)
        variables = {
            "GIT_PROJECT_ROOT": str(self.repositories.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{directory}/{service}",
            "REQUEST_METHOD": scope["method"],
            "QUERY_STRING": scope["query_string"].decode("latin-1"),
            "CONTENT_TYPE": headers.get("content-type", ""),
            "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
            "REMOTE_USER": user or "anonymous",
            "GIT_COMMITTER_NAME": user or "anonymous",
            "GIT_COMMITTER_EMAIL": "forge@towline.invalid",
        }
        length = headers.get("content-length", "")
        if length.isdigit():
            variables["CONTENT_LENGTH"] = length
        if headers.get("content-encoding") in {"gzip", "x-gzip"}:
            variables["HTTP_CONTENT_ENCODING"] = headers["content-encoding"]
        if _PROTOCOL.match(headers.get("git-protocol", "")):
            variables["GIT_PROTOCOL"] = headers["git-protocol"]
        return variables

    def _config(self) -> dict[str, str]:
        return {
            "http.receivepack": "true",
            "http.getanyfile": "false",
            "receive.fsckObjects": "true",
            "receive.autogc": "false",
            "receive.denyNonFastForwards": str(self._settings.deny_rewrites).lower(),
            "receive.maxInputSize": str(self._settings.push_limit),
            "core.logAllRefUpdates": "always",
            "core.fsync": "committed",
            "core.fsyncMethod": "batch",
            "uploadpack.allowFilter": "true",
            "uploadpack.allowAnySHA1InWant": "true",
        }


def _service(match: re.Match[str] | None, scope: Scope) -> str | None:
    if match is None:
        return None
    if match["service"] != "info/refs":
        return match["service"]
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("service", [""])
    return asked[0] if len(asked) == 1 and asked[0] in _SERVICES else None


def _basic(header: str) -> tuple[str, str]:
    """User (fit to be a name) and secret of basic or bearer authentication; empty when absent."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return "", value.strip()
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return _USER.sub("", user)[:100], secret
