"""A real server process whose data folder is a test's own, and a client of its API."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

Obj = dict[str, Any]


class Answer(Exception):  # noqa: N818  # an answer that is not a success, not a failure of ours
    """A Status from the server."""

    def __init__(self, code: int, body: Obj) -> None:
        super().__init__(f"{code} {body}")
        self.code = code
        self.body = body


class Server:
    """The cluster as a child process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "server.log"
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def spawn(self) -> subprocess.Popen[str]:
        """Starts it without waiting until it serves."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "towline.drydock.server", "--data", str(self.data)),
                    *("--kubeconfig", str(self.folder / "kubeconfig")),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self._process

    def start(self) -> None:
        process = self.spawn()
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()
        if not self.url:
            self.end()
            pytest.fail(f"the server did not start: {self.log.read_text()[-2000:]}")

    def end(self, number: int = signal.SIGKILL) -> int:
        """Signals and reaps; again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdout is not None
        process.send_signal(number)
        code = process.wait(timeout=20)
        process.stdout.close()
        return code

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def client(self) -> Client:
        return Client(self)


class Client:
    """JSON over HTTPS with the administrator's token; 429 is not retried, nothing is."""

    def __init__(self, server: Server) -> None:
        context = ssl.create_default_context(cafile=str(server.data / "pki/ca.crt"))
        token = (server.data / "pki/tokens.csv").read_text().partition(",")[0]
        self.session = aiohttp.ClientSession(
            server.url,
            connector=aiohttp.TCPConnector(ssl=context, limit=64),
            headers={"Authorization": f"Bearer {token}"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await asyncio.sleep(0)
        gc.collect()

    async def send(
        self, method: str, path: str, body: Obj | None = None, kind: str = "application/json"
    ) -> Obj:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind}
        async with self.session.request(method, path, data=data, headers=headers) as answer:
            value: Obj = await answer.json()
            if answer.status >= 400:
                raise Answer(answer.status, value)
            return value

    async def get(self, path: str) -> Obj:
        return await self.send("GET", path)

    async def watch(self, path: str, version: str | int, query: str = "") -> AsyncIterator[Obj]:
        """Events until the server ends the watch or goes."""
        url = f"{path}?watch=1&resourceVersion={version}&allowWatchBookmarks=true{query}"
        async with self.session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as stream:
            async for line in stream.content:
                yield json.loads(line)


@pytest.fixture
def make_server() -> Iterator[Callable[[Path], Server]]:
    made: list[Server] = []

    def make(folder: Path) -> Server:
        folder.mkdir(parents=True, exist_ok=True)
        made.append(Server(folder))
        return made[-1]

    yield make
    for server in made:
        server.end()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def long_run() -> bool:
    """Whether the long version of a suite is asked for."""
    return os.environ.get("TOWLINE_CHAOS") == "long"


@pytest.fixture
def refusal() -> type[Answer]:
    """What a client raises for a Status."""
    return Answer
