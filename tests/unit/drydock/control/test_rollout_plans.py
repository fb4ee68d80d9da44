from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.aio.clock import rfc3339
from towline.drydock.control import rolloutmath
from towline.drydock.control.revisions import DESIRED, MAXIMUM, REVISION
from towline.drydock.control.rollout import Plan, plan

Obj = dict[str, Any]

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def body(replicas: int, surge: Any = "25%", unavailable: Any = "25%", **spec: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n", "uid": "du", "generation": 2},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
            },
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            "template": template("new"),
            **spec,
        },
    }


def template(image: str) -> Obj:
    return {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"image": image}]}}


def replica_set(
    image: str, size: int, *, number: int, available: int | None = None, **annotations: str
) -> Obj:
    available = size if available is None else available
    return {
        "metadata": {
            "name": f"d-{image}",
            "uid": f"u-{image}",
            "creationTimestamp": rfc3339(NOW + dt.timedelta(seconds=number)),
            "annotations": {REVISION: str(number), **annotations},
            "generation": 1,
        },
        "spec": {"replicas": size, "template": template(image)},
        "status": {
            "replicas": size,
            "readyReplicas": available,
            "availableReplicas": available,
            "observedGeneration": 1,
        },
    }


def decide(deployment: Obj, *replica_sets: Obj, now: dt.datetime = NOW) -> Plan:
    return plan(deployment, list(replica_sets), old_pods_left=False, now=now)


def sizes(result: Plan) -> dict[str, int]:
    return {change.name: change.replicas for change in result.changes}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (3, "25%", "25%", (1, 0)),
        (4, "25%", "25%", (1, 1)),
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (3, 0, 0, (0, 1)),
        (3, "0%", "0%", (0, 1)),
        (2, 5, 5, (5, 2)),
        (0, "25%", "25%", (0, 0)),
    ],
)
def test_surge_rounds_up_and_unavailability_down(
    replicas: int, surge: Any, unavailable: Any, expected: tuple[int, int]
) -> None:
    assert rolloutmath.bounds(body(replicas, surge, unavailable)) == expected


def test_first_replica_set_starts_at_full_size() -> None:
    result = decide(body(3))
    assert result.create is not None
    assert result.create["spec"]["replicas"] == 3
    assert result.revision == "1"
    assert result.events[0][2].endswith("from 0 to 3")
    reasons = {one["type"]: one["reason"] for one in result.status["conditions"]}
    assert reasons == {
        "Available": "MinimumReplicasUnavailable",
        "Progressing": "NewReplicaSetCreated",
    }


def test_unhealthy_old_pods_go_before_healthy_ones() -> None:
    old = replica_set("old", 4, number=1, available=2)
    new = replica_set("new", 1, number=2, available=1)
    result = decide(body(4), old, new)
    assert sizes(result)["d-old"] == 2


def test_nothing_is_dropped_while_the_new_pod_is_not_available() -> None:
    old = replica_set("old", 3, number=1)
    new = replica_set("new", 1, number=2, available=0)
    assert "d-old" not in sizes(decide(body(3), old, new))


def test_scaling_in_mid_roll_out_is_proportional() -> None:
    noted = {DESIRED: "10", MAXIMUM: "13"}
    old = replica_set("old", 8, number=1, **noted)
    new = replica_set("new", 5, number=2, **noted)
    result = decide(body(20), old, new)
    # 20 + 5 surge allowed, 13 present: 12 more, shared by size.
    assert sizes(result) == {"d-old": 15, "d-new": 10}
    assert sum(sizes(result).values()) == 25


def test_scaling_to_zero_in_mid_roll_out_stops_everything() -> None:
    noted = {DESIRED: "4", MAXIMUM: "5"}
    old = replica_set("old", 3, number=1, **noted)
    new = replica_set("new", 2, number=2, **noted)
    assert sizes(decide(body(0), old, new)) == {"d-old": 0, "d-new": 0}


def progressing(result: Plan) -> Obj:
    return next(one for one in result.status["conditions"] if one["type"] == "Progressing")


