"""What does not count as a difference: pointers, paths, managers, kinds, configuration."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.argo.application import IgnoreRule
from towline.errors import InputError
from towline.gitops.compare_options import parse_compare_options
from towline.gitops.ignore import (
    IgnorePolicy,
    Removal,
    StatusScope,
    needs_jq,
    without_managed,
    without_pointer,
    without_pointers,
)
from towline.gitops.ignore_settings import parse_compare_settings
from towline.gitops.jq_paths import PathError, without_paths
from towline.gitops.known_types import KnownField, known_types
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey
from towline.kube.schema.catalog import load_catalog

DOCUMENT = {"a": {"b/c": 1, "d~e": 2, "": 3}, "l": [1, {"x": 2}, 3], "~1": 4}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=2), JSON, max_size=4)


@pytest.mark.parametrize(
    ("pointer", "left"),
    [
        ("/a/b~1c", {**DOCUMENT, "a": {"d~e": 2, "": 3}}),
        ("/a/d~0e", {**DOCUMENT, "a": {"b/c": 1, "": 3}}),
        ("/a/", {**DOCUMENT, "a": {"b/c": 1, "d~e": 2}}),
        ("/~01", {"a": DOCUMENT["a"], "l": DOCUMENT["l"]}),
        ("/l/0", {**DOCUMENT, "l": [{"x": 2}, 3]}),
        ("/l/-1", {**DOCUMENT, "l": [1, {"x": 2}]}),
        ("/l/1/x", {**DOCUMENT, "l": [1, {}, 3]}),
        ("/l/-", DOCUMENT),
        ("/l/3", DOCUMENT),
        ("/l/*", DOCUMENT),
        ("/l/" + "9" * 5000, DOCUMENT),
        ("/*", DOCUMENT),
        ("/a/b", DOCUMENT),
        ("/l/0/x", DOCUMENT),
        ("", DOCUMENT),
        ("/", DOCUMENT),
    ],
)
def test_json_pointers_remove_what_they_name(pointer: str, left: Any) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert without_pointer(DOCUMENT, pointer) == left
    assert before == DOCUMENT


@given(OBJECTS, st.text("/~01ab-", max_size=8))
def test_a_pointer_that_removed_a_member_finds_nothing_a_second_time(obj: Any, text: str) -> None:
    once = without_pointer(obj, text)
    if not any(part.lstrip("+-").isdigit() for part in text.split("/")):
        assert without_pointer(once, text) == once


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        ([["a"]], {"l": [0, 1, 2, 3]}),
        ([["l", 0], ["l", 1]], {"a": None, "l": [2, 3]}),
        ([["l", -1], ["l", 3]], {"a": None, "l": [0, 1, 2]}),
        ([["l", {"start": 1, "end": 3}]], {"a": None, "l": [0, 3]}),
        ([["l", {"start": None, "end": -1}]], {"a": None, "l": [3]}),
        ([["l", {"start": 2, "end": None}, 0]], {"a": None, "l": [0, 1, 3]}),
        ([["a", "b", "c"], ["x"], ["l", 9]], {"a": None, "l": [0, 1, 2, 3]}),
    ],
)
def test_paths_of_jq_are_read_against_the_object_as_it_was(paths: Any, left: Any) -> None:
    assert without_paths({"a": None, "l": [0, 1, 2, 3]}, paths) == left


@pytest.mark.parametrize("path", [[], [0], ["l", "x"], ["l", 0, "x"], ["l", {"start": "a"}]])
def test_paths_that_do_not_fit_are_refused(path: Any) -> None:
    with pytest.raises(PathError):
        without_paths({"a": None, "l": [0]}, [path])


KEY = ObjectKey("apps", "Deployment", "prod", "web")


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"group": "apps", "kind": "Deployment"}, True),
        ({"group": "*", "kind": "*"}, True),
        ({"group": "apps", "kind": "{Deploy,Daemon}*"}, True),
        ({"kind": "Deployment"}, False),
        ({"group": "apps", "kind": "Deployment", "name": "web", "namespace": "prod"}, True),
        ({"group": "apps", "kind": "Deployment", "name": "we*"}, False),
        ({"group": "apps", "kind": "Deployment", "namespace": "test"}, False),
    ],
)
def test_which_objects_a_rule_means(rule: Any, holds: bool) -> None:
    policy = IgnorePolicy(
        rules=(IgnoreRule(**rule, json_pointers=("/x",), managed_fields_managers=("m",)),)
    )
    assert policy.removals(KEY) == ((Removal("/status"), Removal("/x"))[: 2 if holds else 1])
    assert policy.managers(KEY) == (frozenset({"m"}) if holds else frozenset())


def test_removals_stand_in_the_order_of_the_rules_and_jq_is_not_done_here() -> None:
    rule = IgnoreRule(kind="*", group="*", json_pointers=("/b", "/a"), jq_path_expressions=(".c",))
    removals = IgnorePolicy(rules=(rule, rule), status=StatusScope.NONE).removals(KEY)
    assert [removal.text for removal in removals] == ["/b", "/a", ".c"] * 2
    assert needs_jq(removals)
    with pytest.raises(ValueError, match="PathRemover"):
        without_pointers([{}], removals)
    assert without_pointers([{"a": 1, "z": 2}], removals[:2]) == [{"z": 2}]


CRD = ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "x")


@pytest.mark.parametrize(
    ("text", "deployment", "crd"),
    [
        ("", True, True),
        ("ignoreResourceStatusField: all", True, True),
        ("ignoreResourceStatusField: crd", False, True),
        ("ignoreResourceStatusField: none", False, False),
        ("ignoreResourceStatusField: 'off'", False, False),
        ("ignoreResourceStatusField: false", False, False),
    ],
)
def test_whose_status_counts(text: str, deployment: bool, crd: bool) -> None:
    policy = IgnorePolicy(status=parse_compare_options(text).ignore_status)
    assert (bool(policy.removals(KEY)), bool(policy.removals(CRD))) == (deployment, crd)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ignoreResourceStatusField: some", "none of all, crd, none"),
        ("ignoreAggregatedRoles: maybe", "resource.compareoptions.ignoreAggregatedRoles"),
        ("- a", "must be a mapping"),
        ("a: [", "resource.compareoptions"),
    ],
)
def test_wrong_compare_options_are_named(text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        parse_compare_options(text)
    assert words in str(error.value)


def managed(name: str, fields: Any) -> Any:
    return {"manager": name, "operation": "Update", "apiVersion": "v1", "fieldsV1": fields}


def deployment(replicas: int, image: str) -> Any:
    pod = {"containers": [{"name": "c", "image": image}]}
    return {"spec": {"replicas": replicas, "template": {"spec": pod}}}


DEPLOYMENT = load_catalog().kind(GroupVersionKind("apps", "v1", "Deployment"))
CONTAINER = {'k:{"name":"c"}': {".": {}, "f:image": {}}}
IMAGE = {"f:spec": {"f:template": {"f:spec": {"f:containers": CONTAINER}}}}


def test_fields_of_a_trusted_manager_leave_both_sides_where_they_differ() -> None:
    assert DEPLOYMENT is not None
    entries = [
        managed("hpa", {"f:spec": {"f:replicas": {}}}),
        managed("hpa", IMAGE),
        managed("kubectl", {"f:spec": {"f:paused": {}}}),
        {"manager": "hpa", "fieldsV1": {"what": 1}},
        "nonsense",
    ]
    wanted, live = deployment(1, "i:1"), {**deployment(2, "i:2")}
    live["spec"]["paused"] = True
    left = without_managed(wanted, live, entries, {"hpa"}, DEPLOYMENT.schema)
    bare = {"template": {"spec": {"containers": [{"name": "c"}]}}}
    assert left == ({"spec": bare}, {"spec": {**bare, "paused": True}})
    assert without_managed(wanted, live, entries, {"nobody"}, None) == (wanted, live)
    same = deployment(2, "i:2")
    assert without_managed(same, same, entries, {"hpa"}, DEPLOYMENT.schema) == (same, same)


def test_fields_of_known_types_take_their_canonical_form() -> None:
    kind = GroupKind("x.io", "Odd")
    types = known_types(
        {
            kind: [
                KnownField("spec.size", "core/Quantity"),
                KnownField("spec.every", "meta/v1/Duration"),
                KnownField("spec.pods.spec", "core/v1/PodSpec"),
                KnownField("spec.strange", "core/v1/NoSuchThing"),
                KnownField("spec.absent.deep", "core/Quantity"),
            ]
        }
    )
    pod = {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1000m"}}, "odd": 1}]}
    spec = {"size": "1024Mi", "every": "90m", "pods": [{"spec": pod}, {}], "strange": "1000m"}
    cleaned = {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]}
    expected = {"size": "1Gi", "every": "1h30m0s", "pods": [{"spec": cleaned}, {}]}
    assert types.apply({"spec": spec}, kind) == {"spec": {**expected, "strange": "1000m"}}
    wrong = {"spec": {"size": ["x"], "every": "soon", "pods": "none"}}
    assert types.apply(wrong, kind) == wrong


def test_the_pods_of_rollouts_are_known_without_being_configured() -> None:
    pod = {"containers": [{"name": "c", "resources": {"limits": {"memory": "1024Mi"}}}]}
    rollout = {"spec": {"template": {"spec": pod}}}
    left = known_types({}).apply(rollout, GroupKind("argoproj.io", "Rollout"))
    container = left["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {"limits": {"memory": "1Gi"}}


def test_the_configuration_holds_for_every_application() -> None:
    settings = parse_compare_settings(
        {
            "resource.compareoptions": "ignoreAggregatedRoles: true",
            "resource.customizations.ignoreDifferences.all": "jsonPointers: [/metadata/labels/x]",
            "resource.customizations.ignoreDifferences.apps_Deployment": (
                "jqPathExpressions: ['.spec.x']\nmanagedFieldsManagers: [hpa]"
            ),
            "resource.customizations.knownTypeFields.x.io_Odd": (
                "- {field: spec.size, type: core/Quantity}\n- {field: spec.y, type: core/v9/Z}"
            ),
            "resource.sensitive.mask.annotations": "a, b",
            "application.resourceTrackingMethod": "by-colour",
        }
    )
    policy = settings.policy((IgnoreRule(group="apps", kind="Deployment", json_pointers=("/y",)),))
    texts = [removal.text for removal in policy.removals(KEY)]
    assert texts == ["/status", "/metadata/labels/x", ".spec.x", "/y"]
    assert policy.managers(KEY) == {"hpa"}
    assert settings.options.ignore_aggregated_roles
    assert settings.secret_annotations == {"a", "b"}
    odd = {"spec": {"size": "1000m"}}
    assert settings.known_types.apply(odd, GroupKind("x.io", "Odd")) == {"spec": {"size": "1"}}
    assert len(settings.problems) == 2
    assert "core/v9/Z" in settings.problems[0]
    assert "by-colour" in settings.problems[1]
