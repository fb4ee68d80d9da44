"""TOML as the library of Go prints and reads it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.text import gotoml
from towline.text.gotime import Moment

_KEYS = st.text(min_size=1, max_size=6)
_LEAVES = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
)
_TABLES = st.recursive(
    st.dictionaries(_KEYS, _LEAVES | st.lists(_LEAVES, max_size=3), max_size=4),
    lambda inner: st.dictionaries(_KEYS, inner | st.lists(inner, max_size=2), max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": "x"}, 'a = "x"\nb = 1\n'),
        ({"f": 1.0, "g": 0.5, "h": 1e21}, "f = 1.0\ng = 0.5\nh = 1000000000000000000000.0\n"),
        ({"n": None, "t": True}, "t = true\n"),
        ({"t": {"a": 1}, "z": 2}, "z = 2\n\n[t]\n  a = 1\n"),
        ({"t": {"u": {"a": 1}}}, "[t]\n  [t.u]\n    a = 1\n"),
        (
            {"l": [{"a": 1}, {"a": 2, "s": {"b": 3}}]},
            "[[l]]\n  a = 1\n\n[[l]]\n  a = 2\n  [l.s]\n    b = 3\n",
        ),
        ({"m": [1, {"a": None, "b": [2]}]}, "m = [1, {b = [2]}]\n"),
        ({"a b": 1, "": 2}, '"" = 2\n"a b" = 1\n'),
        ({"q": 'a"\\\n\x01\x7f'}, 'q = "a\\"\\\\\\n\\u0001\\u007f"\n'),
        ({"e": [], "d": {}}, "e = []\n\n[d]\n"),
        ([1, "a"], '[1, "a"]'),
        ("x", '"x"'),
    ],
)
def test_a_value_is_written_as_the_original_writes_it(value: Any, text: str) -> None:
    assert gotoml.dump(value) == text


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": [None]}, "toml: cannot encode array with nil element"),
        ({"a": [1, [None]]}, "toml: cannot encode array with nil element"),
        ([{"a": 1}], "top-level array of tables has no key"),
        ({"a": object()}, "unexpected type: object"),
    ],
)
def test_what_has_no_form_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(InputError) as raised:
        gotoml.dump(value)
    assert raised.value.message == problem


def test_values_that_nest_without_end_are_refused() -> None:
    table: dict[str, Any] = {}
    table["t"] = table
    with pytest.raises(InputError, match="deeply"):
        gotoml.dump(table)
    with pytest.raises(InputError):
        gotoml.load("a = " + "[" * 100_000)


@given(_TABLES)
def test_what_is_written_reads_back_as_the_same(value: dict[str, Any]) -> None:
    assert gotoml.load(gotoml.dump(value)) == value


def test_dates_become_moments_in_the_zones_of_the_library() -> None:
    read = gotoml.load(
        "a = 1979-05-27T07:32:00Z\nb = 1979-05-27T00:32:00.5-07:00\n"
        "c = 1979-05-27T07:32:00\nd = 1979-05-27\ne = 07:32:00\n"
    )
    assert read["a"] == Moment(296_638_320)
    assert read["b"] == Moment(296_638_320, 500_000_000, -25_200, "", "")
    assert [read[key].zone for key in "cde"] == ["datetime-local", "date-local", "time-local"]
    assert read["d"].date == (1979, 5, 27)
    assert read["e"].clock == (7, 32, 0)


def test_a_wrong_text_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match="toml: line 2: ") as raised:
        gotoml.load("a = 1\nb = = 2\n")
    assert raised.value.line == 2
