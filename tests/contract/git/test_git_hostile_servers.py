"""Git servers that lie, redirect, drip or never stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from towline.errors import DeniedError, LimitError, TowlineError, TransientError
from towline.git import Git, GitCredentials, Mirrors
from towline.git.pktline import FLUSH, encode
from towline.git.smart_http import Endpoint, SmartHttp
from towline.git.urls import parse_url

pytestmark = pytest.mark.asyncio

SECRET = "s3cret-canary"
SHA = "ab" * 20
RESULT = "Content-Type: application/x-git-upload-pack-result"
Handler = Callable[[str, str, asyncio.StreamWriter], Awaitable[None]]


class Liar:
    """Answers each request with what its handler writes."""

    def __init__(self) -> None:
        self.handler: Handler = self.not_found
        self.requests: list[str] = []
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def not_found(self, _line: str, _head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Nope\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.requests.append(head)
            await self.handler(head.splitlines()[0], head, writer)
            await writer.drain()
            writer.write_eof()
            await reader.read()
        writer.transport.abort()

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/o/r.git"


async def running() -> tuple[Liar, asyncio.Server]:
    liar = Liar()
    server = await asyncio.start_server(liar.serve, "127.0.0.1", 0)
    liar.port = server.sockets[0].getsockname()[1]
    return liar, server


@pytest_asyncio.fixture
async def liar() -> AsyncIterator[Liar]:
    made, server = await running()
    yield made
    server.close()
    await made.stop()


@pytest_asyncio.fixture
async def other() -> AsyncIterator[Liar]:
    made, server = await running()
    yield made
    server.close()
    await made.stop()


@pytest_asyncio.fixture
async def http() -> AsyncIterator[SmartHttp]:
    async with aiohttp.ClientSession() as session:
        yield SmartHttp(session, timeout=1.0, fetch_timeout=1.0, pack_limit=100_000)


async def secret_for(_url: str) -> GitCredentials:
    return GitCredentials(username="u", password=SECRET)


def answering(status: str, headers: str = "", body: bytes = b"") -> Handler:
    async def handler(_line: str, _head: str, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)

    return handler


async def test_s30_credentials_do_not_follow_a_redirect_to_another_host(
    liar: Liar, other: Liar, git: Git, tmp_path: Path
) -> None:
    location = f"Location: {other.url}/info/refs?service=git-upload-pack\r\n"
    liar.handler = answering("302 Found", location)
    other.handler = answering("401 No", "WWW-Authenticate: Basic\r\n")
    mirrors = Mirrors(tmp_path / "m", git, secret_for)
    with pytest.raises(TowlineError):
        await mirrors.resolve(liar.url, "main")
    assert other.requests
    assert all("authorization" not in head.lower() for head in other.requests)
    assert any("authorization" in head.lower() for head in liar.requests)
    await mirrors.close()


async def test_a_repository_that_moved_on_its_host_is_followed(
    site: Any, ann: Any, mirrors: Mirrors, liar: Liar
) -> None:
    """Without credentials at the new place: the new origin differs only by its port."""
    commit = await ann.commit({"a": "1"})
    await ann.git("push", "-q", site.url("o/r", login=site.login), "main")
    target = site.url("o/r")
    liar.handler = answering(
        "301 Moved", f"Location: {target}/info/refs?service=git-upload-pack\r\n"
    )
    with pytest.raises(DeniedError):
        await mirrors.resolve(liar.url, "main")  # another port is another origin: no credentials
    site.server._settings = type(site.server._settings)(anonymous_read=True)
    assert await mirrors.resolve(liar.url, "main") == commit
    assert (await mirrors.tree(liar.url, commit)).read("a") == b"1"


@pytest.mark.parametrize(
    "location",
    ["https://127.0.0.1:1/x", "file:///etc/info/refs", "ext::sh/info/refs", "/login", "::::"],
)
async def test_s30_redirects_to_something_else_are_refused(
    liar: Liar, http: SmartHttp, location: str
) -> None:
    liar.handler = answering("302 Found", f"Location: {location}\r\n")
    with pytest.raises(DeniedError):
        await http.resolve(Endpoint(parse_url(liar.url)))


async def test_redirect_loops_end(liar: Liar, http: SmartHttp) -> None:
    liar.handler = answering("302 F", "Location: /a/b.git/info/refs?service=git-upload-pack\r\n")
    with pytest.raises(TransientError, match="too often"):
        await http.resolve(Endpoint(parse_url(liar.url)))


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        ("401 Unauthorized", "", DeniedError),
        ("403 Forbidden", "", DeniedError),
        ("500 Oops", "", TransientError),
        ("429 Slow", "Retry-After: 7\r\n", TransientError),
    ],
)
async def test_statuses_become_errors(
    liar: Liar, http: SmartHttp, status: str, headers: str, error: type[TowlineError]
) -> None:
    liar.handler = answering(status, headers)
    with pytest.raises(error) as caught:
        await http.ls_refs(Endpoint(parse_url(liar.url)))
    if isinstance(caught.value, TransientError) and headers:
        assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "body",
    [
        b"zzzz",
        b"fff",
        b"ffff" + b"x" * 10,
        b"0003",
        b"-001",
        b"00 4",
        encode(SHA + " refs/heads/a")[:9],
    ],
)
async def test_s57_malformed_listings_are_refused(liar: Liar, http: SmartHttp, body: bytes) -> None:
    liar.handler = answering("200 OK", RESULT + "\r\n", body)
    with pytest.raises(TransientError):
        await http.ls_refs(Endpoint(parse_url(liar.url)))


async def test_s57_listings_with_hostile_names_leave_them_out(liar: Liar, http: SmartHttp) -> None:
    names = ["refs/heads/ok", "refs/heads/../../x", "--upload-pack=x", "refs/heads/a~b", "../x"]
    body = b"".join(encode(f"{SHA} {name}") for name in names) + encode("xx refs/heads/y") + FLUSH
    liar.handler = answering("200 OK", RESULT + "\r\n", body)
    assert list(await http.ls_refs(Endpoint(parse_url(liar.url)))) == ["refs/heads/ok"]


async def test_s57_an_endless_pack_is_cut_off(liar: Liar, git: Git, tmp_path: Path) -> None:
    async def endless(_line: str, _head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{RESULT}\r\nConnection: close\r\n\r\n".encode())
        writer.write(encode("packfile"))
        while True:
            writer.write(b"%04x\x01" % 60005 + b"P" * 60000)
            await writer.drain()

    liar.handler = endless
    async with aiohttp.ClientSession() as session:
        http = SmartHttp(session, pack_limit=1_000_000)
        received = 0

        async def sink(data: bytes) -> None:
            nonlocal received
            received += len(data)

        with pytest.raises(LimitError):
            await http.fetch(Endpoint(parse_url(liar.url)), [SHA], [], sink)
        assert received <= 1_000_000
    mirrors = Mirrors(tmp_path / "m", git)
    with pytest.raises(TowlineError):  # here the pack is refused for not being one
        await mirrors.tree(liar.url, SHA)
    await mirrors.close()
    assert not list((tmp_path / "m").rglob("*.pack"))


async def test_s57_a_server_that_drips_is_given_up(liar: Liar, http: SmartHttp) -> None:
    async def drip(_line: str, _head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{RESULT}\r\nConnection: close\r\n\r\n".encode())
        for _ in range(1000):
            writer.write(b"0")
            await writer.drain()
            await asyncio.sleep(0.05)

    liar.handler = drip
    with pytest.raises(TransientError):
        await http.ls_refs(Endpoint(parse_url(liar.url)))


async def test_errors_of_the_server_are_shown_without_secrets(liar: Liar, http: SmartHttp) -> None:
    body = encode("ERR access to http://u:hunter2@host/x?token=abc denied") + FLUSH
    liar.handler = answering("200 OK", RESULT + "\r\n", body)
    with pytest.raises(TransientError) as caught:
        await http.fetch(Endpoint(parse_url(liar.url)), [SHA], [], lambda _data: asyncio.sleep(0))
    assert "hunter2" not in str(caught.value)
    assert "token=abc" not in str(caught.value)


async def test_a_server_without_protocol_2_is_served_by_the_git_program(
    site: Any, ann: Any, mirrors: Mirrors
) -> None:
    commit = await ann.commit({"a": "1"})
    await ann.git("push", "-q", site.url("o/r", login=site.login), "main")
    replica, _ = mirrors._replica(site.url("o/r"))
    replica._remote._plain = True
    assert await mirrors.resolve(site.url("o/r"), "main") == commit
    assert (await mirrors.tree(site.url("o/r"), commit)).read("a") == b"1"
    replica.bare.reset()
    replica._remote._plain = False
    tree = await mirrors.tree(site.url("o/r"), commit)
    assert tree.read("a") == b"1"
