"""Rules of a schema on objects: where errors stand, what they say, what is not judged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import TowlineError
from towline.kube.cel.issues import CompileError
from towline.kube.cel.program import compile_expression
from towline.kube.cel.rules import RuleNode, compile_rules
from towline.kube.cel.types import DYN
from towline.kube.cel.validation import Verdict, check_rules
from towline.kube.schema.correlation import Correlation
from towline.kube.schema.node import SchemaNode

_TEXT = {"type": "string"}


def schema(**spec: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": {"type": "object", **spec}}}


def rules(*given: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return schema(**spec, **{"x-kubernetes-validations": list(given)})


def judge(raw: dict[str, Any], new: Any, old: Any = None, *, budget: int = 10_000_000) -> Verdict:
    node = compile_rules(raw)
    assert node is not None
    correlation = None if old is None else Correlation(new, old, SchemaNode(raw), root=True)
    return check_rules(node, new, old, correlation=correlation, budget=budget)


def texts(verdict: Verdict) -> list[str]:
    return [str(error) for error in verdict.errors]


_PAIR = {"properties": {"min": {"type": "integer"}, "max": {"type": "integer"}, "name": _TEXT}}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            {"rule": "self.min <= self.max"},
            "spec: Invalid value: failed rule: self.min <= self.max",
        ),
        ({"rule": "self.min <= self.max", "message": " odd "}, "spec: Invalid value: odd"),
        (
            {"rule": "false", "messageExpression": "'min is %d'.format([self.min])"},
            "spec: Invalid value: min is 3",
        ),
        (
            {"rule": "false", "message": "odd", "messageExpression": "' '"},
            "spec: Invalid value: odd",
        ),
        (
            {"rule": "false", "message": "odd", "messageExpression": "string(self.min / 0)"},
            "spec: Invalid value: odd",
        ),
        (
            {"rule": "false", "message": "odd", "reason": "FieldValueForbidden"},
            "spec: Forbidden: odd",
        ),
        (
            {"rule": "false", "message": "odd", "reason": "FieldValueRequired"},
            "spec: Required value: odd",
        ),
        ({"rule": "false", "reason": "FieldValueDuplicate"}, "spec: Duplicate value"),
        (
            {"rule": "false", "message": "odd", "fieldPath": ".name"},
            "spec.name: Invalid value: odd",
        ),
        (
            {"rule": "self.min / 0 == 1"},
            'spec: Invalid value: "object": division by zero evaluating rule: self.min / 0 == 1',
        ),
    ],
)
def test_a_rule_that_fails_says_so(rule: dict[str, Any], text: str) -> None:
    raw = rules(rule, **_PAIR)
    assert texts(judge(raw, {"spec": {"min": 3, "max": 2, "name": "a"}})) == [text]


def test_values_of_scalars_are_shown() -> None:
    raw = schema(
        properties={"a": {**_TEXT, "x-kubernetes-validations": [{"rule": "self.size() > 3"}]}}
    )
    assert texts(judge(raw, {"spec": {"a": "ab"}})) == [
        'spec.a: Invalid value: "ab": failed rule: self.size() > 3'
    ]


def test_names_are_escaped_and_resources_have_their_names() -> None:
    raw = {
        "type": "object",
        "x-kubernetes-validations": [
            {"rule": "self.metadata.name == 'a' && self.kind == 'K' && self.__namespace__ == 1"},
            {"rule": "self.a__dash__b == 2 && self.c__dot__d == 3 && self.e__slash__f == 4"},
        ],
        "properties": {
            name: {"type": "integer"} for name in ("namespace", "a-b", "c.d", "e/f", "1x")
        },
    }
    obj = {
        "apiVersion": "g/v1",
        "kind": "K",
        "metadata": {"name": "a", "labels": {}},
        "namespace": 1,
        "a-b": 2,
        "c.d": 3,
        "e/f": 4,
    }
    assert judge(raw, obj).errors == ()


# --- transitions ---------------------------------------------------------------------------------


def test_transition_rules_need_an_old_value() -> None:
    raw = rules({"rule": "self.max >= oldSelf.max"}, **_PAIR)
    assert judge(raw, {"spec": {"max": 1}}).errors == ()
    assert judge(raw, {"spec": {"max": 1}}, {"other": 1}).errors == ()
    assert len(judge(raw, {"spec": {"max": 1}}, {"spec": {"max": 2}}).errors) == 1


def test_optional_old_values_let_transition_rules_judge_creation() -> None:
    rule = {"rule": "oldSelf.hasValue() || self.max == 0", "optionalOldSelf": True}
    raw = rules(rule, **_PAIR)
    assert len(judge(raw, {"spec": {"max": 1}}).errors) == 1
    assert judge(raw, {"spec": {"max": 1}}, {"spec": {"max": 5}}).errors == ()


@pytest.mark.parametrize(("list_type", "refused"), [("map", 1), ("atomic", 0)])
def test_items_of_map_lists_are_matched_by_their_keys(list_type: str, refused: int) -> None:
    item = {
        "type": "object",
        "properties": {"k": _TEXT, "v": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v"}],
    }
    items = {"type": "array", "items": item, "x-kubernetes-list-type": list_type}
    if list_type == "map":
        items["x-kubernetes-list-map-keys"] = ["k"]
    raw = schema(properties={"l": items})
    old = {"spec": {"l": [{"k": "a", "v": 1}, {"k": "b", "v": 5}]}}
    new = {"spec": {"l": [{"k": "b", "v": 4}, {"k": "c", "v": 0}, {"k": "a", "v": 1}]}}
    found = judge(raw, new, old).errors
    assert [error.path for error in found] == ["spec.l[0]"][:refused]


# --- ratcheting ----------------------------------------------------------------------------------


def test_unchanged_parts_that_violate_a_rule_are_warnings() -> None:
    part = {"type": "object", "properties": {"n": {"type": "integer"}}}
    limited = {**part, "x-kubernetes-validations": [{"rule": "self.n < 5", "message": "too big"}]}
    raw = schema(properties={"a": limited, "b": part})
    old = {"spec": {"a": {"n": 9}, "b": {"n": 1}}}
    kept = judge(raw, {"spec": {"a": {"n": 9}, "b": {"n": 2}}}, old)
    assert kept.errors == ()
    assert kept.warnings == ("spec.a: Invalid value: too big",)
    assert len(judge(raw, {"spec": {"a": {"n": 8}, "b": {"n": 1}}}, old).errors) == 1


def test_rules_on_old_values_are_never_warnings() -> None:
    raw = rules({"rule": "self.max > oldSelf.max"}, **_PAIR)
    same = {"spec": {"max": 2}}
    assert len(judge(raw, same, {"spec": {"max": 2}}).errors) == 1


# --- bounds --------------------------------------------------------------------------------------


def test_s65_a_rule_without_end_stops_at_its_budget() -> None:
    numbers = {"type": "array", "items": {"type": "integer"}}
    loops = "self.l.all(a, self.l.all(b, self.l.all(c, a + b + c >= 0)))"
    raw = rules(
        {"rule": loops}, {"rule": "false", "message": "never reached"}, properties={"l": numbers}
    )
    (error,) = judge(raw, {"spec": {"l": list(range(1000))}}).errors
    assert "no further validation rules will be run due to call cost exceeds limit" in error.message


def test_all_rules_share_one_budget() -> None:
    numbers = {"type": "array", "items": {"type": "integer"}}
    rule = {"rule": "self.l.all(a, a >= 0)"}
    raw = rules(rule, rule, rule, properties={"l": numbers})
    (error,) = judge(raw, {"spec": {"l": list(range(100))}}, budget=1000).errors
    assert "running out of cost budget" in error.message


@pytest.mark.parametrize(
    "text",
    ["(" * 5000, "[a." * 40 + "b.c" + "]" * 40 + ".d" * 140, "a" + ".b" * 5000, "1" + "+1" * 5000],
)
def test_s65_deep_expressions_are_refused_not_overflowed(text: str) -> None:
    with pytest.raises(CompileError):
        compile_expression(text + (")" * 5000 if text[0] == "(" else ""), {"a": DYN})


_WORDS = st.sampled_from(
    [
        "self",
        "a",
        "1",
        "2.5",
        "'x'",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ".",
        ",",
        "?",
        ":",
        "+",
        "-",
        "==",
        "&&",
        "||",
        "!",
        "in",
        "all",
        "map",
        "size",
        "has",
        "true",
        "b'x'",
        "1u",
    ]
)


@given(
    st.lists(_WORDS, max_size=14).map(" ".join), st.sampled_from([1, "x", [1, "a"], {"a": None}])
)
def test_any_text_is_refused_or_evaluated(text: str, value: Any) -> None:
    try:
        program = compile_expression(text, {"self": DYN, "a": DYN})
        program.evaluate({"self": value, "a": value})
    except TowlineError:
        return


@given(
    st.recursive(
        st.integers(-5, 5) | st.booleans() | st.text(max_size=3),
        lambda s: st.lists(s, max_size=3),
        max_leaves=6,
    )
)
def test_equality_is_reflexive_and_lists_differ_by_their_items(value: Any) -> None:
    program = compile_expression("a == a && !([a] == []) && a in [a]", {"a": DYN})
    assert program.evaluate({"a": value}) is True


def test_schemas_without_rules_have_no_node() -> None:
    assert compile_rules(schema(properties={"a": _TEXT})) is None
    assert isinstance(compile_rules(rules({"rule": "true"})), RuleNode)
