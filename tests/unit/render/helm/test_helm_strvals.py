"""--set, --set-string, --set-json, --set-file and --set-literal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.render.gotemplate.kinds import Int64
from towline.render.helm.errors import ChartError
from towline.render.helm.strvals import (
    parse_set,
    parse_set_file,
    parse_set_json,
    parse_set_literal,
    parse_set_string,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a=-7,b=+7", {"a": -7, "b": 7}),
        ("a=true,b=FALSE,c=Null", {"a": True, "b": False, "c": None}),
        ("a=0,b=00,c=012", {"a": 0, "b": "00", "c": "012"}),
        ("a=1.5", {"a": "1.5"}),
        ("a=99999999999999999999", {"a": "99999999999999999999"}),
        ("a.b.c=x", {"a": {"b": {"c": "x"}}}),
        (r"a\.b=x", {"a.b": "x"}),
        (r"a=x\,y\=z", {"a": "x,y=z"}),
        ("a=", {"a": ""}),
        ("a=,b=1", {"a": "", "b": 1}),
        ("a={x,1,true}", {"a": ["x", 1, True]}),
        ("a={}", {"a": [""]}),
        ("a={x},b=y", {"a": ["x"], "b": "y"}),
        ("a[1]=x", {"a": [None, "x"]}),
        ("a[0].b=x,a[0].c=y", {"a": [{"b": "x", "c": "y"}]}),
        ("a[0][1]=x", {"a": [[None, "x"]]}),
        ("a[0]={x,y}", {"a": [["x", "y"]]}),
        ("=x", {}),
        ("", {}),
    ],
)
def test_set_reads_its_grammar(text: str, expected: dict[str, Any]) -> None:
    values: dict[str, Any] = {}
    parse_set(text, values)
    assert values == expected


def test_integers_of_set_are_int64_and_not_booleans() -> None:
    values: dict[str, Any] = {}
    parse_set("a=1,b=true", values)
    assert type(values["a"]) is Int64
    assert values["b"] is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", 'key "a" has no value'),
        ("a,b=1", 'key "a" has no value (cannot end with ,)'),
        ("a.b", 'key "b" has no value'),
        ("a={x", "list must terminate with '}'"),
        ("a[x]=1", 'error parsing index: strconv.Atoi: parsing "x": invalid syntax'),
        ("a[-1]=1", "negative -1 index not allowed"),
        ("a[70000]=1", "index of 70000 is greater than maximum supported index of 65536"),
        ("a[0]x=1", 'unexpected data at end of array index: "x"'),
        (".".join("x" * 32) + "=1", "greater than maximum supported nested level of 30"),
        ("s.b=1", "is string, not map[string]interface {}"),
        ("s[0]=1", "is string, not []interface {}"),
    ],
)
def test_set_refuses_what_is_malformed(text: str, message: str) -> None:
    with pytest.raises(ChartError) as caught:
        parse_set(text, {"s": "text"})
    assert message in caught.value.message


def test_later_assignments_change_earlier_ones() -> None:
    values: dict[str, Any] = {"a": {"b": 1.0, "c": 2.0}, "l": ["x", "y"]}
    parse_set("a.b=null,l[1]=z", values)
    assert values == {"a": {"b": None, "c": 2.0}, "l": ["x", "z"]}


def test_set_string_leaves_everything_text() -> None:
    values: dict[str, Any] = {}
    parse_set_string("a=1,b=true,c={1,null}", values)
    assert values == {"a": "1", "b": "true", "c": ["1", "null"]}


def test_set_json_takes_values_between_commas() -> None:
    values: dict[str, Any] = {}
    parse_set_json('a={"x":[1,true]}, b.c="y,z",d=,e[1]=null', values)
    assert values == {"a": {"x": [1.0, True]}, " b": {"c": "y,z"}, "d": None, "e": [None, None]}
    assert isinstance(values["a"]["x"][0], float)


@pytest.mark.parametrize("text", ["a={", "a=NaN", "a=[1,", "a=x"])
def test_set_json_refuses_what_is_no_json(text: str) -> None:
    with pytest.raises(ChartError):
        parse_set_json(text, {})


def test_set_file_reads_files() -> None:
    values: dict[str, Any] = {}
    parse_set_file("a.b=one.txt,c=two.txt", values, lambda name: f"<{name}>")
    assert values == {"a": {"b": "<one.txt>"}, "c": "<two.txt>"}


def test_set_literal_takes_the_rest_as_it_is() -> None:
    values: dict[str, Any] = {}
    parse_set_literal(r"a.b=x,y={1}\,=", values)
    assert values == {"a": {"b": r"x,y={1}\,="}}


@given(st.text(alphabet="ab.[]{}=,\\01 x", max_size=24))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_set, parse_set_string, parse_set_json, parse_set_literal):
        try:
            parse(text, {"a": {"b": "x"}, "b": ["x"]})
        except ChartError:
            continue


PLAIN = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)


@given(PLAIN, PLAIN)
def test_an_escaped_key_and_value_come_back(key: str, value: str) -> None:
    def escaped(text: str) -> str:
        return "".join(f"\\{char}" if char in "\\=[],.{}" else char for char in text)

    values: dict[str, Any] = {}
    parse_set_string(f"{escaped(key)}={escaped(value)}", values)
    assert values == {key: value}
