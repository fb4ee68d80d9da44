"""The embedded cluster's API server as a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.kubeclient import ClusterAccess, load_kubeconfig


class ServerProcess:
    """`drydock` without a node; may be killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> ClusterAccess:
        kubeconfig = self._folder / "kubeconfig"
        argv = [
            *(sys.executable, "-m", "towline.drydock.server", "--data", str(self._folder / "data")),
            *("--port", "0", "--kubeconfig", str(kubeconfig), "--node", "none"),
        ]
        with (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("https://"), (self._folder / "log").read_text()
        return load_kubeconfig(kubeconfig)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process is None:
            return
        os.kill(self._process.pid, number)
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path)
    yield process
    process.end()


@pytest.fixture(scope="module")
def shared_access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterAccess]:
    process = ServerProcess(tmp_path_factory.mktemp("drydock"))
    yield process.start()
    process.end()
