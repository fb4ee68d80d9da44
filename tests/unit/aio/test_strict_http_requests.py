"""S69: raw bytes against the server protocol, on plain sockets, and what must come back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from towline.aio.strict_http import StrictHttp

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Impatient(StrictHttp):
    """Waits for a head as long as a test can."""

    head_seconds = 0.2


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    text = b"%d" % size
    headers = [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


class Server:
    """Where raw bytes are sent to."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def said(self, *parts: bytes) -> bytes:
        """All that comes back until the server closes, or one whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            async with asyncio.timeout(5):
                return await reader.read()
        except ConnectionError:
            return b"closed"
        finally:
            writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        config = uvicorn.Config(
            echo, http=Impatient, ws="none", lifespan="off", log_config=None, timeout_keep_alive=1
        )
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        try:
            yield Server(listener.getsockname()[1])
        finally:
            running.should_exit = True
            await task


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
TRAP = b"GET /trap HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_well_formed_requests_are_served(server: Server) -> None:
    for request, size in (
        (HEAD + b"Content-Length: 3\r\n\r\nabc", b"3"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"3"),
        (b"GET / HTTP/1.0\r\n\r\n", b"0"),
        (b"\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", b"0"),
    ):
        answer = await server.said(request)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert answer.endswith(b"\r\n\r\n" + size)


AMBIGUOUS = {
    "both lengths": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, turned": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": b"Content-Length: +3\r\n\r\nabc",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": b"Content-Length: 0x3\r\n\r\nabc",
    "a length with an underscore": b"Content-Length: 1_0\r\n\r\n0123456789",
    "an endless length": b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an empty length": b"Content-Length:\r\n\r\n",
    "two encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a list of encodings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 3\r\n\r\nabc",
    "a folded field": b"X: a\r\n b\r\n\r\n",
    "a field name with a control": b"X\x01: a\r\n\r\n",
    "a field value with a NUL": b"X: a\x00b\r\n\r\n",
    "a bare CR in a value": b"X: a\rContent-Length: 3\r\n\r\nabc",
    "a bare LF after a field": b"X: a\nContent-Length: 3\r\n\r\nabc",
    "no name": b": a\r\n\r\n",
    "a chunk size that is none": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n",
    "a signed chunk size": b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than said": b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "a chunk size ended by LF": b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    "an overflowing chunk size": b"Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n",
    "a second host": b"Host: b\r\n\r\n",
}


@pytest.mark.parametrize("rest", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
async def test_s69_ambiguous_requests_are_refused(server: Server, rest: bytes) -> None:
    """Nothing behind the request is read as another one."""
    answer = await server.said(HEAD.replace(b"Connection: close\r\n", b"") + rest + TRAP)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


LINES = {
    "no version": b"GET /\r\n\r\n",
    "an old version": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "a new version": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "the second protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": b"GETS / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target with a control": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target that is not ASCII": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "chunks in an old version": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("request_line", LINES.values(), ids=LINES.keys())
async def test_s69_malformed_request_lines_are_refused(server: Server, request_line: bytes) -> None:
    answer = await server.said(request_line)
    assert answer.startswith(b"HTTP/1.1 400"), answer


FLOODS = {
    "many fields": HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "an endless value": HEAD + b"X: " + b"a" * 600_000,
    "an endless name": HEAD + b"X" * 600_000,
    "endless fields": HEAD + b"X-Y: zzzzzzzzzz\r\n" * 40_000,
    "a long value that ends": HEAD + b"X: " + b"a" * 262_144 + b"\r\n\r\n",
}


@pytest.mark.parametrize("request_head", FLOODS.values(), ids=FLOODS.keys())
async def test_s69_floods_of_fields_are_cut_off(server: Server, request_head: bytes) -> None:
    answer = await server.said(request_head)
    assert answer.startswith(b"HTTP/1.1 431") or answer in (b"", b"closed")


@pytest.mark.parametrize("length", [200_000, 700_000])
async def test_s69_long_targets_are_refused(server: Server, length: int) -> None:
    answer = await server.said(b"GET /" + b"a" * length + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer[:12] in (b"HTTP/1.1 414", b"HTTP/1.1 431", b"", b"closed")


SLOW = {
    "nothing": (b"", b""),
    "half a line": (b"GET / HT", b"HTTP/1.1 408"),
    "half a head": (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"HTTP/1.1 408"),
    "empty lines only": (b"\r\n\r\n", b""),
}


@pytest.mark.parametrize(("sent", "wanted"), SLOW.values(), ids=SLOW.keys())
async def test_s69_slow_heads_are_not_waited_for(
    server: Server, sent: bytes, wanted: bytes
) -> None:
    """Also on a connection that has served a request before."""
    assert (await server.said(sent))[:12] == wanted
    first = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(first)
    await reader.readuntil(b"\r\n\r\n0")
    writer.write(sent)
    async with asyncio.timeout(5):
        assert (await reader.read())[:12] == wanted
    writer.close()


async def test_a_slow_body_is_not_a_slow_head(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(HEAD + b"Content-Length: 2\r\n\r\na")
    await asyncio.sleep(2 * Impatient.head_seconds)
    writer.write(b"b")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    first = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    answer = await server.said(first + HEAD + b"Content-Length: 1\r\n\r\nx")
    assert [part[-1:] for part in answer.split(b"HTTP/1.1 200")[1:]] == [b"5", b"1"]
