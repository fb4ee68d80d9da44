"""Helm sources of Applications: values, parameters, dependencies, paths that stay inside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from towline.errors import InputError, NotFoundError, TowlineError
from towline.render.helm.errors import ChartError
from towline.render.helm.lock import LockedDependency, lock_digest
from towline.render.helm.metadata import Dependency
from towline.render.inputs import Foreign, Inputs, MissingInputError
from towline.render.result import RenderResult
from towline.render.source import RenderRequest, render_source
from towline.render.tree import unchanged

CHART = "apiVersion: v2\nname: web\nversion: 1.2.3\n"
DUMP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", namespace: "{{ .Release.Namespace }}"}
data:
  values: {{ .Values | toJson | quote }}
  kube: {{ .Capabilities.KubeVersion.Version }}
"""
FILES = {
    "apps/web/Chart.yaml": CHART,
    "apps/web/values.yaml": "a: chart\nb: chart\n",
    "apps/web/templates/dump.yaml": DUMP,
    "apps/web/prod.yaml": "b: prod\n",
    "apps/web/env/one.yaml": "one: 1\n",
    "apps/web/env/two.yaml": "two: 2\n",
    "shared/common.yaml": "common: true\n",
    "outside.txt": "CANARY",
}


class Source:
    """Renders sources of one repository."""

    def __init__(self, tree: Callable[..., Any]) -> None:
        self._tree = tree

    def __call__(
        self,
        files: dict[str, str] | None = None,
        *,
        refs: dict[str, dict[str, str]] | None = None,
        foreign: dict[Foreign, dict[str, str]] | None = None,
        **helm: Any,
    ) -> RenderResult:
        inputs = Inputs(
            tree=self._tree({**FILES, **(files or {})}),
            refs={name: self._tree(content) for name, content in (refs or {}).items()},
            foreign={wanted: self._tree(content) for wanted, content in (foreign or {}).items()},
        )
        source = {"repoURL": "https://git.example.com/r", "path": "apps/web", "helm": helm}
        request = RenderRequest(
            source=source,
            app_name="team_shop",
            namespace="prod",
            revision="0123456789abcdef0123456789abcdef01234567",
            kube_version="v1.30.2-eks-1",
        )
        return render_source(inputs, request)

    def values(self, *args: Any, **helm: Any) -> Any:
        (manifest,) = self(*args, **helm).manifests
        return json.loads(manifest.object["data"]["values"])


@pytest.fixture
def source(tree: Callable[..., Any]) -> Source:
    return Source(tree)


def test_a_release_is_named_for_its_application(source: Source) -> None:
    (manifest,) = source().manifests
    assert manifest.object["metadata"] == {"name": "shop", "namespace": "prod"}
    assert manifest.object["data"]["kube"] == "v1.30.2"
    assert manifest.file == "apps/web/templates/dump.yaml"
    named = source(releaseName="other", namespace="ns").manifests[0].object["metadata"]
    assert named == {"name": "other", "namespace": "ns"}


