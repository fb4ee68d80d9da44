# one case per line reads best
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.patch.merge import apply_merge_patch, create_merge_patch, three_way_merge

SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.text("ab", max_size=2))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


@pytest.mark.parametrize(
    ("doc", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({"a": "foo"}, None, None),
    ],
)
def test_the_cases_of_the_standard(doc: Any, patch: Any, expected: Any) -> None:
    assert apply_merge_patch(doc, patch) == expected


@given(OBJECTS, OBJECTS)
def test_a_created_patch_leads_to_the_new_object(old: Any, new: Any) -> None:
    before = copy.deepcopy(old)
    assert repr_sorted(apply_merge_patch(old, create_merge_patch(old, new))) == repr_sorted(new)
    assert old == before


@given(OBJECTS, OBJECTS)
def test_merging_twice_changes_nothing_more(doc: Any, patch: Any) -> None:
    once = apply_merge_patch(doc, patch)
    assert apply_merge_patch(once, patch) == once


@given(OBJECTS, OBJECTS)
def test_without_other_writers_a_three_way_merge_gives_what_is_wanted(
    original: Any, modified: Any
) -> None:
    patch = three_way_merge(original, modified, original)
    assert repr_sorted(apply_merge_patch(original, patch)) == repr_sorted(modified)


@given(OBJECTS, OBJECTS, OBJECTS)
def test_a_three_way_merge_settles(original: Any, modified: Any, current: Any) -> None:
    merged = apply_merge_patch(current, three_way_merge(original, modified, current))
    assert three_way_merge(modified, modified, merged) == {}


def test_what_only_the_live_object_has_stays() -> None:
    original = {"spec": {"a": 1, "b": 2}}
    modified = {"spec": {"a": 1}, "status": {}, "x": None}
    current = {"spec": {"a": 5, "b": 2, "c": 3}, "status": {"ready": True}}
    patch = three_way_merge(original, modified, current)
    assert patch == {"spec": {"a": 1, "b": None}}


def repr_sorted(value: Any) -> Any:
    """Tells true from 1 and ignores the order of keys."""
    if isinstance(value, dict):
        return repr(sorted((key, repr_sorted(below)) for key, below in value.items()))
    if isinstance(value, list):
        return repr([repr_sorted(item) for item in value])
    return repr(value)
