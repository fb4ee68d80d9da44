"""How values are laid over each other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.render.helm.chart import Chart
from towline.render.helm.errors import ChartError
from towline.render.helm.metadata import Metadata
from towline.render.helm.values import Coalescing, copy_values, merge_maps, table

KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(0, 3), st.sampled_from(["x", "y"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=3)


def chart_with(values: dict[str, Any], *subcharts: Chart, name: str = "root") -> Chart:
    chart = Chart(Metadata(name=name, version="1.0.0"), values=values)
    chart.set_dependencies(subcharts)
    return chart


@pytest.mark.parametrize(
    ("defaults", "given_values", "expected"),
    [
        ({"a": 1.0}, {}, {"a": 1.0}),
        ({"a": 1.0}, {"a": 2.0}, {"a": 2.0}),
        ({"a": {"b": 1.0}}, {"a": {"c": 2.0}}, {"a": {"b": 1.0, "c": 2.0}}),
        ({"a": [1.0, 2.0]}, {"a": [3.0]}, {"a": [3.0]}),
        ({"a": {"b": 1.0}}, {"a": "text"}, {"a": "text"}),
        ({"a": 1.0, "b": 2.0}, {"a": None}, {"b": 2.0}),
        ({"a": {"b": 1.0, "c": 2.0}}, {"a": {"b": None}}, {"a": {"c": 2.0}}),
        ({}, {"a": None}, {"a": None}),
    ],
)
def test_given_values_win_and_null_removes(
    defaults: dict[str, Any], given_values: dict[str, Any], expected: dict[str, Any]
) -> None:
    for major in (3, 4):
        assert Coalescing(major).coalesce(chart_with(defaults), given_values) == expected


def test_null_defaults_stay_in_helm_3_and_go_in_helm_4() -> None:
    chart = chart_with({"a": None, "b": {"c": None, "d": 1.0}})
    assert Coalescing(3).coalesce(chart, {}) == {"a": None, "b": {"c": None, "d": 1.0}}
    assert Coalescing(4).coalesce(chart, {}) == {"b": {"d": 1.0}}


def test_a_parent_decides_for_its_subcharts() -> None:
    sub = chart_with({"x": 1.0, "y": {"z": 2.0}}, name="sub")
    chart = chart_with({"sub": {"x": 5.0, "y": {"w": 3.0}}}, sub)
    merged = Coalescing(3).coalesce(chart, {"sub": {"y": {"z": 9.0}}})
    assert merged["sub"] == {"x": 5.0, "y": {"z": 9.0, "w": 3.0}, "global": {}}


def test_globals_reach_every_subchart_and_the_outermost_ones_win() -> None:
    inner = chart_with({"global": {"a": 1.0, "own": True}}, name="inner")
    sub = chart_with({"global": {"a": 2.0}}, inner, name="sub")
    merged = Coalescing(3).coalesce(chart_with({}, sub), {"global": {"a": 3.0, "t": {"k": "v"}}})
    assert merged["sub"]["global"] == {"a": 3.0, "t": {"k": "v"}}
    assert merged["sub"]["inner"]["global"] == {"a": 3.0, "t": {"k": "v"}, "own": True}


def test_values_of_a_subchart_have_to_be_a_map() -> None:
    chart = chart_with({}, chart_with({}, name="sub"))
    with pytest.raises(ChartError, match="type mismatch on sub"):
        Coalescing(3).coalesce(chart, {"sub": "text"})


@given(TABLES, TABLES, st.sampled_from([3, 4]))
def test_laying_values_over_defaults_changes_neither(
    defaults: dict[str, Any], given_values: dict[str, Any], major: int
) -> None:
    chart = chart_with(copy.deepcopy(defaults))
    before = copy.deepcopy(given_values)
    Coalescing(major).coalesce(chart, given_values)
    assert chart.values == defaults
    assert given_values == before


@given(TABLES, st.sampled_from([3, 4]))
def test_values_without_nulls_are_a_fixed_point(values: dict[str, Any], major: int) -> None:
    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items() if item is not None}
        return value

    values = clean(values)
    assert Coalescing(major).coalesce(chart_with({}), values) == values
    assert Coalescing(major).coalesce(chart_with(values), {}) == values
    assert Coalescing(major).coalesce(chart_with(values), values) == values


@given(TABLES, TABLES)
def test_the_later_file_wins_everywhere(first: dict[str, Any], second: dict[str, Any]) -> None:
    def check(merged: dict[str, Any], before: dict[str, Any], later: dict[str, Any]) -> None:
        assert merged.keys() == before.keys() | later.keys()
        for key, value in merged.items():
            if key not in later:
                assert value == before[key]
            elif isinstance(later[key], dict) and isinstance(before.get(key), dict):
                check(value, before[key], later[key])
            else:
                assert value == later[key]

    check(merge_maps(first, second), first, second)


@given(VALUES)
def test_a_copy_is_equal_and_shares_no_container(value: Any) -> None:
    def containers(at: Any) -> list[int]:
        inner: list[Any] = []
        if isinstance(at, dict):
            inner = list(at.values())
        elif isinstance(at, list):
            inner = at
        else:
            return []
        return [id(at), *(one for item in inner for one in containers(item))]

    copied = copy_values(value)
    assert copied == value
    assert not set(containers(copied)) & set(containers(value))


def test_a_path_leads_through_maps_only() -> None:
    values: dict[str, Any] = {"a": {"b": {"c": 1.0}}, "d": "text"}
    assert table(values, "a.b") == {"c": 1.0}
    assert table(values, "a.b.c") is None
    assert table(values, "d.e") is None


def test_templates_of_a_subchart_change_what_its_parent_sees(
    template: Callable[..., str],
) -> None:
    files = {
        "templates/a.yaml": "a: {{ .Values.sub.x }}",
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        "charts/sub/values.yaml": "x: before",
        "charts/sub/templates/b.yaml": '{{ $_ := set .Values "x" "after" }}b: {{ .Values.x }}',
    }
    assert "a: after" in template(files)
