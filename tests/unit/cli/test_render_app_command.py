"""`towline render app`: the manifests of an Application, what was read, and who answered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: demo, namespace: argocd}}
spec:
  source: {{repoURL: "https://git.test/a/b.git", path: {path}}}
  destination: {{server: "https://kubernetes.default.svc", namespace: prod}}
"""
TEMPLATE = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-{{ .Values.a }}}\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "chart/values.yaml": "a: one\n",
        "chart/templates/a.yaml": TEMPLATE,
        "kust/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n",
        "kust/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n",
        "outside/a.yaml": "",
    }.items():
        file = tmp_path / "r" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "r"


def towline(repository: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = repository.parent / "app.yaml"
    file.write_text(APPLICATION.format(path=path))
    return subprocess.run(
        [
            *(sys.executable, "-m", "towline.cli.main", "render", "app", str(file)),
            *("--repo", f"https://git.test/a/b={repository}", *arguments),
        ],
        env={**os.environ, "XDG_CACHE_HOME": str(repository.parent / "cache")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_chart_is_rendered_and_remembered_until_something_that_was_read_changes(
    repository: Path,
) -> None:
    first = towline(repository, "chart", "--explain", "-o", "name")
    assert first.stdout == "v1 ConfigMap demo-one\n"
    assert "Helm, rendered, 1 objects" in first.stderr
    assert "chart/templates/a.yaml" in first.stderr
    (repository / "kust" / "a.yaml").write_text("changed elsewhere")
    assert "from the cache" in towline(repository, "chart", "--explain").stderr
    (repository / "chart" / "values.yaml").write_text("a: two\n")
    changed = towline(repository, "chart", "--explain", "-o", "json")
    assert "Helm, rendered" in changed.stderr
    assert json.loads(changed.stdout)[0]["metadata"]["name"] == "demo-two"


def test_a_kustomization_is_printed_as_yaml(repository: Path) -> None:
    done = towline(repository, "kust")
    assert done.stdout == "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x-plain\n"


def test_s53_links_out_of_the_folder_are_refused(repository: Path) -> None:
    secret = repository.parent / "secret.yaml"
    secret.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: canary}\n")
    (repository / "outside" / "a.yaml").unlink()
    (repository / "outside" / "a.yaml").symlink_to(secret)
    done = towline(repository, "outside")
    assert done.returncode == 1
    assert "leads out of the repository" in done.stderr
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere", "nowhere: app path does not exist"), ("../x", "leads out of the repository")],
)
def test_a_wrong_source_ends_with_an_error(repository: Path, path: str, message: str) -> None:
    done = towline(repository, path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


PLUGIN = """\
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: tool, annotations: {towline.dev/variables: ARGOCD_APP_NAME}}
spec:
  discover: {fileName: values.yaml}
  generate: {command: [cat, made.yaml]}
"""


def test_plugins_of_a_folder_render_what_they_recognise(repository: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    definitions = repository.parent / "plugins"
    definitions.mkdir()
    (definitions / "tool.yaml").write_text(PLUGIN)
    made = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: by-plugin}\n"
    (repository / "chart/made.yaml").write_text(made)
    assert towline(repository, "chart", "-o", "name").stdout == "v1 ConfigMap demo-one\n"
    for answer in ("rendered", "from the cache"):
        done = towline(
            repository, "chart", "-o", "name", "--explain", "--plugins", str(definitions)
        )
        if "does not allow" in done.stderr:
            pytest.skip("this machine cannot confine commands")
        assert done.stdout == "v1 ConfigMap by-plugin\n", done.stderr
        assert f"Plugin, {answer}, 1 objects" in done.stderr
    assert towline(repository, "chart", "-o", "name").stdout == "v1 ConfigMap demo-one\n"
