"""A real server process with a podman node, pods of one static program, and kubectl."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.drydock.node.engine import engine_paths

IMAGE = "localhost/box:1"
_APPLETS = "sh sleep cat echo httpd nc id true false tar stty wc head seq tail yes ls mkdir rm dd"
_SERVERS = (
    "mkdir /www; echo served > /www/index.html; httpd -p 8080 -h /www; "
    "httpd -p 127.0.0.1:8081 -h /www; nc -ll -p 8082 -e cat & exec sleep 10000"
)
_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "box", "labels": {"app": "box"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "main",
                "image": IMAGE,
                "command": ["sh", "-c", _SERVERS],
            }
        ],
    },
}
_ECHO = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "echo"},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "main",
                "image": IMAGE,
                "stdin": True,
                "command": ["sh", "-c", "while read line; do echo got $line; done; echo over >&2"],
            },
            {"name": "side", "image": IMAGE, "command": ["sleep", "10000"]},
        ],
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the machine."""
    lacking = [name for name in ("podman", "runc", "ip", "script") if shutil.which(name) is None]
    if os.geteuid() != 0:
        lacking.append("root")
    if _busybox() is None:
        lacking.append("busybox-static")
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if lacking:
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(lacking)}"))


def _busybox() -> Path | None:
    for candidate in ("/bin/busybox", "/usr/bin/busybox"):
        if not Path(candidate).is_file():
            continue
        if subprocess.run(["ldd", candidate], capture_output=True, check=False).returncode:
            return Path(candidate)
    return None


class Machine:
    """The server, its node and a kubectl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.kubeconfig = folder / "kubeconfig"
        found = shutil.which("kubectl", path=str(Path(sys.executable).parent))
        if found is None:
            pytest.skip("kubectl is not installed beside the interpreter")
        self.binary = found
        self.environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(folder)}
        self._log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "towline.drydock.server",
                "--data",
                str(self.data),
                "--kubeconfig",
                str(self.kubeconfig),
                "--node",
                "podman",
                "--log-level",
                "INFO",
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("https://"), (folder / "log").read_text()

    @property
    def token(self) -> str:
        return (self.data / "pki" / "tokens.csv").read_text().partition(",")[0]

    @property
    def ca(self) -> Path:
        return self.data / "pki" / "ca.crt"

    def run(
        self, *args: str, data: bytes = b"", timeout: float = 40, **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self.binary, *args],
            input=data,
            capture_output=True,
            timeout=timeout,
            check=False,
            env={**self.environment, **more},
        )

    def __call__(self, *args: str, data: bytes = b"") -> str:
        done = self.run(*args, data=data)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def until(self, check: Callable[[], Any], *, seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while not (found := check()):
            assert time.monotonic() < end, "did not happen in time"
            time.sleep(0.02)
        return found

    def import_image(self, archive: Path) -> None:
        environment = {
            **os.environ,
            **engine_paths((self.data / "node/engine").resolve()).environment(),
        }
        self.until(lambda: self.run("get", "node", "drydock").returncode == 0)
        subprocess.run(
            ["podman", "import", "-c", "ENV PATH=/bin", str(archive), IMAGE],
            env=environment,
            capture_output=True,
            check=True,
        )

    def inside(self, *words: str) -> bool:
        """Whether a process with exactly this command line runs on the machine."""
        wanted = b"\0".join(word.encode() for word in words) + b"\0"
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if entry.read_bytes() == wanted:
                    return True
            except OSError:
                continue
        return False

    def stop(self) -> None:
        self.run("delete", "pods", "--all", "--wait=true", "--timeout=20s")
        self.process.terminate()
        self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


@pytest.fixture(scope="session")
def box_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("execbox")
    for name in ("bin", "tmp", "etc"):
        (root / name).mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    source = _busybox()
    assert source is not None
    shutil.copy(source, root / "bin/busybox")
    for applet in _APPLETS.split():
        (root / "bin" / applet).symlink_to("busybox")
    file = tmp_path_factory.mktemp("exectar") / "box.tar"
    with tarfile.open(file, "w") as archive:
        archive.add(root, ".")
    return file


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory, box_image: Path) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("drydockexec"))
    try:
        made.import_image(box_image)
        for pod in (_POD, _ECHO):
            made("create", "-f", "-", data=json.dumps(pod).encode())
        made("wait", "--for=condition=Ready", "pod/box", "pod/echo", "--timeout=30s")
        yield made
    finally:
        made.stop()
        _teardown(made)


def _teardown(machine: Machine) -> None:
    """Leaves nothing of the node behind."""
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from towline.aio.clock import SystemClock\n"
        "from towline.drydock.network.plan import plan\n"
        "from towline.drydock.node import Node, NodeOptions\n"
        "folder = Path(sys.argv[1])\n"
        "options = NodeOptions(data_dir=(folder / 'node').resolve(), network=plan(folder))\n"
        "asyncio.run(Node(None, options, SystemClock()).teardown(purge=True))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(machine.data)], check=True, timeout=60)
