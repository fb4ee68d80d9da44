"""Scalars as Kustomize reads, edits and prints them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.render.kustomize.values import (
    Shared,
    Spelled,
    checked_key,
    finished,
    is_null,
    resolve,
    respelled,
    retagged,
    set_everywhere,
    text_of,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("0x1F", 31),
        ("017", 15),
        ("0o17", 15),
        ("0b11", 3),
        ("08", 8),
        ("1_000", 1000),
        ("+5", 5),
        ("1e3", 1000),
        ("1.10", 1.1),
        (".5", 0.5),
        (".0_7", 0.07),
        (".__7", ".__7"),
        ("1e400", "1e400"),
        ("12:30:45", "12:30:45"),
        ("2001-1-2", "2001-01-02T00:00:00Z"),
        ("2001-13-02", "2001-13-02"),
        ("2023-02-29", "2023-02-29"),
        ("2001-12-14 21:59:43.10", "2001-12-14T21:59:43.1Z"),
        ("2001-12-14t21:59:43-05:00", "2001-12-14T21:59:43-05:00"),
        ("18446744073709551615", 18446744073709551615),
        ("=", "="),
        ("1.0.0", "1.0.0"),
    ],
)
def test_unquoted_scalars_have_the_value_that_yaml_v3_gives_them(text: str, value: Any) -> None:
    assert finished({"v": resolve(text)})["v"] == value
    assert text_of(resolve(text)) == text


@pytest.mark.parametrize("text", [".inf", "-.Inf", ".nan"])
def test_numbers_without_a_json_form_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="unsupported value"):
        finished({"v": resolve(text)})


@given(st.integers(-(2**63), 2**64 - 1))
def test_decimal_integers_are_plain_integers(number: int) -> None:
    value = resolve(str(number))
    assert (value.value if isinstance(value, Spelled) else value) == number


@given(st.text(max_size=20))
def test_every_text_resolves_and_keeps_its_spelling(text: str) -> None:
    assert text_of(resolve(text)) == text


@pytest.mark.parametrize(
    ("old", "text", "new"),
    [("a", "b", "b"), ("a", "1", 1), ("12", "13", "13"), (1, "2", 2), (True, "x", "x")],
)
def test_an_edit_keeps_what_was_quoted_a_string(old: Any, text: str, new: Any) -> None:
    assert respelled(old, text) == new


@pytest.mark.parametrize(
    ("old", "text", "fits"),
    [("a", "1", True), (1, "2", True), (1, "x", False), (1.5, "2", True), (None, "x", False)],
)
def test_a_replacement_keeps_the_type_of_its_target(old: Any, text: str, fits: bool) -> None:
    if fits:
        assert text_of(retagged(old, text)) == text
    else:
        with pytest.raises(InputError, match="cannot decode"):
            retagged(old, text)


def test_keys_that_are_no_strings_are_an_error_within_the_object_only() -> None:
    assert finished({checked_key("1"): "x"}) == {"1": "x"}
    with pytest.raises(InputError, match="unsupported type") as caught:
        finished({"data": {checked_key("true"): "x"}})
    assert caught.value.field == "true"


def test_whole_floats_become_integers_as_in_json() -> None:
    assert finished({"v": resolve("1e20")})["v"] == 1e20
    assert finished({"v": resolve("2.0")})["v"] == 2
    assert math.isclose(finished({"v": resolve("2.50")})["v"], 2.5)


def test_a_node_that_stands_in_several_fields_changes_in_all_of_them() -> None:
    node, other = Shared("a", object()), Shared("a", object())
    value = {"x": node, "list": [{"y": node}], "z": other}
    changed = set_everywhere(value, {id(node.group): (node.group, "b")})
    assert finished(changed) == {"x": "b", "list": [{"y": "b"}], "z": "a"}
    assert type(finished(changed)["x"]) is str


def test_nulls_are_nulls_however_written() -> None:
    assert all(is_null(resolve(text)) for text in ("", "~", "null", "Null"))
    assert not is_null(resolve("nil"))
