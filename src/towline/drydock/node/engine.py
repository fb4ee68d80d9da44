"""Podman's service as a child process: detection, configuration, supervision, removal.

It has its own storage below the node's folder. Containers and their monitors are not its children:
they live on when it ends, and are found again by their labels.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import resource
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from towline.drydock.node.engine_config import (
    EnginePaths,
    EngineTraits,
    containers_conf,
    registries_conf,
    storage_conf,
)
from towline.drydock.node.engine_mounts import clear_mounts
from towline.drydock.node.podman import Podman
from towline.errors import SettingsError, TowlineError, TransientError

_log = logging.getLogger("towline.drydock.engine")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CGROUPS = Path("/sys/fs/cgroup")
_SOCKET_LIMIT = 100
_READY = 30.0
_POLL = 0.02
_STOP = 5.0
_IDLE = "120"


def engine_paths(root: Path) -> EnginePaths:
    """Paths below a folder; the socket moves to /run when its path would be too long."""
    socket = root / "podman.sock"
    if len(str(socket)) > _SOCKET_LIMIT:
        short = hashlib.sha256(str(root).encode()).hexdigest()[:12]
        socket = Path(f"/run/towline/podman-{short}.sock")
    return EnginePaths(root, socket)


class Engine:
    """Podman's service.

    Args:
        paths: Where it keeps its things.
        mirrors: Registry host to the location that is asked first.
        insecure: Registries that speak plain HTTP.
    """

    def __init__(
        self, paths: EnginePaths, mirrors: Mapping[str, str], insecure: tuple[str, ...]
    ) -> None:
        self._paths = paths
        self._mirrors = mirrors
        self._insecure = insecure
        self._process: asyncio.subprocess.Process | None = None
        self._traits: EngineTraits | None = None
        self.podman = Podman(paths.socket)

    @property
    def traits(self) -> EngineTraits:
        """What this machine can do; known after `start`."""
        if self._traits is None:
            raise TransientError("the container engine is not started")
        return self._traits

    @property
    def pid(self) -> int:
        """Process id of the service, 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Writes the configuration and starts the service.

        Raises:
            SettingsError: When a program is missing.
            TransientError: When the service does not answer in time.
        """
        for folder in (self._paths.root, self._paths.config, self._paths.socket.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget_last_boot()
        self._traits = await detect(self._paths)
        self._write_config()
        await self._launch()

    async def run(self, on_restart: Callable[[], None]) -> None:
        """Starts the service again whenever it ends, until cancelled; then ends it.

        Args:
            on_restart: Called when a new one answers.
        """
        try:
            while True:
                if self._process is not None:
                    code = await self._process.wait()
                    _log.warning("podman service ended code=%s", code)
                try:
                    await self._launch()
                except TowlineError as error:
                    _log.warning("podman service does not start error=%s", error)
                    await asyncio.sleep(1.0)
                else:
                    on_restart()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Ends the service; containers go on."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def unmount(self) -> None:
        """Removes mounts that are left below its folder; the service must have ended."""
        await clear_mounts(self._paths.root)
        self._paths.socket.unlink(missing_ok=True)

    async def destroy(self) -> None:
        """Deletes images and everything else; containers must be gone."""
        await self.unmount()
        for folder in (self._paths.graph, self._paths.run, self._paths.tmp):
            shutil.rmtree(folder, ignore_errors=True)

    async def _launch(self) -> None:
        self._paths.socket.unlink(missing_ok=True)
        guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        self._process = await asyncio.create_subprocess_exec(
            *guard,
            "podman",
            "system",
            "service",
            "-t",
            _IDLE,
            f"unix://{self._paths.socket}",
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        await self._await_answer(self._process)

    async def _await_answer(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(_READY):
                while process.returncode is None:
                    try:
                        await self.podman.ping()
                    except TransientError:
                        await asyncio.sleep(_POLL)
                    else:
                        return
        except TimeoutError as error:
            raise TransientError(f"podman did not answer in {_READY:.0f} s") from error
        raise TransientError(f"podman ended with code {process.returncode} while starting")

    def _environment(self) -> dict[str, str]:
        """A closed environment: paths and proxies only."""
        proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
        names = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", *proxies)
        kept = {
            name: os.environ[name]
            for name in (*names, *(proxy.lower() for proxy in proxies))
            if name in os.environ
        }
        # Collecting sooner keeps the idle service a third smaller; it has little to do.
        own = {"HOME": str(self._paths.root), "GOGC": "40"}
        return kept | own | self._paths.environment()

    def _write_config(self) -> None:
        auth = self._paths.config / "auth.json"
        if not auth.exists():
            auth.write_text("{}")
        for name, text in (
            ("containers.conf", containers_conf(self._paths, self.traits)),
            ("storage.conf", storage_conf(self._paths, self.traits)),
            ("registries.conf", registries_conf(self._mirrors, self._insecure)),
        ):
            (self._paths.config / name).write_text(text)

    def _forget_last_boot(self) -> None:
        """Drops what podman believes to be running when the machine was started anew."""
        now = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
        kept = self._paths.root / "boot_id"
        before = kept.read_text() if kept.exists() else now
        if before != now:
            shutil.rmtree(self._paths.run, ignore_errors=True)
            shutil.rmtree(self._paths.tmp, ignore_errors=True)
        kept.write_text(now)


async def detect(paths: EnginePaths) -> EngineTraits:
    """Finds out what this machine can do; the storage driver is decided only once.

    Raises:
        SettingsError: When podman or a runtime is missing.
    """
    if shutil.which("podman") is None:
        raise SettingsError("podman is not installed", hint="apt-get install podman")
    unified = (_CGROUPS / "cgroup.controllers").exists()
    wanted = ("crun", "runc") if unified else ("runc",)
    runtime = next((name for name in wanted if shutil.which(name)), None)
    if runtime is None:
        raise SettingsError("no container runtime is installed", hint="apt-get install runc")
    kept = paths.root / "driver"
    if kept.exists():
        driver = kept.read_text().strip()
    else:
        driver = "overlay" if await _overlay_works(paths.root) else "vfs"
        kept.write_text(driver)
    nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    nproc = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return EngineTraits(
        runtime=runtime,
        driver=driver,
        limits=_limits_work(unified=unified),
        nofile=nofile if nofile != resource.RLIM_INFINITY else 1048576,
        nproc=nproc if nproc != resource.RLIM_INFINITY else 0,
    )


async def _overlay_works(root: Path) -> bool:
    trial = root / "overlay-trial"
    for name in ("lower", "upper", "work", "merged"):
        (trial / name).mkdir(parents=True, exist_ok=True)
    layers = ",".join(f"{n}dir={trial / n}" for n in ("lower", "upper", "work"))
    merged = str(trial / "merged")
    works = await _command("mount", "-t", "overlay", "overlay", "-o", layers, merged) == 0
    if works:
        await _command("umount", merged)
    shutil.rmtree(trial, ignore_errors=True)
    return works


def _limits_work(*, unified: bool) -> bool:
    if unified:
        controllers = (_CGROUPS / "cgroup.controllers").read_text().split()
        return "memory" in controllers and os.access(_CGROUPS, os.W_OK)
    memory = _CGROUPS / "memory"
    return memory.is_dir() and os.access(memory, os.W_OK)


async def _command(*argv: str) -> int:
    """Runs a program silently and returns its exit code."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()
