"""The probe counts every request and every failure, also of answers that were cut."""

from __future__ import annotations

import asyncio

import pytest

from towline.demo.probe import Probe, get

pytestmark = pytest.mark.asyncio


async def serve(answer: bytes) -> asyncio.Server:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def probe_for(server: asyncio.Server, requests: int) -> Probe:
    probe = Probe(f"http://127.0.0.1:{port_of(server)}", rate=200)
    running = asyncio.ensure_future(probe.run())
    async with asyncio.timeout(10):
        while probe.requests < requests:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])
    return probe


async def test_good_answers_are_no_failures() -> None:
    server = await serve(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    async with server:
        probe = await probe_for(server, 5)
    assert probe.failures == []
    assert set(probe.first_seen) == {"hello"}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_anything_else_is_a_failure(answer: bytes) -> None:
    server = await serve(answer)
    async with server:
        probe = await probe_for(server, 3)
    assert len(probe.failures) >= 3
    assert probe.first_seen == {}


async def test_a_refused_connection_is_a_failure() -> None:
    server = await serve(b"")
    port = port_of(server)
    server.close()
    await server.wait_closed()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await get("127.0.0.1", port, "/")
