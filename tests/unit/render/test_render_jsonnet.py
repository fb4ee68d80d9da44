"""Jsonnet files: objects, arrays, imports within the repository, variables, errors."""

from __future__ import annotations

from typing import Any

import pytest

from towline.argo.application import Directory
from towline.errors import InputError, NotFoundError
from towline.render.inputs import Inputs
from towline.render.plain import render_directory
from towline.render.tree import RecordingTree


class Files:
    """A tree in memory; folders of it can be listed."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        prefix = f"{path}/" if path else ""
        names: dict[str, bool] = {}
        for file in self._files:
            if file.startswith(prefix):
                head, slash, _ = file[len(prefix) :].partition("/")
                names[head] = bool(slash)
        return [(name, is_dir, "") for name, is_dir in names.items()]

    def read(self, path: str) -> bytes:
        if path not in self._files:
            raise NotFoundError(path)
        return self._files[path].encode()

    def oid(self, path: str) -> str:
        return str(hash(self.read(path)))


OBJECT = "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: '%s'}}"


def render(files: dict[str, str], **jsonnet: Any) -> Any:
    inputs = Inputs(tree=Files(files), variables={"ARGOCD_APP_NAME": "web"})
    return render_directory(RecordingTree(inputs), "app", Directory(jsonnet=jsonnet))


def names(result: Any) -> list[str]:
    return [manifest.object["metadata"]["name"] for manifest in result.manifests]


def test_a_file_is_an_object_or_an_array_of_objects() -> None:
    one, two = OBJECT % "one", OBJECT % "two"
    assert names(render({"app/a.jsonnet": one})) == ["one"]
    assert names(render({"app/a.jsonnet": f"[{one}, {two}]"})) == ["one", "two"]


def test_imports_come_from_beside_the_file_then_from_the_libraries_the_last_one_first() -> None:
    files = {
        "app/a.jsonnet": "[import 'near.libsonnet', import 'lib.libsonnet']",
        "app/near.libsonnet": OBJECT % "near",
        "lib/one/lib.libsonnet": OBJECT % "first",
        "lib/two/lib.libsonnet": OBJECT % "second",
    }
    result = render(files, libs=["lib/one", "lib/two"])
    assert names(result) == ["near", "second"]
    read = {read.path for read in result.read if read.kind == "file"}
    assert read == {"app/a.jsonnet", "app/near.libsonnet", "lib/two/lib.libsonnet"}
    missed = {read.path for read in result.read if read.kind == "none"}
    assert missed == {"app/lib.libsonnet"}


def test_variables_are_texts_or_code_and_know_the_build_variables() -> None:
    text = "function(n=0) {apiVersion: 'v1', kind: 'X', metadata: {name: std.extVar('who') + n}}"
    result = render(
        {"app/a.jsonnet": text},
        extVars=[{"name": "who", "value": "app-$ARGOCD_APP_NAME-"}],
        tlas=[{"name": "n", "value": "1 + 1", "code": True}],
    )
    assert names(result) == ["app-web-2"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../etc/passwd", "../../../../../../etc/passwd"]
)
@pytest.mark.parametrize("how", ["import", "importstr"])
def test_s53_nothing_outside_the_repository_is_read(how: str, path: str) -> None:
    with pytest.raises(InputError) as caught:
        render({"app/a.jsonnet": f"{how} '{path}'"})
    assert "repository" in str(caught.value)
    assert "root:" not in str(caught.value)


def test_s53_libraries_outside_the_repository_are_refused() -> None:
    with pytest.raises(InputError, match="leads out of the repository"):
        render({"app/a.jsonnet": OBJECT % "x"}, libs=["../../etc"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"a\.jsonnet: Unable to evaluate Jsonnet: app/a\.jsonnet:1:2"),
        ("error 'no replicas'", "RUNTIME ERROR: no replicas"),
        ("import 'nowhere'", "couldn't open import 'nowhere'"),
        ("local f(x) = f(x + 1) + 1; f(1)", "max stack frames exceeded"),
        ("[{kind: 'X'}]", "Object 'ApiVersion' is missing|'apiVersion' is missing"),
    ],
)
def test_errors_name_the_file(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        render({"app/a.jsonnet": text})
    assert "a.jsonnet" in str(caught.value)
