"""An ASGI server on a socket that is already bound, within the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from towline.aio.strict_http import StrictHttp
from towline.errors import SettingsError


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the composition root, which stops every part in order.
        yield


def bind(host: str, port: int) -> socket.socket:
    """Binds and listens.

    Raises:
        SettingsError: When the address is taken or not ours.
    """
    # With the protocol named, asyncio turns Nagle's algorithm off: 40 ms less per answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.listen(512)
    listener.setblocking(False)
    return listener


async def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serves until cancelled; open streams get two seconds to end.

    Raises:
        RuntimeError: The server ended by itself.
    """
    config = uvicorn.Config(
        app,
        http=StrictHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
    )
    server = _Server(config)
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(task)
        raise RuntimeError("the HTTP server ended by itself")
    except asyncio.CancelledError:
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await task
        raise
    finally:
        listener.close()
