"""Documents, merges, errors with places, and bounds against bombs."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.text.yaml import Limits, dump, load_documents


def test_documents_know_their_first_line() -> None:
    found = load_documents("# c\na: 1\n---\n\nb: 2\n---\n")
    assert [(d.value, d.line) for d in found] == [({"a": 1}, 2), ({"b": 2}, 5), (None, 7)]


def test_merge_keys_lay_maps_underneath_and_copies_are_private() -> None:
    text = "b: &b {x: 1, z: [1]}\nc:\n  <<: *b\n  x: 2\nd:\n  <<: [*b, {x: 9, w: 3}]\n"
    value = load_documents(text)[0].value
    assert value["c"] == {"x": 2, "z": [1]}
    assert value["d"] == {"x": 1, "z": [1], "w": 3}
    value["c"]["z"].append(2)
    assert value["b"]["z"] == [1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: {b: 1\n", 1, "did not find expected ',' or '}'"),
        ("a: 1\nb:\n\tc: 1\n", 3, "cannot start any token"),
        ("a: *x\n", 1, "unknown anchor 'x' referenced"),
        ("a: &x [*x]\n", 1, "contains itself"),
        ("null: 1\n", 1, "null cannot be a key"),
        ("ok: 1\n? [a]\n: 2\n", 2, "collection cannot be a key"),
        ("a: 1\nb: 2\na: 3\n", 3, "given twice"),
        ("<<: 5\n", 1, "map merge requires map"),
    ],
)
def test_errors_name_the_place(text: Any, line: Any, words: Any) -> None:
    with pytest.raises(InputError) as error:
        load_documents(text, file="dir/a.yaml")
    assert error.value.file == "dir/a.yaml"
    assert error.value.line == line
    assert words in error.value.message


def test_the_last_of_two_equal_keys_wins_where_that_is_wanted() -> None:
    assert load_documents("a: 1\na: 2\n", limits=Limits(unique_keys=False))[0].value == {"a": 2}


BOMBS = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]" for i in range(9)
    ),
    "merges": "a0: &a0 {k: v}\n"
    + "\n".join(f"a{i + 1}: &a{i + 1} {{x: *a{i}, y: *a{i}, z: *a{i}}}" for i in range(20)),
    "depth": "[" * 5000 + "]" * 5000,
    "size": "a: " + "x" * 200_000,
    "nodes": "[" + "1," * 60_000 + "1]",
}


@pytest.mark.parametrize("shape", sorted(BOMBS))
def test_s58_bombs_are_refused_within_bounds(shape: Any) -> None:
    limits = Limits(text_bytes=150_000, nodes=50_000)
    with pytest.raises(InputError):
        load_documents(BOMBS[shape], limits=limits)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: Any) -> None:
    with contextlib.suppress(InputError):
        load_documents(text)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abyn01.~<-", max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(_JSON)
def test_what_is_dumped_reads_back(value: Any) -> None:
    assert load_documents(dump(value))[0].value == value


def test_dump_is_in_the_style_of_kubernetes() -> None:
    value = {"b": ["x", {"c": "on", "d": None}], "a": "one\ntwo\n", "v": "1.10", "n": 1}
    assert dump(value) == ('a: |\n  one\n  two\nb:\n- x\n- c: "on"\n  d: null\n"n": 1\nv: "1.10"\n')
