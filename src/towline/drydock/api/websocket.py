"""WebSockets as the API's handlers see them: who may open one, how it is answered, its messages."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from towline.drydock.api.messages import Receive, Request, Send
from towline.drydock.refusals import bad_request
from towline.kube.status import ApiError

GONE = "towline.gone"
"""Extension of the connection's scope with the event that is set when the client is gone."""

_BEARER = "base64url.bearer.authorization.k8s.io."
_HTTP = "http.response."


class WebSocket:
    """An open WebSocket.

    Attributes:
        gone: Set when the client is gone, even while nobody reads its messages.
    """

    __slots__ = ("_receive", "_send", "gone")

    def __init__(self, receive: Receive, send: Send, gone: asyncio.Event) -> None:
        self._receive = receive
        self._send = send
        self.gone = gone

    async def messages(self) -> AsyncIterator[bytes]:
        """The client's messages until it goes; nothing more is read from it before the next."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.gone.set()
                return
            if message["type"] != "websocket.receive":
                continue
            data = message.get("bytes")
            yield data if data is not None else message["text"].encode()

    async def send(self, data: bytes, *, text: bool = False) -> None:
        """Sends one message; waits while the client does not take what was sent before.

        Raises:
            ConnectionError: The client is gone.
        """
        event: dict[str, Any] = {"type": "websocket.send"}
        if text:
            event["text"] = data.decode("ascii")
        else:
            event["bytes"] = data
        await self._tell(event)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Ends the conversation; a client that is gone is no error."""
        try:
            await self._tell({"type": "websocket.close", "code": code, "reason": reason[:120]})
        except ConnectionError:
            return

    async def accept(self, protocol: str) -> None:
        """Answers the client's wish.

        Raises:
            ConnectionError: The client is gone.
        """
        await self._tell({"type": "websocket.accept", "subprotocol": protocol or None})

    async def _tell(self, event: MutableMapping[str, Any]) -> None:
        if self.gone.is_set():
            raise ConnectionResetError("the client went away")
        try:
            await self._send(event)
        except OSError as error:
            self.gone.set()
            raise ConnectionResetError("the client went away") from error


def upgrade_request(scope: Mapping[str, Any], receive: Receive) -> Request:
    """The request to open a WebSocket.

    A browser cannot set the Authorization header: its token comes as a subprotocol.
    """
    request = Request({**scope, "method": "GET"}, receive)
    offered = tuple(scope.get("subprotocols") or ())
    for name in offered:
        if name.startswith(_BEARER) and b"authorization" not in request.headers:
            request.headers[b"authorization"] = b"Bearer " + _token(name.removeprefix(_BEARER))
    request.subprotocols = tuple(name for name in offered if not name.startswith(_BEARER))
    return request


def _token(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def check_origin(request: Request) -> None:
    """Refuses a WebSocket that a page of another site opens; programs send no Origin or ours.

    Raises:
        ApiError: Forbidden.
    """
    origin = request.header(b"origin")
    if not origin:
        return
    try:
        parts = urlsplit(origin)
    except ValueError:
        parts = urlsplit("")
    own = request.header(b"host").lower()
    if parts.scheme not in ("http", "https") or not own or parts.netloc.lower() != own:
        raise ApiError("WebSockets are not opened to pages of other origins", reason="Forbidden")


def chosen(request: Request, spoken: tuple[str, ...]) -> str:
    """The first of our subprotocols that the client offers; empty when it names none.

    Raises:
        ApiError: BadRequest, there is none in common, or the request is no upgrade.
    """
    if request.subprotocols is None:
        wish = request.header(b"upgrade")
        if wish.upper().startswith("SPDY/"):
            raise bad_request(f"unable to upgrade: {wish} is not served here, only WebSockets are")
        raise bad_request("Upgrade request required")
    offered = request.subprotocols or ("",)
    for name in spoken:
        if name in offered:
            return name
    raise bad_request(
        f"unable to upgrade: none of the subprotocols [{' '.join(offered)}] is spoken here, "
        f"only [{' '.join(name for name in spoken if name)}]"
    )


def gone_event(scope: Mapping[str, Any]) -> asyncio.Event:
    """The event of the connection; one that only reading sets where the server has none."""
    event = (scope.get("extensions") or {}).get(GONE)
    return event if isinstance(event, asyncio.Event) else asyncio.Event()


def refusing(send: Send) -> Send:
    """Sends an HTTP answer in the place of opening a WebSocket."""

    async def translated(message: MutableMapping[str, Any]) -> None:
        kind = message["type"]
        if kind.startswith(_HTTP):
            message = {**message, "type": f"websocket.{kind}"}
        await send(message)

    return translated


def websocket_connection(**arguments: Any) -> asyncio.Protocol:
    """The server's end of a new WebSocket; its code is loaded with the first one."""
    from towline.drydock.api.websocket_protocol import WebSocketProtocol  # noqa: PLC0415

    return WebSocketProtocol(**arguments)
