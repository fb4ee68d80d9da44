"""A real server process, without a node, and kubectl pointed at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


class Server:
    """The cluster as a child process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.kubeconfig = folder / "kubeconfig"
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "towline.drydock.server",
                "--data",
                str(self.folder / "data"),
                "--kubeconfig",
                str(self.kubeconfig),
                "--log-level",
                "WARNING",
                *self.options,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("https://"), "the server did not start"

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(timeout=20)
        self.process.stdout.close()
        self.process = None
        return code

    @property
    def token(self) -> str:
        line = (self.folder / "data" / "pki" / "tokens.csv").read_text()
        return line.partition(",")[0]


class Kubectl:
    """Runs kubectl with a home of its own."""

    def __init__(self, server: Server) -> None:
        found = shutil.which("kubectl", path=str(Path(sys.executable).parent))
        if found is None:
            pytest.skip("kubectl is not installed beside the interpreter")
        self._binary = found
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(server.kubeconfig),
            "HOME": str(server.folder),
        }

    def run(self, *args: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._binary, *args],
            input=text,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
            env=self._environment,
        )

    def __call__(self, *args: str, text: str = "") -> str:
        done = self.run(*args, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "-o", "json"))

    def popen(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self._binary, *args], stdout=subprocess.PIPE, text=True, env=self._environment
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("drydock"))
    made.start()
    yield made
    if made.process is not None:
        made.stop()


@pytest.fixture(scope="module")
def kubectl(server: Server) -> Kubectl:
    return Kubectl(server)


@pytest.fixture(scope="module")
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Server]:
    """Makes servers with options of their own; whoever asks starts and stops them."""
    return lambda *options: Server(tmp_path_factory.mktemp("drydock"), *options)


@pytest.fixture(scope="module")
def make_kubectl() -> Callable[[Server], Kubectl]:
    return Kubectl
