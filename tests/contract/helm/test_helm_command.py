"""`towline helm template` as a command: arguments, files, output, errors."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

TEMPLATE = "kind: ConfigMap\ndata: {{ .Values | toJson }}\nname: {{ .Release.Name }}\n"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text("a: 1\n")
    (folder / "templates" / "a.yaml").write_text(TEMPLATE)
    return folder


def helm(
    *args: str, text: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "towline.cli.main", "helm", "template", *args],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )


def test_everything_together_prints_what_the_real_one_prints(
    chart: Path, real_helm: Any, tmp_path: Path
) -> None:
    (tmp_path / "v.yaml").write_text("b: file\n")
    (tmp_path / "w.yaml").write_text("c: file\n")
    (tmp_path / "note.txt").write_text("from a file")
    (chart / "crds").mkdir()
    (chart / "crds" / "c.yaml").write_text("kind: CustomResourceDefinition\n")
    args = [
        *("rel", str(chart), "-n", "ns", "-f", f"{tmp_path / 'v.yaml'},{tmp_path / 'w.yaml'}"),
        *("--set", "d=1,e.f=x", "--set-string", "g=2", "--set-json", 'h={"i":1}'),
        *("--set-file", f"j={tmp_path / 'note.txt'}", "--set-literal", "k=a,b"),
        *("--kube-version", "1.33.0", "-a", "x/v1,y/v1", "--include-crds=true", "--no-hooks=false"),
    ]
    printed, error = real_helm.template(*args)
    assert not error
    done = helm(*args, "--helm", "4")
    assert (done.stdout, done.stderr) == (printed.decode(), "")


def test_errors_go_to_stderr_with_status_1(chart: Path) -> None:
    done = helm("rel", str(chart), "--set", "a")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'Error: failed parsing --set data: key "a" has no value\n'
    (chart / "templates" / "a.yaml").write_text("{{ fail `no` }}")
    done = helm("rel", str(chart))
    assert done.stderr == (
        "Error: execution error at (web/templates/a.yaml:1:3): no\n\n"
        "Use --debug flag to render out invalid YAML\n"
    )


def test_debug_shows_what_is_no_yaml(chart: Path) -> None:
    (chart / "templates" / "a.yaml").write_text("a: b: c\n")
    done = helm("rel", str(chart), "--debug")
    assert done.returncode == 1
    assert done.stdout == "---\n# Source: web/templates/a.yaml\na: b: c\n"
    assert "Use --debug" not in done.stderr


def test_a_deprecated_chart_is_named_as_one(chart: Path) -> None:
    with (chart / "Chart.yaml").open("a") as stream:
        stream.write("deprecated: true\n")
    done = helm("rel", str(chart))
    assert (done.returncode, done.stderr) == (0, "WARNING: This chart is deprecated\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("rel", "./none"), 'path "./none" not found'),
        (("a", "b", "c"), "expected at most two arguments, unexpected arguments: c"),
        (("rel", "web", "-f", "none.yaml"), "open none.yaml: no such file or directory"),
        (("rel", "web", "--kube-version", "x"), "invalid kube version 'x'"),
        (("rel", "web/values.yaml"), "seems to be a YAML file, but expected a gzipped archive"),
        (("rel", "web", "--name-template", "x"), "cannot set --name-template and also specify"),
        (("Bad_Name", "web"), "invalid release name"),
        (("rel", "web", "--post-renderer", "sh"), "not supported"),
        (("rel", "web", "--validate"), "not supported"),
    ],
)
def test_wrong_arguments_are_named(chart: Path, args: tuple[str, ...], message: str) -> None:
    done = helm(*args, folder=chart.parent)
    assert done.returncode != 0
    assert message in done.stderr


def test_values_may_come_from_standard_input_and_names_from_a_template(chart: Path) -> None:
    done = helm(str(chart), "-f", "-", "--name-template", '{{ "N" | lower }}', text="b: 2")
    assert done.stdout.endswith('data: {"a":1,"b":2}\nname: n\n')
    assert helm(str(chart)).stdout.endswith("name: release-name\n")


def test_output_may_go_to_files(chart: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = helm("rel", str(chart), "--output-dir", str(out), "--release-name")
    written = out / "rel" / "web" / "templates" / "a.yaml"
    assert done.stdout == f"wrote {written}\n"
    assert written.read_text().startswith("---\n# Source: web/templates/a.yaml\nkind: ConfigMap")


def test_packed_charts_and_local_dependencies_work(chart: Path, tmp_path: Path) -> None:
    packed = tmp_path / "web-1.0.0.tgz"
    subprocess.run(["tar", "czf", str(packed), "-C", str(tmp_path), "web"], check=True)
    assert helm("rel", str(packed)).stdout == helm("rel", str(chart)).stdout
    sub = tmp_path / "sub"
    sub.mkdir()
    (sub / "Chart.yaml").write_text("apiVersion: v2\nname: sub\nversion: 1.0.0\n")
    with (chart / "Chart.yaml").open("a") as stream:
        stream.write("dependencies: [{name: sub, version: 1.x, repository: 'file://../sub'}]\n")
    assert "missing in charts/ directory: sub" in helm("rel", str(chart)).stderr
    assert '"sub":{"global":{}}' in helm("rel", str(chart), "--dependency-update").stdout


@pytest.mark.asyncio
async def test_charts_come_from_repositories(chart: Path, tmp_path: Path) -> None:
    packed = tmp_path / "web-1.0.0.tgz"
    subprocess.run(["tar", "czf", str(packed), "-C", str(tmp_path), "web"], check=True)
    index = "apiVersion: v1\nentries: {web: [{version: 1.0.0, urls: [web-1.0.0.tgz]}]}\n"

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/index.yaml"):
            return web.Response(text=index)
        return web.Response(body=packed.read_bytes())

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/charts"
    try:
        expected = await asyncio.to_thread(helm, "rel", str(chart))
        for args in (("web", "--repo", url), (f"{url}/web-1.0.0.tgz",)):
            done = await asyncio.to_thread(helm, "rel", *args, folder=tmp_path / "web")
            assert (done.stdout, done.stderr) == (expected.stdout, "")
        parent = tmp_path / "parent"
        parent.mkdir()
        (parent / "Chart.yaml").write_text(
            "apiVersion: v2\nname: parent\nversion: 1.0.0\n"
            f"dependencies: [{{name: web, version: ^1, repository: '{url}'}}]\n"
        )
        done = await asyncio.to_thread(helm, "rel", str(parent), "--dependency-update")
        assert "# Source: parent/charts/web/templates/a.yaml" in done.stdout
    finally:
        await runner.cleanup()


def test_links_are_followed_as_helm_follows_them(
    chart: Path, real_helm: Any, rendering: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "elsewhere.yaml").write_text("kind: Linked\n")
    (chart / "templates" / "link.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    printed, error = real_helm.template("rel", str(chart), "--kube-version", "1.33.1")
    assert not error
    assert rendering(chart, major=4) == printed.decode()
