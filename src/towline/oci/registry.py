"""The embedded registry: Debian's docker-registry as a child on a loopback port."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from towline.aio.clock import Clock
from towline.errors import NotFoundError, TransientError
from towline.oci.client import RegistryClient

_START_SECONDS = 15.0
_PATHS = "/usr/bin:/usr/local/bin:/bin"
_log = logging.getLogger("towline.registry")


class RunningChild(Protocol):
    """A started process."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        ...

    async def wait(self) -> int:
        """Waits for its end."""
        ...

    async def stop(self) -> int:
        """Ends it."""
        ...


class Spawner(Protocol):
    """Starts a process that dies with this one."""

    async def __call__(self, argv: Sequence[str], *, env: Mapping[str, str]) -> RunningChild:
        """Starts it with exactly that environment, its output discarded."""
        ...


class EmbeddedRegistry:
    """Runs the registry and keeps it running.

    Args:
        directory: Folder of its images and settings.
        spawn: Starts its process.
        client: Sees whether it answers.
        clock: To wait by.
        port: Loopback port; 0 takes a free one and keeps it for the next start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        spawn: Spawner,
        client: RegistryClient,
        clock: Clock,
        port: int = 0,
    ) -> None:
        self._directory = directory
        self._spawn = spawn
        self._client = client
        self._clock = clock
        self._port = port
        self._child: RunningChild | None = None

    @property
    def address(self) -> str:
        """`HOST:PORT`, known once `start` has returned."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{self.address}"

    async def start(self) -> None:
        """Starts it and returns when it answers.

        Raises:
            NotFoundError: The program is not installed.
            TransientError: It does not answer in time.
        """
        program = shutil.which("docker-registry", path=_PATHS) or shutil.which(
            "registry", path=_PATHS
        )
        if program is None:
            raise NotFoundError(
                "docker-registry is not installed", hint="apt-get install docker-registry"
            )
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._port = self._port or _remembered_port(self._directory / "port")
        config = self._directory / "config.json"
        config.write_bytes(msgspec.json.encode(self._config()))
        self._child = await self._spawn(
            [program, "serve", str(config)], env={"HOME": "/nonexistent", "GOGC": "40"}
        )
        await self._until_it_answers()
        _log.info("registry started address=%s", self.address)

    async def run(self) -> None:
        """Keeps it running until cancelled, then stops it; call `start` first."""
        try:
            while self._child is not None:
                code = await self._child.wait()
                _log.warning("registry ended exit_code=%d", code)
                await self._clock.sleep(0.5)
                await self.start()
        finally:
            await asyncio.shield(self.stop())

    async def stop(self) -> None:
        """Ends it; not running is no error."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    async def _until_it_answers(self) -> None:
        deadline = self._clock.monotonic() + _START_SECONDS
        while not await self._client.answers(self.url):
            if self._child is None or self._child.exit_code is not None:
                raise TransientError(f"the registry ended at once on {self.address}")
            if self._clock.monotonic() > deadline:
                raise TransientError(f"the registry does not answer on {self.address}")
            await self._clock.sleep(0.02)

    def _config(self) -> dict[str, Any]:
        return {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._directory / "data")},
                "delete": {"enabled": True},
                "maintenance": {
                    "uploadpurging": {
                        "enabled": True,
                        "age": "24h",
                        "interval": "6h",
                        "dryrun": False,
                    }
                },
            },
            "http": {"addr": self.address, "relativeurls": True},
        }


def _remembered_port(file: Path) -> int:
    if file.exists():
        port = int(file.read_text())
        if _is_free(port):
            return port
    port = free_port()
    file.write_text(str(port))
    return port


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
