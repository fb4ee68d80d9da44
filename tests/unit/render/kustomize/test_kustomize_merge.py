"""Strategic merge: objects, lists by keys, directives, the original's oddities."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from towline.errors import InputError
from towline.render.kustomize.merge import strategic_merge
from towline.render.kustomize.schema import Schemas
from towline.render.kustomize.values import BLANK


def pod(spec: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": yaml.safe_load(spec)}


def merged(target: str, patch: str) -> Any:
    result = strategic_merge(pod(patch), pod(target), Schemas())
    assert result is not None
    return result["spec"]


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ("{a: 1, b: {c: 2}}", "{b: {d: 3}}", "{a: 1, b: {c: 2, d: 3}}"),
        ("{a: 1, b: 2}", "{a: null}", "{b: 2}"),
        ("{a: {x: 1}}", "{a: {$patch: replace, y: 2}}", "{a: {y: 2}}"),
        ("{a: {x: 1}, b: 1}", "{a: {$patch: delete}}", "{b: 1}"),
        ("{}", "{new: {keep: 1, drop: null}}", "{new: {keep: 1}}"),
        (
            "{containers: [{name: a, image: x}, {name: b}]}",
            "{containers: [{name: b, image: y}, {name: c}]}",
            "{containers: [{name: b, image: y}, {name: c}, {name: a, image: x}]}",
        ),
        (
            "{containers: [{name: a}, {name: b}]}",
            "{containers: [{name: a, $patch: delete}]}",
            "{containers: [{name: b}]}",
        ),
        (
            "{containers: [{name: a}]}",
            "{containers: [{name: z}, {$patch: replace}]}",
            "{containers: [{name: z}]}",
        ),
        ("{tolerations: [{key: a}]}", "{tolerations: [{key: b}]}", "{tolerations: [{key: b}]}"),
        ("{tolerations: [{key: a}]}", "{tolerations: null}", "{}"),
        (
            "{containers: [{name: a, ports: [{containerPort: 80, protocol: UDP}]}]}",
            "{containers: [{name: a, ports: [{containerPort: 80, protocol: TCP}]}]}",
            (
                "{containers: [{name: a, ports: [{containerPort: 80, protocol: TCP},"
                " {containerPort: 80, protocol: UDP}]}]}"
            ),
        ),
        (
            "{containers: [{name: a, env: [{name: E, value: '1'}, {name: E, value: '2'}]}]}",
            "{x: 1}",
            "{containers: [{name: a, env: [{name: E, value: '2'}]}], x: 1}",
        ),
    ],
)
def test_a_patch_is_merged_by_the_schema(target: str, patch: str, expected: str) -> None:
    assert merged(target, patch) == yaml.safe_load(expected)


def test_lists_without_keys_merge_by_value() -> None:
    target = {"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": ["a", "b"]}}
    patch = {"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": ["c", "a"]}}
    result = strategic_merge(patch, target, Schemas())
    assert result is not None
    assert result["metadata"]["finalizers"] == ["c", "a", "b"]


def test_a_patch_drops_empty_values_elsewhere_and_keeps_written_nulls() -> None:
    target = {"kind": "A", "blank": BLANK, "null": None, "map": {"inner": BLANK}}
    assert strategic_merge({"x": 1}, target, Schemas()) == {
        "kind": "A",
        "null": None,
        "map": {},
        "x": 1,
    }


def test_whole_objects_can_be_deleted_but_not_replaced() -> None:
    target = {"kind": "A", "a": 1}
    assert strategic_merge({"$patch": "delete"}, target, Schemas()) is None
    assert strategic_merge({"$patch": "replace", "b": 2}, target, Schemas()) == target


def test_the_target_and_the_patch_stay_as_they_are() -> None:
    target = pod("{containers: [{name: a, env: [{name: E, value: x}]}]}")
    patch = pod("{containers: [{name: a, env: [{name: E, $patch: delete}]}]}")
    before = yaml.safe_dump([target, patch])
    strategic_merge(patch, target, Schemas())
    assert yaml.safe_dump([target, patch]) == before


@pytest.mark.parametrize(
    ("target", "patch", "message"),
    [
        ("{a: {b: 1}}", "{a: [1]}", "expected MappingNode but got SequenceNode"),
        ("{a: 1}", "{a: {b: 1}}", "expected ScalarNode but got MappingNode"),
        ("{a: {b: 1}}", "{a: {$patch: nonsense}}", "unknown patch strategy 'nonsense'"),
    ],
)
def test_sides_that_do_not_fit_are_an_error(target: str, patch: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        merged(target, patch)


def test_a_custom_schema_says_which_lists_merge() -> None:
    schemas = Schemas()
    schemas.choose(
        {"path": "s.json"},
        b'{"definitions": {"Foo": {"x-kubernetes-group-version-kind": [{"group": "x", "version":'
        b'"v1", "kind": "Foo"}], "properties": {"items": {"type": "array", "items": {},'
        b'"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "id"}}}}}',
    )
    target = {"apiVersion": "x/v1", "kind": "Foo", "items": [{"id": "a", "n": 1}, {"id": "b"}]}
    patch = {"items": [{"id": "a", "m": 2}]}
    result = strategic_merge(patch, target, schemas)
    assert result is not None
    assert result["items"] == [{"id": "a", "n": 1, "m": 2}, {"id": "b"}]
