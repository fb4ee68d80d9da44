"""Charts and trees in memory."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from towline.errors import NotFoundError
from towline.render.helm.chart import Chart, ChartFile
from towline.render.helm.loading import load_chart
from towline.render.helm.rendering import Engine
from towline.render.helm.template import Release, render_chart, text_of_release
from towline.render.sprig import Environment

CHART = "apiVersion: v2\nname: web\nversion: 1.2.3\n"


class Tree:
    """Files by path."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = {
            name: data.encode() if isinstance(data, str) else data for name, data in files.items()
        }

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        prefix = f"{path}/" if path else ""
        found = {}
        for name in self.files:
            if name.startswith(prefix):
                first, slash, _ = name.removeprefix(prefix).partition("/")
                found[first] = bool(slash)
        if not found and path:
            raise NotFoundError(f"{path}: not there")
        return [(name, is_dir, "") for name, is_dir in sorted(found.items())]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise NotFoundError(f"{path}: not there")
        return self.files[path]

    def oid(self, path: str) -> str:
        return hashlib.sha1(self.read(path)).hexdigest()


@pytest.fixture
def tree() -> type[Tree]:
    return Tree


@pytest.fixture
def chart() -> Callable[..., Chart]:
    def make(files: Mapping[str, str], *, major: int = 3) -> Chart:
        complete = {"Chart.yaml": CHART, **files}
        return load_chart(
            [ChartFile(name, text.encode()) for name, text in complete.items()], major=major
        )

    return make


@pytest.fixture(scope="session")
def environment() -> Environment:
    moment = dt.datetime(2024, 2, 29, 12, 0, tzinfo=dt.UTC)
    return Environment(
        now=lambda: int(moment.timestamp()) * 10**9, random_bytes=lambda size: b"\x07" * size
    )


@pytest.fixture(scope="session")
def engines(environment: Environment) -> dict[int, Engine]:
    return {major: Engine(environment, major=major) for major in (3, 4)}


@pytest.fixture
def template(chart: Callable[..., Chart], engines: dict[int, Engine]) -> Callable[..., str]:
    """What `helm template` prints for a chart of these files."""

    def run(
        files: Mapping[str, str],
        values: dict[str, Any] | None = None,
        *,
        major: int = 3,
        engine: Engine | None = None,
        show: Mapping[str, Any] | None = None,
        **release: Any,
    ) -> str:
        rendered = render_chart(
            chart(files, major=major),
            json.loads(json.dumps(values or {}), parse_int=float),
            Release(**{"name": "rel", "major": major, **release}),
            engine=engine or engines[major],
        )
        return text_of_release(rendered, major=major, **(show or {}))

    return run
