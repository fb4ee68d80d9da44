"""Ends one container: hook, signal, grace, kill."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import aiohttp

from towline.aio.clock import Clock
from towline.drydock.cluster import Obj
from towline.drydock.node.container_book import ContainerBook
from towline.drydock.node.podman import Podman, PodmanError
from towline.drydock.node.prober import run_program
from towline.drydock.node.probes import port_number

_log = logging.getLogger("towline.drydock.node")
_TERM = "TERM"
_KILL_WAIT = 10.0
_MIN_GRACE = 1.0


class Stopper:
    """Ends containers as Kubernetes does.

    Args:
        podman: The engine.
        book: Knows when they ended.
        clock: For the grace period.
        runtime: The container runtime's program, for exec hooks.
    """

    def __init__(
        self, podman: Podman, book: ContainerBook, clock: Clock, runtime: Callable[[], str]
    ) -> None:
        self._podman = podman
        self._book = book
        self._clock = clock
        self._runtime = runtime

    async def stop(self, identifier: str, container: Obj, ip: str, grace: float) -> bool:
        """Runs the preStop hook, signals, waits, kills.

        Args:
            identifier: The container.
            container: Its spec.
            ip: The pod's address.
            grace: Seconds for hook and signal together; 0 kills at once.

        Returns:
            Whether the container ended.
        """
        began = self._clock.monotonic()
        if grace > 0:
            await self._hook(identifier, container, ip, grace)
            left = max(_MIN_GRACE, grace - (self._clock.monotonic() - began))
            await self._podman.kill(identifier, await self._signal(identifier))
            if await self._book.wait_end(identifier, left):
                return True
        self._book.killed(identifier)
        await self._podman.kill(identifier, "KILL")
        return await self._book.wait_end(identifier, _KILL_WAIT)

    async def _signal(self, identifier: str) -> str:
        """The image's stop signal."""
        try:
            body = await self._podman.inspect(identifier)
        except PodmanError:
            return _TERM
        return str((body.get("Config") or {}).get("StopSignal") or _TERM)

    async def _hook(self, identifier: str, container: Obj, ip: str, grace: float) -> None:
        hook = ((container.get("lifecycle") or {}).get("preStop")) or {}
        if not hook:
            return
        try:
            async with asyncio.timeout(grace):
                await self._run_hook(identifier, container, ip, hook)
        except (TimeoutError, OSError, ValueError, aiohttp.ClientError) as error:
            _log.info("preStop hook failed id=%s error=%s", identifier[:12], error)

    async def _run_hook(
        self, identifier: str, container: Obj, ip: str, hook: dict[str, Any]
    ) -> None:
        if "exec" in hook:
            argv = [self._runtime(), "exec", identifier, *(hook["exec"].get("command") or [])]
            await run_program(argv)
        elif "sleep" in hook:
            await self._clock.sleep(float(hook["sleep"].get("seconds") or 0))
        elif "httpGet" in hook:
            detail = hook["httpGet"]
            port = port_number(container, detail.get("port"))
            path = (detail.get("path") or "/").lstrip("/")
            url = f"http://{detail.get('host') or ip}:{port}/{path}"
            async with (
                aiohttp.ClientSession() as session,
                # The answer comes from the pod: it may not send the node anywhere.
                session.get(url, allow_redirects=False) as answer,
            ):
                await answer.content.read(1024)
