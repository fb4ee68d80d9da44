"""Port forwarding: both dialects against a client and servers of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from towline.drydock.api import spdy
from towline.drydock.api.exec_channels import Wire, port_prefix
from towline.drydock.api.messages import Upgrade
from towline.drydock.api.portforward import PortChannels, open_portforward
from towline.drydock.api.portforward_link import Budget, Link
from towline.drydock.api.portforward_spdy import SpdyTunnel
from towline.drydock.api.websocket import WebSocket, upgrade_request
from towline.kube.status import ApiError

pytestmark = pytest.mark.asyncio

SPDY = "SPDY/3.1+portforward.k8s.io"


class Pod:
    """Port 7 gives back what it gets, 8 greets and closes, 9 never reads; others are refused."""

    def __init__(self) -> None:
        self.ports: dict[int, int] = {}
        self.lost = asyncio.Event()
        self.blocked = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if port not in self.ports:
            raise ApiError(f"nobody listens on {port}", reason="InternalError")
        return await asyncio.open_connection("127.0.0.1", self.ports[port])

    async def serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with contextlib.suppress(ConnectionError):
            await self._answer(number, reader, writer)
        self.lost.set()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if number == 8:
            writer.write(b"welcome")
        elif number == 9:
            await self.blocked.wait()
        else:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def _pod() -> AsyncIterator[Pod]:
    pod = Pod()
    servers = []
    for port in (7, 8, 9):
        serve = functools.partial(pod.serve, port)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024)
        pod.ports[port] = server.sockets[0].getsockname()[1]
        servers.append(server)
    try:
        yield pod
    finally:
        pod.blocked.set()
        for server in servers:
            server.close()
        if pod.tasks:
            await asyncio.wait(pod.tasks)


class Client:
    """kubectl's end of the WebSocket."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.encoder = spdy.Encoder()
        self._decoder = spdy.Decoder()
        self.data: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.other: list[spdy.Frame] = []
        self.raw: list[bytes] = []
        self.closed = 0
        self.changed = asyncio.Event()
        self.socket = WebSocket(self.incoming.get, self._send, asyncio.Event())

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.closed = message["code"]
        else:
            self.raw.append(message["bytes"])
        self.changed.set()

    def read_frames(self) -> None:
        pending, self.raw = self.raw, []
        for frame in (frame for data in pending for frame in self._decoder.feed(data)):
            if isinstance(frame, spdy.Data):
                self.data[frame.stream] = self.data.get(frame.stream, b"") + frame.data
                if frame.fin:
                    self.ended.add(frame.stream)
            else:
                self.other.append(frame)

    def say(self, data: bytes) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    def open(self, stream: int, port: int) -> None:
        headers = {"port": str(port), "requestid": str(stream)}
        self.say(self.encoder.open(stream, {**headers, "streamtype": "error"}, fin=True))
        self.say(self.encoder.open(stream + 2, {**headers, "streamtype": "data"}))

    async def until(self, check: Any) -> None:
        async with asyncio.timeout(5):
            while True:
                self.changed.clear()
                self.read_frames()
                if check():
                    return
                await self.changed.wait()


@asynccontextmanager
async def _tunnel(pod: Pod) -> AsyncIterator[Client]:
    client = Client()
    serving = asyncio.create_task(SpdyTunnel(client.socket, pod.connect).run())
    try:
        yield client
    finally:
        client.incoming.put_nowait({"type": "websocket.disconnect"})
        async with asyncio.timeout(5):
            await serving


async def test_bytes_go_both_ways_and_both_streams_end() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        client.open(1, 7)
        blob = bytes(range(256)) * 4000
        for at in range(0, len(blob), 30_000):
            client.say(spdy.data_frame(3, blob[at : at + 30_000]))
        await client.until(lambda: client.data.get(3) == blob)
        assert not client.ended
        client.say(spdy.data_frame(3, b"", fin=True))
        await client.until(lambda: client.ended == {1, 3})
        assert client.data[1] == b""


async def test_many_pairs_live_side_by_side() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        for n in range(50):
            client.open(1 + 4 * n, 7 if n % 2 else 8)
            client.say(spdy.data_frame(3 + 4 * n, b"%d" % n, fin=True))
        await client.until(lambda: len(client.ended) == 100)
        for n in range(50):
            assert client.data[3 + 4 * n] == (b"%d" % n if n % 2 else b"welcome")


async def test_a_refused_port_is_told_on_its_error_stream() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        client.open(1, 1234)
        await client.until(lambda: client.ended == {1, 3})
        assert client.data == {1: b"nobody listens on 1234", 3: b""}


async def test_pings_are_answered_at_once() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        client.say(spdy.ping_frame(1))
        await client.until(lambda: client.other == [spdy.Ping(1)])


