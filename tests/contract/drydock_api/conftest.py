"""A real server process, without a node, and kubectl pointed at it.

The server is Drydock, or a real control plane when `TOWLINE_API_SERVER` is `kubernetes` (with the
folder of its programs in `TOWLINE_KUBERNETES_PROGRAMS`); `tools/conformance.sh` runs the tests so.
Every expectation holds on both. What is about Drydock itself is marked `drydock_only`, with the
reason.
"""

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
from peers.client import Client
from peers.kubernetes import PROGRAMS, Kubernetes
from peers.workbench import Workbench

REAL = os.environ.get("TOWLINE_API_SERVER") == "kubernetes"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "drydock_only(reason): about Drydock, not about Kubernetes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("drydock_only") if REAL else None
        if mark is not None:
            item.add_marker(pytest.mark.skip(reason=f"Drydock only: {mark.args[0]}"))


class Drydock:
    """The cluster as a child process."""

    def __init__(self, folder: Path, nodes: int = 0) -> None:
        self.folder = folder
        self.options = ("--node", "simulated", "--nodes", str(nodes)) if nodes else ()
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
        """The exit code; 0 when it does not run."""
        if self.process is None:
            return 0
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

    def __init__(self, server: Drydock | Kubernetes) -> None:
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


Server = Drydock | Kubernetes


def make(folder: Path, nodes: int = 0) -> Server:
    """The server that the tests are to run against; not started."""
    if not REAL:
        return Drydock(folder, nodes)
    programs = Path(os.environ.get("TOWLINE_KUBERNETES_PROGRAMS", "."))
    lacking = [name for name in PROGRAMS if not (programs / name).is_file()]
    if lacking:
        pytest.fail(f"TOWLINE_KUBERNETES_PROGRAMS: {programs} has no {', '.join(lacking)}")
    return Kubernetes(programs, folder, nodes)


@pytest.fixture(scope="module")
def make_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Server]]:
    """Makes and starts servers, with a number of nodes whose pods run; they end with the module."""
    made: list[Server] = []

    def start(nodes: int = 0) -> Server:
        made.append(make(tmp_path_factory.mktemp("server"), nodes))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.fixture(scope="module")
def server(make_server: Callable[..., Server]) -> Server:
    """A server without nodes."""
    return make_server()


@pytest.fixture(scope="module")
def kubectl(server: Server) -> Kubectl:
    return Kubectl(server)


@pytest.fixture(scope="module")
def make_kubectl() -> Callable[[Server], Kubectl]:
    return Kubectl


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[Client]:
    """A plain client of the server."""
    client = Client(server.url, server.token)
    yield client
    client.close()


@pytest.fixture
def bench(api: Client, request: pytest.FixtureRequest) -> Workbench:
    """A namespace of the test's own."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")
    return Workbench(api, name[:60].strip("-"))
