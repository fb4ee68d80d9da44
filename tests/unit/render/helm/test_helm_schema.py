"""values.schema.json: what is refused, and with which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.render.helm.chart import Chart
from towline.render.helm.errors import ChartError
from towline.render.helm.metadata import Metadata
from towline.render.helm.schema import check_values
from towline.render.helm.schema.documents import Documents, parse_document
from towline.render.helm.schema.equality import equal
from towline.render.helm.schema.problems import shown
from towline.render.helm.schema.validator import Validator

DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}


def no_document(url: str) -> bytes:
    raise ChartError(f"{url} is not here")


def findings(schema: Any, values: Any, *, major: int = 3) -> list[str]:
    document = parse_document(json.dumps(schema).encode())
    problems = Validator(Documents(document, no_document), major=major).problems(values)
    return shown(problems).split("\n") if problems else []


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, 1.0, ["got number, want string"]),
        ({"type": ["string", "null"]}, True, ["got boolean, want null or string"]),
        ({"type": "integer"}, 2.0, []),
        ({"type": "integer"}, 2.5, ["got number, want integer"]),
        ({"const": 1}, 1.0, []),
        ({"const": "a"}, "b", ["value must be 'a'"]),
        ({"enum": ["a", 1, None]}, "b", ["value must be one of 'a', 1, <nil>"]),
        ({"enum": [["a"]]}, "b", ["'enum' failed"]),
        ({"enum": [True]}, 1.0, ["value must be true"]),
        ({"minLength": 2, "pattern": "^x"}, "y", None),
        ({"maximum": 65535}, 70000.0, ["maximum: got 70,000, want 65,535"]),
        ({"exclusiveMinimum": 1}, 1.0, ["exclusiveMinimum: got 1, want 1"]),
        ({"multipleOf": 0.1}, 0.3, []),
        ({"multipleOf": 0.2}, 0.3, ["multipleOf: got 0.3, want 0.2"]),
        ({"minItems": 2}, ["a"], ["minItems: got 1, want 2"]),
        ({"uniqueItems": True}, [1.0, "a", 1.0], ["items at 0 and 2 are equal"]),
        ({"contains": {"const": 1}}, [], ["no items match contains schema"]),
        ({"required": ["a"]}, {}, ["missing property 'a'"]),
        ({"required": ["a", "b'"]}, {}, [r"missing properties 'a', 'b\''"]),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"a": 1.0, "b": 1.0, "c": 1.0},
            ["additional properties 'b', 'c' not allowed"],
        ),
        ({"minProperties": 1}, {}, ["minProperties: got 0, want 1"]),
        ({"not": {"type": "string"}}, "a", ["'not' failed"]),
        ({"format": "ipv4"}, "1.2.3.400", None),
        ({"dependencies": {"a": ["b"]}}, {"a": 1.0}, ["properties 'b' required, if 'a' exists"]),
        ({"if": {"type": "string"}, "then": {"maxLength": 0}}, "x", ["maxLength: got 1, want 0"]),
        ({"oneOf": [{}, {"type": "string"}]}, "a", ["'oneOf' failed, subschemas 0, 1 matched"]),
        (True, "x", []),
        (False, "x", ["false schema"]),
    ],
)
def test_each_keyword_says_what_is_wrong(
    schema: Any, value: Any, expected: list[str] | None
) -> None:
    whole = {**DRAFT_7, "properties": {"v": schema}}
    lines = findings(whole, {"v": value})
    if expected is None:
        assert len(lines) > 0
    else:
        assert lines == [f"- at '/v': {text}" for text in expected]


def test_findings_are_grouped_as_helm_prints_them() -> None:
    schema = {
        **DRAFT_7,
        "properties": {"a": {"$ref": "#/definitions/A"}},
        "definitions": {
            "A": {"properties": {"b": {"anyOf": [{"type": "string"}, {"maxProperties": 1}]}}}
        },
    }
    assert findings(schema, {"a": {"b": {"c": 1.0, "d": 2.0}}}) == [
        "- at '/a/b': 'anyOf' failed",
        "  - at '/a/b': got object, want string",
        "  - at '/a/b': maxProperties: got 2, want 1",
    ]


def test_several_findings_about_one_value_stand_below_a_line_of_their_own() -> None:
    schema = {**DRAFT_7, "properties": {"a": {"minLength": 2, "pattern": "^x"}, "b": False}}
    assert findings(schema, {"a": "y", "b": 1.0}) == [
        "- at '/a': validation failed",
        "  - at '/a': minLength: got 1, want 2",
        "  - at '/a': 'y' does not match pattern '^x'",
        "- at '/b': false schema",
    ]


def test_names_of_members_are_checked() -> None:
    schema = {**DRAFT_7, "propertyNames": {"maxLength": 1}}
    assert findings(schema, {"a": 1.0, "bb": 1.0}) == [
        "- at '': invalid propertyName 'bb'",
        "  - at '': maxLength: got 2, want 1",
    ]


@pytest.mark.parametrize(("major", "index"), [(3, 0), (4, 1)])
def test_the_entries_behind_listed_ones_are_counted_as_each_helm_does(
    major: int, index: int
) -> None:
    schema = {**DRAFT_7, "properties": {"a": {"items": [{}], "additionalItems": {"type": "null"}}}}
    lines = findings(schema, {"a": [1.0, 2.0]}, major=major)
    assert lines == [f"- at '/a/{index}': got number, want null"]


def test_references_anchors_and_unevaluated_members() -> None:
    schema = {
        "$defs": {"n": {"$anchor": "name", "type": "string"}},
        "properties": {"a": {"$ref": "#name"}, "b": {"$ref": "#/$defs/n"}},
        "allOf": [{"properties": {"c": {}}}],
        "unevaluatedProperties": False,
    }
    assert findings(schema, {"a": "x", "b": "y", "c": 1.0}) == []
    assert findings(schema, {"a": 1.0, "d": 1.0}) == [
        "- at '/a': got number, want string",
        "- at '/d': false schema",
    ]


def test_recursive_schemas_end() -> None:
    tree = {**DRAFT_7, "properties": {"child": {"$ref": "#"}}, "additionalProperties": False}
    assert findings(tree, {"child": {"child": {}}}) == []
    assert findings(tree, {"child": {"x": 1.0}}) == [
        "- at '/child': additional properties 'x' not allowed"
    ]
    loop = {**DRAFT_7, "$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/a"}}}
    assert findings(loop, {}) != []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"properties": 1},
        {"required": "a"},
        {"pattern": "("},
        {"pattern": "(?<=a)"},
        {"allOf": []},
        {"minLength": -1},
        {"multipleOf": 0},
        {"$ref": "#/none"},
        {"$ref": "https://example.com/x.json"},
        {"$schema": "https://example.com/own"},
        {"properties": {"a": "text"}},
    ],
)
def test_malformed_schemas_and_documents_elsewhere_are_refused(schema: Any) -> None:
    with pytest.raises(ChartError):
        findings(schema, {})


def test_a_document_elsewhere_is_fetched_through_the_port() -> None:
    def load(url: str) -> bytes:
        assert url == "https://example.com/x.json"
        return b'{"definitions": {"a": {"type": "string"}}}'

    schema = {**DRAFT_7, "properties": {"a": {"$ref": "https://example.com/x.json#/definitions/a"}}}
    chart = Chart(Metadata(name="web"), schema=json.dumps(schema).encode())
    check_values(chart, {"a": "x"}, major=3, load=load)
    with pytest.raises(ChartError) as caught:
        check_values(chart, {"a": 1.0}, major=3, load=load)
    assert caught.value.message == (
        "values don't meet the specifications of the schema(s) in the following chart(s):\n"
        "web:\n- at '/a': got number, want string\n"
    )


def test_subcharts_are_checked_with_their_own_schemas(template: Callable[..., str]) -> None:
    files = {
        "values.schema.json": '{"required": ["top"]}',
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        "charts/sub/values.schema.json": '{"properties": {"x": {"type": "string"}}}',
    }
    with pytest.raises(ChartError) as caught:
        template(files, {"sub": {"x": 1}})
    assert caught.value.message.endswith(
        "web:\n- at '': missing property 'top'\nsub:\n- at '/x': got number, want string\n"
    )
    assert template(files, {"sub": {"x": 1}}, skip_schema_validation=True) == "\n"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(-3, 3), st.sampled_from(["", "a", "type"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "properties", "a", "items", "$ref", "enum", "not", "anyOf"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=10,
)


@given(JSON, JSON)
def test_any_schema_validates_or_is_refused(schema: Any, value: Any) -> None:
    try:
        findings(schema, value)
    except ChartError:
        return


@given(JSON)
def test_a_value_equals_itself_and_its_constant(value: Any) -> None:
    assert equal(value, value)
    assert findings({"properties": {"v": {"const": value}}}, {"v": value}) == []
