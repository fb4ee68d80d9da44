"""Tracking, comparable targets, differences that count and those that do not."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.argo.application import IgnoreRule
from towline.argo.manifest import Manifest
from towline.argo.names import LAST_APPLIED, TRACKING_ID
from towline.controllers.application.controller import builtin_schemas
from towline.gitops.compare import World, application_health, compare
from towline.gitops.diff import DiffRules, Strategy, is_modified
from towline.gitops.health import assess
from towline.gitops.ignore import IgnorePolicy
from towline.gitops.targets import settle
from towline.gitops.tracking import parse_tracking_id, self_referenced
from towline.kube.refs import GroupVersionKind, ObjectKey, gvk_of, key_of
from towline.kube.schema.defaults import default_builtin

SCHEMAS = builtin_schemas()
CLUSTER = {"Namespace", "ClusterRole", "CustomResourceDefinition"}


class Live(msgspec.Struct, frozen=True):
    """A live object as the core sees it."""

    object: dict

    key = property(lambda self: key_of(self.object))
    gvk = property(lambda self: gvk_of(self.object))
    uid = property(lambda self: self.object["metadata"].get("uid", "u"))
    resource_version = property(lambda self: "1")
    annotations = property(lambda self: self.object["metadata"].get("annotations") or {})
    deletion_timestamp = property(lambda self: self.object["metadata"].get("deletionTimestamp", ""))

    def body(self) -> Any:
        return copy.deepcopy(self.object)


def scope(gvk: Any) -> Any:
    return None if gvk.kind == "Odd" else gvk.kind not in CLUSTER


def targets(*objects: Any, namespace: Any = "prod") -> Any:
    manifests = [Manifest(o, "a.yaml", 1) for o in objects]
    return settle(manifests, instance="web", namespace=namespace, scope=scope)


def config(name: Any = "one", data: Any = None, **meta: Any) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **meta},
        "data": data or {"a": "1"},
    }


def deployment(**spec: Any) -> Any:
    container = {"name": "c", "image": "i:1", "resources": {"limits": {"cpu": "1000m"}}}
    template = {"metadata": {"labels": {"a": "b"}, "creationTimestamp": None}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "creationTimestamp": None},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {**template, "spec": {"containers": [container]}},
            **spec,
        },
        "status": {},
    }


def applied(target: Any, change: Any = None, *, recorded: Any = True) -> Any:
    """The live object after a client-side apply, as a server with defaults shows it."""
    live = copy.deepcopy(target.object)
    if recorded:
        live["metadata"]["annotations"][LAST_APPLIED] = json.dumps(target.object)
    live["metadata"] |= {"uid": "u1", "resourceVersion": "1", "creationTimestamp": "T"}
    if SCHEMAS(target.gvk) is not None:
        live = default_builtin(target.gvk, live)
    if change is not None:
        change(live)
    return Live(live)


def only(found: Any) -> Any:
    return next(iter(found.objects.values()))


def world(**over: Any) -> Any:
    facts = {
        "instance": "web",
        "qualified_name": "argocd/web",
        "modified": lambda target, live: is_modified(target, live, DiffRules(), SCHEMAS),
        "permitted": lambda _gvk, _name: True,
    }
    return World(**{**facts, **over})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web:/ConfigMap:prod/one", ("web", "", "ConfigMap", "prod", "one")),
        ("web:apps/Deployment:/x", ("web", "apps", "Deployment", "", "x")),
        ("web", None),
        ("web:a/b:c", None),
        ("web:a:b/c", None),
        ("a:b/c:d/e:f", None),
    ],
)
def test_tracking_ids(text: Any, expected: Any) -> None:
    assert parse_tracking_id(text) == expected


@given(st.text(max_size=60))
def test_any_text_may_stand_in_the_annotation(text: Any) -> None:
    found = parse_tracking_id(text)
    assert found is None or str(found) == text


@pytest.mark.parametrize(
    ("mark", "live", "ours"),
    [
        ("web:/ConfigMap:prod/one", ObjectKey("", "ConfigMap", "prod", "one"), True),
        ("web:/ConfigMap:prod/one", ObjectKey("", "ConfigMap", "copy", "one"), False),
        ("web:/ConfigMap:prod/one", ObjectKey("", "Secret", "prod", "one"), False),
        ("web:/Namespace:prod/x", ObjectKey("", "Namespace", "", "x"), True),
    ],
)
def test_a_copied_tracking_id_does_not_make_an_object_ours(mark: Any, live: Any, ours: Any) -> None:
    assert self_referenced(parse_tracking_id(mark), live, None) is ours


def test_targets_get_namespace_and_tracking_id() -> None:
    found = targets(config(), {**config("ns"), "kind": "Namespace"}, config("far", namespace="x"))
    assert [str(k) for k in found.objects] == [
        "ConfigMap:prod/one",
        "Namespace:ns",
        "ConfigMap:x/far",
    ]
    marks = [t.annotations[TRACKING_ID] for t in found.objects.values()]
    assert marks == ["web:/ConfigMap:prod/one", "web:/Namespace:prod/ns", "web:/ConfigMap:x/far"]


def test_a_target_knows_its_place_which_is_no_part_of_what_it_is() -> None:
    here, there = (
        only(settle([manifest], instance="web", namespace="prod", scope=scope))
        for manifest in (Manifest(config(), "a.yaml", 1), Manifest(config(), "b/c.yaml", 7))
    )
    assert (here.origin, there.origin) == ("a.yaml:1", "b/c.yaml:7")
    assert (here.digest, here.object) == (there.digest, there.object)


def test_the_last_of_two_equal_objects_counts_and_is_reported() -> None:
    found = targets(config(data={"a": "1"}), config(data={"a": "2"}))
    assert only(found).object["data"] == {"a": "2"}
    assert found.conditions[0].message == (
        "Resource /ConfigMap/prod/one appeared 2 times among application resources."
    )


def test_crds_are_not_tracked_and_hooks_stand_apart() -> None:
    crd = {
        **config("x"),
        "kind": "CustomResourceDefinition",
        "apiVersion": "apiextensions.k8s.io/v1",
    }
    job = config("job", annotations={"argocd.argoproj.io/hook": "PreSync"})
    test = config("t", annotations={"helm.sh/hook": "test"})
    found = targets(crd, job, test)
    assert TRACKING_ID not in only(found).annotations
    assert [h.key.name for h in found.hooks] == ["job"]


def test_a_missing_namespace_is_an_error_of_the_spec() -> None:
    found = targets(config(), namespace="")
    assert found.conditions[0].message == "Namespace for one v1, Kind=ConfigMap is missing."


SAME = [
    ("config map", config(), None),
    ("extra label and annotation", config(), lambda o: o["metadata"].update(labels={"x": "y"})),
    ("extra key in data", config(), lambda o: o["data"].update(b="y")),
    ("deployment with defaults, nulls and empty status", deployment(), None),
    ("status", deployment(), lambda o: o.update(status={"replicas": 2})),
    (
        "quantity in another spelling",
        deployment(),
        lambda o: o["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"].update(
            cpu="1"
        ),
    ),
    (
        "deployment revision",
        deployment(),
        lambda o: o["metadata"]["annotations"].update({"deployment.kubernetes.io/revision": "3"}),
    ),
    (
        "field that git does not set",
        deployment(),
        lambda o: o["spec"].update(revisionHistoryLimit=5),
    ),
    (
        "sidecar added by somebody else",
        deployment(),
        lambda o: o["spec"]["template"]["spec"]["containers"].append({"name": "z", "image": "z"}),
    ),
    (
        "string data",
        {**config(), "kind": "Secret", "data": {}, "stringData": {"p": "q"}},
        lambda o: (o.pop("stringData", None), o.update(data={"p": "cQ=="})),
    ),
    (
        "empty rules",
        {**config(), "kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1", "rules": []},
        None,
    ),
    (
        "custom resource with more",
        {**config(), "kind": "Odd", "apiVersion": "x.io/v1", "spec": {"a": 1}},
        lambda o: o["spec"].update(b=2),
    ),
]


@pytest.mark.parametrize(("obj", "change"), [case[1:] for case in SAME], ids=[c[0] for c in SAME])
@pytest.mark.parametrize("recorded", [True, False], ids=["3-way", "2-way"])
def test_no_drift(obj: Any, change: Any, recorded: Any) -> None:
    target = only(targets(obj))
    live = applied(target, change, recorded=recorded)
    assert not is_modified(target, live, DiffRules(), SCHEMAS)


DRIFT = [
    ("value", config(), lambda o: o["data"].update(a="2")),
    ("key removed", config(), lambda o: o["data"].pop("a")),
    ("replicas", deployment(), lambda o: o["spec"].update(replicas=5)),
    (
        "image",
        deployment(),
        lambda o: o["spec"]["template"]["spec"]["containers"][0].update(image="i:2"),
    ),
    (
        "tracking id",
        config(),
        lambda o: o["metadata"]["annotations"].update({TRACKING_ID: "b:/x:y/z"}),
    ),
    (
        "custom resource list",
        {**config(), "kind": "Odd", "apiVersion": "x.io/v1", "spec": {"a": [1]}},
        lambda o: o["spec"].update(a=[1, 2]),
    ),
]


@pytest.mark.parametrize(("obj", "change"), [case[1:] for case in DRIFT], ids=[c[0] for c in DRIFT])
@pytest.mark.parametrize("strategy", [Strategy.THREE_WAY, Strategy.STRUCTURED])
def test_drift(obj: Any, change: Any, strategy: Any) -> None:
    target = only(targets(obj))
    live = applied(target, change)
    assert is_modified(target, live, DiffRules(strategy=strategy), SCHEMAS)


def test_a_field_that_git_no_longer_has_is_drift_when_it_was_applied() -> None:
    before, after = only(targets(config(data={"a": "1", "b": "2"}))), only(targets(config()))
    assert is_modified(after, applied(before), DiffRules(), SCHEMAS)
    assert not is_modified(after, applied(before, recorded=False), DiffRules(), SCHEMAS)


def test_ignored_pointers_do_not_count() -> None:
    rule = IgnoreRule(group="apps", kind="Deploy*", json_pointers=("/spec/replicas", "/no/such"))
    target = only(targets(deployment()))
    live = applied(target, lambda o: o["spec"].update(replicas=9))
    assert not is_modified(target, live, DiffRules(ignore=IgnorePolicy(rules=(rule,))), SCHEMAS)


def mark(name: Any, instance: Any = "web") -> Any:
    return {TRACKING_ID: f"{instance}:/ConfigMap:prod/{name}"}


def live_config(name: Any, **meta: Any) -> Any:
    annotations = meta.pop("annotations", mark(name))
    return Live(config(name, namespace="prod", uid=name, annotations=annotations, **meta))


def test_pairs_and_the_status_of_the_application() -> None:
    wanted = targets(config("gone"), config("same"), config("changed"))
    same = applied(wanted.objects[ObjectKey("", "ConfigMap", "prod", "same")])
    changed = applied(
        wanted.objects[ObjectKey("", "ConfigMap", "prod", "changed")],
        lambda o: o["data"].update(a="2"),
    )
    copied = live_config("copy", annotations=mark("same"))
    hook = live_config("h", annotations={**mark("h"), "argocd.argoproj.io/hook": "Sync"})
    found = compare(wanted, [same, changed, live_config("extra"), copied, hook], world())
    told = {p.key.name: (p.status, p.requires_pruning) for p in found.pairs}
    assert told == {
        "gone": ("OutOfSync", False),
        "same": ("Synced", False),
        "changed": ("OutOfSync", False),
        "extra": ("OutOfSync", True),
        "copy": (None, False),
        "h": (None, True),
    }
    assert found.sync == "OutOfSync"


def test_an_extra_object_may_be_declared_harmless() -> None:
    notes = {**mark("x"), "argocd.argoproj.io/compare-options": "IgnoreExtraneous"}
    found = compare(targets(), [live_config("x", annotations=notes)], world())
    assert (found.pairs[0].status, found.sync) == ("OutOfSync", "Synced")


def test_what_the_project_forbids_is_unknown_or_not_seen() -> None:
    forbid = world(permitted=lambda _gvk, _name: False)
    found = compare(targets(config()), [live_config("extra")], forbid)
    assert [(p.key.name, p.status) for p in found.pairs] == [("one", "Unknown")]


def test_an_object_of_another_application_is_reported() -> None:
    wanted = targets(config())
    found = compare(wanted, [live_config("one", annotations=mark("one", "other"))], world())
    assert found.conditions[0].message == (
        "ConfigMap/one is part of applications argocd/web and other"
    )


def test_health_is_missing_when_nothing_is_live_and_the_worst_otherwise() -> None:
    judge = lambda live: assess(live.body())  # noqa: E731
    nothing = compare(targets(deployment()), [], world())
    assert application_health(nothing.pairs, judge).status == "Missing"
    assert application_health((), judge).status == "Healthy"
    rolling = compare(targets(deployment()), [applied(only(targets(deployment())))], world())
    assert application_health(rolling.pairs, judge).status == "Progressing"


def test_gvk_of_unknown_scope_counts_as_namespaced() -> None:
    odd = {"apiVersion": "x.io/v1", "kind": "Odd", "metadata": {"name": "o"}}
    assert only(targets(odd)).key == ObjectKey("x.io", "Odd", "prod", "o")
    assert only(targets(odd)).gvk == GroupVersionKind("x.io", "v1", "Odd")
