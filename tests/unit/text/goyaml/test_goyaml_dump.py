"""YAML text as Go prints it, by a table made with the original."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.text.goyaml import NilList, dump, dump_pretty
from towline.text.yaml import Limits, load_documents

_VECTORS: list[dict[str, str]] = json.loads(
    Path(__file__).with_name("vectors.json").read_text(encoding="utf-8")
)
_REFUSED = "\x7f\x80\x84\x86\x9f\ufffe\uffff"
_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]) | st.sampled_from("\n\t\r #:-'\"\u2028"),
    max_size=30,
).filter(lambda text: not set(text) & set(_REFUSED + "\ufeff"))
_NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("vector", _VECTORS, ids=range(len(_VECTORS)))
def test_a_value_is_written_as_the_original_writes_it(vector: dict[str, str]) -> None:
    assert dump(json.loads(vector["json"])) == vector["yaml"]


@given(_VALUES)
def test_what_is_written_reads_back_as_the_same(value: Any) -> None:
    documents = load_documents(dump(value), limits=Limits(unique_keys=False))
    read = documents[0].value if documents else None
    assert _numbers_as_floats(read) == _numbers_as_floats(value)


@given(_VALUES)
def test_pretty_text_reads_back_as_the_same(value: Any) -> None:
    documents = load_documents(dump_pretty(value), limits=Limits(unique_keys=False))
    read = documents[0].value if documents else None
    assert _numbers_as_floats(read) == _numbers_as_floats(value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "error marshaling into JSON: json: unsupported value: NaN"),
        ([float("-inf")], "error marshaling into JSON: json: unsupported value: -Inf"),
        ({"a": object()}, "error marshaling into JSON: json: unsupported type: object"),
        ("a\x7fb", "yaml: control characters are not allowed"),
        ({"a\x80": 1}, "yaml: control characters are not allowed"),
        ({"k" * 1023: 1}, "yaml: did not find expected ',' or '}'"),
        ({"a\x85b": 1}, "yaml: did not find expected ',' or '}'"),
    ],
)
def test_what_go_cannot_write_is_refused_in_its_words(value: Any, problem: str) -> None:
    with pytest.raises(InputError) as raised:
        dump(value)
    assert raised.value.message == problem


def test_values_that_nest_without_end_are_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InputError, match="max depth"):
        dump(value)
    with pytest.raises(InputError, match="max depth"):
        dump_pretty(value)


def test_a_nil_list_is_null_and_lone_surrogates_are_replaced() -> None:
    assert dump({"a": NilList(), "b": []}) == "a: null\nb: []\n"
    assert dump("\udc80") == "\ufffd\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": [1, [2, 3], {"c": []}]}, "b:\n  - 1\n  - - 2\n    - 3\n  - c: []\n"),
        ({"f": 12345678.0, "g": 1.0}, "f: 1.2345678e+07\ng: 1\n"),
        ({"t": "a\nb"}, "t: |-\n  a\n  b\n"),
        ("word " * 30 + "end", "word " * 30 + "end\n"),
        ({"a1b": 1, "a1-": 2}, "a1b: 1\na1-: 2\n"),
        ([], "[]\n"),
        ({"m\nl": {"x": 1}}, "? |-\n  m\n  l\n: x: 1\n"),
    ],
)
def test_pretty_text_indents_lists_and_folds_nothing(value: Any, text: str) -> None:
    assert dump_pretty(value) == text


def _numbers_as_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers_as_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers_as_floats(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