@pytest.mark.parametrize(
    ("helm", "expected"),
    [
        ({}, {"a": "chart", "b": "chart"}),
        ({"valueFiles": ["prod.yaml"]}, {"a": "chart", "b": "prod"}),
        ({"valueFiles": ["prod.yaml"], "values": "b: inline"}, {"a": "chart", "b": "inline"}),
        (
            {"values": "a: text", "valuesObject": {"a": None, "c": 1}},
            {"b": "chart", "c": 1},
        ),
        (
            {"valuesObject": {"b": 1}, "parameters": [{"name": "b", "value": "2"}]},
            {"a": "chart", "b": 2},
        ),
        (
            {"parameters": [{"name": "b", "value": "2", "forceString": True}]},
            {"a": "chart", "b": "2"},
        ),
        (
            {"parameters": [{"name": "b", "value": "x,y"}, {"name": "c", "value": "{x,y}"}]},
            {"a": "chart", "b": "x,y", "c": ["x", "y"]},
        ),
        (
            {"parameters": [{"name": "b", "value": "$ARGOCD_APP_REVISION_SHORT-$$x"}]},
            {"a": "chart", "b": "0123456-$x"},
        ),
        (
            {"fileParameters": [{"name": "b", "path": "/shared/common.yaml"}]},
            {"a": "chart", "b": "common: true\n"},
        ),
        ({"valueFiles": ["/shared/common.yaml"]}, {"a": "chart", "b": "chart", "common": True}),
        (
            {"valueFiles": ["../../shared/common.yaml"]},
            {"common": True, "a": "chart", "b": "chart"},
        ),
        ({"valueFiles": ["env/*.yaml"]}, {"a": "chart", "b": "chart", "one": 1, "two": 2}),
        ({"valueFiles": ["**/o*.yaml"]}, {"a": "chart", "b": "chart", "one": 1}),
        (
            {"valueFiles": ["no.yaml", "prod.yaml"], "ignoreMissingValueFiles": True},
            {"a": "chart", "b": "prod"},
        ),
        ({"valueFiles": ["$ref/x/v.yaml"]}, {"a": "chart", "b": "ref"}),
    ],
)
def test_values_come_in_argo_cds_order(
    source: Source, helm: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert source.values(refs={"ref": {"x/v.yaml": "b: ref"}}, **helm) == expected


def test_a_file_named_by_itself_keeps_its_place_among_globs(source: Source) -> None:
    files = {"apps/web/env/one.yaml": "k: one", "apps/web/env/two.yaml": "k: two"}
    assert source.values(files, valueFiles=["env/two.yaml", "env/*.yaml"])["k"] == "one"
    assert source.values(files, valueFiles=["env/*.yaml", "env/one.yaml"])["k"] == "one"


@pytest.mark.parametrize("helm", [{"valueFiles": ["no.yaml"]}, {"valueFiles": ["no/*.yaml"]}])
def test_missing_files_are_an_error(source: Source, helm: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError):
        source(**helm)


@pytest.mark.parametrize(
    "path",
    [
        "../../../outside.txt",
        "/../outside.txt",
        "/apps/../../outside.txt",
        "env/../../../../outside.txt",
        "..\\..\\outside.txt",
        "$ref/../../outside.txt",
        "//../outside.txt",
        "a\0b",
    ],
)
@pytest.mark.parametrize("field", ["valueFiles", "fileParameters"])
def test_s53_s54_paths_out_of_a_repository_are_refused(
    source: Source, path: str, field: str
) -> None:
    entry: Any = path if field == "valueFiles" else {"name": "b", "path": path}
    with pytest.raises(TowlineError) as caught:
        source(refs={"ref": {"x": "y"}}, **{field: [entry]})
    assert "CANARY" not in str(caught.value)
    assert isinstance(caught.value, InputError | NotFoundError)


def test_s53_files_of_a_chart_do_not_lead_out_of_its_folder(source: Source) -> None:
    template = '# {{ .Files.Get "../../outside.txt" }}{{ .Files.Get "/outside.txt" }}'
    result = source({"apps/web/templates/x.yaml": f"{DUMP}\n{template}"})
    assert all(read.path.startswith("apps/web") for read in result.read if read.kind == "file")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/x", "s3://bucket/x"])
def test_s62_only_listed_schemes_are_fetched(source: Source, url: str) -> None:
    with pytest.raises(InputError, match="is not allowed"):
        source(valueFiles=[url])


def test_files_from_urls_are_asked_for(source: Source) -> None:
    url = "https://example.com/v.yaml"
    with pytest.raises(MissingInputError) as caught:
        source(valueFiles=[url])
    assert caught.value.wanted == Foreign("file", url)
    values = source.values(foreign={Foreign("file", url): {"v.yaml": "b: web"}}, valueFiles=[url])
    assert values["b"] == "web"


def test_unknown_references_are_named(source: Source) -> None:
    with pytest.raises(NotFoundError, match="no source has a 'ref' field"):
        source(valueFiles=["$none/x.yaml"])


def with_dependency(url: str) -> str:
    return f"{CHART}dependencies: [{{name: sub, version: 1.x, repository: '{url}'}}]\n"


SUB = {"Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.4.0\n", "values.yaml": "own: 1"}


def test_s63_a_missing_dependency_is_asked_for_and_never_fetched_from_here(source: Source) -> None:
    url = "https://charts.example.com"
    files = {"apps/web/Chart.yaml": with_dependency(url)}
    wanted = Foreign("chart", url, "sub", "1.x")
    with pytest.raises(MissingInputError) as caught:
        source(files)
    assert caught.value.wanted == wanted
    result = source(files, foreign={wanted: SUB})
    assert any(read.foreign == wanted for read in result.read)
    assert source.values(files, foreign={wanted: SUB})["sub"]["own"] == 1


@pytest.mark.parametrize("repository", ["", "@stable", "alias:x", "ssh://host/x"])
def test_dependencies_without_a_url_are_refused(source: Source, repository: str) -> None:
    with pytest.raises(ChartError, match="which is no URL"):
        source({"apps/web/Chart.yaml": with_dependency(repository)})


def test_dependencies_in_the_same_repository_are_read(source: Source) -> None:
    files = {
        "apps/web/Chart.yaml": with_dependency("file://../sub"),
        **{f"apps/sub/{name}": text for name, text in SUB.items()},
    }
    assert source.values(files)["sub"]["own"] == 1
    out = {"apps/web/Chart.yaml": with_dependency("file://../../../sub")}
    with pytest.raises(InputError, match="leads out of the repository"):
        source(out)


def test_locked_dependencies_come_in_their_locked_version(source: Source) -> None:
    url = "https://charts.example.com"
    digest = lock_digest(
        [Dependency(name="sub", version="1.x", repository=url)],
        [LockedDependency("sub", "1.4.0", url)],
    )
    lock = f"digest: {digest}\ndependencies: [{{name: sub, version: 1.4.0, repository: '{url}'}}]\n"
    files = {"apps/web/Chart.yaml": with_dependency(url), "apps/web/Chart.lock": lock}
    with pytest.raises(MissingInputError) as caught:
        source(files)
    assert caught.value.wanted == Foreign("chart", url, "sub", "1.4.0")
    files["apps/web/Chart.lock"] = lock.replace(digest, "sha256:0")
    with pytest.raises(ChartError, match="out of sync"):
        source(files)


def test_a_lock_has_the_digest_that_helm_gives_it() -> None:
    # The JSON that is hashed, written out.
    text = (
        '[[{"name":"a","version":"\\u003e1","repository":"r","condition":"a.on","tags":["t"],'
        '"alias":"b"}],[{"name":"a","version":"1.2.0","repository":"r"}]]'
    )
    wanted = Dependency(
        name="a", version=">1", repository="r", condition="a.on", tags=["t"], alias="b"
    )
    digest = lock_digest([wanted], [LockedDependency("a", "1.2.0", "r")])
    assert digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("helm", "names"),
    [
        ({}, ["crd", "shop", "hook", "test"]),
        ({"skipCrds": True}, ["shop", "hook", "test"]),
        ({"skipTests": True}, ["crd", "shop", "hook"]),
    ],
)
def test_crds_and_tests_may_be_left_out(
    source: Source, helm: dict[str, Any], names: list[str]
) -> None:
    hook = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {}, annotations: {{helm.sh/hook: {}}}}}"
    files = {
        "apps/web/crds/c.yaml": "apiVersion: v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: crd}\n",
        "apps/web/templates/h.yaml": hook.format("hook", "pre-install"),
        "apps/web/templates/t.yaml": hook.format("test", "test"),
    }
    found = [manifest.object["metadata"]["name"] for manifest in source(files, **helm).manifests]
    assert found == names


