"""S69: both servers speak HTTP strictly; the whole corpus is tested on their protocol alone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from towline.web.server import bind, serve

pytestmark = pytest.mark.asyncio

Say = Callable[[bytes], Awaitable[bytes]]
_TWICE = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED = {
    "two framings": (_TWICE + b"0\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
    "no host": (b"GET /version HTTP/1.1\r\n\r\n", b"400"),
    "two hosts": (b"GET /version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
    "many fields": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 500 + b"\r\n", b"431"),
}


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> bytes:
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


@pytest.fixture
def api(environment: dict[str, str], folder: Path) -> Say:
    cluster = yaml.safe_load(Path(environment["KUBECONFIG"]).read_text())["clusters"][0]["cluster"]
    port = int(cluster["server"].rpartition(":")[2])
    trust = ssl.create_default_context(cafile=str(folder / "data" / "pki" / "ca.crt"))

    async def say(sent: bytes) -> bytes:
        return await _say(*await asyncio.open_connection("127.0.0.1", port, ssl=trust), sent)

    return say


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Say]:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    task = asyncio.create_task(serve(app, listener))

    async def say(sent: bytes) -> bytes:
        return await _say(*await asyncio.open_connection("127.0.0.1", port), sent)

    yield say
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(("sent", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_s69_the_api_server_refuses(api: Say, sent: bytes, code: bytes) -> None:
    answer = await api(sent)
    assert answer.startswith(b"HTTP/1.1 " + code)
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(("sent", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_s69_the_web_server_refuses(web: Say, sent: bytes, code: bytes) -> None:
    answer = await web(sent)
    assert answer.startswith(b"HTTP/1.1 " + code)
    assert b"served" not in answer


async def test_both_serve_what_is_well_formed(api: Say, web: Say) -> None:
    sent = b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert b"gitVersion" in await api(sent)
    assert b"served" in await web(sent)
