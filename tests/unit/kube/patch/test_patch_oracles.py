"""Patches against other readings of the same standards: a library, and the standard's own rule."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import jsonpointer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.kube.patch import apply_json_patch, apply_merge_patch
from towline.kube.status import ApiError

KEYS = st.sampled_from(["a", "b", "x/y", "m~n", ""])
SCALARS = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["s", "", "true"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
INDEXES = st.sampled_from(["0", "1", "2"])


def pointers(value: Any) -> list[list[str]]:
    """Every place in a document."""
    found: list[list[str]] = [[]]
    if isinstance(value, dict):
        found += [[key, *rest] for key, below in value.items() for rest in pointers(below)]
    if isinstance(value, list):
        found += [[str(i), *rest] for i, below in enumerate(value) for rest in pointers(below)]
    return found


def written(tokens: list[str]) -> str:
    return "".join(f"/{token.replace('~', '~0').replace('/', '~1')}" for token in tokens)


@st.composite
def operations(draw: st.DrawFn, doc: Any) -> dict[str, Any]:
    """Mostly at places that exist or are next to one; a removed root is a matter of taste."""
    places = st.sampled_from(pointers(doc))
    path = draw(places) + draw(st.lists(st.one_of(KEYS, INDEXES), max_size=1))
    name = draw(st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]))
    if not path and name in {"remove", "move"}:
        path = ["a"]
    operation: dict[str, Any] = {"op": name, "path": written(path)}
    if name in {"move", "copy"}:
        origin = draw(places) or ["a"]
        operation["from"] = written(origin)
    elif name == "test":
        operation["value"] = draw(VALUES.filter(lambda value: value is not None))
    elif name != "remove":
        operation["value"] = draw(VALUES)
    return operation


def by_library(doc: Any, patch: list[dict[str, Any]]) -> tuple[bool, Any]:
    try:
        return True, jsonpatch.apply_patch(copy.deepcopy(doc), patch)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError):
        return False, 422


def by_us(doc: Any, patch: list[dict[str, Any]]) -> tuple[bool, Any]:
    try:
        return True, apply_json_patch(doc, patch)
    except ApiError as error:
        return False, error.code


@settings(max_examples=200)
@given(st.data())
def test_json_patches_do_what_another_implementation_does(data: st.DataObject) -> None:
    doc = data.draw(DOCUMENTS)
    before, first = copy.deepcopy(doc), doc
    patch: list[dict[str, Any]] = []
    for _ in range(data.draw(st.integers(1, 4))):
        patch.append(data.draw(operations(doc)))
        fits, expected = by_library(first, patch)
        assert by_us(first, patch) == (fits, expected), patch
        if not fits:
            break
        doc = expected
    assert first == before, "the input was changed"


@settings(max_examples=200)
@given(DOCUMENTS, DOCUMENTS)
def test_a_made_json_patch_leads_from_one_document_to_the_other(old: Any, new: Any) -> None:
    patch = jsonpatch.make_patch(old, new).patch
    assert apply_json_patch(old, patch) == new


def merged_as_rfc_7386_says(target: Any, patch: Any) -> Any:
    """The standard's rule, section 2, in place."""
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for name, value in patch.items():
        if value is None:
            if name in target:
                del target[name]
        else:
            target[name] = merged_as_rfc_7386_says(target.get(name), value)
    return target


@settings(max_examples=200)
@given(VALUES, VALUES)
def test_merge_patches_follow_the_standards_rule(target: Any, patch: Any) -> None:
    expected = merged_as_rfc_7386_says(copy.deepcopy(target), patch)
    assert apply_merge_patch(target, patch) == expected


@pytest.mark.parametrize("scalar", [1, "s", None, [], [1]])
def test_a_merge_patch_that_is_no_object_takes_the_place(scalar: Any) -> None:
    assert apply_merge_patch({"a": 1}, scalar) == scalar
