"""The Pipeline resource: defaults, errors that name the field, and its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from towline.errors import InputError
from towline.pipeline import model
from towline.pipeline.crds import PIPELINE, crds
from towline.pipeline.durations import jenkins_seconds, parse_duration
from towline.pipeline.model import branch_matches, parse_pipeline

URL = "https://forge.example/team/app.git"


def pipeline(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "towline.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "build", "namespace": "ci", "uid": "u-1", "generation": 3},
        "spec": {"source": {"repoURL": URL}, **spec},
    }


def test_defaults() -> None:
    spec = parse_pipeline(pipeline())
    assert (spec.name, spec.namespace, spec.uid, spec.generation) == ("build", "ci", "u-1", 3)
    assert spec.job_name == "build"
    assert spec.source.file == "Jenkinsfile"
    assert (spec.triggers.push, spec.triggers.poll_seconds) == (True, 60.0)
    assert spec.timeout_seconds == 3600.0
    assert spec.concurrency.limit == 1
    assert spec.retention.runs == 50
    assert not spec.suspend


def test_every_field() -> None:
    spec = parse_pipeline(
        pipeline(
            jobName="Building-image",
            source={
                "repoURL": "git@forge.example:team/app.git",
                "branches": ["main", "release/*"],
                "file": "ci/Jenkinsfile",
                "credentialsId": "forge",
            },
            triggers={"push": False, "poll": ""},
            parameters=[
                {"name": "TAG", "default": "latest", "description": "d"},
                {"name": "FAST", "type": "boolean", "default": True},
                {"name": "ENV", "type": "choice", "choices": ["dev", "prod"]},
            ],
            credentials=[{"id": "forge", "secretRef": {"name": "forge-token"}}],
            build={
                "constraints": ["Werkzeug<3"],
                "args": {"A": "1"},
                "baseImages": {"python:3.9.16-slim-buster": "python:3.11-slim"},
            },
            webhook={"secretRef": {"name": "hook", "key": "secret"}},
            environment={"LANG": "C"},
            timeout="1h30m",
            concurrency={"limit": 2, "cancelSuperseded": True},
            retention={"runs": 5},
            suspend=True,
        )
    )
    assert spec.job_name == "Building-image"
    assert spec.parameter_names == ("TAG", "FAST", "ENV")
    assert [parameter.initial for parameter in spec.parameters] == ["latest", True, "dev"]
    assert spec.triggers.poll_seconds == 0.0
    assert spec.timeout_seconds == 5400.0
    assert spec.webhook is not None
    assert spec.webhook.secret_ref.key == "secret"
    assert spec.build.base_images == {"python:3.9.16-slim-buster": "python:3.11-slim"}
    assert spec.concurrency.cancel_superseded


WRONG = [
    ({"source": {}}, "spec.source"),
    ({"source": {"repoURL": "ftp://x"}}, "spec.source.repoURL"),
    ({"source": {"repoURL": "ext::sh -c id"}}, "spec.source.repoURL"),
    ({"source": {"repoURL": "https://x y"}}, "spec.source.repoURL"),
    ({"source": {"repoURL": "--upload-pack=x"}}, "spec.source.repoURL"),
    ({"source": {"repoURL": URL, "file": "../Jenkinsfile"}}, "spec.source.file"),
    ({"source": {"repoURL": URL, "file": "/etc/passwd"}}, "spec.source.file"),
    ({"source": {"repoURL": URL, "branches": [""]}}, "spec.source.branches[0]"),
    ({"source": {"repoURL": URL, "branches": "main"}}, "spec.source.branches"),
    ({"source": {"repoURL": URL, "repo": "x"}}, "spec.source"),
    ({"jobName": "../x"}, "spec.jobName"),
    ({"triggers": {"poll": "5s"}}, "spec.triggers.poll"),
    ({"triggers": {"poll": "often"}}, "spec.triggers.poll"),
    ({"triggers": {"push": "yes"}}, "spec.triggers.push"),
    ({"parameters": [{"name": "a-b"}]}, "spec.parameters[0].name"),
    ({"parameters": [{"name": "A"}, {"name": "A"}]}, "spec.parameters"),
    ({"parameters": [{"name": "A", "type": "file"}]}, "spec.parameters[0].type"),
    ({"parameters": [{"name": "A", "type": "choice"}]}, "spec.parameters[0].choices"),
    ({"parameters": [{"name": "A", "type": "choice", "choices": ["x"], "default": "y"}]},
     "spec.parameters[0].default"),
    ({"parameters": [{"name": "A", "type": "boolean", "default": "maybe"}]},
     "spec.parameters[0].default"),
    ({"credentials": [{"id": "x"}]}, "spec.credentials[0]"),
    ({"credentials": [{"id": "", "secretRef": {"name": "s"}}]}, "spec.credentials"),
    ({"build": {"constraints": ["--index-url x"]}}, "spec.build.constraints[0]"),
    ({"build": {"constraints": ["a\nb"]}}, "spec.build.constraints[0]"),
    ({"build": {"args": {"a b": "1"}}}, "spec.build.args.a b"),
    ({"environment": {"A=B": "1"}}, "spec.environment.A=B"),
    ({"timeout": "0s"}, "spec.timeout"),
    ({"timeout": "1 hour"}, "spec.timeout"),
    ({"concurrency": {"limit": 0}}, "spec.concurrency.limit"),
    ({"retention": {"runs": 0}}, "spec.retention.runs"),
    ({"name": "x"}, "spec.name"),
    ({"unknown": 1}, "spec"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_errors_name_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_pipeline(pipeline(**change))
    assert caught.value.field == field
    assert caught.value.message


@pytest.mark.parametrize(
    ("obj", "field"),
    [({}, "metadata"), ({"metadata": {"name": "a"}}, "spec"),
     ({"metadata": {"name": "A_b"}, "spec": {"source": {"repoURL": URL}}}, "metadata.name"),
     ({"metadata": {"name": 5}, "spec": {"source": {"repoURL": URL}}}, "metadata.name")],
)  # fmt: skip
def test_errors_outside_of_the_spec(obj: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_pipeline(obj)
    assert caught.value.field == field


BRANCHES = [
    ("main", "main", True),
    ("main", "main2", False),
    ("release/*", "release/1.0", True),
    ("release/*", "release/1/x", False),
    ("release/**", "release/1/x", True),
    ("v?", "v1", True),
    ("a.b", "aXb", False),
    ("*", "main", True),
]


@pytest.mark.parametrize(("pattern", "branch", "matches"), BRANCHES)
def test_branch_globs(pattern: str, branch: str, matches: bool) -> None:
    assert branch_matches(pattern, branch) is matches


def test_without_branches_only_the_default_branch_is_wanted() -> None:
    spec = parse_pipeline(pipeline())
    assert spec.wants_branch("trunk", "trunk")
    assert not spec.wants_branch("dev", "trunk")
    spec = parse_pipeline(pipeline(source={"repoURL": URL, "branches": ["dev"]}))
    assert spec.wants_branch("dev", "trunk")
    assert not spec.wants_branch("trunk", "trunk")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("500ms", 0.5), ("1.5m", 90), ("2d", 172800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "1y", "-1s", "1s 2s", "1" * 50 + "s"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_jenkins_units() -> None:
    assert jenkins_seconds(2, "minutes") == 120
    with pytest.raises(ValueError, match="unknown time unit"):
        jenkins_seconds(1, "FORTNIGHTS")


# The schema


def _properties(schema: dict[str, Any], *path: str) -> set[str]:
    for name in path:
        schema = schema["properties"][name]
        schema = schema.get("items", schema)
    return set(schema["properties"])


def _fields(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_schema_and_model_have_the_same_fields() -> None:
    root = crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    identity = {"name", "namespace", "uid", "generation"}
    assert _properties(root, "spec") == _fields(model.PipelineSpec) - identity
    pairs: list[tuple[tuple[str, ...], type[msgspec.Struct]]] = [
        (("spec", "source"), model.Source),
        (("spec", "triggers"), model.Triggers),
        (("spec", "parameters"), model.Parameter),
        (("spec", "credentials"), model.Credential),
        (("spec", "credentials", "secretRef"), model.SecretReference),
        (("spec", "build"), model.Build),
        (("spec", "webhook"), model.Webhook),
        (("spec", "concurrency"), model.Concurrency),
        (("spec", "retention"), model.Retention),
    ]
    for path, kind in pairs:
        assert _properties(root, *path) == _fields(kind), path


def test_schema_is_structural() -> None:
    def check(schema: dict[str, Any], path: str) -> None:
        assert "type" in schema or schema.get("x-kubernetes-preserve-unknown-fields"), path
        for name, inner in schema.get("properties", {}).items():
            check(inner, f"{path}.{name}")
        if isinstance(schema.get("items"), dict):
            check(schema["items"], f"{path}[]")
        for key in schema.get("x-kubernetes-list-map-keys", []):
            assert key in schema["items"]["required"], path

    version = crds()[0]["spec"]["versions"][0]
    check(version["schema"]["openAPIV3Schema"], "")
    assert version["subresources"] == {"status": {}}


def test_names_agree() -> None:
    definition = crds()[0]
    assert definition["metadata"]["name"] == "pipelines.towline.dev"
    assert PIPELINE.api_version == "towline.dev/v1alpha1"
    assert definition["spec"]["names"]["kind"] == PIPELINE.kind


def test_reference_page_documents_every_field() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/pipeline.md").read_text()
    spec = crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name, schema in spec["properties"].items():
        inner = schema.get("properties") or schema.get("items", {}).get("properties") or {}
        assert f"`{name}" in page, name
        for field in inner:
            assert field in page, f"{name}.{field}"
