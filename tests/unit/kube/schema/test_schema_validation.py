# ruff: noqa: E501  # one case per line reads best
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.refs import GroupKind
from towline.kube.schema.fielderror import FieldError, invalid_status
from towline.kube.schema.process import apply_defaults, prune, validate
from towline.kube.schema.structural import structural_node


def node(**spec: Any) -> Any:
    return structural_node({"type": "object", "properties": {"spec": {"type": "object", **spec}}})


def prop(**schema: Any) -> Any:
    return node(properties={"x": schema})


def problems(schema: Any, spec: Any) -> Any:
    return [str(error) for error in validate({"spec": spec}, schema)]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, "a", 'Invalid value: "string": spec.x in body must be of type integer: "string"'),
        ({"type": "string"}, 1, 'Invalid value: "integer": spec.x in body must be of type string: "integer"'),
        ({"type": "string"}, None, 'Invalid value: "null": spec.x in body must be of type string: "null"'),
        ({"type": "boolean"}, 1, 'Invalid value: "integer": spec.x in body must be of type boolean: "integer"'),
        ({"type": "integer"}, 1.5, 'Invalid value: "number": spec.x in body must be of type integer: "number"'),
        ({"type": "string", "enum": ["b", "c"]}, "a", 'Unsupported value: "a": supported values: "b", "c"'),
        ({"type": "integer", "minimum": 1}, 0, "Invalid value: 0: spec.x in body should be greater than or equal to 1"),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, 1, "Invalid value: 1: spec.x in body should be greater than 1"),
        ({"type": "integer", "maximum": 1}, 2, "Invalid value: 2: spec.x in body should be less than or equal to 1"),
        ({"type": "integer", "multipleOf": 5}, 7, "Invalid value: 7: spec.x in body should be a multiple of 5"),
        ({"type": "integer", "format": "int32"}, 2**31, "Invalid value: 2147483648: spec.x in body must be of type int32: 2147483648"),
        ({"type": "string", "pattern": "^a+$"}, "b", "Invalid value: \"b\": spec.x in body should match '^a+$'"),
        ({"type": "string", "minLength": 2}, "b", 'Invalid value: "b": spec.x in body should be at least 2 chars long'),
        ({"type": "string", "maxLength": 2}, "bbb", "Too long: may not be more than 2 bytes"),
        ({"type": "string", "format": "date-time"}, "soon", 'Invalid value: "soon": spec.x in body must be of type date-time: "soon"'),
        ({"type": "string", "format": "ipv4"}, "::1", 'Invalid value: "::1": spec.x in body must be of type ipv4: "::1"'),
        ({"type": "string", "format": "byte"}, "%", 'Invalid value: "%": spec.x in body must be of type byte: "%"'),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 1}, ["a", "b"], "Too many: 2: must have at most 1 items"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, [], "Invalid value: []: spec.x in body should have at least 1 items"),
        ({"type": "object", "minProperties": 1}, {}, "Invalid value: {}: spec.x in body should have at least 1 properties"),
        ({"x-kubernetes-int-or-string": True}, True, 'Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"'),
        ({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, 'Invalid value: {}: "spec.x" must validate one and only one schema (oneOf). Found none valid'),
        ({"type": "object", "anyOf": [{"required": ["a"]}]}, {}, 'Invalid value: {}: "spec.x" must validate at least one schema (anyOf)'),
        ({"type": "string", "not": {"enum": ["a"]}}, "a", 'Invalid value: "a": "spec.x" must not validate the schema (not)'),
    ],
)  # fmt: skip
def test_each_rule_has_its_message(schema: Any, value: Any, message: Any) -> None:
    assert problems(prop(**schema), {"x": value}) == [f"spec.x: {message}"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 2.0),
        ({"type": "number"}, 2),
        ({"type": "string", "nullable": True}, None),
        ({"x-kubernetes-int-or-string": True}, "25%"),
        ({"x-kubernetes-int-or-string": True}, 3),
        ({"type": "string", "pattern": "(?P<x>"}, "not enforced when Python cannot read it"),
        ({"type": "string", "format": "unknown-format"}, "x"),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": [1, {"b": None}]}),
        ({"type": "string", "format": "date-time"}, "2024-01-02T03:04:05Z"),
        ({"type": "string", "format": "duration"}, "1h30m"),
        ({"type": "string", "format": "cidr"}, "10.0.0.0/8"),
    ],
)
def test_what_fits_passes(schema: Any, value: Any) -> None:
    assert problems(prop(**schema), {"x": value}) == []


