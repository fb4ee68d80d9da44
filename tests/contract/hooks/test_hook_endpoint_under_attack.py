"""The intake behind a real HTTP server, under load that nobody asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import resource
import socket
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette

from towline.aio.clock import SystemClock
from towline.forge.events import PushEvent
from towline.forge.hooks import HookSecret
from towline.web.hooks import HookIntake

pytestmark = pytest.mark.asyncio
SECRET = b"s" * 32


class Ports:
    """Store ports in memory."""

    def __init__(self) -> None:
        self.rows: set[str] = set()

    async def secrets(self, _provider: str) -> Sequence[HookSecret]:
        return [HookSecret(f"h{n}", f"team/app{n}", "", SECRET) for n in range(50)]

    async def accept(
        self, _provider: str, _hook: str, delivery: str, _sha: str, _event: PushEvent, _at: Any
    ) -> bool:
        new = delivery not in self.rows
        self.rows.add(delivery)
        return new


class Endpoint:
    """Where it listens."""

    def __init__(self, port: int, ports: Ports) -> None:
        self.port = port
        self.ports = ports
        self.url = f"http://127.0.0.1:{port}/hooks/github"


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    ports = Ports()
    intake = HookIntake(ports, ports, lambda: None, SystemClock())
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    config = uvicorn.Config(
        Starlette(routes=intake.routes()),
        lifespan="off",
        log_level="error",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.002)
    yield Endpoint(listener.getsockname()[1], ports)
    server.should_exit = True
    await task
    listener.close()


def push_body() -> bytes:
    return json.dumps(
        {
            "ref": "refs/heads/main",
            "before": "aa" * 20,
            "after": "bb" * 20,
            "repository": {"full_name": "team/app7", "clone_url": "https://h/team/app7.git"},
        }
    ).encode()


def headers_for(body: bytes, delivery: str) -> dict[str, str]:
    return {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest(),
    }


async def test_s01_endless_chunked_bodies_cost_no_memory(endpoint: Endpoint) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def flood() -> tuple[int, int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
        head = "POST /hooks/github HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
        proof = "sha256=" + "0" * 64  # well formed, so that the body is read at all
        head += f"X-GitHub-Event: push\r\nX-Hub-Signature-256: {proof}\r\n\r\n"
        writer.write(head.encode())
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 1 << 30 and not reader.at_eof():
                writer.write(chunk)
                await writer.drain()
                sent += 65536
                await asyncio.sleep(0)
        status = 0
        with contextlib.suppress(ConnectionError):
            line = await reader.readline()
            status = int(line.split()[1]) if line else 0
        writer.transport.abort()
        return status, sent

    answers = await asyncio.gather(*(flood() for _ in range(20)))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert {status for status, _ in answers} <= {0, 413, 429, 503}
    assert max(sent for _, sent in answers) < 32 << 20
    assert after - before < 32 << 10  # KiB
    assert not endpoint.ports.rows


async def test_s07_signed_hooks_get_through_a_flood_of_unsigned_ones(endpoint: Endpoint) -> None:
    stop = False
    refused: dict[int, int] = {}

    async def flood(session: aiohttp.ClientSession) -> None:
        while not stop:
            async with session.post(endpoint.url, data=b"{}") as response:
                refused[response.status] = refused.get(response.status, 0) + 1

    slowest = 0.0
    async with aiohttp.ClientSession() as noise, aiohttp.ClientSession() as forge:
        floods = [asyncio.create_task(flood(noise)) for _ in range(8)]
        body = push_body()
        for number in range(20):
            await asyncio.sleep(0.03)
            started = time.monotonic()
            async with forge.post(
                endpoint.url, data=body, headers=headers_for(body, f"d{number}")
            ) as response:
                assert response.status == 202
            slowest = max(slowest, time.monotonic() - started)
        stop = True
        await asyncio.gather(*floods)
    assert len(endpoint.ports.rows) == 20
    assert refused[429] > 100
    assert set(refused) <= {401, 429}
    assert slowest < 1.0
