from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.selectors import (
    label_selector_of,
    label_selector_of_map,
    parse_field_selector,
    parse_label_selector,
)
from towline.kube.status import ApiError


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "b"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (x,y)", {"a": "y"}, True),
        ("a in (x, y)", {"a": "z"}, False),
        ("a notin (x,y)", {}, True),
        ("a notin (x,y)", {"a": "x"}, False),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("!a", {"a": "1"}, False),
        ("a=b,c!=d", {"a": "b", "c": "e"}, True),
        ("a=", {"a": ""}, True),
        ("a=,b=c", {"a": "", "b": "c"}, True),
        ("in in (in)", {"in": "in"}, True),
        ("a>5", {"a": "6"}, True),
        ("a<5", {"a": "6"}, False),
        ("a>5", {"a": "x"}, False),
        ("example.com/x in ()", {"example.com/x": ""}, True),
    ],
)
def test_label_selectors_match(text: Any, labels: Any, expected: Any) -> None:
    assert parse_label_selector(text).matches(labels) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("==", "found '==', expected: !, identifier, or 'end of string'"),
        ("a==b,", "found '', expected: identifier after ','"),
        ("!==x", "found '!=', expected: !, identifier, or 'end of string'"),
        ("!(", "unable to parse requirement: found '(', expected: identifier"),
        ("a=(b)", "found '(', expected: identifier"),
        ("a in b", "found 'b' expected: '('"),
        ("a in (b", "expected: ',' or ')'"),
        ("a b", "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a b=c", "expected: in, notin, =, =="),
        ("_=x", "name part must consist of"),
        ("a=-", "a valid label must be an empty string or consist of"),
        ("a>x", "the value must be an integer"),
    ],
)
def test_malformed_label_selectors_are_bad_requests(text: Any, message: Any) -> None:
    with pytest.raises(ApiError) as caught:
        parse_label_selector(text)
    assert caught.value.code == 400
    assert message in caught.value.message


@given(st.text(alphabet="ab=!,() <>in\t-", max_size=30))
def test_any_text_is_parsed_or_refused(text: Any) -> None:
    try:
        selector = parse_label_selector(text)
    except ApiError:
        return
    assert parse_label_selector(str(selector)).matches({}) == selector.matches({})


def test_selectors_inside_objects() -> None:
    selector = label_selector_of(
        {
            "matchLabels": {"app": "x"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector.matches({"app": "x", "tier": "a"})
    assert not selector.matches({"app": "x", "tier": "a", "old": ""})
    assert str(selector) == "app=x,!old,tier in (a,b)"
    assert label_selector_of({}).matches({"a": "b"})
    assert not label_selector_of(None).matches({})
    assert not label_selector_of_map({}).matches({})
    assert label_selector_of_map({"a": "b"}).matches({"a": "b", "c": "d"})


@pytest.mark.parametrize(
    "expression",
    [
        {"key": "a", "operator": "Near"},
        {"key": "a", "operator": "In"},
        {"key": "a", "operator": "Exists", "values": ["x"]},
    ],
)
def test_wrong_expressions_are_bad_requests(expression: Any) -> None:
    with pytest.raises(ApiError, match=r"operator|values"):
        label_selector_of({"matchExpressions": [expression]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("metadata.name=a", [("metadata.name", "=", "a")]),
        ("a==b,c!=d", [("a", "=", "b"), ("c", "!=", "d")]),
        (r"a=x\,y\=z\\", [("a", "=", "x,y=z\\")]),
        ("a=", [("a", "=", "")]),
    ],
)
def test_field_selectors(text: Any, expected: Any) -> None:
    assert parse_field_selector(text) == expected


@pytest.mark.parametrize("text", ["a", r"a=\x", "a=b=c", "a=\\"])
def test_malformed_field_selectors_are_bad_requests(text: Any) -> None:
    with pytest.raises(ApiError) as caught:
        parse_field_selector(text)
    assert caught.value.code == 400
