from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.gitops.rbac import Step, is_rbac, reconcile, told

API = "rbac.authorization.k8s.io/v1"


def role(*rules: Any, **meta: Any) -> Any:
    return {
        "apiVersion": API,
        "kind": "Role",
        "metadata": {"name": "r", **meta},
        "rules": list(rules),
    }


def rule(verbs: str, resources: str = "pods", groups: str = ",", **more: Any) -> Any:
    listed = {"verbs": verbs.split(), "apiGroups": groups.split(","), **more}
    if groups == ",":
        listed["apiGroups"] = [""]
    return {**listed, "resources": resources.split()}


def binding(name: str, *subjects: str, group: str = "rbac.authorization.k8s.io") -> Any:
    return {
        "apiVersion": API,
        "kind": "RoleBinding",
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "User", "name": subject} for subject in subjects],
    }


@pytest.mark.parametrize(
    ("wanted", "live", "missing"),
    [
        (rule("get"), rule("get list"), []),
        (rule("get list"), rule("get"), [rule("list")]),
        (rule("get"), rule("*"), []),
        (rule("*"), rule("get"), [rule("*")]),
        (rule("get", "pods/log"), rule("get", "pods"), [rule("get", "pods/log")]),
        (rule("get", "pods/log"), rule("get", "*/log"), []),
        (rule("get", "pods/log"), rule("get", "*"), []),
        (rule("get", groups="apps"), rule("get"), [rule("get", groups="apps")]),
        (rule("get", groups="apps"), rule("get", groups="*"), []),
        (rule("get", resourceNames=["a"]), rule("get"), []),
        (rule("get"), rule("get", resourceNames=["a"]), [rule("get")]),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/a/b"]},
            {"verbs": ["get"], "nonResourceURLs": ["/a/*"]},
            [],
        ),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/a", "/b"]},
            {"verbs": ["get"], "nonResourceURLs": ["/a"]},
            [{"verbs": ["get"], "nonResourceURLs": ["/b"]}],
        ),
    ],
)
def test_a_role_gets_the_rights_that_it_lacks(wanted: Any, live: Any, missing: Any) -> None:
    outcome = reconcile(role(wanted), role(live))
    assert list(outcome.missing) == missing
    assert outcome.object["rules"] == [live, *missing]
    assert outcome.step is (Step.UPDATE if missing else Step.NONE)


def test_a_binding_gets_subjects_and_keeps_its_own() -> None:
    outcome = reconcile(binding("r", "ann", "bob"), binding("r", "eve", "bob"))
    assert [one["name"] for one in outcome.object["subjects"]] == ["eve", "bob", "ann"]
    assert outcome.step is Step.UPDATE


def test_a_binding_to_another_role_is_made_anew() -> None:
    assert reconcile(binding("one"), binding("two")).step is Step.RECREATE
    # The server fills the group in: leaving it out asks for no other role.
    assert reconcile(binding("one", group=""), binding("one")).step is Step.NONE


def test_labels_and_annotations_are_added_not_changed() -> None:
    wanted = role(labels={"a": "1", "b": "1"}, annotations={"n": "1"})
    outcome = reconcile(wanted, role(labels={"a": "0"}))
    assert outcome.object["metadata"]["labels"] == {"a": "0", "b": "1"}
    assert outcome.object["metadata"]["annotations"] == {"n": "1"}
    assert outcome.step is Step.UPDATE


def test_an_object_that_forbids_it_is_left_alone() -> None:
    notes = {"rbac.authorization.kubernetes.io/autoupdate": "false"}
    outcome = reconcile(role(rule("get")), role(annotations=notes))
    assert outcome.protected
    assert "but object opted out" in told("x", outcome, dry_run=False)


def test_outcomes_are_told_in_kubectls_words() -> None:
    created = reconcile(role(rule("get list", resourceNames=["a"])), None)
    assert told("role/r", created, dry_run=False) == (
        "role/r reconciled. reconciliation required create\n\tmissing rules added:\n\t\t{Verbs:[get"
        " list] APIGroups:[] Resources:[pods] ResourceNames:[a] NonResourceURLs:[]}"
    )
    same = reconcile(role(rule("get")), role(rule("get")))
    assert told("role/r", same, dry_run=True) == "role/r reconciled (dry run)"
    bound = reconcile(binding("r", "ann"), binding("r"))
    assert told("b", bound, dry_run=False).endswith(
        "\n\t\t{Kind:User APIGroup: Name:ann Namespace:}"
    )


def test_only_this_groups_four_kinds_are_reconciled() -> None:
    assert is_rbac(role())
    assert not is_rbac({**role(), "apiVersion": "rbac.authorization.k8s.io/v1beta1"})
    assert not is_rbac({"apiVersion": "v1", "kind": "ConfigMap"})


_words = st.lists(st.sampled_from(["", "*", "a", "b", "a/x", "*/x"]), max_size=3)
_rules = st.lists(
    st.fixed_dictionaries({"verbs": _words, "apiGroups": _words, "resources": _words}), max_size=3
)


@given(_rules, _rules)
def test_what_was_reconciled_needs_nothing_more(wanted: Any, live: Any) -> None:
    once = reconcile(role(*wanted), role(*live))
    again = reconcile(role(*wanted), once.object)
    assert again.step is Step.NONE
    assert not again.missing
