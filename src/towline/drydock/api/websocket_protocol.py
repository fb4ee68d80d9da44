"""The server's end of a WebSocket: uvicorn's, which also tells when the client is gone."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.server import ServerProtocol

from towline.drydock.api.websocket import GONE

# The server's own messages about connections name whole query strings, with commands in them.
_quiet = logging.getLogger("towline.drydock.websocket")
_quiet.setLevel(logging.WARNING)


class _Handshake(ServerProtocol):
    """A handshake that leaves subprotocols to the application.

    Kubernetes' own have characters that the standard does not allow in their names.
    """

    def process_subprotocol(self, headers: Headers) -> None:
        """Chooses none."""
        del headers


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _quiet
        self.conn = _Handshake(max_size=self.config.ws_max_size, logger=_quiet)
        self._gone = asyncio.Event()

    async def run_asgi(self) -> None:
        """Runs the application with the event in its scope."""
        extensions: dict[str, Any] = {**(self.scope.get("extensions") or {}), GONE: self._gone}
        self.scope["extensions"] = extensions
        await super().run_asgi()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, also when nobody reads what it sent before."""
        self._gone.set()
        super().connection_lost(exc)
