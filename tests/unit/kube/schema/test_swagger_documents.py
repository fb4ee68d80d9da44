"""OpenAPI v2 made of v3, and the canonical form of the schemas in definitions."""

from typing import Any

import pytest

from towline.kube.schema.crd_schema import canonical_definition
from towline.kube.schema.swagger import custom_schema, swagger_paths, swagger_schema

GVK = {"group": "example.com", "version": "v1", "kind": "Thing"}


@pytest.mark.parametrize(
    ("v3", "v2"),
    [
        ({"$ref": "#/components/schemas/a.B"}, {"$ref": "#/definitions/a.B"}),
        (
            {"allOf": [{"$ref": "#/components/schemas/a.B"}], "description": "d", "default": {}},
            {"$ref": "#/definitions/a.B", "description": "d"},
        ),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"type": "string"}),
        (
            {"type": "array", "items": {"$ref": "#/components/schemas/a.B"}},
            {"type": "array", "items": {"$ref": "#/definitions/a.B"}},
        ),
    ],
)
def test_schemas_of_built_in_kinds(v3: Any, v2: Any) -> None:
    assert swagger_schema(v3) == v2


@pytest.mark.parametrize(
    ("field", "published"),
    [
        ({"type": "string", "nullable": True}, {}),
        ({"type": "array", "nullable": True, "items": {"type": "string"}}, {}),
        ({"type": "array"}, {}),
        (
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}},
            {"x-kubernetes-preserve-unknown-fields": True},
        ),
        ({"type": "string", "anyOf": [{"minLength": 1}]}, {"type": "string"}),
    ],
)
def test_what_version_2_cannot_say_about_a_field_is_left_out(field: Any, published: Any) -> None:
    made = custom_schema({"type": "object", "properties": {"a": field}}, GVK)
    assert made["properties"]["a"] == published


def test_a_field_that_may_be_null_is_not_required() -> None:
    schema = {
        "type": "object",
        "required": ["a", "b"],
        "properties": {"a": {"type": "string", "nullable": True}, "b": {"type": "string"}},
    }
    assert custom_schema(schema, GVK)["required"] == ["b"]


def test_a_kind_that_takes_anything_declares_nothing() -> None:
    made = custom_schema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, GVK)
    assert made == {"type": "object", "x-kubernetes-group-version-kind": [GVK]}


def test_bodies_become_parameters() -> None:
    reference = {"schema": {"$ref": "#/components/schemas/a.B"}}
    patch = {
        "requestBody": {"content": {"application/json-patch+json": reference}},
        "parameters": [{"name": "dryRun", "in": "query", "schema": {"type": "string"}}],
        "responses": {"200": {"description": "OK", "content": {"application/json": reference}}},
    }
    made = swagger_paths({"/things/{name}": {"patch": patch}})["/things/{name}"]["patch"]
    assert made["consumes"] == ["application/json-patch+json"]
    assert made["produces"] == ["application/json"]
    assert made["parameters"] == [
        {"in": "body", "name": "body", "required": True, "schema": {"$ref": "#/definitions/a.B"}},
        {"name": "dryRun", "in": "query", "type": "string"},
    ]
    assert made["responses"]["200"]["schema"] == {"$ref": "#/definitions/a.B"}


def test_zero_values_leave_the_schemas_of_definitions_at_any_depth() -> None:
    noise = {"nullable": False, "title": "", "uniqueItems": False}
    schema = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"type": "string", **noise}, **noise},
            "map": {"type": "object", "additionalProperties": {"type": "integer", **noise}},
            "kept": {"type": "boolean", "default": False},
        },
        "anyOf": [{"properties": {"list": {**noise, "minItems": 0}}}],
    }
    crd = {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}}
    made = canonical_definition(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert made == {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"type": "string"}},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
            "kept": {"type": "boolean", "default": False},
        },
        "anyOf": [{"properties": {"list": {"minItems": 0}}}],
    }
