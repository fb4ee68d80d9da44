"""Which subcharts stay, under which names, and what their parents import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.render.helm.chart import Chart
from towline.render.helm.dependencies import DependencyProcessing, check_dependencies
from towline.render.helm.errors import ChartError

SUB = {
    "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.4.0\n",
    "charts/sub/values.yaml": "port: 80\nexports:\n  data:\n    from: sub\ndeep: {x: {z: 1}}\n",
}


def with_dependency(text: str, more: str = "") -> dict[str, str]:
    chart = "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n"
    return {"Chart.yaml": f"{chart}- {{name: sub, {text}}}\n{more}", **SUB}


def names_after(chart: Chart, values: dict[str, Any], major: int = 3) -> list[str]:
    DependencyProcessing(major).process(chart, values)
    return [subchart.name for subchart in chart.dependencies]


@pytest.mark.parametrize(
    ("dependency", "values", "stays"),
    [
        ("version: 1.x", {}, True),
        ("version: 2.x", {}, True),
        ("version: 1.x, condition: sub.on", {"sub": {"on": False}}, False),
        ("version: 1.x, condition: sub.on", {"sub": {"on": True}}, True),
        ("version: 1.x, condition: sub.on", {"sub": {"on": "no"}}, True),
        ('version: 1.x, condition: "none.here,enabled"', {"enabled": False}, False),
        ("version: 1.x, tags: [a]", {"tags": {"a": False}}, False),
        ("version: 1.x, tags: [a, b]", {"tags": {"a": False, "b": True}}, True),
        (
            "version: 1.x, tags: [a], condition: enabled",
            {"tags": {"a": False}, "enabled": True},
            True,
        ),
        ("version: 1.x, tags: [a]", {"tags": {"a": "no"}}, True),
    ],
)
def test_versions_tags_and_conditions_decide(
    chart: Callable[..., Chart], dependency: str, values: dict[str, Any], stays: bool
) -> None:
    for major in (3, 4):
        made = chart(with_dependency(dependency), major=major)
        assert names_after(made, values, major) == (["sub"] if stays else [])


def test_a_chart_of_another_version_stays_without_its_alias(chart: Callable[..., Chart]) -> None:
    assert names_after(chart(with_dependency("version: 2.x, alias: other")), {}) == ["sub"]


def test_an_alias_renames_and_may_be_given_twice(chart: Callable[..., Chart]) -> None:
    files = with_dependency("version: 1.x, alias: one", "- {name: sub, version: 1.x, alias: two}\n")
    made = chart(files)
    assert names_after(made, {"two": {"port": 81.0}}) == ["one", "two"]
    assert [subchart.full_path for subchart in made.dependencies] == [
        "web/charts/one",
        "web/charts/two",
    ]


def test_a_chart_in_the_folder_needs_no_entry(chart: Callable[..., Chart]) -> None:
    assert names_after(chart(SUB), {}) == ["sub"]


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("[data]", {"from": "sub"}),
        ("[{child: deep.x, parent: taken}]", {"taken": {"z": 1.0}}),
        ("[{child: deep, parent: .}]", {"x": {"z": 1.0}}),
        ("[{child: none, parent: .}]", {}),
    ],
)
def test_parents_import_values(
    chart: Callable[..., Chart], imports: str, expected: dict[str, Any]
) -> None:
    made = chart(with_dependency(f"version: 1.x, import-values: {imports}"))
    DependencyProcessing(3).process(made, {})
    assert made.values is not None
    taken = {key: value for key, value in made.values.items() if key not in {"sub", "global"}}
    assert taken == expected


def test_own_values_win_over_imported_ones(chart: Callable[..., Chart]) -> None:
    files = with_dependency("version: 1.x, import-values: [data]")
    made = chart({**files, "values.yaml": "from: root"})
    DependencyProcessing(3).process(made, {})
    assert made.values is not None
    assert made.values["from"] == "root"


def test_a_missing_dependency_is_named(chart: Callable[..., Chart]) -> None:
    made = chart({"Chart.yaml": with_dependency("version: 1.x")["Chart.yaml"]})
    for major, quoted in ((3, "`helm dependency build`"), (4, "'helm dependency build'")):
        with pytest.raises(ChartError) as caught:
            check_dependencies(made, major=major)
        assert quoted in caught.value.message
        assert caught.value.message.endswith("missing in charts/ directory: sub")


def test_conditions_reach_into_subcharts_of_subcharts(chart: Callable[..., Chart]) -> None:
    files = {
        **with_dependency("version: 1.x"),
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.4.0\n"
        "dependencies: [{name: deep, version: '*', condition: deep.on}]\n",
        "charts/sub/charts/deep/Chart.yaml": "apiVersion: v2\nname: deep\nversion: 0.1.0\n",
    }
    made = chart(files)
    DependencyProcessing(3).process(made, {"sub": {"deep": {"on": False}}})
    assert made.dependencies[0].dependencies == []


def test_aliases_import_what_their_chart_imports_only_once_in_helm_3(
    chart: Callable[..., Chart],
) -> None:
    subchart = (
        "apiVersion: v2\nname: sub\nversion: 1.0.0\n"
        "dependencies: [{name: deep, version: '*', import-values: [{child: d, parent: d}]}]\n"
    )
    files = {
        "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n"
        "- {name: sub, alias: one, version: '*'}\n- {name: sub, alias: two, version: '*'}\n",
        "charts/sub/Chart.yaml": subchart,
        "charts/sub/charts/deep/Chart.yaml": "apiVersion: v2\nname: deep\nversion: 1.0.0\n",
        "charts/sub/charts/deep/values.yaml": "d: {x: 1}\n",
    }
    for major, imported in ((3, [True, False]), (4, [True, True])):
        made = chart(files, major=major)
        DependencyProcessing(major).process(made, {})
        assert ["d" in (each.values or {}) for each in made.dependencies] == imported


def test_helm_4_says_what_it_was_doing_when_values_of_subcharts_are_no_maps(
    template: Callable[..., str],
) -> None:
    files = with_dependency("version: 1.x")
    for major, message in (
        (3, "type mismatch on sub"),
        (4, "chart dependencies processing failed: type mismatch on sub"),
    ):
        with pytest.raises(ChartError) as caught:
            template(files, {"sub": "text"}, major=major)
        assert caught.value.message.startswith(message)


def test_helm_4_reads_charts_of_version_3_and_refuses_to_render_them(
    template: Callable[..., str],
) -> None:
    with pytest.raises(ChartError, match="invalid chart apiVersion"):
        template({"Chart.yaml": "apiVersion: v3\nname: web\nversion: 1.0.0\n"}, major=4)
    with pytest.raises(ChartError, match="unsupported chart version"):
        template({"Chart.yaml": "apiVersion: v4\nname: web\nversion: 1.0.0\n"}, major=4)