def test_missing_fields_and_doubled_items() -> None:
    schema = node(
        required=["y"],
        properties={
            "l": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {"type": "string"}}},
            },
            "s": {
                "type": "array",
                "x-kubernetes-list-type": "set",
                "items": {"type": "string"},
            },
        },
    )
    found = problems(schema, {"l": [{"name": "a"}, {"name": "a"}], "s": ["x", "y", "x"]})
    assert found == [
        "spec.y: Required value",
        'spec.l[1]: Duplicate value: {"name":"a"}',
        'spec.s[2]: Duplicate value: "x"',
    ]


def test_the_number_of_errors_is_bounded() -> None:
    schema = prop(type="array", items={"type": "string"})
    assert len(problems(schema, {"x": list(range(1000))})) == 100


def test_defaults_fill_nested_objects() -> None:
    schema = node(
        properties={
            "replicas": {"type": "integer", "default": 1},
            "mode": {
                "type": "object",
                "default": {},
                "properties": {"kind": {"type": "string", "default": "x"}},
            },
            "absent": {"type": "object", "properties": {"a": {"type": "string", "default": "b"}}},
            "list": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"p": {"type": "string", "default": "T"}},
                },
            },
            "nothing": {"type": "string", "nullable": True, "default": "d"},
            "wrong": {"type": "string", "default": "d"},
        }
    )
    given = {"spec": {"list": [{}, {"p": "U"}], "nothing": None, "wrong": None}}
    before = copy.deepcopy(given)
    done = apply_defaults(given, schema)
    assert done == {
        "spec": {
            "replicas": 1,
            "mode": {"kind": "x"},
            "list": [{"p": "T"}, {"p": "U"}],
            "nothing": None,
            "wrong": "d",
        }
    }
    assert given == before
    assert apply_defaults(done, schema) is done
    done["spec"]["mode"]["kind"] = "changed"
    assert apply_defaults({"spec": {}}, schema)["spec"]["mode"] == {"kind": "x"}


def test_unknown_fields_are_pruned_unless_preserved() -> None:
    schema = node(
        properties={
            "free": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "properties": {"known": {"type": "object", "properties": {}}},
            },
            "map": {"type": "object", "additionalProperties": {"type": "object"}},
        }
    )
    given = {
        "apiVersion": "e/v1",
        "kind": "W",
        "metadata": {"name": "w", "labels": {"a": "b"}, "nonsense": 1},
        "spec": {"free": {"x": 1, "known": {"y": 1}}, "map": {"k": {"z": 1}}, "gone": 1},
        "status": {},
    }
    pruned, unknown = prune(given, schema)
    assert sorted(unknown) == ["metadata.nonsense", "spec.free.known.y", "spec.gone", "status"]
    assert pruned["spec"] == {"free": {"x": 1, "known": {}}, "map": {"k": {"z": 1}}}


def test_embedded_objects_keep_their_type_and_metadata() -> None:
    schema = prop(
        **{
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        }
    )
    given = {"spec": {"x": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "bad": 1}}}}
    pruned, unknown = prune(given, schema)
    assert unknown == ["spec.x.metadata.bad"]
    assert pruned["spec"]["x"]["kind"] == "K"


def test_errors_become_one_status() -> None:
    errors = [FieldError("spec.a", "FieldValueRequired", "Required value")]
    status = invalid_status(GroupKind("example.com", "Widget"), "w", errors * 2).status()
    assert status["code"] == 422
    assert status["message"] == ('Widget.example.com "w" is invalid: spec.a: Required value')
    assert status["details"] == {
        "name": "w",
        "group": "example.com",
        "kind": "Widget",
        "causes": [{"reason": "FieldValueRequired", "message": "Required value", "field": "spec.a"}]
        * 2,
    }


SCHEMAS = st.recursive(
    st.sampled_from([
        {"type": "string"}, {"type": "integer", "default": 3}, {"type": "boolean"},
        {"x-kubernetes-int-or-string": True},
    ]),
    lambda inner: st.one_of(
        inner.map(lambda s: {"type": "array", "items": s}),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda p: {"type": "object", "properties": p}
        ),
        inner.map(lambda s: {"type": "object", "additionalProperties": s}),
    ),
    max_leaves=6,
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(SCHEMAS, VALUES)
def test_pruning_and_defaulting_settle_for_any_value(schema: Any, value: Any) -> None:
    found = structural_node({"type": "object", "properties": {"spec": schema}})
    pruned, _ = prune({"spec": value}, found)
    assert prune(pruned, found) == (pruned, [])
    done = apply_defaults(pruned, found)
    assert apply_defaults(done, found) == done
    validate(done, found)
