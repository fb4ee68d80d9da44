import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from towline.aio.clock import SystemClock
from towline.drydock.node.model import ContainerSeen
from towline.drydock.node.prober import Prober, ProbeTarget


class _Clock(SystemClock):
    """Waits end at once, so that a period is a turn of the loop."""

    async def sleep(self, seconds: float) -> None:
        del seconds
        await asyncio.sleep(0)


class _Bench:
    """A prober, a page whose status can be set, and what was told."""

    def __init__(self) -> None:
        self.code = 200
        self.told: list[str] = []
        self.changed = asyncio.Event()
        self.port = 0
        self.prober = Prober(
            lambda: "true",
            _Clock(),
            on_change=lambda _: self.changed.set(),
            on_failure=self._tell,
        )

    async def _tell(self, _: ContainerSeen, kind: str, said: str) -> None:
        self.told.append(f"{kind}: {said}")

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(status=self.code)

    def watch(self, *, ready: bool = False, **probes: Any) -> None:
        seen = ContainerSeen(
            id="c", pod_uid="u", namespace="ns", pod="p", name="a", attempt=0, state="running"
        )
        self.prober.watch(ProbeTarget(seen, {"name": "a", **probes}, "127.0.0.1", ready=ready))

    def http(self, **extra: Any) -> dict[str, Any]:
        return {"httpGet": {"port": self.port, "path": "/x"}, "failureThreshold": 1, **extra}

    async def turn(self) -> None:
        await self.changed.wait()
        self.changed.clear()

    def view(self) -> tuple[bool, bool]:
        view = self.prober.view("c")
        assert view is not None
        return view.started, view.ready


@asynccontextmanager
async def _bench() -> AsyncIterator[_Bench]:
    bench = _Bench()
    app = web.Application()
    app.router.add_get("/x", bench.page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    bench.port = runner.addresses[0][1]
    running = asyncio.create_task(bench.prober.run())
    await asyncio.sleep(0)
    try:
        yield bench
    finally:
        bench.prober.drop("c")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await runner.cleanup()


@pytest.mark.asyncio
async def test_without_probes_a_container_is_ready() -> None:
    async with _bench() as bench:
        bench.watch()
        assert bench.view() == (True, True)


@pytest.mark.asyncio
async def test_readiness_follows_the_page() -> None:
    async with _bench() as bench:
        bench.watch(readinessProbe=bench.http())
        assert bench.view() == (True, False)
        await bench.turn()
        assert bench.view() == (True, True)
        bench.code = 503
        await bench.turn()
        assert bench.view() == (True, False)
        assert "readiness: HTTP probe failed with statuscode: 503" in bench.told


@pytest.mark.asyncio
async def test_readiness_is_kept_over_a_restart_of_the_node() -> None:
    async with _bench() as bench:
        bench.watch(ready=True, readinessProbe=bench.http(), startupProbe=bench.http())
        assert bench.view() == (True, True)


@pytest.mark.asyncio
async def test_startup_holds_the_others_back() -> None:
    async with _bench() as bench:
        bench.code = 500
        bench.watch(startupProbe=bench.http(failureThreshold=1000), readinessProbe=bench.http())
        assert bench.view() == (False, False)
        bench.code = 200
        await bench.turn()
        assert bench.view()[0]
        await bench.turn()
        assert bench.view() == (True, True)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["startup", "liveness"])
async def test_a_failure_asks_for_a_restart(kind: str) -> None:
    async with _bench() as bench:
        bench.code = 500
        bench.watch(**{f"{kind}Probe": bench.http(failureThreshold=2)})
        await bench.turn()
        assert bench.prober.unhealthy("c") == kind


@pytest.mark.asyncio
async def test_programs_and_ports_are_probed() -> None:
    async with _bench() as bench:
        bench.watch(
            readinessProbe={"tcpSocket": {"port": bench.port}},
            livenessProbe={"grpc": {"port": 1}, "failureThreshold": 1},
            startupProbe={"exec": {"command": ["x"]}},
        )
        await bench.turn()
        while not bench.view()[1] or not bench.prober.unhealthy("c"):
            await bench.turn()
        assert "liveness: probes of kind grpc are not supported on this node" in bench.told
