"""Predictions of all strategies, normalisation, and the laws that they keep."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.argo.application import IgnoreRule
from towline.argo.manifest import Manifest
from towline.argo.names import LAST_APPLIED
from towline.controllers.application.controller import builtin_schemas
from towline.gitops.diff import DiffRules, Strategy, predict, strategy_of
from towline.gitops.ignore import IgnorePolicy, StatusScope
from towline.gitops.normalize import normalize
from towline.gitops.targets import Target, settle
from towline.gitops.tracking_methods import INSTANCE_LABEL
from towline.kube.refs import GroupVersionKind, gvk_of
from towline.kube.schema.defaults import default_builtin
from towline.kube.ssa import server_side_apply

SCHEMAS = builtin_schemas()
CLIENT = [Strategy.THREE_WAY, Strategy.STRUCTURED]


def target(obj: Any, **annotations: str) -> Target:
    notes = {f"argocd.argoproj.io/{name.replace('_', '-')}": v for name, v in annotations.items()}
    meta = {"name": "web", **(obj.get("metadata") or {})}
    if notes:
        meta = {**meta, "annotations": notes}
    found = settle(
        [Manifest({**obj, "metadata": meta}, "a.yaml", 1)],
        instance="web",
        namespace="prod",
        scope=lambda _: True,
    )
    return next(iter(found.objects.values()))


def stored(wanted: Target, *, recorded: bool = False) -> Any:
    """What a server has after the target was applied."""
    live = server_side_apply(
        None,
        wanted.object,
        "argocd-controller",
        schema=SCHEMAS(wanted.gvk),
        force=True,
        api_version=wanted.gvk.api_version,
        now="2026-01-01T00:00:00Z",
    )
    if recorded:
        notes = {**live["metadata"]["annotations"], LAST_APPLIED: json.dumps(wanted.object)}
        live = {**live, "metadata": {**live["metadata"], "annotations": notes}}
    return default_builtin(wanted.gvk, live) if SCHEMAS(wanted.gvk) is not None else live


def differs(wanted: Target, live: Any, rules: DiffRules | None = None, answer: Any = None) -> bool:
    return predict(wanted, live, rules or DiffRules(), SCHEMAS, answer).modified


def config(**data: str) -> Any:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": data}


def deployment(**spec: Any) -> Any:
    labels = {"a": "b"}
    pod = {"containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 80}]}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    given_spec = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": given_spec}


def role(rules: Any, **more: Any) -> Any:
    group = "rbac.authorization.k8s.io/v1"
    return {"apiVersion": group, "kind": "ClusterRole", "rules": rules, **more}


@pytest.mark.parametrize(
    ("options", "compare", "annotations", "server_side", "expected"),
    [
        ([], [], {}, False, (Strategy.THREE_WAY, False)),
        (["ServerSideApply=true"], [], {}, False, (Strategy.STRUCTURED, False)),
        ([], [], {"sync_options": "ServerSideApply=true"}, False, (Strategy.STRUCTURED, False)),
        ([], [], {}, True, (Strategy.SERVER_SIDE, False)),
        ([], ["ServerSideDiff=true"], {}, False, (Strategy.SERVER_SIDE, False)),
        ([], ["ServerSideDiff=false"], {}, True, (Strategy.THREE_WAY, False)),
        (
            [],
            ["ServerSideDiff=true", "IncludeMutationWebhook=true"],
            {},
            False,
            (Strategy.SERVER_SIDE, True),
        ),
        (
            ["ServerSideApply=true"],
            ["ServerSideDiff=true"],
            {"compare_options": "ServerSideDiff=false"},
            False,
            (Strategy.STRUCTURED, False),
        ),
    ],
)
def test_how_a_target_is_compared(
    options: Any, compare: Any, annotations: Any, server_side: bool, expected: Any
) -> None:
    found = strategy_of(
        target(config(), **annotations),
        sync_options=options,
        compare_options=compare,
        server_side=server_side,
    )
    assert found == expected


AGGREGATED = {"aggregationRule": {"clusterRoleSelectors": []}}
FILLED = [{"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]}]


def test_rules_of_aggregated_roles_may_be_somebody_elses() -> None:
    wanted = target(role([], **AGGREGATED))
    live = {**stored(wanted), "rules": FILLED}
    record = json.dumps({**wanted.object, "rules": FILLED[:0]})
    live["metadata"]["annotations"] = {**wanted.annotations, LAST_APPLIED: record}
    wants_other = target(role([{**FILLED[0], "verbs": ["list"]}], **AGGREGATED))
    assert differs(wants_other, live)
    assert not differs(wants_other, live, DiffRules(ignore_aggregated_roles=True))
    plain = target(role([{**FILLED[0], "verbs": ["list"]}]))
    assert differs(
        plain, {**stored(plain), "rules": FILLED}, DiffRules(ignore_aggregated_roles=True)
    )


def test_the_order_of_endpoints_does_not_count() -> None:
    one, two = {"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}
    obj = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "subsets": [{"addresses": [two, one], "ports": [{"port": 2}, {"port": 1}]}],
    }
    wanted = target(obj)
    ports = [{"port": 1, "protocol": "TCP"}, {"port": 2, "protocol": "TCP"}]
    live = {**wanted.object, "subsets": [{"addresses": [one, two], "ports": ports}]}
    assert not differs(wanted, live)
    assert differs(wanted, {**live, "subsets": [{"addresses": [one], "ports": ports}]})


@pytest.mark.parametrize("strategy", CLIENT)
def test_secrets_are_compared_by_what_they_hold(strategy: Strategy) -> None:
    rules = DiffRules(strategy=strategy)
    wanted = target(
        {"apiVersion": "v1", "kind": "Secret", "stringData": {"p": "q"}, "data": {"n": None}}
    )
    live = stored(wanted)
    live = {**live, "data": {"p": "cQ==", "n": ""}}
    live.pop("stringData", None)
    assert not differs(wanted, live, rules)
    assert differs(wanted, {**live, "data": {"p": "eA==", "n": ""}}, rules)


@pytest.mark.parametrize("strategy", CLIENT)
def test_the_fields_of_a_trusted_manager_do_not_count(strategy: Strategy) -> None:
    wanted = target(deployment(replicas=1))
    live = stored(wanted)
    scaler = {
        "manager": "scaler",
        "operation": "Update",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    live = {**live, "spec": {**live["spec"], "replicas": 7}}
    live["metadata"] = {**live["metadata"], "managedFields": [scaler]}
    rule = IgnoreRule(group="apps", kind="Deployment", managed_fields_managers=("scaler",))
    ignoring = DiffRules(strategy=strategy, ignore=IgnorePolicy(rules=(rule,)))
    assert differs(wanted, live, DiffRules(strategy=strategy))
    assert not differs(wanted, live, ignoring)
    live["spec"]["paused"] = True
    image = target(deployment(replicas=1, paused=False, minReadySeconds=3))
    assert differs(image, live, ignoring)


def test_a_field_that_is_ignored_does_not_come_back_by_the_record() -> None:
    rule = IgnoreRule(kind="ConfigMap", json_pointers=("/data/b",))
    before, after = target(config(a="1", b="2")), target(config(a="1"))
    live = stored(before, recorded=True)
    assert differs(after, live)
    assert not differs(after, live, DiffRules(ignore=IgnorePolicy(rules=(rule,))))


@pytest.mark.parametrize(
    "record",
    ['{"kind":', "[]", '{"metadata": 5}', '{"metadata": {"annotations": []}, "spec": "x"}', "null"],
)
def test_an_unreadable_record_is_as_good_as_none(record: str) -> None:
    wanted = target(deployment())
    live = stored(wanted)
    live["metadata"]["annotations"] = {**wanted.annotations, LAST_APPLIED: record}
    assert not differs(wanted, live)


def test_status_counts_where_it_was_asked_for() -> None:
    wanted = target({"apiVersion": "x.io/v1", "kind": "Odd", "status": {"phase": "A"}})
    live = {**wanted.object, "status": {"phase": "B"}}
    assert not differs(wanted, live)
    assert differs(wanted, live, DiffRules(ignore=IgnorePolicy(status=StatusScope.NONE)))


def test_an_object_that_was_tracked_by_label_is_in_sync() -> None:
    wanted = target(config(a="1"))
    live = copy.deepcopy(wanted.object)
    live["metadata"] |= {"labels": {INSTANCE_LABEL: "web"}, "annotations": {}}
    assert not differs(wanted, live)
    live["metadata"]["labels"] = {}
    assert differs(wanted, live)


ODD = {"apiVersion": "x.io/v1", "kind": "Odd"}


@pytest.mark.parametrize(
    ("live", "drifts"),
    [
        ([{"a": 1}], False),
        ([{"a": 1, "b": 2}], False),
        ([{"a": 1, "c": {"d": 1}}], False),
        ([{"a": 2, "b": 2}], True),
        ([{"a": 1}, {"a": 2}], True),
        ([], True),
    ],
)
def test_what_a_server_adds_to_items_of_custom_resources_does_not_count(
    live: Any, drifts: bool
) -> None:
    wanted = target({**ODD, "spec": {"l": [{"a": 1}]}})
    assert differs(wanted, {**wanted.object, "spec": {"l": live, "more": 1}}) is drifts


def test_fields_that_a_type_always_writes_are_not_asked_for() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    wanted = target(service)
    live = stored(wanted)
    live["spec"]["ports"][0]["targetPort"] = 8080
    assert not differs(wanted, live)


def test_what_does_not_decode_is_compared_as_written() -> None:
    wrong = target(deployment(replicas=1))
    container = wrong.object["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"limits": {"cpu": "much"}}
    assert differs(wrong, stored(target(deployment(replicas=1))))


# --- server-side ---------------------------------------------------------------------------------


def answered(wanted: Target, live: Any, mutate: Any = None) -> Any:
    answer = server_side_apply(
        live,
        wanted.object,
        "argocd-controller",
        schema=SCHEMAS(wanted.gvk),
        force=True,
        api_version=wanted.gvk.api_version,
        now="2026-01-02T00:00:00Z",
    )
    answer = copy.deepcopy(default_builtin(wanted.gvk, answer))
    answer["metadata"]["resourceVersion"] = "dry"
    if mutate is not None:
        mutate(answer)
    return answer


def sidecar(answer: Any) -> None:
    pod = answer["spec"]["template"]["spec"]
    pod["containers"].append({"name": "side", "image": "s:1"})
    pod["containers"][0]["imagePullPolicy"] = "Always"
    answer["metadata"].setdefault("labels", {})["injected"] = "yes"


SERVER = DiffRules(strategy=Strategy.SERVER_SIDE)
KEEPING = DiffRules(strategy=Strategy.SERVER_SIDE, include_webhooks=True)


def test_effects_of_webhooks_do_not_count_unless_asked_for() -> None:
    wanted = target(deployment(replicas=2))
    live = stored(wanted)
    answer = answered(wanted, live, sidecar)
    assert not differs(wanted, live, SERVER, answer)
    assert differs(wanted, live, KEEPING, answer)
    assert not differs(wanted, live, KEEPING, answered(wanted, live))


@pytest.mark.parametrize(
    ("after", "drifts"),
    [
        (deployment(replicas=3), True),
        (deployment(replicas=2, paused=True), True),
        (deployment(replicas=2, minReadySeconds=5), True),
        (deployment(replicas=2), False),
    ],
)
def test_what_the_server_would_change_for_us_counts(after: Any, drifts: bool) -> None:
    live = stored(target(deployment(replicas=2)))
    wanted = target(after)
    for rules in (SERVER, KEEPING):
        assert differs(wanted, live, rules, answered(wanted, live, None)) is drifts
    assert differs(wanted, live, SERVER, answered(wanted, live, sidecar)) is drifts


def test_a_field_that_we_gave_up_is_a_difference_when_the_server_drops_it() -> None:
    live = stored(target(deployment(replicas=2, paused=True)))
    wanted = target(deployment(replicas=2))
    assert differs(wanted, live, SERVER, answered(wanted, live, sidecar))


def test_a_new_port_keeps_the_keys_that_make_it_one() -> None:
    live = stored(target(deployment()))
    changed = deployment()
    changed["spec"]["template"]["spec"]["containers"][0]["ports"].append({"containerPort": 81})
    wanted = target(changed)
    found = predict(wanted, live, SERVER, SCHEMAS, answered(wanted, live))
    ports = found.predicted["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert {"containerPort": 81, "protocol": "TCP"} in ports
    assert found.modified


def test_ignored_fields_do_not_count_in_the_answer_of_the_server() -> None:
    live = stored(target(deployment(replicas=2)))
    wanted = target(deployment(replicas=3))
    rule = IgnoreRule(group="apps", kind="Deployment", json_pointers=("/spec/replicas",))
    rules = DiffRules(strategy=Strategy.SERVER_SIDE, ignore=IgnorePolicy(rules=(rule,)))
    assert not differs(wanted, live, rules, answered(wanted, live))


def test_a_server_side_comparison_needs_an_answer() -> None:
    wanted = target(config())
    with pytest.raises(ValueError, match="answer"):
        differs(wanted, wanted.object, SERVER)


# --- laws ----------------------------------------------------------------------------------------

TEXTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["", "1", "x"]))
QUANTITIES = st.sampled_from(["1", "1000m", "1Gi", "1024Mi", "0.5", "500m"])
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["c", "d"]), "image": st.sampled_from(["i:1", "i", "i@sha256:a"])},
        optional={
            "resources": st.fixed_dictionaries(
                {"limits": st.dictionaries(st.sampled_from(["cpu", "memory"]), QUANTITIES)}
            ),
            "ports": st.just([{"containerPort": 80}]),
            "env": st.just([{"name": "A", "value": "1"}]),
            "livenessProbe": st.just({"httpGet": {"port": 80}}),
        },
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda container: container["name"],
)
PODS = st.fixed_dictionaries(
    {"containers": CONTAINERS},
    optional={"nodeSelector": st.just({"a": "b"}), "hostNetwork": st.booleans()},
)


@st.composite
def objects(draw: Any) -> Any:
    kind = draw(st.sampled_from(["ConfigMap", "Secret", "Deployment", "Service", "Odd", "Role"]))
    meta = {"labels": draw(TEXTS), "creationTimestamp": None}
    match kind:
        case "Deployment":
            spec = deployment(
                **draw(st.fixed_dictionaries({}, optional={"replicas": st.integers(0, 3)}))
            )
            spec["spec"]["template"]["spec"] = draw(PODS)
            return {**spec, "metadata": meta}
        case "Service":
            ports = draw(st.lists(st.just({"port": 80, "name": "w"}), max_size=1))
            spec = {"ports": ports, "selector": draw(TEXTS)}
            return {"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}
        case "Odd":
            spec = {"a": draw(TEXTS), "l": draw(st.lists(TEXTS, max_size=2)), "n": None}
            return {"apiVersion": "x.io/v1", "kind": kind, "metadata": meta, "spec": spec}
        case "Role":
            group = "rbac.authorization.k8s.io/v1"
            rules = draw(st.sampled_from([[], None, FILLED]))
            return {"apiVersion": group, "kind": kind, "metadata": meta, "rules": rules}
        case "Secret":
            body = {"stringData": draw(TEXTS), "data": draw(st.sampled_from([{}, {"z": "QQ=="}]))}
            return {"apiVersion": "v1", "kind": kind, "metadata": meta, **body}
        case _:
            return {"apiVersion": "v1", "kind": kind, "metadata": meta, "data": draw(TEXTS)}


@given(objects())
def test_normalising_twice_is_normalising_once(obj: Any) -> None:
    gvk = gvk_of(obj)
    before = copy.deepcopy(obj)
    once = normalize(obj, gvk)
    assert normalize(once, gvk) == once
    assert obj == before


@given(objects(), st.sampled_from(CLIENT), st.booleans())
def test_what_was_just_applied_is_in_sync(obj: Any, strategy: Strategy, recorded: bool) -> None:
    wanted = target(obj)
    live = stored(wanted, recorded=recorded)
    if wanted.gvk.kind == "Secret":
        live = default_builtin(GroupVersionKind("", "v1", "Secret"), live)
    assert not differs(wanted, live, DiffRules(strategy=strategy))


@given(objects(), st.sampled_from(CLIENT))
def test_a_prediction_is_in_sync(obj: Any, strategy: Strategy) -> None:
    """Applying what was predicted changes nothing more."""
    wanted = target(obj)
    rules = DiffRules(strategy=strategy)
    live = {**wanted.object, "metadata": {**wanted.object["metadata"], "annotations": {}}}
    found = predict(wanted, live, rules, SCHEMAS)
    assert found.modified
    assert not differs(wanted, found.predicted, rules)
