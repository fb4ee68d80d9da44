import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from towline.drydock.node.images import Credentials
from towline.drydock.node.podman import Podman, PodmanError
from towline.errors import TransientError


class _Service:
    """A podman that answers what it was told to."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        path = request.path.removeprefix("/v4.0.0/libpod")
        code, body = self.answers.get((request.method, path), (404, {"message": "no"}))
        if isinstance(body, bytes):
            return web.Response(status=code, body=body)
        return web.json_response(body, status=code)


@asynccontextmanager
async def _service(tmp_path: Path) -> AsyncIterator[tuple[_Service, Podman]]:
    service = _Service()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    try:
        async with Podman(tmp_path / "s") as podman:
            yield service, podman
    finally:
        await runner.cleanup()


@pytest.mark.asyncio
async def test_a_missing_image_is_none_and_a_present_one_is_read(tmp_path: Path) -> None:
    async with _service(tmp_path) as (service, podman):
        assert await podman.image("docker.io/a/b:1") is None
        body = {
            "Id": "abc",
            "RepoDigests": ["docker.io/a/b@sha256:1"],
            "Size": 9,
            "Config": {"Entrypoint": ["e"], "Cmd": ["c"], "User": "u", "WorkingDir": "/w"},
        }
        service.answers["GET", "/images/docker.io/a/b:1/json"] = (200, body)
        image = await podman.image("docker.io/a/b:1")
    assert image is not None
    assert (image.id, image.entrypoint, image.command, image.user) == ("abc", ("e",), ("c",), "u")
    assert image.identity("docker.io/a/b:1") == "docker.io/a/b@sha256:1"


@pytest.mark.asyncio
async def test_a_pull_reports_the_registrys_error(tmp_path: Path) -> None:
    async with _service(tmp_path) as (service, podman):
        service.answers["POST", "/images/pull"] = (200, b'{"stream":"x"}\n{"error":"denied"}\n')
        with pytest.raises(PodmanError, match="denied"):
            await podman.pull("a/b:1", Credentials("u", "p"))
    header = service.requests[-1].headers["X-Registry-Auth"]
    body = msgspec.json.decode(base64.urlsafe_b64decode(header))
    assert body == {"username": "u", "password": "p"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("code", "message", "quiet"),
    [
        (404, "no such container", True),
        (500, "container abc does not exist in database: no such container", True),
        (409, "container is not running", True),
        (500, "oci runtime error", False),
    ],
)
async def test_killing_what_does_not_run_is_no_error(
    tmp_path: Path, code: int, message: str, *, quiet: bool
) -> None:
    async with _service(tmp_path) as (service, podman):
        service.answers["POST", "/containers/abc/kill"] = (code, {"message": message})
        if quiet:
            await podman.kill("abc", "TERM")
        else:
            with pytest.raises(PodmanError, match=message):
                await podman.kill("abc", "TERM")


@pytest.mark.asyncio
async def test_an_unreadable_error_still_says_something(tmp_path: Path) -> None:
    async with _service(tmp_path) as (service, podman):
        service.answers["GET", "/containers/json"] = (500, b"<html>")
        with pytest.raises(PodmanError, match="<html>"):
            await podman.containers()


@pytest.mark.asyncio
async def test_silence_is_transient(tmp_path: Path) -> None:
    async with Podman(tmp_path / "nobody") as podman:
        with pytest.raises(TransientError):
            await podman.ping()
    with pytest.raises(TransientError, match="not running"):
        await podman.ping()
