"""Who wrote a field that is out of sync, and who fights over it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.gitops.attribution import (
    MOST_FIELDS,
    Cause,
    Change,
    FieldDrift,
    Writer,
    attribute,
    sentence,
)
from towline.gitops.diff import Prediction
from towline.gitops.fights import FightRules, fight_message, fights, observed, repaired
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kube.schema.catalog import load_catalog

KIND = load_catalog().kind(GroupVersionKind("apps", "v1", "Deployment"))
assert KIND is not None
SCHEMA = KIND.schema
REPLICAS = {"f:spec": {"f:replicas": {}}}
CONTAINER = {'k:{"name":"c"}': {".": {}, "f:image": {}}}
IMAGE = {"f:spec": {"f:template": {"f:spec": {"f:containers": CONTAINER}}}}


def entry(manager: str, time: str, fields: Any, **more: Any) -> Any:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "apps/v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def deployment(replicas: int | None = 1, image: str = "i:1", **spec: Any) -> Any:
    pod = {"containers": [{"name": "c", "image": image}]}
    counted = {} if replicas is None else {"replicas": replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {**counted, "template": {"spec": pod}, **spec},
    }


OURS = entry("argocd-controller", "2026-01-01T00:00:00Z", REPLICAS)
SCALER = entry("kubectl-scale", "2026-01-02T00:00:00Z", REPLICAS, subresource="scale")
EARLIER = entry("early", "2025-01-01T00:00:00Z", REPLICAS)


@pytest.mark.parametrize(
    ("live", "managed", "expected", "words"),
    [
        (
            deployment(5),
            [OURS, EARLIER, SCALER],
            (".spec.replicas", Change.CHANGE, Cause.MANAGER, "kubectl-scale", 1, 5),
            "is 5, should be 1; kubectl-scale wrote it through scale at 2026-01-02T00:00:00Z",
        ),
        (
            deployment(5),
            [OURS],
            (".spec.replicas", Change.CHANGE, Cause.MANIFEST, "argocd-controller", 1, 5),
            ".spec.replicas is 5, should be 1; we wrote it, and the manifest has changed since",
        ),
        (
            deployment(5),
            [entry("x", "t", IMAGE)],
            (".spec.replicas", Change.CHANGE, Cause.ADMISSION, None, 1, 5),
            ".spec.replicas is 5, should be 1; a default or an admission webhook set it",
        ),
        (
            deployment(5),
            None,
            (".spec.replicas", Change.CHANGE, Cause.UNKNOWN, None, 1, 5),
            ".spec.replicas is 5, should be 1; the object does not say who wrote it",
        ),
        (
            deployment(None),
            [
                OURS,
                entry("patcher", "2026-01-03T00:00:00Z", IMAGE),
                entry("later", "2026-01-04T00:00:00Z", {"f:status": {"f:replicas": {}}}),
            ],
            (".spec.replicas", Change.ADD, Cause.REMOVED, "patcher", 1, msgspec.UNSET),
            "perhaps taken away by patcher, which wrote there last at 2026-01-03T00:00:00Z",
        ),
        (
            deployment(paused=True),
            [entry("pauser", "2026-01-03T00:00:00Z", {"f:spec": {"f:paused": {}}})],
            (".spec.paused", Change.REMOVE, Cause.MANAGER, "pauser", msgspec.UNSET, True),
            ".spec.paused is true, should not be there; pauser wrote it at 2026-01-03T00:00:00Z",
        ),
        (
            deployment(image="i:2"),
            [OURS, entry("setter", "2026-01-03T00:00:00Z", IMAGE)],
            (
                '.spec.template.spec.containers[name="c"].image',
                Change.CHANGE,
                Cause.MANAGER,
                "setter",
                "i:1",
                "i:2",
            ),
            'is "i:2", should be "i:1"; setter wrote it at 2026-01-03T00:00:00Z',
        ),
    ],
)
def test_a_difference_is_traced_to_its_writer(
    live: Any, managed: Any, expected: Any, words: str
) -> None:
    (drift,) = attribute(Prediction(deployment(), live), managed, SCHEMA)
    writer = drift.writer.manager if drift.writer else None
    told = (drift.path, drift.change, drift.cause, writer, drift.desired, drift.live)
    assert told == expected
    assert sentence(drift).startswith(drift.path)
    assert sentence(drift).endswith(words)


def test_a_part_that_is_missing_whole_is_one_difference() -> None:
    wanted = deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})
    (drift,) = attribute(Prediction(wanted, deployment()), [OURS], SCHEMA)
    assert (drift.path, drift.change, drift.writer) == (".spec.strategy", Change.ADD, None)
    assert "never applied" in sentence(drift)


def test_a_manager_of_a_whole_owns_its_parts() -> None:
    owner = entry("whole", "2026-01-03T00:00:00Z", {"f:spec": {"f:template": {}}})
    (drift,) = attribute(Prediction(deployment(), deployment(image="i:9")), [owner], SCHEMA)
    assert drift.writer is not None
    assert drift.writer.manager == "whole"


def test_values_of_secrets_are_masked_in_differences() -> None:
    wanted = {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {"a": "Y2FuYXJ5"}}
    live = {**wanted, "data": {"a": "b3RoZXI="}}
    (drift,) = attribute(Prediction(wanted, live), [], None)
    assert (drift.path, drift.desired, drift.live) == (".data.a", "++++++++++++", "++++++++")


def test_the_number_of_differences_is_bounded() -> None:
    live = {"data": {str(n): "x" for n in range(MOST_FIELDS + 50)}}
    assert len(attribute(Prediction({"data": {}}, live), None, None)) == MOST_FIELDS


SCALARS = st.none() | st.integers(0, 3) | st.text("ab", max_size=2)
VALUES = st.recursive(
    SCALARS, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(DOCUMENTS, DOCUMENTS)
def test_there_is_a_difference_exactly_when_the_two_differ(wanted: Any, live: Any) -> None:
    prediction = Prediction(wanted, live)
    assert bool(attribute(prediction, None, None)) == prediction.modified


KEY = ObjectKey("apps", "Deployment", "prod", "web")
RULES = FightRules(flips=3, window=100)


def drift(manager: str = "hpa", path: str = ".spec.replicas") -> FieldDrift:
    return FieldDrift(
        path=path,
        change=Change.CHANGE,
        cause=Cause.MANAGER,
        desired=1,
        live=2,
        writer=Writer(manager=manager, operation="Update"),
    )


def test_a_field_that_flips_again_and_again_is_a_fight_with_both_names() -> None:
    state: Any = {}
    for at in (0, 10, 20):
        assert fights(state, at, RULES) == []
        state = observed(state, KEY, [drift()], at, RULES)
        state = observed(state, KEY, [drift()], at + 1, RULES)
        state = repaired(state, KEY)
    (fight,) = fights(state, 21, RULES)
    assert (fight.path, fight.writers, fight.flips) == (
        ".spec.replicas",
        ("argocd-controller", "hpa"),
        3,
    )
    message = fight_message(fight, RULES)
    assert message.startswith("Deployment/web .spec.replicas: hpa and argocd-controller change it")


def test_a_field_that_stays_changed_is_no_fight() -> None:
    state: Any = {}
    for at in range(50):
        state = observed(state, KEY, [drift()], at, RULES)
    assert fights(state, 50, RULES) == []


def test_quiet_ends_a_fight_and_other_objects_do_not_count() -> None:
    state: Any = {}
    other = ObjectKey("", "ConfigMap", "prod", "web")
    for at in (0, 10, 20):
        state = observed(state, KEY, [drift()], at, RULES)
        state = observed(state, other, [drift(path=f".data.{at}")], at, RULES)
        state = observed(state, KEY, [], at + 1, RULES)
    assert len(fights(state, 30, RULES)) == 1
    assert fights(state, 125, RULES) == []
    assert all(place[0] == other for place in observed(state, KEY, [], 125, RULES))


def test_our_own_changes_are_no_fight() -> None:
    own = msgspec.structs.replace(drift("argocd-controller"), cause=Cause.MANIFEST)
    state: Any = {}
    for at in (0, 10, 20, 30):
        state = repaired(observed(state, KEY, [own], at, RULES), KEY)
    assert state == {}


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=60))
def test_what_is_remembered_is_bounded(events: Any) -> None:
    rules = FightRules(flips=2, window=1000, remembered=3)
    state: Any = {}
    for at, (name, changed) in enumerate(events):
        key = ObjectKey("", "ConfigMap", "", name)
        state = observed(state, key, [drift()] if changed else [], at, rules)
        assert len(state) <= 3
        assert all(len(contest.flips) <= 8 for contest in state.values())
