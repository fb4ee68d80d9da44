"""A `towline up` process as the demonstration sees it: start, addresses, memory, stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from towline.errors import TowlineError


class Instance:
    """A running Towline and its data folder.

    Attributes:
        data: The data folder.
        endpoints: Content of `endpoints.json`.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.endpoints: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *, seconds: float = 120) -> None:
        """Starts `towline up` and waits until it says that it is ready.

        Raises:
            TowlineError: When it ends or does not become ready in time; the log's end is shown.
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.data / "endpoints.json"
        path.unlink(missing_ok=True)
        # The log shows the first password: for its owner only.
        handle = os.open(self.data / "up.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        log = os.fdopen(handle, "ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "towline.cli.main",
                "up",
                "--data",
                str(self.data),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            log.close()
        deadline = time.monotonic() + seconds
        while not path.exists():
            if self._process.returncode is not None:
                raise TowlineError(f"towline up ended:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise TowlineError(
                    f"towline up is not ready after {seconds:.0f} s:\n{self.log_tail()}"
                )
            await asyncio.sleep(0.05)
        self.endpoints = json.loads(path.read_text())

    async def stop(self) -> None:
        """Stops it as Ctrl-C would, and everything that it started."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(60):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def secret(self, name: str) -> str:
        """The content of a file that `endpoints.json` names, such as `forge_token_file`."""
        entry = self.endpoints[name]
        path = entry["password_file"] if isinstance(entry, dict) else entry
        return Path(path).read_text().strip()

    def log_tail(self, lines: int = 25) -> str:
        """The last lines of what it wrote."""
        path = self.data / "up.log"
        if not path.exists():
            return ""
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def memory_mb(self) -> dict[str, float]:
        """Resident memory by part, in MB: engine, drydock, workers, other, total.

        `other` is what Towline starts and did not write: registry, podman's service and monitors.
        What runs inside the users' containers is not counted.
        """
        if self._process is None:
            return {}
        parts = {"engine": 0.0, "drydock": 0.0, "workers": 0.0, "other": 0.0}
        for pid in _family(self._process.pid, str(self.data)):
            parts[_part(pid, self._process.pid)] += _resident_mb(pid)
        parts["total"] = sum(parts.values())
        return {name: round(value, 1) for name, value in parts.items()}


def _part(pid: int, root: int) -> str:
    if pid == root:
        return "engine"
    words = _cmdline(pid)
    if "drydock" in words and "serve" in words:
        return "drydock"
    return "workers" if "worker" in words else "other"


def _family(root: int, data: str) -> list[int]:
    """The process, its descendants, and container monitors that belong to the data folder."""
    parent: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                parent[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1]
                )
    family: list[int] = []
    for pid in parent:
        words = _cmdline(pid)
        if words and words[0].endswith("conmon") and any(data in word for word in words):
            family.append(pid)
            continue
        ancestor = pid
        while ancestor not in (root, 0, 1):
            if _cmdline(ancestor)[:1] and _cmdline(ancestor)[0].endswith("conmon"):
                break
            ancestor = parent.get(ancestor, 0)
        if ancestor == root:
            family.append(pid)
    return family


def _cmdline(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _resident_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0
