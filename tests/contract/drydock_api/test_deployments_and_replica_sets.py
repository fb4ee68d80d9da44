"""Deployments and ReplicaSets, seen through the API alone: counts, conditions, owners, events."""

from __future__ import annotations

from typing import Any

import pytest
from peers.workbench import (
    DEPLOYMENTS,
    REPLICA_SETS,
    Obj,
    Workbench,
    condition,
    controller_of,
    names,
    template,
    workload,
)

REVISION = "deployment.kubernetes.io/revision"


def sizes(bench: Workbench) -> dict[str, int]:
    """How many pods each ReplicaSet is to have, by the image it runs."""
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"]
        for each in bench.objects(REPLICA_SETS)
    }


def deploy(bench: Workbench, replicas: int, **spec: Any) -> None:
    """A Deployment `web` all of whose pods are ready."""
    bench.create(DEPLOYMENTS, workload("web", replicas=replicas, **spec))
    bench.until(lambda: len(bench.pods()) == replicas)
    bench.ready(bench.pods())
    bench.until(lambda: status(bench).get("availableReplicas") == replicas)


def status(bench: Workbench) -> Obj:
    """The status of `web`, once it is about the present spec."""
    found = bench.get(DEPLOYMENTS, "web")
    told: Obj = found["status"]
    return told if told.get("observedGeneration") == found["metadata"]["generation"] else {}


def set_image(bench: Workbench, image: str) -> None:
    path = "/spec/template/spec/containers/0/image"
    bench.edit(DEPLOYMENTS, "web", {"op": "replace", "path": path, "value": image})


def fresh(bench: Workbench) -> list[Obj]:
    """The pods of the second image."""
    return [p for p in bench.pods() if p["spec"]["containers"][0]["image"] == "example/app:2"]


