"""Reading Applications and projects at the border."""

from __future__ import annotations

from typing import Any

import pytest

from towline.argo.application import parse_application
from towline.argo.crds import crds
from towline.argo.durations import parse_duration
from towline.argo.globs import matches
from towline.argo.names import instance_name
from towline.argo.project import default_project, parse_project
from towline.argo.status import Condition, ConditionType, HealthCode, merge_conditions
from towline.errors import InputError


def app(**spec: Any) -> Any:
    return {"metadata": {"name": "web", "namespace": "argocd"}, "spec": spec}


def test_defaults_and_nulls() -> None:
    found = parse_application(app(source={"repoURL": "u", "path": None}, syncPolicy=None))
    assert found.spec.project == "default"
    assert found.spec.revision_history_limit == 10
    assert found.source.repo_url == "u"
    assert found.automated is None


def test_an_empty_automated_block_is_automation() -> None:
    found = parse_application(app(syncPolicy={"automated": {}}))
    assert found.automated is not None
    assert not found.automated.prune
    assert parse_application(app(syncPolicy={"automated": {"enabled": False}})).automated is None


def test_sources_win_over_source_and_unknown_fields_stay() -> None:
    spec = {"source": {"repoURL": "a"}, "sources": [{"repoURL": "b", "new": 1}], "x": 1}
    found = parse_application(app(**spec))
    assert found.source.repo_url == "b"
    assert found.raw_source == {"repoURL": "b", "new": 1}
    assert found.raw["spec"]["x"] == 1


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"syncPolicy": {"automated": {"prune": "yes"}}}, "spec.syncPolicy.automated.prune"),
        ({"source": {"repoURL": 5}}, "spec.source.repoURL"),
        ({"ignoreDifferences": [{"group": "apps"}]}, "spec.ignoreDifferences[0]"),
    ],
)
def test_a_wrong_type_names_its_field(spec: Any, field: Any) -> None:
    with pytest.raises(InputError) as error:
        parse_application(app(**spec))
    assert error.value.field == field


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("3m0s", 180), ("1h30m", 5400), ("250ms", 0.25), ("7", 7)]
)
def test_durations(text: Any, seconds: Any) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5x", "s", "5s x", "-5s"])
def test_bad_durations(text: Any) -> None:
    with pytest.raises(InputError):
        parse_duration(text, field="f")


@pytest.mark.parametrize(
    ("pattern", "text", "separator", "expected"),
    [
        ("*", "a/b", "", True),
        ("*", "a/b", "/", False),
        ("**", "a/b", "/", True),
        ("x/*", "x/y/z", "", True),
        ("{a,b}.yaml", "b.yaml", "", True),
        ("[a-c]?", "bz", "", True),
        ("[!a]", "a", "", False),
        ("[a", "a", "", False),
        ("{a", "a", "", False),
        ("a.b", "axb", "", False),
    ],
)
def test_globs(pattern: Any, text: Any, separator: Any, expected: Any) -> None:
    assert matches(pattern, text, separator=separator) is expected


def test_equal_conditions_keep_their_time_and_others_stay() -> None:
    old = [
        {"type": "ComparisonError", "message": "m", "lastTransitionTime": "T1"},
        {"type": "DeletionError", "message": "d", "lastTransitionTime": "T1"},
    ]
    found = [
        Condition(ConditionType.COMPARISON_ERROR, "m"),
        Condition(ConditionType.COMPARISON_ERROR, "n"),
    ]
    merged = merge_conditions(old, (ConditionType.COMPARISON_ERROR,), found, "T2")
    assert [(c["type"], c["message"], c["lastTransitionTime"]) for c in merged] == [
        ("ComparisonError", "m", "T1"),
        ("ComparisonError", "n", "T2"),
        ("DeletionError", "d", "T1"),
    ]


def test_the_order_of_badness() -> None:
    words = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]
    assert sorted(HealthCode, key=lambda code: code.badness) == words


def test_definitions_follow_argo() -> None:
    by_kind = {crd["spec"]["names"]["kind"]: crd["spec"] for crd in crds()}
    assert set(by_kind) == {"Application", "AppProject", "ApplicationSet"}
    assert by_kind["Application"]["names"]["shortNames"] == ["app", "apps"]
    assert "subresources" not in by_kind["Application"]["versions"][0]
    assert by_kind["ApplicationSet"]["versions"][0]["subresources"] == {"status": {}}
    columns = by_kind["Application"]["versions"][0]["additionalPrinterColumns"]
    assert [c["name"] for c in columns][:2] == ["Sync Status", "Health Status"]


def test_the_default_project_is_readable() -> None:
    project = parse_project(default_project("argocd"))
    assert project.spec.source_repos == ("*",)
    assert project.spec.cluster_resource_whitelist is not None


@pytest.mark.parametrize(("namespace", "expected"), [("argocd", "web"), ("team", "team_web")])
def test_instance_names(namespace: Any, expected: Any) -> None:
    assert instance_name("web", namespace, "argocd") == expected