def test_the_version_of_helm_may_be_chosen(source: Source) -> None:
    files = {"apps/web/values.yaml": "a: null\nb: 1"}
    assert source.values(files, version="v3") == {"a": None, "b": 1}
    assert source.values(files, version="v4") == {"b": 1}
    with pytest.raises(InputError, match="helm version 'v2'"):
        source(version="v2")


def test_schemas_are_checked_unless_skipped(source: Source) -> None:
    files = {"apps/web/values.schema.json": '{"required": ["x"]}'}
    with pytest.raises(ChartError, match="missing property 'x'"):
        source(files)
    assert source(files, skipSchemaValidation=True).manifests


def test_only_what_was_read_is_the_key(tree: Callable[..., Any], source: Source) -> None:
    result = source(valueFiles=["prod.yaml"])
    variables = {read.path: read.oid for read in result.read if read.kind == "variable"}

    def still_good(changed: dict[str, str]) -> bool:
        inputs = Inputs(tree=tree({**FILES, **changed}), variables=variables)
        return unchanged(inputs, result.read)

    assert still_good({})
    assert still_good({"outside.txt": "other", "shared/common.yaml": "x: 1"})
    assert not still_good({"apps/web/prod.yaml": "b: other"})
    assert not still_good({"apps/web/templates/new.yaml": "x: 1"})
