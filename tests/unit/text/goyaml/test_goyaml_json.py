"""JSON text as Go prints and reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.text.goyaml import dump_json, load, load_json
from towline.text.goyaml.jsonsyntax import json_problem
from towline.text.goyaml.numbers import json_number, shortest

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "in_json", "alone"),
    [
        (0.0, "0", "0"),
        (-0.0, "-0", "-0"),
        (1.0, "1", "1"),
        (123456.0, "123456", "123456"),
        (1e6, "1000000", "1e+06"),
        (1234567.5, "1234567.5", "1.2345675e+06"),
        (1e20, "100000000000000000000", "1e+20"),
        (1e21, "1e+21", "1e+21"),
        (1.5e300, "1.5e+300", "1.5e+300"),
        (0.0001, "0.0001", "0.0001"),
        (0.00001, "0.00001", "1e-05"),
        (1e-6, "0.000001", "1e-06"),
        (1e-7, "1e-7", "1e-07"),
        (1.5e-10, "1.5e-10", "1.5e-10"),
        (5e-324, "5e-324", "5e-324"),
        (2.0**63, "9223372036854775808", "9.223372036854776e+18"),
    ],
)
def test_floats_have_two_forms(value: float, in_json: str, alone: str) -> None:
    assert shortest(value) == alone
    assert json_number(value) == (in_json if value != 2.0**63 else "9223372036854776000")


def test_json_sorts_keys_and_escapes_markup() -> None:
    value = {"b": "<a&b>", "a": [1, 1.5, None, True, '\u2028\x01\x7f"\\\n'], "é": {}}
    assert dump_json(value) == (
        r'{"a":[1,1.5,null,true,"\u2028\u0001' + "\x7f" + r'\"\\\n"],'
        r'"b":"\u003ca\u0026b\u003e","é":{}}'
    )
    assert dump_json("<&>", markup=False) == '"<&>"'
    assert dump_json({"a": [1, {}], "b": []}, indent="  ") == (
        '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}'
    )


@given(_JSON)
def test_json_reads_back_as_the_same(value: Any) -> None:
    text = dump_json(value)
    assert load_json(text) == value
    assert json.loads(text, parse_int=float) == value
    assert json_problem(text) == ""


@given(st.text(max_size=20) | st.text('{}[]",:0123456789.eE+-tru\\ ', max_size=20))
def test_a_problem_is_found_exactly_where_json_is_wrong(text: str) -> None:
    try:
        json.loads(text, parse_constant=lambda _word: 1 / 0)
        valid = True
    except (ValueError, ZeroDivisionError):
        valid = False
    assert (json_problem(text) == "") == valid


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("{a", "invalid character 'a' looking for beginning of object key string"),
        ('{"a"x', "invalid character 'x' after object key"),
        ('{"a":1 2', "invalid character '2' after object key:value pair"),
        ("[1 2", "invalid character '2' after array element"),
        ("1 2", "invalid character '2' after top-level value"),
        ("tru", "invalid character ' ' in literal true (expecting 'e')"),
        ("nul1", "invalid character '1' in literal null (expecting 'l')"),
        ("-", "invalid character ' ' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ('"\n"', r"invalid character '\n' in string literal"),
        (r'"\x"', "invalid character 'x' in string escape code"),
        (r'"\u12g"', r"invalid character 'g' in \u hexadecimal character escape"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
        ("'", r"invalid character '\'' looking for beginning of value"),
        ("[1e999]", "json: cannot unmarshal number 1e999 into Go value of type float64"),
    ],
)
def test_problems_are_told_in_go_words(text: str, problem: str) -> None:
    with pytest.raises(InputError) as raised:
        load_json(text)
    assert raised.value.message == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("x: 1\na: b: c", "yaml: line 2: mapping values are not allowed in this context"),
        ("a: [1", "yaml: line 1: did not find expected ',' or ']'"),
        ("a: .nan", "json: unsupported value: NaN"),
        ("a: -.inf", "json: unsupported value: -Inf"),
        ("*x", "yaml: unknown anchor 'x' referenced"),
        ("\x07", "yaml: control characters are not allowed"),
    ],
)
def test_yaml_problems_are_told_in_go_words(text: str, problem: str) -> None:
    with pytest.raises(InputError) as raised:
        load(text)
    assert raised.value.message == f"error converting YAML to JSON: {problem}"


def test_only_the_first_document_counts_and_numbers_are_floats() -> None:
    assert load("a: 1\n--- [") == {"a": 1.0}
    assert isinstance(load("1"), float)
    assert load("") is None


def test_values_that_nest_without_end_are_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InputError, match="deeply"):
        dump_json(value)
    with pytest.raises(InputError, match="max depth"):
        load_json("[" * 100_000)
