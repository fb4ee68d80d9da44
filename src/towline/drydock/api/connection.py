"""The server's side of an HTTP connection: uvicorn's, which also knows the client's certificate."""

from __future__ import annotations

import asyncio

from towline.aio.strict_http import StrictHttp
from towline.drydock.api.messages import CERTIFIED
from towline.drydock.auth.peers import certified_user


class Connection(StrictHttp):
    """One connection. The user of a verified certificate is part of its state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The handshake is done: looks at the certificate once."""
        super().connection_made(transport)
        session = transport.get_extra_info("ssl_object")
        certificate = session.getpeercert() if session is not None else None
        if certificate:
            user = certified_user(certificate.get("subject"), session.getpeercert(True))
            self.app_state = {**self.app_state, CERTIFIED: user}
