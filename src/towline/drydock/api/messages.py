"""A request and its answers, as the server's handlers see them. No routing, no semantics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from towline.drydock.auth.attributes import Attributes
from towline.drydock.auth.user import User
from towline.kube.status import ApiError

if TYPE_CHECKING:
    from towline.drydock.api.websocket import WebSocket

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CERTIFIED = "certified"
"""Where in a connection's state its authenticated user is."""

MAX_BODY = 3 << 20
MAX_QUERY_FIELDS = 256
_TRUE = frozenset({"true", "True", "TRUE", "1", "t", "T"})
_FALSE = frozenset({"false", "False", "FALSE", "0", "f", "F", ""})


@lru_cache(maxsize=512)
def _query(raw: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError as error:
        raise ApiError("too many query parameters", reason="BadRequest") from error
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


class Request:
    """One HTTP request.

    Attributes:
        method: In capitals.
        path: Decoded path.
        headers: By lower-case name; the last one wins.
        pairs: All headers, in order.
        asked: What authorization was asked for the request; set by it.
        certified: Who the client's certificate stands for, None without one.
        user: Who asks; set by authentication.
        warning: What an answer has to tell, whether it is a refusal or not; set with the kind.
        subprotocols: What a client offers that wants a WebSocket; None for a plain request.
    """

    __slots__ = (
        "_raw_query",
        "_receive",
        "asked",
        "certified",
        "headers",
        "method",
        "pairs",
        "path",
        "raw_path",
        "subprotocols",
        "user",
        "warning",
    )

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: bytes = scope.get("raw_path") or self.path.encode()
        self.pairs: list[tuple[bytes, bytes]] = scope["headers"]
        self.headers: dict[bytes, bytes] = dict(self.pairs)
        self.certified: User | None = (scope.get("state") or {}).get(CERTIFIED)
        self.user: User | None = None
        self.warning = ""
        self.asked: Attributes | None = None
        self.subprotocols: tuple[str, ...] | None = None
        self._raw_query: bytes = scope["query_string"]
        self._receive = receive

    def header(self, name: bytes) -> str:
        """A header's value, empty when absent."""
        return self.headers.get(name, b"").decode("latin-1")

    def param(self, name: str) -> str:
        """The first value of a query parameter, empty when absent."""
        if not self._raw_query:
            return ""
        values = _query(self._raw_query).get(name)
        return values[0] if values else ""

    def params(self, name: str) -> list[str]:
        """Every value of a query parameter."""
        return _query(self._raw_query).get(name, []) if self._raw_query else []

    def has_param(self, name: str) -> bool:
        """Whether a query parameter is there at all."""
        return bool(self._raw_query) and name in _query(self._raw_query)

    def flag(self, name: str) -> bool:
        """A query parameter read as a boolean.

        Raises:
            ApiError: BadRequest, it is neither true nor false.
        """
        value = self.param(name)
        if value in _TRUE:
            return True
        if value in _FALSE:
            # A bare `?watch` means true, as `?watch=true` does.
            return value == "" and self.has_param(name)
        raise ApiError(f"{name}: {value!r} is not a boolean", reason="BadRequest")

    def integer(self, name: str) -> int | None:
        """A query parameter read as a whole number, None when absent.

        Raises:
            ApiError: BadRequest, it is not one.
        """
        value = self.param(name)
        if not value:
            return None
        if not value.lstrip("-").isdecimal() or len(value) > 18:
            raise ApiError(f"{name}: {value!r} is not a number", reason="BadRequest")
        return int(value)

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            ApiError: RequestEntityTooLarge, it is larger than `MAX_BODY`.
        """
        too_large = ApiError(
            f"Request entity is too large: limit is {MAX_BODY}", reason="RequestEntityTooLarge"
        )
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > MAX_BODY:
            raise too_large
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ApiError("the client went away", reason="BadRequest")
            part = message.get("body", b"")
            size += len(part)
            if size > MAX_BODY:
                raise too_large
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def gone(self) -> None:
        """Returns when the client has gone away."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return


class Response:
    """A whole answer.

    Attributes:
        body: Bytes to send.
        status: HTTP status.
        content_type: Of the body.
        headers: More headers.
    """

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.body = body
        self.status = status
        self.content_type = content_type
        self.headers = headers or {}


class Stream:
    """An answer that goes on.

    Attributes:
        chunks: What to send, each at once.
        content_type: Of the whole.
    """

    __slots__ = ("chunks", "content_type")

    def __init__(self, chunks: AsyncIterator[bytes], *, content_type: str) -> None:
        self.chunks = chunks
        self.content_type = content_type


class Upgrade:
    """An answer that opens a WebSocket.

    Attributes:
        protocol: The subprotocol, empty for none.
        serve: Speaks it until it returns; then the connection is closed.
    """

    __slots__ = ("protocol", "serve")

    def __init__(self, protocol: str, serve: Callable[[WebSocket], Awaitable[None]]) -> None:
        self.protocol = protocol
        self.serve = serve


Answer = Response | Stream | Upgrade
