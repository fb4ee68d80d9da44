"""UDP of a Service: one socket per client towards its pod, forgotten when it is quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from towline.drydock.network.routing import Target

_IDLE = 30.0
_CLIENTS = 1024
Address = tuple[str, int]


class UdpListener(asyncio.DatagramProtocol):
    """Carries datagrams from clients to pods and back; made by `open`."""

    def __init__(self, order: Callable[[str], list[Target]]) -> None:
        self._order = order
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        self._clients: dict[Address, _Upstream] = {}

    @classmethod
    async def open(cls, ip: str, port: int, order: Callable[[str], list[Target]]) -> UdpListener:
        """Listens on an address.

        Raises:
            OSError: When the address cannot be bound.
        """
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(order), local_addr=(ip, port)
        )
        return protocol

    def close(self) -> None:
        """Ends listening and forgets all clients."""
        for upstream in list(self._clients.values()):
            upstream.close()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A client's datagram: to its pod."""
        upstream = self._clients.get(addr)
        if upstream is None:
            targets = self._order(addr[0])
            if not targets or len(self._clients) >= _CLIENTS:
                return
            upstream = _Upstream(self, addr, targets[0])
            self._clients[addr] = upstream
        upstream.send(data)

    def reply(self, client: Address, data: bytes) -> None:
        """A pod's datagram: to the client."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, client)

    def forget(self, client: Address) -> None:
        """The client is quiet or its pod refuses."""
        self._clients.pop(client, None)


class _Upstream(asyncio.DatagramProtocol):
    """The socket of one client towards its pod."""

    def __init__(self, listener: UdpListener, client: Address, target: Target) -> None:
        self._listener = listener
        self._client = client
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: list[bytes] = []
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_IDLE, self.close)
        self._opening = loop.create_task(self._open(target))

    async def _open(self, target: Target) -> None:
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, remote_addr=target
            )
        except OSError:
            self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        for data in self._waiting:
            self._transport.sendto(data)
        self._waiting.clear()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        del addr
        self._listener.reply(self._client, data)

    def error_received(self, exc: Exception) -> None:
        del exc
        self.close()

    def send(self, data: bytes) -> None:
        """Sends to the pod and keeps the mapping alive."""
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_IDLE, self.close)
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.sendto(data)

    def close(self) -> None:
        """Ends the mapping."""
        self._timer.cancel()
        self._listener.forget(self._client)
        if self._transport is not None:
            self._transport.close()
        elif not self._opening.done():
            self._opening.cancel()
