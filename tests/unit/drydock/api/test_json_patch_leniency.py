"""What kube-apiserver 1.36 makes of odd JSON patches, found by asking it."""

from __future__ import annotations

from typing import Any

import pytest

from towline.drydock.api.json_patches import apply_leniently, check_json_patch
from towline.kube.status import ApiError

DOC = {"data": {"a": "1"}, "list": ["x"], "a/b": {"c~d": 1}}

ACCEPTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"op": "replace", "path": "/data/new", "value": "2"}, {"data": {"a": "1", "new": "2"}}),
    ({"op": "replace", "path": "/data/a", "value": "2"}, {"data": {"a": "2"}}),
    ({"op": "replace", "path": "/a~1b/e", "value": 2}, {"a/b": {"c~d": 1, "e": 2}}),
    ({"op": "copy", "from": "/data/none", "path": "/data/b"}, {"data": {"a": "1", "b": None}}),
    ({"op": "copy", "from": "/data/a", "path": "/data/b"}, {"data": {"a": "1", "b": "1"}}),
    ({"op": "add", "path": "/data/b"}, {"data": {"a": "1", "b": None}}),
    ({"op": "add", "path": "ignored/data/b", "value": "2"}, {"data": {"a": "1", "b": "2"}}),
    ({"op": "test", "path": "/data/none"}, {}),
    ({"op": "add", "path": "/list/-", "value": "y"}, {"list": ["x", "y"]}),
]
REFUSED: list[dict[str, Any]] = [
    {"op": "test", "path": "/data/a", "value": "X"},
    {"op": "test", "path": "/data/none", "value": "X"},
    {"op": "remove", "path": "/data/none"},
    {"op": "remove", "path": ""},
    {"op": "replace", "path": "/none/none", "value": "1"},
    {"op": "add", "path": "/none/none", "value": "1"},
    {"op": "add", "path": "/data/a/b", "value": "1"},
    {"op": "add", "path": "/list/5", "value": "1"},
    {"op": "replace", "path": "/list/5", "value": "1"},
    {"op": "replace", "path": "/list/99999999999999999999/x", "value": "1"},
    {"op": "add", "path": "/list/x", "value": "1"},
    {"op": "copy", "from": "/none/none", "path": "/data/b"},
    {"op": "move", "from": "/data/none", "path": "/data/b"},
    {"op": "what", "path": "/data/b"},
    {"op": "add", "value": "x"},
    {"op": "add", "path": 7, "value": "x"},
    {"path": "/data/b", "value": "x"},
]


@pytest.mark.parametrize(("operation", "changed"), ACCEPTED, ids=lambda each: str(each)[:60])
def test_lenient_operations(operation: dict[str, Any], changed: dict[str, Any]) -> None:
    assert apply_leniently(DOC, check_json_patch([operation])) == {**DOC, **changed}


@pytest.mark.parametrize("operation", REFUSED, ids=str)
def test_what_does_not_fit_is_refused_without_a_reason(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        apply_leniently(DOC, check_json_patch([operation]))
    status = caught.value.status()
    assert status["message"] == "the server rejected our request due to an error in our request"
    assert (status["code"], status["reason"], status["details"]) == (422, "Invalid", {})


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({"op": "add"}, "cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        ("x", "cannot unmarshal string into Go value of type []handlers.jsonPatchOp"),
        (["x"], "cannot unmarshal string into Go value of type handlers.jsonPatchOp"),
        ([1], "cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
        ([[]], "cannot unmarshal array into Go value of type handlers.jsonPatchOp"),
        ([True], "cannot unmarshal bool into Go value of type handlers.jsonPatchOp"),
    ],
)
def test_what_is_no_patch_is_named(patch: Any, told: str) -> None:
    with pytest.raises(ApiError, match="error decoding patch") as caught:
        check_json_patch(patch)
    assert caught.value.message == f"error decoding patch: json: {told}"
    assert caught.value.code == 400


def test_too_long_a_patch_is_refused() -> None:
    with pytest.raises(ApiError, match="maximum operations in a JSON patch is 10000, got 10001"):
        check_json_patch([{"op": "test", "path": "/x"}] * 10_001)


def test_later_operations_see_what_earlier_ones_made() -> None:
    patch = [
        {"op": "add", "path": "/data", "value": {}},
        {"op": "replace", "path": "/data/k", "value": "v"},
        {"op": "test", "path": "/data/k", "value": "v"},
    ]
    assert apply_leniently(DOC, patch)["data"] == {"k": "v"}