def test_deadline_without_progress_is_reported_and_looked_for_in_time() -> None:
    deployment = body(1)
    new = replica_set("new", 1, number=1, available=0, **{DESIRED: "1", MAXIMUM: "2"})
    deployment["status"] = decide(deployment, new).status
    later = NOW + dt.timedelta(seconds=300)
    waiting = decide(deployment, new, now=later)
    assert progressing(waiting)["reason"] != "ProgressDeadlineExceeded"
    assert waiting.again == pytest.approx(301.0)
    late = decide(deployment, new, now=NOW + dt.timedelta(seconds=601))
    assert progressing(late)["status"] == "False"
    assert progressing(late)["message"] == 'ReplicaSet "d-new" has timed out progressing.'
    assert late.again is None


def test_transition_time_is_kept_while_the_status_stays_true() -> None:
    deployment = body(2)
    new = replica_set("new", 2, number=1, available=0)
    deployment["status"] = decide(deployment, new).status
    later = NOW + dt.timedelta(seconds=5)
    half = replica_set("new", 2, number=1, available=1)
    condition = progressing(decide(deployment, half, now=later))
    assert condition["reason"] == "ReplicaSetUpdated"
    assert condition["lastTransitionTime"] == rfc3339(NOW)
    assert condition["lastUpdateTime"] == rfc3339(later)


def test_no_deadline_means_no_progressing_condition() -> None:
    result = decide(body(1, progressDeadlineSeconds=None), replica_set("new", 1, number=1))
    assert [one["type"] for one in result.status["conditions"]] == ["Available"]


def test_annotations_of_the_deployment_reach_the_new_replica_set() -> None:
    deployment = body(1)
    deployment["metadata"]["annotations"] = {
        "team": "x",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    (change,) = decide(deployment, replica_set("new", 1, number=1)).changes
    assert change.annotations["team"] == "x"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in change.annotations


def test_inputs_are_not_changed() -> None:
    deployment, old = body(3), replica_set("old", 3, number=1)
    before = copy.deepcopy((deployment, old))
    decide(deployment, old)
    assert (deployment, old) == before


def simulate(deployment: Obj, sets: list[Obj], check: Callable[[list[Obj]], None]) -> list[Obj]:
    """Carries out plans, every pod becoming available between two of them."""
    for number in range(200):
        result = decide(deployment, *sets)
        if result.create is not None:
            created = copy.deepcopy(result.create)
            created["metadata"] |= {"uid": "u-created", "generation": 1}
            created["metadata"]["creationTimestamp"] = rfc3339(NOW + dt.timedelta(hours=1))
            created["status"] = {}
            sets = [*sets, created]
        for change in result.changes:
            target = next(one for one in sets if one["metadata"]["name"] == change.name)
            target["spec"]["replicas"] = change.replicas
            target["metadata"]["annotations"] = dict(change.annotations)
            # Removed pods stop serving at once, new ones serve one round later.
            status = target["status"]
            status["availableReplicas"] = min(change.replicas, status.get("availableReplicas", 0))
        check(sets)
        if result.create is None and not result.changes:
            settled = all(
                one["status"].get("availableReplicas", 0) == one["spec"]["replicas"] for one in sets
            )
            if settled:
                return sets
        for one in sets:
            size = one["spec"]["replicas"]
            one["status"] = {
                "replicas": size,
                "readyReplicas": size,
                "availableReplicas": size,
                "observedGeneration": 1,
            }
        deployment["status"] = result.status
        assert number < 199, "the roll-out does not end"
    return sets


@given(
    replicas=st.integers(0, 12),
    before=st.integers(0, 12),
    surge=st.one_of(st.integers(0, 5), st.integers(0, 100).map(lambda n: f"{n}%")),
    unavailable=st.one_of(st.integers(0, 5), st.integers(0, 100).map(lambda n: f"{n}%")),
)
def test_every_roll_out_ends_within_its_bounds(
    replicas: int, before: int, surge: Any, unavailable: Any
) -> None:
    deployment = body(replicas, surge, unavailable)
    bounds = rolloutmath.bounds(deployment)
    old = replica_set("old", before, number=1, **{DESIRED: str(replicas), MAXIMUM: "1"})

    def check(sets: list[Obj]) -> None:
        total = sum(one["spec"]["replicas"] for one in sets)
        available = sum(one["status"].get("availableReplicas", 0) for one in sets)
        assert total <= max(before, replicas + bounds.surge)
        assert available >= min(before, replicas - bounds.unavailable)

    sets = simulate(deployment, [old], check)
    final = {one["metadata"]["name"]: one["spec"]["replicas"] for one in sets}
    assert final.pop("d-old") == 0
    assert list(final.values()) == [replicas]
