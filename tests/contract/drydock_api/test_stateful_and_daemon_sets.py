"""StatefulSets and DaemonSets, seen through the API alone: order, revisions, owners, counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from peers.recording import JSON_PATCH
from peers.workbench import (
    DAEMON_SETS,
    STATEFUL_SETS,
    Obj,
    Workbench,
    controller_of,
    names,
    template,
    workload,
)


def images(bench: Workbench) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in bench.pods()]


def stateful(bench: Workbench, replicas: int, **spec: object) -> None:
    """A StatefulSet `db` all of whose pods are ready."""
    bench.create(STATEFUL_SETS, workload("db", replicas=replicas, serviceName="db", **spec))
    for number in range(replicas):
        bench.until(lambda: bench.find("pods", f"db-{number}"))  # noqa: B023
        bench.ready([bench.get("pods", f"db-{number}")])
    bench.until(lambda: status(bench).get("availableReplicas") == replicas)


def status(bench: Workbench) -> Obj:
    found = bench.get(STATEFUL_SETS, "db")
    told: Obj = found["status"]
    return told if told.get("observedGeneration") == found["metadata"]["generation"] else {}


def test_stateful_pods_come_one_by_one_and_go_from_the_top(bench: Workbench) -> None:
    bench.create(STATEFUL_SETS, workload("db", replicas=3, serviceName="db"))
    for number in range(3):
        wanted = [f"db-{each}" for each in range(number + 1)]
        bench.becomes(wanted, lambda: names(bench.pods()))
        bench.ready([bench.get("pods", wanted[-1])])
    bench.until(lambda: status(bench).get("readyReplicas") == 3)
    pod = bench.get("pods", "db-1")
    assert pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "db-1"
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "db")
    bench.merge("pods", "db-2", {"metadata": {"finalizers": ["example.com/hold"]}})
    bench.merge(STATEFUL_SETS, "db", {"spec": {"replicas": 1}})
    bench.becomes(["db-0", "db-1"], lambda: names(bench.pods()))
    bench.merge("pods", "db-2", {"metadata": {"finalizers": None}})
    bench.becomes(["db-0"], lambda: names(bench.pods()))
    bench.until(
        lambda: bench.reasons("StatefulSet", "db") == {"SuccessfulCreate", "SuccessfulDelete"}
    )


def test_unready_pod_holds_up_the_next(bench: Workbench) -> None:
    stateful(bench, 2)
    bench.unready([bench.get("pods", "db-0")])
    bench.until(lambda: status(bench).get("readyReplicas") == 1)
    bench.merge(STATEFUL_SETS, "db", {"spec": {"replicas": 3}})
    bench.becomes(["db-0", "db-1"], lambda: names(bench.pods()))
    bench.ready([bench.get("pods", "db-0")])
    bench.until(lambda: bench.find("pods", "db-2"))


def test_parallel_stateful_pods_come_together(bench: Workbench) -> None:
    spec = workload("db", replicas=3, serviceName="db", podManagementPolicy="Parallel")
    bench.create(STATEFUL_SETS, spec)
    bench.becomes(["db-0", "db-1", "db-2"], lambda: names(bench.pods()))
    bench.merge(STATEFUL_SETS, "db", {"spec": {"replicas": 0}})
    bench.until(lambda: not bench.pods())


def test_stateful_update_goes_down_to_the_partition(bench: Workbench) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    stateful(bench, 3, updateStrategy=strategy)
    old = status(bench)["currentRevision"]
    bench.merge(STATEFUL_SETS, "db", {"spec": {"template": template("db", "example/app:2")}})
    one, two = "example/app:1", "example/app:2"
    bench.becomes([one, one, two], lambda: images(bench))
    bench.ready([bench.get("pods", "db-2")])
    bench.becomes([one, two, two], lambda: images(bench))
    bench.ready([bench.get("pods", "db-1")])
    bench.until(lambda: status(bench).get("updatedReplicas") == 2)
    now = status(bench)
    assert (now["currentRevision"], now["currentReplicas"]) == (old, 1)
    assert now["updateRevision"] != old
    bench.merge(
        STATEFUL_SETS, "db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}
    )
    bench.becomes([two, two, two], lambda: images(bench))
    bench.ready([bench.get("pods", "db-0")])
    bench.until(lambda: status(bench).get("currentRevision") == now["updateRevision"])


def test_stateful_pods_on_delete_wait_for_their_deletion(bench: Workbench) -> None:
    stateful(bench, 2, updateStrategy={"type": "OnDelete"})
    bench.merge(STATEFUL_SETS, "db", {"spec": {"template": template("db", "example/app:2")}})
    bench.becomes(["example/app:1"] * 2, lambda: images(bench))
    bench.delete("pods", "db-0")
    bench.becomes(["example/app:2", "example/app:1"], lambda: images(bench))


def test_stateful_set_takes_its_pods_back(bench: Workbench) -> None:
    stateful(bench, 2)
    bench.delete(STATEFUL_SETS, "db", "Orphan")
    bench.until(lambda: bench.find(STATEFUL_SETS, "db") is None)
    before = {pod["metadata"]["uid"] for pod in bench.pods()}
    bench.until(lambda: not any(controller_of(pod) for pod in bench.pods()))
    bench.create(STATEFUL_SETS, workload("db", replicas=2, serviceName="db"))
    bench.until(lambda: {controller_of(pod) for pod in bench.pods()} == {"StatefulSet/db"})
    assert {pod["metadata"]["uid"] for pod in bench.pods()} == before


def test_failed_stateful_pod_is_made_again(bench: Workbench) -> None:
    stateful(bench, 1)
    before = bench.get("pods", "db-0")
    bench.finish([before], code=1)
    bench.until(
        lambda: [p for p in bench.pods() if p["metadata"]["uid"] != before["metadata"]["uid"]]
    )
    assert names(bench.pods()) == ["db-0"]


@pytest.fixture
def third(bench: Workbench) -> Iterator[str]:
    """Three nodes: `n2` is of another colour, `n3` keeps pods off; gives the path of `n3`."""
    blue, red = {"color": "blue"}, {"color": "red"}
    with bench.node("n1", blue), bench.node("n2", red), bench.node("n3", keeps_off=True) as path:
        yield path


def homes(bench: Workbench) -> list[str]:
    """The nodes that the pods of the DaemonSet are meant for."""
    found = []
    for pod in bench.pods():
        terms = pod["spec"]["affinity"]["nodeAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]["nodeSelectorTerms"]
        found.append(terms[0]["matchFields"][0]["values"][0])
    return sorted(found)


def test_daemon_pods_are_where_they_are_wanted(bench: Workbench, third: str) -> None:
    bench.create(DAEMON_SETS, workload("agent"))
    bench.becomes(["n1", "n2"], lambda: homes(bench))
    bench.ready(bench.pods())
    bench.until(lambda: bench.get(DAEMON_SETS, "agent")["status"].get("numberAvailable") == 2)
    status = bench.get(DAEMON_SETS, "agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberMisscheduled"]) == (2, 0)
    assert (status["updatedNumberScheduled"], status["numberReady"]) == (2, 2)
    path = "/spec/template/spec/nodeSelector"
    bench.edit(DAEMON_SETS, "agent", {"op": "add", "path": path, "value": {"color": "red"}})
    bench.until(lambda: (bench.end_deleted(), homes(bench))[1] == ["n2"])
    untainted = [{"op": "remove", "path": "/spec/taints"}]
    bench.edit(DAEMON_SETS, "agent", {"op": "remove", "path": path})
    bench.send("PATCH", third, untainted, JSON_PATCH)
    bench.until(lambda: (bench.end_deleted(), homes(bench))[1] == ["n1", "n2", "n3"])
    bench.delete(DAEMON_SETS, "agent")
    bench.until(lambda: (bench.end_deleted(), bench.pods())[1] == [])


def test_daemon_pods_are_replaced_one_by_one(bench: Workbench, third: str) -> None:
    bench.create(DAEMON_SETS, workload("agent"))
    bench.becomes(["n1", "n2"], lambda: homes(bench))
    bench.ready(bench.pods())
    bench.until(lambda: bench.get(DAEMON_SETS, "agent")["status"].get("numberAvailable") == 2)
    bench.merge(DAEMON_SETS, "agent", {"spec": {"template": template("agent", "example/app:2")}})

    def now() -> list[str]:
        bench.end_deleted()
        return sorted(images(bench))

    bench.becomes(["example/app:1", "example/app:2"], now)
    bench.ready(bench.pods())
    bench.becomes(["example/app:2"] * 2, now)
    bench.ready(bench.pods())
    revisions = bench.objects("apps/v1/controllerrevisions")
    assert sorted(each["revision"] for each in revisions) == [1, 2]
    bench.delete(DAEMON_SETS, "agent")
    bench.until(lambda: (bench.end_deleted(), bench.pods())[1] == [])
