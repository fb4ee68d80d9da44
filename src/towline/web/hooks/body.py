"""Reads requests' bodies within bounds of bytes, seconds and memory for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from towline.errors import LimitError, TransientError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_FREE = 64 << 10


class BodyReader:
    """Reads bodies; what large ones hold at one time has a common bound.

    The first 64 KiB of a body are free, so that slow senders of large bodies cannot shut out the
    small ones.

    Args:
        limit: Bytes of one body at most.
        seconds: Time within which a body must be complete.
        together: Bytes that all bodies being read may hold beyond their free part.
        concurrency: Bodies that are read at once.
    """

    def __init__(
        self, *, limit: int, seconds: float, together: int = 16 << 20, concurrency: int = 256
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._together = together
        self._concurrency = concurrency
        self._held = 0
        self._readers = 0

    async def read(self, receive: Receive) -> bytes:
        """The whole body.

        Args:
            receive: The ASGI channel.

        Raises:
            LimitError: It is longer than allowed; reading stopped there.
            TimeoutError: It did not arrive in time, or the client left.
            TransientError: Too much is being read at this moment.
        """
        if self._readers >= self._concurrency:
            raise TransientError("too many requests at once", retry_after=1.0)
        self._readers += 1
        charged = 0
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise TimeoutError
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._limit:
                        raise LimitError("the body is too large")
                    charged += self._charge(max(0, len(body) - _FREE) - charged)
            return bytes(body)
        finally:
            self._readers -= 1
            self._held -= charged

    def _charge(self, amount: int) -> int:
        if amount > 0 and self._held + amount > self._together:
            raise TransientError("too many large requests at once", retry_after=1.0)
        self._held += amount
        return amount
