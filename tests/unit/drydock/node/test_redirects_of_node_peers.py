"""S71: whatever the node asks, engine or pod, cannot send it and its credentials elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from towline.aio.clock import SystemClock
from towline.drydock.node.images import Credentials
from towline.drydock.node.model import ContainerSeen
from towline.drydock.node.podman import Podman, PodmanError
from towline.drydock.node.prober import Prober, ProbeTarget
from towline.drydock.node.stopping import Stopper

pytestmark = pytest.mark.asyncio


class Peer:
    """Answers every question with a redirect to a page of its own, and remembers the questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.came = asyncio.Event()
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.came.set()
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    @asynccontextmanager
    async def serving(self, socket: Path | None = None) -> AsyncIterator[Peer]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site: Any = (
            web.TCPSite(runner, "127.0.0.1", 0)
            if socket is None
            else web.UnixSite(runner, str(socket))
        )
        await site.start()
        if socket is None:
            self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()


async def test_s71_registry_credentials_stay_with_the_engine(tmp_path: Path) -> None:
    async with Peer().serving(tmp_path / "s") as peer, Podman(tmp_path / "s") as podman:
        with pytest.raises(PodmanError):
            await podman.pull("example/app:1", Credentials("u", "p"))
        with pytest.raises(PodmanError):
            await podman.create({"image": "example/app:1"})
    assert all("elsewhere" not in path for path in peer.asked)
    assert len(peer.asked) == 2


class _Book:
    def killed(self, _: str) -> None:
        """Nothing is noted."""

    async def wait_end(self, _container: str, _seconds: float) -> bool:
        return True


class _NoEngine:
    async def inspect(self, _: str) -> dict[str, Any]:
        return {}

    async def kill(self, _container: str, _signal: str) -> None:
        """Nothing is killed."""


async def test_s71_a_hook_of_a_pod_does_not_send_the_node_elsewhere() -> None:
    stopper = Stopper(_NoEngine(), _Book(), SystemClock(), lambda: "true")  # type: ignore[arg-type]
    async with Peer().serving() as peer:
        hook = {"httpGet": {"port": peer.port, "path": "/bye"}}
        container = {"name": "a", "lifecycle": {"preStop": hook}}
        await stopper.stop("c", container, "127.0.0.1", 5.0)
    assert peer.asked == ["/bye"]


async def test_s71_a_probe_is_answered_by_the_pod_alone() -> None:
    async def tell(_seen: ContainerSeen, _kind: str, _said: str) -> None:
        raise AssertionError("a redirect is a healthy answer")

    changed = asyncio.Event()
    prober = Prober(
        lambda: "true", SystemClock(), on_change=lambda _: changed.set(), on_failure=tell
    )
    seen = ContainerSeen(
        id="c", pod_uid="u", namespace="ns", pod="p", name="a", attempt=0, state="running"
    )
    async with Peer().serving() as peer:
        probe = {"httpGet": {"port": peer.port, "path": "/ready"}}
        running = asyncio.create_task(prober.run())
        try:
            spec = {"name": "a", "readinessProbe": probe}
            await asyncio.sleep(0)
            prober.watch(ProbeTarget(seen, spec, "127.0.0.1", ready=False))
            async with asyncio.timeout(5):
                await changed.wait()
        finally:
            running.cancel()
            await asyncio.wait([running])
    assert peer.asked == ["/ready"]
    view = prober.view("c")
    assert view is not None
