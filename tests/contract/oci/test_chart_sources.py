"""Charts from HTTP repositories and OCI registries, and where requests may go."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from towline.errors import (
    DeniedError,
    InputError,
    LimitError,
    NotFoundError,
    TowlineError,
    TransientError,
)
from towline.oci.chart_repository import ChartRepository, newest, parse_index
from towline.oci.charts import ChartCache, ChartSource, OciRepository
from towline.oci.outbound import AddressPolicy, Credentials, OutboundClient

LOOPBACK = AddressPolicy(networks=("127.0.0.0/8",))
ARCHIVE = b"\x1f\x8b\x08 a chart"
DIGEST = hashlib.sha256(ARCHIVE).hexdigest()


class Server:
    """An HTTP server that remembers what it was asked."""

    def __init__(self) -> None:
        self.routes: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers.get("Authorization", "")))
        found = self.routes.get(request.path)
        if found is None:
            return web.Response(status=404)
        if callable(found):
            return await found(request)
        return web.Response(body=found)


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


def index(*versions: str, url: str = "charts/web-{}.tgz", digest: str = DIGEST) -> bytes:
    entries = [
        {"version": version, "urls": [url.format(version)], "digest": digest}
        for version in versions
    ]
    return json.dumps({"apiVersion": "v1", "entries": {"web": entries}}).encode()


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("", "2.0.0"),
        ("1.2.0", "1.2.0"),
        ("^1.0", "1.10.0"),
        ("~1.2", "1.2.0"),
        (">0.0.0-0", "2.1.0-rc.1"),
    ],
)
def test_an_index_gives_the_newest_version_that_fits(version: str, found: str) -> None:
    data = index("1.2.0", "1.10.0", "2.0.0", "2.1.0-rc.1", "not a version")
    assert parse_index(data, "https://example.com/c").find("web", version).version == found


def test_an_index_may_be_yaml_and_its_addresses_are_resolved() -> None:
    text = b"apiVersion: v1\nentries:\n  web:\n  - {version: 1.0.0, urls: [web.tgz]}\n"
    found = parse_index(text, "https://example.com/c").find("web")
    assert found.url == "https://example.com/c/web.tgz"
    assert parse_index(text, "https://example.com/c").versions("web") == ["1.0.0"]


def test_what_an_index_lacks_is_named() -> None:
    offered = parse_index(index("1.0.0"), "https://example.com")
    with pytest.raises(NotFoundError) as caught:
        offered.find("web", "2.x")
    assert caught.value.message == (
        'chart "web" version "2.x" not found in https://example.com repository'
    )
    with pytest.raises(NotFoundError, match='chart "other" not found'):
        offered.find("other")
    with pytest.raises(InputError, match="improper constraint"):
        offered.find("web", ">>1")


@pytest.mark.parametrize("data", [b"", b"[]", b"a: b: c", b"entries: {}", b"\xff\xfe"])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(TowlineError):
        parse_index(data, "https://example.com")


def test_s59_an_index_with_alias_bombs_is_refused() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(InputError, match="excessive aliasing"):
        parse_index(f"apiVersion: v1\nl0: &l0 [x]\n{levels}".encode(), "https://example.com")


@pytest.mark.asyncio
async def test_a_chart_is_fetched_and_its_digest_checked() -> None:
    async with server() as there, OutboundClient(LOOPBACK) as client:
        there.routes = {"/index.yaml": index("1.0.0"), "/charts/web-1.0.0.tgz": ARCHIVE}
        chart = await ChartSource(client).fetch(there.url, "web", "1.x")
        assert (chart.version, chart.data) == ("1.0.0", ARCHIVE)
        assert await ChartSource(client).resolve(there.url, "web", "") == "1.0.0"
        there.routes["/charts/web-1.0.0.tgz"] = b"something else"
        with pytest.raises(InputError, match="does not have the digest"):
            await ChartSource(client).fetch(there.url, "web", "1.x")


@pytest.mark.asyncio
async def test_a_cached_archive_is_not_fetched_again(tmp_path: Path) -> None:
    async with server() as there, OutboundClient(LOOPBACK) as client:
        there.routes = {"/index.yaml": index("1.0.0"), "/charts/web-1.0.0.tgz": ARCHIVE}
        source = ChartSource(client, cache=ChartCache(tmp_path))
        await source.fetch(there.url, "web", "1.0.0")
        del there.routes["/charts/web-1.0.0.tgz"]
        assert (await source.fetch(there.url, "web", "1.0.0")).data == ARCHIVE
        (tmp_path / DIGEST).write_bytes(b"damaged")
        with pytest.raises(NotFoundError):
            await source.fetch(there.url, "web", "1.0.0")


def test_a_cache_keeps_to_its_bound(tmp_path: Path) -> None:
    cache = ChartCache(tmp_path, most_bytes=25)
    files = [cache.put(bytes([number]) * 10) for number in range(4)]
    assert files[-1].exists()
    assert sum(file.exists() for file in files) <= 2
    assert cache.get("../../etc/passwd") is None


@pytest.mark.asyncio
async def test_credentials_stay_with_their_host() -> None:
    credentials = Credentials("me", "secret")
    async with server() as there, server() as other, OutboundClient(LOOPBACK) as client:
        there.routes = {"/index.yaml": index("1.0.0", url=f"{other.url}/web.tgz")}
        other.routes = {"/web.tgz": ARCHIVE}
        await ChartSource(client).fetch(there.url, "web", "", credentials=credentials)
        assert there.asked[0][1].startswith("Basic ")
        assert other.asked == [("/web.tgz", "")]
        repository = ChartRepository(
            client, there.url, credentials=credentials, pass_credentials=True
        )
        await repository.archive((await repository.index()).find("web"))
        assert other.asked[-1][1].startswith("Basic ")
    assert "secret" not in repr(credentials)


@pytest.mark.asyncio
async def test_redirects_are_followed_without_credentials_to_others() -> None:
    async with server() as there, server() as other, OutboundClient(LOOPBACK) as client:

        async def away(_: web.Request) -> web.Response:
            raise web.HTTPFound(f"{other.url}/x")

        async def around(_: web.Request) -> web.Response:
            raise web.HTTPFound("/loop")

        there.routes = {"/x": away, "/loop": around}
        other.routes = {"/x": b"body"}
        answer = await client.get(
            f"{there.url}/x", most_bytes=10, credentials=Credentials("a", "b"), headers={"X-T": "1"}
        )
        assert answer.body == b"body"
        assert other.asked == [("/x", "")]
        with pytest.raises(InputError, match="redirects more than"):
            await client.get(f"{there.url}/loop", most_bytes=10)


@pytest.mark.asyncio
async def test_s59_endless_bodies_are_cut() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while True:
                await response.write(b"x" * 65536)
        return response

    async with server() as there, OutboundClient(LOOPBACK) as client:
        there.routes = {"/index.yaml": endless}
        with pytest.raises(LimitError, match="sends more than"):
            await client.get(f"{there.url}/index.yaml", most_bytes=1_000_000)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://[fd00:ec2::254]/",
        "http://0.0.0.0/",
        "http://localhost:1/",
    ],
)
async def test_s62_addresses_inside_are_refused(url: str) -> None:
    async with OutboundClient(AddressPolicy()) as client:
        with pytest.raises(DeniedError):
            await client.get(url, most_bytes=10)


@pytest.mark.asyncio
async def test_s62_redirects_to_addresses_inside_are_refused() -> None:
    async with server() as there:
        # The first host is listed by name of its address; the one it leads to is not.
        host = there.url.removeprefix("http://").partition(":")[0]

        async def inside(_: web.Request) -> web.Response:
            raise web.HTTPFound("http://127.0.0.2:1/")

        there.routes = {"/": inside}
        async with OutboundClient(AddressPolicy(hosts=frozenset({host}))) as client:
            with pytest.raises(DeniedError):
                await client.get(f"{there.url}/", most_bytes=10)


def test_s62_listed_hosts_and_networks_may_be_reached() -> None:
    policy = AddressPolicy(hosts=frozenset({"charts.corp"}), networks=("10.1.0.0/16",))
    assert policy.allows("charts.corp", "10.9.9.9")
    assert policy.allows("other", "10.1.2.3")
    assert not policy.allows("other", "10.2.2.3")
    assert policy.allows("other", "93.184.216.34")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url", ["ftp://example.com", "file:///etc/passwd", "http://", "x", "http://u:p@h/"]
)
async def test_odd_urls_are_refused(url: str) -> None:
    async with OutboundClient(AddressPolicy(everywhere=True)) as client:
        with pytest.raises(InputError):
            await client.get(url, most_bytes=10)


def manifest(**changes: Any) -> bytes:
    layer = {
        "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "digest": f"sha256:{DIGEST}",
        "size": len(ARCHIVE),
        **changes,
    }
    return json.dumps({"schemaVersion": 2, "layers": [layer]}).encode()


def registry(there: Server, body: bytes) -> None:
    there.routes |= {
        "/v2/team/web/manifests/1.0.0_b1": body,
        "/v2/team/web/tags/list": b'{"tags": ["1.0.0_b1", "0.9.0", "latest"]}',
        f"/v2/team/web/blobs/sha256:{DIGEST}": ARCHIVE,
    }


def oci(there: Server) -> str:
    return f"oci://{there.url.removeprefix('http://')}/team"


@pytest.mark.asyncio
async def test_a_chart_comes_from_a_registry() -> None:
    async with server() as there, OutboundClient(LOOPBACK) as client:
        registry(there, manifest())
        source = ChartSource(client, plain_http=True)
        assert await source.resolve(oci(there), "web", "^1") == "1.0.0+b1"
        chart = await source.fetch(oci(there), "web", ">=0.1")
        assert (chart.version, chart.data) == ("1.0.0+b1", ARCHIVE)
        with pytest.raises(NotFoundError):
            await source.fetch(oci(there), "web", "3.x")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        manifest(mediaType="text/plain"),
        manifest(size=1 << 40),
        manifest(digest="sha256:" + "0" * 64),
        manifest(digest="md5:0"),
        b"[]",
        b"{}",
        b"no json",
    ],
)
async def test_manifests_that_are_no_charts_are_refused(body: bytes) -> None:
    async with server() as there, OutboundClient(LOOPBACK) as client:
        registry(there, body)
        there.routes["/v2/team/web/blobs/sha256:" + "0" * 64] = ARCHIVE
        with pytest.raises(InputError):
            await ChartSource(client, plain_http=True).fetch(oci(there), "web", "1.0.0+b1")


@pytest.mark.asyncio
async def test_a_registry_may_ask_for_a_token() -> None:
    async with server() as there, OutboundClient(LOOPBACK) as client:
        registry(there, manifest())
        guarded = dict(there.routes)

        def guard(body: bytes) -> Any:
            async def answer(request: web.Request) -> web.Response:
                if request.headers.get("Authorization") == "Bearer t0ken":
                    return web.Response(body=body)
                realm = f'Bearer realm="{there.url}/token",service="s"'
                return web.Response(status=401, headers={"WWW-Authenticate": realm})

            return answer

        async def token(request: web.Request) -> web.Response:
            user = base64.b64encode(b"me:secret").decode()
            if request.headers.get("Authorization") != f"Basic {user}":
                return web.Response(status=403)
            assert request.query["scope"] == "repository:team/web:pull"
            return web.json_response({"token": "t0ken"})

        there.routes = {path: guard(body) for path, body in guarded.items()}
        there.routes["/token"] = token
        source = ChartSource(client, plain_http=True)
        credentials = Credentials("me", "secret")
        chart = await source.fetch(oci(there), "web", "1.0.0+b1", credentials=credentials)
        assert chart.data == ARCHIVE
        with pytest.raises(DeniedError):
            await source.fetch(oci(there), "web", "1.0.0+b1")


@pytest.mark.parametrize("reference", ["oci://host", "oci://host/UPPER", "host/a//b", "oci:///x"])
def test_malformed_references_are_refused(reference: str) -> None:
    with pytest.raises(InputError):
        OciRepository(OutboundClient(LOOPBACK), reference)


@pytest.mark.asyncio
async def test_servers_that_fail_are_worth_another_try() -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with server() as there, OutboundClient(LOOPBACK) as client:
        there.routes = {"/index.yaml": broken}
        with pytest.raises(TransientError, match="looks like"):
            await ChartSource(client).fetch(there.url, "web", "")
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(TransientError):
            await client.get("http://127.0.0.1:9/", most_bytes=10)


@pytest.mark.parametrize(
    ("versions", "constraint", "expected"),
    [(["1.0.0", "1.2.0"], "*", "1.2.0"), (["1.0.0-rc.1"], "*", None), (["x"], "*", None)],
)
def test_the_newest_fitting_version(
    versions: list[str], constraint: str, expected: str | None
) -> None:
    assert newest(versions, constraint) == expected
