import copy
from typing import Any

import pytest

from towline.kube.patch.jsonpatch import apply_json_patch
from towline.kube.status import ApiError

DOC = {"a": {"b": [1, 2, 3]}, "x/y": 1, "m~n": 2}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/c", "value": 1}, {**DOC, "c": 1}),
        ({"op": "add", "path": "/a/b/1", "value": 9}, {**DOC, "a": {"b": [1, 9, 2, 3]}}),
        ({"op": "add", "path": "/a/b/-", "value": 9}, {**DOC, "a": {"b": [1, 2, 3, 9]}}),
        ({"op": "remove", "path": "/a/b/0"}, {**DOC, "a": {"b": [2, 3]}}),
        ({"op": "replace", "path": "/x~1y", "value": 5}, {**DOC, "x/y": 5}),
        ({"op": "replace", "path": "/m~0n", "value": 5}, {**DOC, "m~n": 5}),
        ({"op": "copy", "from": "/a/b/0", "path": "/z"}, {**DOC, "z": 1}),
        ({"op": "move", "from": "/x~1y", "path": "/z"}, {"a": DOC["a"], "m~n": 2, "z": 1}),
        ({"op": "test", "path": "/a/b", "value": [1, 2, 3]}, DOC),
        ({"op": "test", "path": "/nothing", "value": None}, DOC),
        ({"op": "replace", "path": "", "value": {}}, {}),
    ],
)
def test_operations(operation: Any, expected: Any) -> None:
    before = copy.deepcopy(DOC)
    assert apply_json_patch(DOC, [operation]) == expected
    assert before == DOC


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/missing"},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "add", "path": "/a/b/7", "value": 1},
        {"op": "add", "path": "/missing/deep", "value": 1},
        {"op": "test", "path": "/a/b/0", "value": True},
        {"op": "test", "path": "/a/b/0", "value": 2},
        {"op": "add", "path": "/a"},
        {"op": "nonsense", "path": "/a"},
        {"op": "move", "from": "/a", "path": "/a/b"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/x~1y/z", "value": 1},
        {"op": "remove", "path": ""},
    ],
)
def test_impossible_operations_are_refused(operation: Any) -> None:
    with pytest.raises(ApiError) as caught:
        apply_json_patch(DOC, [operation])
    assert caught.value.code == 422
    assert caught.value.message.startswith("the server rejected our request")


def test_a_patch_has_bounds_and_a_shape() -> None:
    test = {"op": "test", "path": "/x~1y", "value": 1}
    with pytest.raises(ApiError) as caught:
        apply_json_patch(DOC, [test] * 10_001)
    assert caught.value.code == 413
    for patch in ({}, [1], "x"):
        with pytest.raises(ApiError) as caught:
            apply_json_patch(DOC, patch)
        assert caught.value.code == 400
