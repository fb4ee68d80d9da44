import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from towline.drydock.network.connections import Connections
from towline.drydock.network.directory import ServiceKey
from towline.drydock.network.proxy import ServiceProxy
from towline.drydock.network.routing import Listener, Route, Target

WEB = ServiceKey("default", "web")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _answer_at_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"got " + await reader.read())
    writer.close()


class _Stage:
    """A proxy with one listener in front of servers on 127.0.0.x."""

    def __init__(self, patience: float) -> None:
        self.connections = Connections()
        self.proxy = ServiceProxy(self.connections, patience=patience)
        self.listener = Listener("TCP", "127.0.0.1", _free_port())
        self.port = _free_port()
        self._servers: list[asyncio.Server] = []
        self._writers: list[asyncio.StreamWriter] = []

    def route(self, *ips: str) -> None:
        targets = tuple(Target(ip, self.port) for ip in ips)
        self.proxy.set_routes(WEB, {self.listener: Route(WEB, targets, sticky=False)})

    async def serve(self, ip: str, handler: Handler = _echo) -> asyncio.Server:
        server = await asyncio.start_server(handler, ip, self.port)
        self._servers.append(server)
        return server

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self.listener not in self.proxy.listeners:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(*self.listener[1:])
        self._writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for w in self._writers), return_exceptions=True)


@asynccontextmanager
async def _stage(*, patience: float = 5.0) -> AsyncIterator[_Stage]:
    stage = _Stage(patience)
    running = asyncio.create_task(stage.proxy.run())
    try:
        yield stage
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stage.close()


async def _ask(stage: _Stage, text: bytes = b"hello") -> bytes:
    reader, writer = await stage.connect()
    writer.write(text)
    answer = await reader.readexactly(len(text))
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.asyncio
async def test_bytes_flow_both_ways() -> None:
    async with _stage() as stage:
        await stage.serve("127.0.0.2")
        stage.route("127.0.0.2")
        big = bytes(range(256)) * 4096
        assert await _ask(stage, big) == big


@pytest.mark.asyncio
async def test_a_client_that_ends_its_side_still_gets_the_answer() -> None:
    async with _stage() as stage:
        await stage.serve("127.0.0.2", _answer_at_end)
        stage.route("127.0.0.2")
        reader, writer = await stage.connect()
        writer.write(b"all")
        writer.write_eof()
        assert await reader.read() == b"got all"
        writer.close()


@pytest.mark.asyncio
async def test_a_pod_that_refuses_is_passed_over() -> None:
    async with _stage() as stage:
        await stage.serve("127.0.0.3")
        stage.route("127.0.0.2", "127.0.0.3")
        for _ in range(4):
            assert await _ask(stage) == b"hello"


@pytest.mark.asyncio
async def test_a_connection_waits_for_a_pod_that_does_not_listen_yet() -> None:
    async with _stage() as stage:
        stage.route("127.0.0.2")
        asking = asyncio.create_task(_ask(stage))
        reader, writer = await stage.connect()
        del reader
        await stage.serve("127.0.0.2")
        assert await asking == b"hello"
        writer.close()


@pytest.mark.asyncio
async def test_a_connection_waits_for_the_first_endpoint() -> None:
    async with _stage() as stage:
        await stage.serve("127.0.0.2")
        stage.route()
        reader, writer = await stage.connect()
        writer.write(b"x")
        stage.route("127.0.0.2")
        assert await reader.readexactly(1) == b"x"
        writer.close()


@pytest.mark.asyncio
async def test_patience_ends_with_a_closed_connection() -> None:
    async with _stage(patience=0.0) as stage:
        stage.route("127.0.0.2")
        reader, writer = await stage.connect()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


@pytest.mark.asyncio
async def test_a_service_that_is_gone_is_not_listened_for() -> None:
    async with _stage() as stage:
        stage.route("127.0.0.2")
        await stage.connect()
        stage.proxy.set_routes(WEB, {})
        while stage.proxy.listeners:
            await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_draining_waits_for_an_answer_that_is_owed() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        await release.wait()
        writer.write(b"late")
        writer.close()

    async with _stage() as stage:
        await stage.serve("127.0.0.2", slow)
        stage.route("127.0.0.2")
        reader, writer = await stage.connect()
        writer.write(b"?")
        while not stage.connections.count("127.0.0.2"):
            await asyncio.sleep(0)
        draining = asyncio.create_task(stage.connections.drain("127.0.0.2", 5.0))
        await asyncio.sleep(0)
        assert not draining.done()
        release.set()
        assert await reader.read() == b"late"
        writer.close()
        assert await draining


@pytest.mark.asyncio
async def test_draining_closes_a_connection_that_is_only_kept_alive() -> None:
    async with _stage() as stage:
        await stage.serve("127.0.0.2")
        stage.route("127.0.0.2")
        reader, writer = await stage.connect()
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        assert await stage.connections.drain("127.0.0.2", 5.0)
        assert await reader.read() == b""
        writer.close()


@pytest.mark.asyncio
async def test_draining_gives_up_at_its_limit() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with _stage() as stage:
        await stage.serve("127.0.0.2", mute)
        stage.route("127.0.0.2")
        _, writer = await stage.connect()
        writer.write(b"?")
        while not stage.connections.count("127.0.0.2"):
            await asyncio.sleep(0)
        assert not await stage.connections.drain("127.0.0.2", 0.05)
        writer.close()


@pytest.mark.asyncio
async def test_a_draining_pod_gets_no_new_connection() -> None:
    async with _stage() as stage:
        await stage.serve("127.0.0.2", _answer_at_end)
        await stage.serve("127.0.0.3")
        stage.route("127.0.0.2", "127.0.0.3")
        await stage.connections.drain("127.0.0.2", 0.0)
        for _ in range(4):
            assert await _ask(stage) == b"hello"
        assert stage.connections.is_closing("127.0.0.2")
        stage.connections.reopen("127.0.0.2")
        assert not stage.connections.is_closing("127.0.0.2")


class _UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(b"re:" + data, addr)  # type: ignore[attr-defined]


@pytest.mark.asyncio
async def test_datagrams_reach_a_pod_and_come_back() -> None:
    async with _stage() as stage:
        loop = asyncio.get_running_loop()
        echo, _ = await loop.create_datagram_endpoint(
            _UdpEcho, local_addr=("127.0.0.2", stage.port)
        )
        listener = Listener("UDP", "127.0.0.1", _free_port())
        targets = (Target("127.0.0.2", stage.port),)
        stage.proxy.set_routes(WEB, {listener: Route(WEB, targets, sticky=False)})
        while listener not in stage.proxy.listeners:
            await asyncio.sleep(0)
        answer = await asyncio.to_thread(_datagram, listener)
        echo.close()
        assert answer == b"re:hi"


def _datagram(listener: Listener) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"hi", (listener.ip, listener.port))
        return client.recv(100)
