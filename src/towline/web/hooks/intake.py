"""The webhook endpoint: from anybody's bytes to a durable, verified event.

The order is the defence: method, rate, size, signature, shape, and only then the store. Nothing is
parsed before its sender is proved; a 2xx means that the event is on disk.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import msgspec
from starlette.routing import BaseRoute, Route

from towline.aio.clock import Clock
from towline.errors import InputError, LimitError, TransientError
from towline.forge.events import PushEvent
from towline.forge.github import GITEA, GITHUB
from towline.forge.gitlab import GITLAB
from towline.forge.hooks import Hook, HookDialect, HookSecrets, belongs
from towline.web.hooks.body import BodyReader
from towline.web.hooks.ratelimit import Buckets, Rate, TokenBucket, source_key

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("towline.hooks")

_DIALECTS: tuple[HookDialect, ...] = (GITEA, GITHUB, GITLAB)


_SMALL = 64 << 10


class DeliverySink(Protocol):
    """Where accepted events become durable."""

    async def accept(  # noqa: PLR0917  # the store's facts, in their order
        self,
        provider: str,
        hook: str,
        delivery_id: str,
        body_sha256: str,
        event: PushEvent,
        received_at: Any,
        /,
    ) -> bool:
        """Stores the event; True when it is new, False for a redelivery.

        Raises:
            TransientError: It cannot be stored now.
            LimitError: The queue is full.
        """
        ...


class IntakeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the intake.

    Attributes:
        body: Bytes of one request's body.
        body_seconds: Seconds within which a body must arrive.
        source: Requests of one source that prove nothing.
        hook: Accepted requests of one hook.
        reserved: Bytes of bodies that are still checked for sources over their limit.
    """

    body: int = 2 << 20
    body_seconds: float = 20.0
    source: Rate = Rate(20.0, 100.0)
    hook: Rate = Rate(50.0, 500.0)
    reserved: Rate = Rate(8 << 20, 16 << 20)


