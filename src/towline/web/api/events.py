"""Live notices as server-sent events: what changed, never the data itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from towline.web.ports import Changes

_HEARTBEAT = 15.0


class Events:
    """GET /api/events. A stream ends after `seconds`, so that rights are checked again."""

    def __init__(self, changes: Changes, *, seconds: float = 30.0) -> None:
        self._changes = changes
        self._seconds = seconds

    def routes(self) -> list[Route]:
        """The route of the stream."""
        return [Route("/api/events", self.stream, methods=["GET"])]

    async def stream(self, request: Request) -> Response:
        """Streams topics; the browser's EventSource connects again by itself."""
        del request
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._lines(), media_type="text/event-stream", headers=headers)

    async def _lines(self) -> AsyncIterator[bytes]:
        yield b"retry: 500\n\n"
        notices = self._changes.subscribe()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        pending: asyncio.Future[str] | None = None
        try:
            while loop.time() < end:
                pending = pending or asyncio.ensure_future(anext(notices))
                wait = min(_HEARTBEAT, end - loop.time())
                done, _ = await asyncio.wait([pending], timeout=wait)
                if not done:
                    yield b": still here\n\n"
                    continue
                try:
                    topic = pending.result()
                except StopAsyncIteration:
                    return
                pending = None
                yield f"event: change\ndata: {topic}\n\n".encode()
        finally:
            if pending is not None:
                pending.cancel()
                await asyncio.wait([pending])
            await notices.aclose()
