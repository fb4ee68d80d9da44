# one case per line reads best
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.patch.strategic import apply_strategic_patch, create_three_way_strategic
from towline.kube.refs import GroupVersionKind
from towline.kube.schema.catalog import load_catalog
from towline.kube.status import ApiError

POD = load_catalog().kind(GroupVersionKind("", "v1", "Pod")).schema
DEPLOYMENT = load_catalog().kind(GroupVersionKind("apps", "v1", "Deployment")).schema


def spec(**fields: Any) -> Any:
    return {"spec": fields}


CASES = {
    "containers merge by name": (
        spec(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]),
        spec(containers=[{"name": "b", "image": "2"}]),
        spec(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]),
    ),
    "new items stand before what only the server has": (
        spec(containers=[{"name": "a"}]),
        spec(containers=[{"name": "z"}]),
        spec(containers=[{"name": "z"}, {"name": "a"}]),
    ),
    "an element is deleted by its key": (
        spec(containers=[{"name": "a"}, {"name": "b"}]),
        spec(containers=[{"name": "a", "$patch": "delete"}]),
        spec(containers=[{"name": "b"}]),
    ),
    "a list is replaced": (
        spec(containers=[{"name": "a"}, {"name": "b"}]),
        spec(containers=[{"name": "c"}, {"$patch": "replace"}]),
        spec(containers=[{"name": "c"}]),
    ),
    "a map is replaced": (
        spec(nodeSelector={"a": "b"}),
        spec(nodeSelector={"c": "d", "$patch": "replace"}),
        spec(nodeSelector={"c": "d"}),
    ),
    "a map is emptied": (
        spec(nodeSelector={"a": "b"}),
        spec(nodeSelector={"$patch": "delete"}),
        spec(nodeSelector={}),
    ),
    "null deletes": (
        spec(nodeSelector={"a": "b", "c": "d"}, nodeName="n"),
        spec(nodeSelector={"a": None}, nodeName=None),
        spec(nodeSelector={"c": "d"}),
    ),
    "lists without a strategy are replaced": (
        spec(tolerations=[{"key": "a"}, {"key": "b"}]),
        spec(tolerations=[{"key": "c"}]),
        spec(tolerations=[{"key": "c"}]),
    ),
    "scalar lists unite": (
        {"metadata": {"finalizers": ["a", "b"]}},
        {"metadata": {"finalizers": ["c", "a"]}},
        {"metadata": {"finalizers": ["c", "a", "b"]}},
    ),
    "scalars are deleted from lists": (
        {"metadata": {"finalizers": ["a", "b", "c"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}},
        {"metadata": {"finalizers": ["a", "c"]}},
    ),
    "volumes keep only the keys of the chosen source": (
        spec(volumes=[{"name": "v", "emptyDir": {}}]),
        spec(
            volumes=[{"name": "v", "hostPath": {"path": "/x"}, "$retainKeys": ["name", "hostPath"]}]
        ),
        spec(volumes=[{"name": "v", "hostPath": {"path": "/x"}}]),
    ),
    "the order of elements is set, server-only ones stay between": (
        spec(containers=[{"name": "a"}, {"name": "server"}, {"name": "b"}]),
        {
            "spec": {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
                "containers": [{"name": "b", "image": "1"}],
            }
        },
        spec(containers=[{"name": "server"}, {"name": "b", "image": "1"}, {"name": "a"}]),
    ),
    "a new item takes the place of a deleted one": (
        spec(containers=[{"name": "old"}, {"name": "server"}]),
        {
            "spec": {
                "$setElementOrder/containers": [{"name": "new"}],
                "containers": [{"name": "new"}, {"$patch": "delete", "name": "old"}],
            }
        },
        spec(containers=[{"name": "server"}, {"name": "new"}]),
    ),
    "only the order changes": (
        spec(containers=[{"name": "a"}, {"name": "b"}]),
        {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}},
        spec(containers=[{"name": "b"}, {"name": "a"}]),
    ),
    "ports merge by containerPort only": (
        spec(containers=[{"name": "a", "ports": [{"containerPort": 53, "protocol": "TCP"}]}]),
        spec(containers=[{"name": "a", "ports": [{"containerPort": 53, "protocol": "UDP"}]}]),
        spec(containers=[{"name": "a", "ports": [{"containerPort": 53, "protocol": "UDP"}]}]),
    ),
    "nested lists merge too": (
        spec(containers=[{"name": "a", "env": [{"name": "X", "value": "1"}]}]),
        spec(containers=[{"name": "a", "env": [{"name": "Y", "value": "2"}]}]),
        spec(
            containers=[
                {"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}
            ]
        ),
    ),
    "directives and nulls do not reach new values": (
        {},
        spec(nodeSelector={"a": None, "b": "c"}, containers=[{"name": "a", "image": None}]),
        spec(nodeSelector={"b": "c"}, containers=[{"name": "a"}]),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_pod_patches(case: Any) -> None:
    doc, patch, expected = CASES[case]
    before = copy.deepcopy((doc, patch))
    assert apply_strategic_patch(doc, patch, POD) == expected
    assert (doc, patch) == before


def test_a_strategy_keeps_only_retained_keys() -> None:
    doc = spec(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})
    patch = spec(strategy={"type": "Recreate", "$retainKeys": ["type"]})
    assert apply_strategic_patch(doc, patch, DEPLOYMENT) == spec(strategy={"type": "Recreate"})


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (spec(containers=[{"image": "x"}]), "does not contain declared merge key: name"),
        (spec(containers=[{"name": "a", "$patch": "odd"}]), "unknown patch type"),
        (spec(nodeSelector={"$patch": "odd"}), "unknown patch type"),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}}, "must be a list"),
        (spec(volumes=[{"name": "v", "emptyDir": {}, "$retainKeys": ["name"]}]), "retainKeys"),
        (spec(containers=["x", {"name": "a"}]), "not identical"),
        ([], "cannot unmarshal"),
    ],
)
def test_malformed_patches_are_bad_requests(patch: Any, message: Any) -> None:
    doc = spec(containers=[{"name": "a"}], nodeSelector={}, volumes=[{"name": "v"}])
    doc["metadata"] = {"finalizers": ["a"]}
    with pytest.raises(ApiError) as caught:
        apply_strategic_patch(doc, patch, POD)
    assert caught.value.code == 400
    assert message in caught.value.message