async def test_a_reset_drops_the_pods_connection() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        client.open(1, 7)
        client.say(spdy.data_frame(3, b"x"))
        await client.until(lambda: client.data.get(3) == b"x")
        client.say(spdy.reset_frame(3, spdy.CANCEL))
        async with asyncio.timeout(5):
            await pod.lost.wait()


async def test_every_connection_is_dropped_when_the_client_goes() -> None:
    async with _pod() as pod:
        async with _tunnel(pod) as client:
            client.open(1, 7)
            client.say(spdy.data_frame(3, b"x"))
            await client.until(lambda: client.data.get(3) == b"x")
        async with asyncio.timeout(5):
            await pod.lost.wait()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"streamtype": "data", "port": "0", "requestid": "1"},
        {"streamtype": "data", "port": "65536", "requestid": "1"},
        {"streamtype": "data", "port": "x", "requestid": "1"},
        {"streamtype": "other", "port": "7", "requestid": "1"},
        {"streamtype": "data", "port": "7"},
        {"streamtype": "data", "port": "7", "requestid": "x" * 100},
    ],
)
async def test_streams_with_odd_headers_are_refused(headers: dict[str, str]) -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        client.say(client.encoder.open(1, headers))
        await client.until(lambda: client.other == [spdy.Reset(1)])


async def test_streams_beyond_the_limit_are_refused() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        for n in range(300):
            headers = {"streamtype": "data", "port": "7", "requestid": str(n)}
            client.say(client.encoder.open(1 + 2 * n, headers))
        await client.until(lambda: len(client.other) == 300 - 256)


async def test_what_is_no_spdy_ends_the_connection() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        client.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"\xff" * 100)
        await client.until(lambda: client.closed == 1002)


async def test_a_pod_that_does_not_read_stops_the_reading_of_its_client() -> None:
    async with _pod() as pod, _tunnel(pod) as client:
        client.open(1, 9)
        for _ in range(600):
            client.say(spdy.data_frame(3, b"x" * 32_768))
        last = -1
        while client.incoming.qsize() != last:
            last = client.incoming.qsize()
            await asyncio.sleep(0.1)
        assert last > 200, "most of it is still with the client"
        client.socket.gone.set()


async def test_channels_begin_with_their_ports_and_tell_errors() -> None:
    async with _pod() as pod:
        client = Client()
        channels = PortChannels(client.socket, Wire("x"), [7, 1234], pod.connect)
        serving = asyncio.create_task(channels.run())
        client.say(b"\x00hello")
        client.say(b"\x09nothing")
        async with asyncio.timeout(5):
            while b"\x00hello" not in client.raw or len(client.raw) < 6:
                client.changed.clear()
                await client.changed.wait()
        client.incoming.put_nowait({"type": "websocket.disconnect"})
        await serving
        assert sorted(client.raw) == [
            b"\x00" + port_prefix(7),
            b"\x00hello",
            b"\x01" + port_prefix(7),
            b"\x02" + port_prefix(1234),
            b"\x03nobody listens on 1234",
            b"\x03" + port_prefix(1234),
        ]


async def test_channels_end_when_every_port_did() -> None:
    async with _pod() as pod:
        client = Client()
        async with asyncio.timeout(5):
            await PortChannels(client.socket, Wire("x"), [8, 1], pod.connect).run()
        assert b"\x00welcome" in client.raw
        assert client.closed == 1000


async def test_budget_is_freed_when_a_connection_ends() -> None:
    budget = Budget(10)
    link = Link(budget)
    await link.put(b"x" * 10)

    async def refuse(port: int) -> Any:
        raise ApiError("no", reason="InternalError")

    async def nowhere(data: bytes) -> None:
        del data

    assert await link.run(refuse, 1, nowhere) == "no"
    async with asyncio.timeout(1):
        await budget.take(10)


def _opened(query: str, *protocols: str) -> Upgrade:
    scope = {
        "type": "websocket",
        "path": "/",
        "query_string": query.encode(),
        "headers": [],
        "subprotocols": list(protocols),
    }
    pod = {"metadata": {"name": "p", "uid": "u"}, "spec": {"nodeName": "n"}}
    request = upgrade_request(scope, asyncio.Queue[Any]().get)
    return open_portforward(request, Pod(), pod)  # type: ignore[arg-type]


async def test_the_dialect_is_chosen_by_the_subprotocol() -> None:
    assert _opened("", SPDY).protocol == SPDY
    offered = ("v5.channel.k8s.io", "v4.channel.k8s.io")
    assert _opened("ports=80", *offered).protocol == offered[1]


@pytest.mark.parametrize("query", ["", "ports=0", "ports=65536", "ports=-1", "ports=x", "ports=²"])
async def test_ports_that_are_none_are_refused(query: str) -> None:
    with pytest.raises(ApiError) as caught:
        _opened(query, "v4.channel.k8s.io")
    assert caught.value.code == 400
