"""The cluster's DNS server: UDP and TCP on the DNS cluster IP, other names asked of the host's."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import cast

from towline.drydock.network.dns_message import Code, failure, parse_query, response
from towline.drydock.network.dns_zone import ClusterZone
from towline.errors import InputError

_log = logging.getLogger("towline.drydock.dns")
_TIMEOUT = 2.0
_SILENCE = 10.0
_TCP_IDLE = 10.0
_PENDING = 256
Address = tuple[str, int]


def host_resolvers(file: Path, exclude: str) -> tuple[str, ...]:
    """Name servers of a resolv.conf, without our own address."""
    if not file.exists():
        return ()
    rows = (line.split() for line in file.read_text(errors="replace").splitlines())
    return tuple(
        row[1] for row in rows if len(row) > 1 and row[0] == "nameserver" and row[1] != exclude
    )


class DnsServer:
    """Answers pods.

    Args:
        zone: The cluster's names.
        ip: Address to listen on.
        resolvers: Addresses of the servers that know the rest.
        port: Port to listen on; 53 except in tests.
    """

    def __init__(
        self, zone: ClusterZone, ip: str, resolvers: tuple[str, ...], *, port: int = 53
    ) -> None:
        self._zone = zone
        self._ip = ip
        self._port = port
        self._resolvers = resolvers
        self._silent_until: dict[str, float] = {}
        self._group: asyncio.TaskGroup | None = None
        self._pending = 0

    async def run(self, *, on_ready: Callable[[], None] | None = None) -> None:
        """Serves until cancelled.

        Raises:
            OSError: When the address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self._ip, self._port)
        )
        try:
            server = await asyncio.start_server(self._stream, self._ip, self._port)
            async with server, asyncio.TaskGroup() as group:
                self._group = group
                if on_ready:
                    on_ready()
                await server.serve_forever()
        finally:
            self._group = None
            datagrams.close()

    def handle(self, data: bytes, send: Callable[[bytes], None], *, udp: bool) -> None:
        """Answers a message at once, or later when another server is asked."""
        try:
            query = parse_query(data)
        except InputError:
            if reply := failure(data, Code.FORMAT):
                send(reply)
            return
        answer = self._zone.answer(query.name, query.kind)
        if answer is not None:
            limit = query.limit if udp else None
            send(response(query, answer.code, answer.records, answer.authority, limit=limit))
            return
        if self._group is None or self._pending >= _PENDING or not self._usable():
            send(response(query, Code.SERVER, [], []))
            return
        self._pending += 1
        self._group.create_task(self._ask(data, send, response(query, Code.SERVER, [], [])))

    def _usable(self) -> list[str]:
        now = asyncio.get_running_loop().time()
        return [ip for ip in self._resolvers if self._silent_until.get(ip, 0.0) <= now]

    async def _ask(self, data: bytes, send: Callable[[bytes], None], sorry: bytes) -> None:
        """Asks the host's servers in turn; one that is silent is left alone for a while."""
        loop = asyncio.get_running_loop()
        try:
            for ip in self._usable():
                try:
                    async with asyncio.timeout(_TIMEOUT):
                        send(await _exchange(data, ip))
                except (OSError, TimeoutError):
                    self._silent_until[ip] = loop.time() + _SILENCE
                    _log.info("resolver silent ip=%s", ip)
                else:
                    return
            send(sorry)
        except Exception:  # noqa: BLE001  # one question is one supervised unit
            _log.exception("forwarding a question failed")
        finally:
            self._pending -= 1

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(_TCP_IDLE):
                    size = struct.unpack("!H", await reader.readexactly(2))[0]
                    data = await reader.readexactly(size)

                def send(reply: bytes) -> None:
                    if not writer.is_closing():
                        writer.write(struct.pack("!H", len(reply)) + reply)

                self.handle(data, send, udp=False)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            return
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        transport = self._transport
        if transport is not None:
            self._server.handle(data, lambda reply: transport.sendto(reply, addr), udp=True)


class _Reply(asyncio.DatagramProtocol):
    def __init__(self, identifier: bytes) -> None:
        self._identifier = identifier
        self.result: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        del addr
        if data[:2] == self._identifier and not self.result.done():
            self.result.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(exc)


async def _exchange(data: bytes, ip: str) -> bytes:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Reply(data[:2]), remote_addr=(ip, 53)
    )
    try:
        transport.sendto(data)
        return await protocol.result
    finally:
        transport.close()