def rolling(surge: Any, unavailable: Any) -> Obj:
    return {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


@pytest.mark.parametrize(
    ("replicas", "strategy", "first"),
    [
        (4, rolling("25%", "25%"), (3, 2)),
        (3, rolling(1, 0), (3, 1)),
        (3, rolling(0, 1), (2, 1)),
        (5, rolling("30%", "30%"), (4, 3)),
        (2, rolling("10%", "10%"), (2, 1)),
        (2, rolling("0%", "10%"), (1, 1)),
        (2, rolling(10, 10), (0, 2)),
    ],
)
def test_first_step_of_a_roll_out(
    bench: Workbench, replicas: int, strategy: Obj, first: tuple[int, int]
) -> None:
    deploy(bench, replicas, strategy=strategy)
    set_image(bench, "example/app:2")
    wanted = dict(zip(("example/app:1", "example/app:2"), first, strict=True))
    bench.becomes(wanted, lambda: sizes(bench))
    bench.until(lambda: status(bench).get("updatedReplicas") == first[1])
    assert status(bench)["replicas"] == sum(first)
    bench.delete(DEPLOYMENTS, "web", "Foreground")
    bench.until(lambda: bench.find(DEPLOYMENTS, "web") is None)
    bench.send("DELETE", f"/api/v1/namespaces/{bench.namespace}")
    bench.until(lambda: not _exists(bench))


def _exists(bench: Workbench) -> bool:
    found = bench.send("GET", "/api/v1/namespaces")["items"]
    return bench.namespace in names(found)


def test_roll_out_goes_on_as_pods_become_ready(bench: Workbench) -> None:
    deploy(bench, 10, strategy=rolling(3, 2))
    set_image(bench, "example/app:2")
    bench.becomes({"example/app:1": 8, "example/app:2": 5}, lambda: sizes(bench))
    bench.until(lambda: len(fresh(bench)) == 5)
    bench.ready(fresh(bench))
    bench.becomes({"example/app:1": 3, "example/app:2": 10}, lambda: sizes(bench))
    bench.until(lambda: len(fresh(bench)) == 10)
    assert condition(bench.get(DEPLOYMENTS, "web"), "Progressing") == ("True", "ReplicaSetUpdated")
    bench.ready(fresh(bench))
    bench.becomes({"example/app:1": 0, "example/app:2": 10}, lambda: sizes(bench))
    bench.until(lambda: status(bench).get("availableReplicas") == 10)
    done = bench.get(DEPLOYMENTS, "web")
    assert condition(done, "Progressing") == ("True", "NewReplicaSetAvailable")
    assert condition(done, "Available") == ("True", "MinimumReplicasAvailable")
    assert "unavailableReplicas" not in done["status"]
    bench.until(lambda: bench.reasons("Deployment", "web") == {"ScalingReplicaSet"})


def test_scaling_in_the_middle_of_a_roll_out_keeps_the_proportion(bench: Workbench) -> None:
    deploy(bench, 10, strategy=rolling(3, 2))
    set_image(bench, "example/app:2")
    bench.becomes({"example/app:1": 8, "example/app:2": 5}, lambda: sizes(bench))
    bench.merge(DEPLOYMENTS, "web", {"spec": {"replicas": 30}})
    bench.becomes({"example/app:1": 20, "example/app:2": 13}, lambda: sizes(bench))


def test_going_back_uses_the_old_replica_set_as_a_new_revision(bench: Workbench) -> None:
    deploy(bench, 1)
    first = bench.objects(REPLICA_SETS)[0]["metadata"]["name"]
    set_image(bench, "example/app:2")
    bench.until(lambda: len(bench.pods()) == 2)
    bench.ready(bench.pods())
    bench.becomes({"example/app:1": 0, "example/app:2": 1}, lambda: sizes(bench))
    set_image(bench, "example/app:1")
    bench.until(lambda: sizes(bench)["example/app:1"] == 1)
    bench.until(lambda: len(bench.pods()) == 2)
    bench.ready(bench.pods())
    bench.becomes({"example/app:1": 1, "example/app:2": 0}, lambda: sizes(bench))
    again = bench.get(REPLICA_SETS, first)["metadata"]["annotations"]
    assert again[REVISION] == "3"
    assert again["deployment.kubernetes.io/revision-history"] == "1"
    assert bench.get(DEPLOYMENTS, "web")["metadata"]["annotations"][REVISION] == "3"


def test_paused_deployment_scales_but_does_not_roll_out(bench: Workbench) -> None:
    deploy(bench, 1)
    bench.merge(DEPLOYMENTS, "web", {"spec": {"paused": True}})
    set_image(bench, "example/app:2")
    bench.merge(DEPLOYMENTS, "web", {"spec": {"replicas": 2}})
    bench.becomes({"example/app:1": 2}, lambda: sizes(bench))
    assert condition(bench.get(DEPLOYMENTS, "web"), "Progressing") == (
        "Unknown",
        "DeploymentPaused",
    )
    bench.merge(DEPLOYMENTS, "web", {"spec": {"paused": False}})
    bench.until(lambda: "example/app:2" in sizes(bench))


def test_late_roll_out_says_so(bench: Workbench) -> None:
    bench.create(DEPLOYMENTS, workload("web", replicas=1, progressDeadlineSeconds=1))
    late = ("False", "ProgressDeadlineExceeded")
    bench.until(lambda: condition(bench.get(DEPLOYMENTS, "web"), "Progressing") == late)
    bench.ready(bench.pods())
    well = ("True", "NewReplicaSetAvailable")
    bench.until(lambda: condition(bench.get(DEPLOYMENTS, "web"), "Progressing") == well)


def test_recreate_removes_all_before_it_makes_any(bench: Workbench) -> None:
    deploy(bench, 2, strategy={"type": "Recreate"})
    held = bench.pods()[0]["metadata"]["name"]
    bench.merge("pods", held, {"metadata": {"finalizers": ["example.com/hold"]}})
    bench.merge(DEPLOYMENTS, "web", {"spec": {"template": template("web", "example/app:2")}})
    bench.becomes({"example/app:1": 0}, lambda: sizes(bench))
    bench.merge("pods", held, {"metadata": {"finalizers": None}})
    bench.becomes({"example/app:1": 0, "example/app:2": 2}, lambda: sizes(bench))


def test_old_replica_sets_beyond_the_limit_go(bench: Workbench) -> None:
    deploy(bench, 1, revisionHistoryLimit=1)
    for number in (2, 3):
        image = f"example/app:{number}"
        set_image(bench, image)
        bench.until(lambda: image in sizes(bench) and len(bench.pods()) == 2)  # noqa: B023
        bench.ready(bench.pods())
        bench.until(lambda: sizes(bench)[image] == 1 and len(bench.pods()) == 1)  # noqa: B023
    bench.becomes({"example/app:2": 0, "example/app:3": 1}, lambda: sizes(bench))


def test_replica_set_takes_orphans_and_lets_go(bench: Workbench) -> None:
    orphan = {"metadata": {"name": "orphan", **template("set")["metadata"]}}
    bench.create("pods", {**orphan, "spec": template("set")["spec"]})
    bench.create(REPLICA_SETS, workload("set", replicas=2))
    bench.becomes(2, lambda: len(bench.pods("app=set")))
    assert {controller_of(pod) for pod in bench.pods()} == {"ReplicaSet/set"}
    assert "orphan" in names(bench.pods())
    bench.merge("pods", "orphan", {"metadata": {"labels": {"app": "other"}}})
    bench.until(lambda: not controller_of(bench.get("pods", "orphan")))
    bench.becomes(2, lambda: len(bench.pods("app=set")))
    bench.until(lambda: bench.reasons("ReplicaSet", "set") == {"SuccessfulCreate"})


def test_replica_set_removes_pods_that_are_not_ready_first(bench: Workbench) -> None:
    bench.create(REPLICA_SETS, workload("set", replicas=4))
    bench.until(lambda: len(bench.pods()) == 4)
    kept = bench.pods()[1:3]
    bench.ready(kept)
    bench.until(lambda: bench.get(REPLICA_SETS, "set")["status"].get("readyReplicas") == 2)
    bench.merge(REPLICA_SETS, "set", {"spec": {"replicas": 2}})
    bench.becomes(names(kept), lambda: names(bench.pods()))
    bench.until(
        lambda: bench.reasons("ReplicaSet", "set") == {"SuccessfulCreate", "SuccessfulDelete"}
    )


def test_replica_set_replaces_what_failed_or_was_deleted(bench: Workbench) -> None:
    bench.create(REPLICA_SETS, workload("set", replicas=2))
    bench.until(lambda: len(bench.pods()) == 2)
    failed, deleted = bench.pods()
    bench.finish([failed], code=1)
    bench.delete("pods", deleted["metadata"]["name"])
    gone = set(names([failed, deleted]))
    bench.until(lambda: len(bench.pods()) == 2 and not gone & set(names(bench.pods())))


def test_replica_set_whose_pods_are_refused_says_so(bench: Workbench) -> None:
    refused = template("set", serviceAccountName="nobody")
    bench.create(REPLICA_SETS, workload("set", replicas=1, template=refused))
    failure = ("True", "FailedCreate")
    bench.until(lambda: condition(bench.get(REPLICA_SETS, "set"), "ReplicaFailure") == failure)
    bench.until(lambda: bench.reasons("ReplicaSet", "set") == {"FailedCreate"})