class HookIntake:
    """Takes webhooks; an ASGI application for its routes.

    Args:
        secrets: The configured hooks.
        sink: Makes events durable.
        notify: Called after an event was stored, to wake whoever acts on it.
        clock: The time.
        limits: Bounds.
    """

    def __init__(
        self,
        secrets: HookSecrets,
        sink: DeliverySink,
        notify: Callable[[], None],
        clock: Clock,
        limits: IntakeLimits | None = None,
    ) -> None:
        self._secrets = secrets
        self._sink = sink
        self._notify = notify
        self._clock = clock
        self._limits = limits or IntakeLimits()
        self._sources = Buckets(self._limits.source)
        self._hooks = Buckets(self._limits.hook)
        self._reserve = TokenBucket(self._limits.reserved, clock.monotonic())
        self._bodies = BodyReader(limit=self._limits.body, seconds=self._limits.body_seconds)

    def routes(self) -> list[BaseRoute]:
        """`/hooks/{provider}` for each known provider, and Argo CD's `/api/webhook`."""
        paths = [f"/hooks/{dialect.name}" for dialect in _DIALECTS]
        return [Route(path, endpoint=_Endpoint(self)) for path in (*paths, "/api/webhook")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one ASGI request."""
        if scope["method"] != "POST":
            await answer(send, 405, {"error": "method not allowed"}, {"allow": "POST"})
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        dialect = dialect_of(str(scope["path"]), headers)
        if dialect is None:
            await answer(send, 400, {"error": "Unknown webhook event"})
            return
        try:
            status, content = await self._take(dialect, scope, headers, receive)
        except _Refusal as refusal:
            await answer(
                send, refusal.status, {"error": refusal.text}, _refusal_headers(refusal, headers)
            )
            return
        await answer(send, status, content)

    async def _take(
        self, dialect: HookDialect, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> tuple[int, dict[str, Any]]:
        now = self._clock.monotonic()
        source = self._sources.of(source_key((scope.get("client") or ("", 0))[0]), now)
        wait = source.take(1, now)
        signed = dialect.signed(headers)
        length = _declared_length(headers)
        if wait:
            self._enter_reserve(wait, length, now, signed=signed)
        if length is not None and length > self._limits.body:
            raise _Refusal(413, "the body is too large")
        if not signed:
            raise _Refusal(401, "the signature is missing or malformed")
        hooks = await self._secrets.secrets(dialect.name)
        if not hooks:
            raise _Refusal(401, "no webhook is configured for this provider")
        body = await self._body(receive)
        hook = dialect.verify(hooks, headers, body)
        if hook is None:
            if wait:
                raise _Refusal(429, "too many requests", wait)
            raise _Refusal(401, "the signature does not match")
        if not wait:
            source.give_back(1)
        over = self._hooks.of(f"{dialect.name} {hook.hook_id}", now).take(1, now)
        if over:
            raise _Refusal(429, "too many deliveries of this hook", over)
        return await self._accept(dialect, hook, headers, body)

    def _enter_reserve(self, wait: float, length: int | None, now: float, *, signed: bool) -> None:
        """Admits a request of a source over its limit to the reserved share, or refuses it."""
        if not signed or length is None or length > self._limits.body:
            raise _Refusal(429, "too many requests", wait)
        # Each request costs some work besides its bytes.
        longer = self._reserve.take(length + 1024, now)
        if longer:
            raise _Refusal(429, "too many requests", max(wait, longer))

    async def _body(self, receive: Receive) -> bytes:
        try:
            return await self._bodies.read(receive)
        except LimitError as error:
            raise _Refusal(413, error.message) from None
        except TimeoutError:
            raise _Refusal(408, "the body did not arrive in time") from None
        except TransientError as error:
            raise _Refusal(503, error.message, error.retry_after) from None

    async def _accept(
        self, dialect: HookDialect, hook: Hook, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        try:
            delivery_id = dialect.delivery_id(headers)
            event = dialect.parse_push(headers, body)
        except InputError as error:
            _log.info(
                "webhook refused provider=%s hook=%s error=%s", dialect.name, hook.hook_id, error
            )
            raise _Refusal(400, str(error)) from None
        if event is None:
            return 200, {"accepted": False, "duplicate": False, "ignored": True}
        if not belongs(hook, event):
            raise _Refusal(401, "the signature is that of another repository")
        digest = hashlib.sha256(body).hexdigest()
        try:
            new = await self._sink.accept(
                dialect.name, hook.hook_id, delivery_id, digest, event, self._clock.now()
            )
        except (TransientError, LimitError) as error:
            raise _Refusal(503, "the event cannot be stored now", 5.0) from error
        self._notify()
        _log.info(
            "webhook accepted provider=%s repo=%s ref=%s delivery=%s new=%s",
            dialect.name,
            event.full_name,
            event.ref,
            delivery_id,
            new,
        )
        return (202 if new else 200), {"accepted": True, "duplicate": not new}


class _Endpoint:
    """Keeps Starlette from treating the intake as a function of a request."""

    def __init__(self, intake: HookIntake) -> None:
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._intake(scope, receive, send)


class _Refusal(Exception):  # noqa: N818  # an answer, not a fault
    def __init__(self, status: int, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.wait = wait


def dialect_of(path: str, headers: Mapping[str, str]) -> HookDialect | None:
    """The form of a request's event: by the path, or by headers on Argo CD's path."""
    name = path.rstrip("/").rpartition("/")[2]
    for dialect in _DIALECTS:
        if dialect.name == name or (name == "webhook" and dialect.claims(headers)):
            return dialect
    return None


def _declared_length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isdigit() and len(text) < 19 else None


def _refusal_headers(refusal: _Refusal, headers: Mapping[str, str]) -> dict[str, str]:
    extra = {}
    if refusal.wait is not None:
        extra["retry-after"] = str(max(1, math.ceil(refusal.wait)))
    length = _declared_length(headers)
    if refusal.status in {408, 413} or length is None or length > _SMALL:
        extra["connection"] = "close"  # rather than read what is still to come
    return extra


async def answer(
    send: Send, status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> None:
    """Sends a JSON answer."""
    body = msgspec.json.encode(content)
    fields: Sequence[tuple[str, str]] = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("x-content-type-options", "nosniff"),
        *(headers or {}).items(),
    ]
    encoded = [(key.encode(), value.encode()) for key, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
