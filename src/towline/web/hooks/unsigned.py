"""Webhooks without a secret, as Argo CD takes them: hints to look at a repository, no more.

Nothing that such an event says is believed: whoever is told reads the repository's present head. It
still costs work, so sources are limited, and whoever builds the site decides where this is offered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.routing import BaseRoute, Route

from towline.aio.clock import Clock
from towline.errors import InputError, LimitError, TransientError
from towline.forge.events import PushEvent
from towline.web.hooks.body import BodyReader
from towline.web.hooks.intake import Receive, Scope, Send, answer, dialect_of
from towline.web.hooks.ratelimit import Buckets, Rate, source_key

_BODY_BYTES: Final = 2 << 20
_BODY_SECONDS: Final = 20.0
_SOURCE: Final = Rate(20.0, 200.0)


class UnsignedIntake:
    """Takes push events that nobody signed; an ASGI application for its route.

    Args:
        notify: Is told of each push.
        clock: The time.
    """

    def __init__(self, notify: Callable[[PushEvent], object], clock: Clock) -> None:
        self._notify = notify
        self._clock = clock
        self._sources = Buckets(_SOURCE)
        self._bodies = BodyReader(limit=_BODY_BYTES, seconds=_BODY_SECONDS)

    def routes(self) -> list[BaseRoute]:
        """Argo CD's `/api/webhook`."""
        return [Route("/api/webhook", endpoint=_Endpoint(self))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one ASGI request."""
        if scope["method"] != "POST":
            await answer(send, 405, {"error": "method not allowed"}, {"allow": "POST"})
            return
        now = self._clock.monotonic()
        source = self._sources.of(source_key((scope.get("client") or ("", 0))[0]), now)
        if wait := source.take(1, now):
            text = {"error": "too many requests"}
            await answer(send, 429, text, {"retry-after": str(int(wait) + 1)})
            return
        try:
            await self._take(scope, receive)
        except InputError as error:
            await answer(send, 400, {"error": str(error)})
        except LimitError as error:
            await answer(send, 413, {"error": error.message}, {"connection": "close"})
        except TimeoutError:
            text = {"error": "the body did not arrive in time"}
            await answer(send, 408, text, {"connection": "close"})
        except TransientError as error:
            await answer(send, 503, {"error": error.message})
        else:
            await answer(send, 200, {"accepted": True})

    async def _take(self, scope: Scope, receive: Receive) -> None:
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        dialect = dialect_of(str(scope["path"]), headers)
        if dialect is None:
            raise InputError("Unknown webhook event")
        event = dialect.parse_push(headers, await self._bodies.read(receive))
        if event is not None:
            self._notify(event)


class _Endpoint:
    """Keeps Starlette from treating the intake as a function of a request."""

    def __init__(self, intake: UnsignedIntake) -> None:
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._intake(scope, receive, send)