def test_without_a_schema_maps_merge_and_lists_are_replaced() -> None:
    merged = apply_strategic_patch({"a": {"b": 1}, "l": [1]}, {"a": {"c": 2}, "l": [2]}, None)
    assert merged == {"a": {"b": 1, "c": 2}, "l": [2]}


# --- three-way -----------------------------------------------------------------------------------


def test_three_way_deletes_what_was_applied_and_keeps_what_others_added() -> None:
    original = spec(
        replicas=3,
        strategy={"type": "RollingUpdate"},
        template={"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "old"}]}},
    )
    modified = spec(template={"spec": {"containers": [{"name": "a", "image": "2"}]}})
    current = spec(
        replicas=3,
        paused=True,
        strategy={"type": "RollingUpdate"},
        template={
            "spec": {
                "containers": [
                    {"name": "a", "image": "1", "imagePullPolicy": "Always"},
                    {"name": "old"},
                    {"name": "sidecar"},
                ]
            }
        },
    )
    patch = create_three_way_strategic(original, modified, current, DEPLOYMENT)
    assert patch == {
        "spec": {
            "replicas": None,
            "strategy": None,
            "template": {
                "spec": {
                    "$setElementOrder/containers": [{"name": "a"}],
                    "containers": [
                        {"name": "a", "image": "2"},
                        {"$patch": "delete", "name": "old"},
                    ],
                }
            },
        }
    }
    merged = apply_strategic_patch(current, patch, DEPLOYMENT)
    assert merged == spec(
        paused=True,
        template={
            "spec": {
                "containers": [
                    {"name": "a", "image": "2", "imagePullPolicy": "Always"},
                    {"name": "sidecar"},
                ]
            }
        },
    )
    assert create_three_way_strategic(modified, modified, merged, DEPLOYMENT) == {}


def test_three_way_switches_a_union() -> None:
    current = spec(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}})
    modified = spec(strategy={"type": "Recreate"})
    patch = create_three_way_strategic({}, modified, current, DEPLOYMENT)
    assert apply_strategic_patch(current, patch, DEPLOYMENT) == modified


def test_three_way_removes_applied_scalars_from_lists() -> None:
    original = {"metadata": {"finalizers": ["a", "b"]}}
    modified = {"metadata": {"finalizers": ["a"]}}
    current = {"metadata": {"finalizers": ["x", "b", "a"]}}
    patch = create_three_way_strategic(original, modified, current, POD)
    assert patch == {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}}
    assert apply_strategic_patch(current, patch, POD) == {"metadata": {"finalizers": ["x", "a"]}}


NAMES = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=4)


@st.composite
def pods(draw: Any) -> Any:
    containers = [
        {
            "name": name,
            **draw(
                st.dictionaries(st.sampled_from(["image", "workingDir"]), st.sampled_from("12"))
            ),
            "env": [{"name": env, "value": draw(st.sampled_from("xy"))} for env in draw(NAMES)],
        }
        for name in draw(NAMES)
    ]
    return {
        "metadata": {"labels": draw(st.dictionaries(st.sampled_from("pq"), st.sampled_from("12")))},
        "spec": {"containers": containers, "nodeName": draw(st.sampled_from(["n", "m"]))},
    }


@given(pods(), pods(), pods())
def test_three_way_settles_and_brings_what_is_wanted(
    original: Any, modified: Any, current: Any
) -> None:
    patch = create_three_way_strategic(original, modified, current, POD)
    merged = apply_strategic_patch(current, patch, POD)
    assert create_three_way_strategic(modified, modified, merged, POD) == {}
    assert apply_strategic_patch(merged, modified, POD) == merged
    wanted = {c["name"] for c in modified["spec"]["containers"]}
    dropped = {c["name"] for c in original["spec"]["containers"]} - wanted
    found = {c["name"] for c in merged["spec"]["containers"]}
    assert wanted <= found
    assert not dropped & found


@given(pods(), pods(), pods())
def test_patch_items_stand_in_the_order_that_the_patch_sets(
    original: Any, modified: Any, current: Any
) -> None:
    patch = create_three_way_strategic(original, modified, current, POD).get("spec", {})
    order = [item["name"] for item in patch.get("$setElementOrder/containers", [])]
    given = [c["name"] for c in patch.get("containers", []) if "$patch" not in c]
    assert not order or given == [name for name in order if name in given]


@given(pods(), pods())
def test_without_other_writers_the_result_is_what_is_wanted(original: Any, modified: Any) -> None:
    patch = create_three_way_strategic(original, modified, original, POD)
    assert apply_strategic_patch(original, patch, POD) == modified
