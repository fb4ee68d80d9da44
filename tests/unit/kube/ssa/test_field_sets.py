from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.ssa.fieldset import FieldSet, without_subtrees

ELEMENT = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
PATH = st.lists(ELEMENT, min_size=1, max_size=4).map(tuple)
PATHS = st.frozensets(PATH, max_size=6)


def build(paths: Any) -> Any:
    return FieldSet.of_paths(paths)


@given(PATHS)
def test_encoding_round_trips(paths: Any) -> None:
    built = build(paths)
    assert FieldSet.decode(built.encode()) == built
    assert len(built.paths()) == len(paths)


@given(PATHS, PATHS)
def test_operations_are_those_of_sets_of_paths(left: Any, right: Any) -> None:
    assert build(left) | build(right) == build(left | right)
    assert build(left) - build(right) == build(left - right)
    assert build(left) & build(right) == build(left & right)


@given(PATHS, PATHS)
def test_operations_leave_their_operands_alone(left: Any, right: Any) -> None:
    one, two = build(left), build(right)
    before = repr(one), repr(two)
    for combine in (FieldSet.union, FieldSet.difference, FieldSet.intersection):
        combine(one, two)
    assert (repr(one), repr(two)) == before


@given(PATHS, PATHS)
def test_subtrees_are_removed_with_their_root(left: Any, right: Any) -> None:
    kept = without_subtrees(build(left).tree, build(right).tree)
    expected = {p for p in left if not any(p[: len(r)] == r for r in right)}
    assert FieldSet(kept) == build(expected)


def test_paths_read_as_in_messages() -> None:
    fields = FieldSet.decode(
        {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"a"}': {
                        ".": {},
                        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {}},
                    }
                },
                "f:finalizers": {'v:"x"': {}, "i:3": {}},
            }
        }
    )
    assert fields.paths() == [
        '.spec.containers[name="a"]',
        '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
        '.spec.finalizers[="x"]',
        ".spec.finalizers[3]",
    ]
    assert not FieldSet()
    assert fields


def test_a_lone_dot_is_a_plain_member() -> None:
    assert FieldSet.decode({"f:a": {".": {}}}) == FieldSet.decode({"f:a": {}})


@pytest.mark.parametrize("raw", [[], "x", {"a": {}}, {"f:a": []}, {"f:a": {"q:": {}}}, {"f:a": 1}])
def test_malformed_sets_are_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match="fieldsV1"):
        FieldSet.decode(raw)


def test_endless_nesting_is_refused() -> None:
    tree = {}
    for _ in range(300):
        tree = {"f:a": tree}
    with pytest.raises(ValueError, match="fieldsV1"):
        FieldSet.decode(tree)
