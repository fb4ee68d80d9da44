from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from towline.drydock.control.budgets import status_of
from towline.drydock.control.resources import DEPLOYMENTS, DISRUPTION_BUDGETS, PODS

Obj = dict[str, Any]

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def budget(status: Obj | None = None, **spec: Any) -> Obj:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b", "namespace": "default", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
        "status": status or {},
    }


def pod(name: str, *, ready: bool = True, **meta: Any) -> Obj:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name, **meta}, "status": {"conditions": conditions}}


THREE = [pod("a"), pod("b"), pod("c", ready=False)]


@pytest.mark.parametrize(
    ("spec", "expected", "desired", "allowed"),
    [
        ({"minAvailable": 1}, 3, 1, 1),
        ({"minAvailable": 2}, 3, 2, 0),
        ({"minAvailable": "50%"}, 4, 2, 0),
        ({"minAvailable": "20%"}, 4, 1, 1),
        ({"maxUnavailable": 3}, 4, 1, 1),
        ({"maxUnavailable": "30%"}, 4, 2, 0),
        ({"maxUnavailable": 9}, 4, 0, 2),
        ({}, 3, 0, 2),
    ],
)
def test_counts(spec: Obj, expected: int, desired: int, allowed: int) -> None:
    status, _ = status_of(budget(**spec), THREE, 4, NOW)
    counts = [status[name] for name in ("expectedPods", "desiredHealthy", "disruptionsAllowed")]
    assert counts == [expected, desired, allowed]
    assert status["currentHealthy"] == 2
    (condition,) = status["conditions"]
    assert condition["reason"] == ("SufficientPods" if allowed else "InsufficientPods")
    assert condition["message"] == ""


def test_without_pods_nothing_may_be_disrupted() -> None:
    status, _ = status_of(budget(minAvailable=0), [], 0, NOW)
    assert status["disruptionsAllowed"] == 0


def test_evicted_pods_count_as_gone_for_two_minutes() -> None:
    noted = {"disruptedPods": {"a": "2030-01-01T11:59:30Z", "gone": "2030-01-01T11:59:30Z"}}
    status, again = status_of(budget(noted, minAvailable=1), THREE, 3, NOW)
    assert status["disruptedPods"] == {"a": "2030-01-01T11:59:30Z"}
    assert (status["currentHealthy"], status["disruptionsAllowed"], again) == (1, 0, 90)
    later = NOW + dt.timedelta(minutes=5)
    status, again = status_of(budget(noted, minAvailable=1), THREE, 3, later)
    assert (status["currentHealthy"], again) == (2, None)
    assert "disruptedPods" not in status


@pytest.mark.asyncio
async def test_status_follows_pods_and_the_size_of_their_controller(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    body = budget(maxUnavailable=1)
    del body["status"], body["metadata"]["generation"]
    await live.create(DISRUPTION_BUDGETS, body)

    def counts() -> list[Any]:
        found = live.get(DISRUPTION_BUDGETS, "default", "b").get("status") or {}
        names = ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
        return [found.get(name) for name in names]

    await live.until(lambda: counts() == [0, 0, 0, 0])
    await live.create(DEPLOYMENTS, deployment(replicas=3))
    await live.until(lambda: counts() == [3, 2, 3, 1])

    def scale(private: Obj) -> None:
        private["spec"]["replicas"] = 5

    await live.mutate(DEPLOYMENTS, "default", "web", scale)
    await live.until(lambda: counts() == [5, 4, 5, 1])
    node.slow_to_end = lambda pod: True
    name = live.objects(PODS)[0]["metadata"]["name"]
    await live.delete(PODS, "default", name)
    await live.until(lambda: counts() == [5, 4, 5, 1] and len(live.objects(PODS)) == 6)
