"""The embedded cluster as a supervised child: started, restarted when it dies, stopped last."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from towline.errors import TowlineError
from towline.sandbox.process import Child, Grace, spawn
from towline.settings import DrydockSettings

_log = logging.getLogger("towline.app")
_PASSED_ON = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LANG",
    "HOME",
)
_READY = b"ready "
_START_SECONDS = 60.0
_RESTART_SECONDS = 0.2
_RESTART_CAP = 10.0
_STEADY_SECONDS = 60.0
_TOWLINE = (sys.executable, "-m", "towline.cli.main")
# A stop removes containers, and those may use their grace period.
_STOP = Grace(interrupt=45, terminate=5)


class DrydockProcess:
    """Runs `towline drydock serve`.

    Args:
        data: Its data folder.
        kubeconfig: Where it writes the kubeconfig.
        settings: Settings of the embedded cluster.
        mirrors: Registry host -> `HOST:PORT` for pulls.
        environment: Our own environment; only what a proxy or a private CA needs is passed on.
        towline: The `towline` command.
    """

    def __init__(
        self,
        data: Path,
        kubeconfig: Path,
        settings: DrydockSettings,
        mirrors: Mapping[str, str],
        environment: Mapping[str, str] = os.environ,
        *,
        towline: Sequence[str] = _TOWLINE,
    ) -> None:
        self._argv = [
            *towline,
            "drydock",
            "serve",
            "--data",
            str(data),
            "--kubeconfig",
            str(kubeconfig),
            "--node",
            settings.node,
            "--sync",
            settings.sync,
            "--stop-containers",
        ]
        for host, location in mirrors.items():
            self._argv += ["--mirror", f"{host}={location}"]
        self._environment = {name: environment[name] for name in _PASSED_ON if name in environment}
        self._child: Child | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Starts it and waits until it serves.

        Raises:
            TowlineError: When it ends or stays silent.
        """
        child = self._child = await spawn(self._argv, env=self._environment, merge=True)
        ready = asyncio.Event()
        child.attach("stdout", _Relay(ready))
        waiting = [asyncio.create_task(child.wait()), asyncio.create_task(ready.wait())]
        try:
            await asyncio.wait(waiting, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if not ready.is_set():
            await child.stop(_STOP)
            raise TowlineError("the embedded cluster did not start; its messages are above")

    async def supervise(self) -> None:
        """Starts it again whenever it dies, as often as it takes, until `stop`."""
        loop = asyncio.get_running_loop()
        delay = _RESTART_SECONDS
        while self._child is not None:
            began = loop.time()
            code = await self._child.wait()
            if self._stopping.is_set():
                return
            await self._child.drained(1.0)
            self._child.close()
            if loop.time() - began > _STEADY_SECONDS:
                delay = _RESTART_SECONDS
            _log.error("the embedded cluster ended exit_code=%d restart_in=%.1fs", code, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RESTART_CAP)
            try:
                await self.start()
            except TowlineError as error:
                _log.error("the embedded cluster was not restarted error=%s", error)

    async def stop(self) -> None:
        """Stops it and its containers."""
        self._stopping.set()
        if self._child is not None and self._child.exit_code is None:
            await self._child.stop(_STOP)


class _Relay:
    """Passes the child's lines on to our standard error and notices when it is ready."""

    def __init__(self, ready: asyncio.Event) -> None:
        self._ready = ready
        self._rest = b""

    def __call__(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(_READY):
                self._ready.set()
            else:
                sys.stderr.buffer.write(line + b"\n")
        sys.stderr.flush()
