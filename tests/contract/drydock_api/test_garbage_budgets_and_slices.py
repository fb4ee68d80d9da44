"""What follows other objects: dependants, namespaces, budgets, EndpointSlices; through the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from peers.workbench import (
    BUDGETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    SLICES,
    STRATEGIC_PATCH,
    Obj,
    Workbench,
    condition,
    controller_of,
    names,
    template,
    workload,
)

HOLD = ["example.com/hold"]


def deployed(bench: Workbench, replicas: int = 2) -> None:
    bench.create(DEPLOYMENTS, workload("web", replicas=replicas))
    bench.until(lambda: len(bench.pods()) == replicas)
    bench.ready(bench.pods())


def test_background_deletion_takes_the_owner_first(bench: Workbench) -> None:
    deployed(bench)
    (owned,) = names(bench.objects(REPLICA_SETS))
    bench.merge(REPLICA_SETS, owned, {"metadata": {"finalizers": HOLD}})
    bench.delete(DEPLOYMENTS, "web", "Background")
    assert bench.find(DEPLOYMENTS, "web") is None
    bench.until(lambda: "deletionTimestamp" in bench.get(REPLICA_SETS, owned)["metadata"])
    bench.merge(REPLICA_SETS, owned, {"metadata": {"finalizers": None}})
    bench.until(lambda: not bench.objects(REPLICA_SETS) and not bench.objects("pods"))


def test_foreground_deletion_takes_the_owner_last(bench: Workbench) -> None:
    deployed(bench)
    held = bench.pods()[0]["metadata"]["name"]
    bench.merge("pods", held, {"metadata": {"finalizers": HOLD}})
    bench.delete(DEPLOYMENTS, "web", "Foreground")
    assert bench.get(DEPLOYMENTS, "web")["metadata"]["finalizers"] == ["foregroundDeletion"]
    bench.becomes([held], lambda: names(bench.objects("pods")))
    (owned,) = bench.objects(REPLICA_SETS)
    assert owned["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert bench.find(DEPLOYMENTS, "web") is not None
    bench.merge("pods", held, {"metadata": {"finalizers": None}})
    bench.until(lambda: bench.find(DEPLOYMENTS, "web") is None)
    assert bench.objects(REPLICA_SETS) == []


def test_orphans_stay_and_are_taken_again(bench: Workbench) -> None:
    deployed(bench)
    bench.delete(DEPLOYMENTS, "web", "Orphan")
    bench.until(lambda: bench.find(DEPLOYMENTS, "web") is None)
    (owned,) = bench.objects(REPLICA_SETS)
    assert controller_of(owned) == ""
    assert len(bench.pods()) == 2
    bench.create(DEPLOYMENTS, workload("web", replicas=2))
    bench.until(lambda: controller_of(bench.objects(REPLICA_SETS)[0]) == "Deployment/web")
    assert names(bench.objects(REPLICA_SETS)) == [owned["metadata"]["name"]]


def config_map(name: str, *owners: Obj) -> Obj:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
        for owner in owners
    ]
    return {"metadata": {"name": name, "ownerReferences": references}}


def test_dependant_goes_with_the_last_of_its_owners(bench: Workbench) -> None:
    one, two = (bench.create("configmaps", config_map(name)) for name in ("one", "two"))
    bench.create("configmaps", config_map("both", one, two))
    bench.delete("configmaps", "one")
    bench.until(lambda: len(bench.get("configmaps", "both")["metadata"]["ownerReferences"]) == 1)
    bench.delete("configmaps", "two")
    bench.until(lambda: bench.find("configmaps", "both") is None)


def test_dependant_of_an_owner_that_never_was_goes(bench: Workbench) -> None:
    never = {"metadata": {"name": "never", "uid": "00000000-0000-4000-8000-000000000000"}}
    bench.create("configmaps", config_map("lost", never))
    bench.until(lambda: bench.find("configmaps", "lost") is None)


def test_namespace_goes_when_everything_in_it_has(bench: Workbench) -> None:
    bench.create("configmaps", {"metadata": {"name": "held", "finalizers": HOLD}})
    deployed(bench, 1)
    path = f"/api/v1/namespaces/{bench.namespace}"
    bench.send("DELETE", path)

    def space() -> Obj:
        found: Obj = bench.send("GET", path)
        return found

    wanted = ("True", "SomeFinalizersRemain")
    bench.until(lambda: condition(space(), "NamespaceFinalizersRemaining") == wanted)
    assert space()["status"]["phase"] == "Terminating"
    assert condition(space(), "NamespaceContentRemaining") == ("True", "SomeResourcesRemain")
    assert condition(space(), "NamespaceDeletionContentFailure") == ("False", "ContentDeleted")
    assert bench.find(DEPLOYMENTS, "web") is None
    bench.merge("configmaps", "held", {"metadata": {"finalizers": None}})
    spaces = "/api/v1/namespaces"
    bench.until(lambda: bench.namespace not in names(bench.send("GET", spaces)["items"]), 30)


def budget(bench: Workbench, **spec: Any) -> None:
    selector = {"matchLabels": {"app": "web"}}
    bench.create(BUDGETS, {"metadata": {"name": "pdb"}, "spec": {"selector": selector, **spec}})


def allowance(bench: Workbench) -> tuple[int, ...]:
    status = bench.get(BUDGETS, "pdb").get("status", {})
    fields = ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
    return tuple(status.get(field, -1) for field in fields)


def test_budget_counts_healthy_pods(bench: Workbench) -> None:
    deployed(bench, 3)
    budget(bench, minAvailable=2)
    bench.becomes((3, 2, 3, 1), lambda: allowance(bench))
    found = bench.get(BUDGETS, "pdb")
    assert condition(found, "DisruptionAllowed") == ("True", "SufficientPods")
    bench.unready(bench.pods()[:1])
    bench.becomes((3, 2, 2, 0), lambda: allowance(bench))
    found = bench.get(BUDGETS, "pdb")
    assert condition(found, "DisruptionAllowed") == ("False", "InsufficientPods")


def test_budgets_in_percent_round_up(bench: Workbench) -> None:
    deployed(bench, 3)
    budget(bench, minAvailable="50%")
    bench.becomes((3, 2, 3, 1), lambda: allowance(bench))
    bench.delete(BUDGETS, "pdb")
    budget(bench, maxUnavailable="50%")
    bench.becomes((3, 1, 3, 2), lambda: allowance(bench))


def addressed(bench: Workbench, pod: Obj, address: str) -> None:
    path = f"/api/v1/namespaces/{bench.namespace}/pods/{pod['metadata']['name']}/status"
    status = {"podIP": address, "podIPs": [{"ip": address}]}
    bench.send("PATCH", path, {"status": status}, STRATEGIC_PATCH)


def endpoints(bench: Workbench) -> list[tuple[str, bool, bool, bool]]:
    """Address, ready, serving, terminating of all endpoints of the slices."""
    return sorted(
        (
            each["addresses"][0],
            each["conditions"]["ready"],
            each["conditions"]["serving"],
            each["conditions"]["terminating"],
        )
        for one in bench.objects(SLICES, "kubernetes.io/service-name=web")
        for each in one["endpoints"] or []
    )


def serve(bench: Workbench, **more: Any) -> tuple[Obj, Obj]:
    """Two bound pods behind a Service `web`: the first is ready, the second is not."""
    ports = [{"name": "http", "containerPort": 8080}]
    spec = template("web")
    spec["spec"]["containers"][0]["ports"] = ports
    bench.create(REPLICA_SETS, workload("web", replicas=2, template=spec))
    service = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}], **more}
    bench.create("services", {"metadata": {"name": "web"}, "spec": service})
    bench.until(lambda: [pod["spec"].get("nodeName") for pod in bench.pods()] == ["here"] * 2)
    first, second = bench.pods()
    bench.ready([first])
    bench.unready([second])
    addressed(bench, first, "10.1.0.1")
    addressed(bench, second, "10.1.0.2")
    return first, second


@pytest.fixture
def node(bench: Workbench) -> Iterator[None]:
    """A node `here`, and at the end nobody on it."""
    with bench.node("here"):
        yield
        if bench.find(REPLICA_SETS, "web") is not None:
            bench.delete(REPLICA_SETS, "web")
        bench.until(lambda: (bench.end_deleted(), bench.objects("pods"))[1] == [])


def test_slices_follow_the_pods_of_a_service(bench: Workbench, node: None) -> None:
    first, second = serve(bench)
    wanted = [("10.1.0.1", True, True, False), ("10.1.0.2", False, False, False)]
    bench.becomes(wanted, lambda: endpoints(bench))
    (found,) = bench.objects(SLICES)
    assert found["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
    assert found["addressType"] == "IPv4"
    assert {each["nodeName"] for each in found["endpoints"]} == {"here"}
    managed = found["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"]
    assert managed == "endpointslice-controller.k8s.io"
    assert controller_of(found) == "Service/web"
    (subset,) = bench.get("endpoints", "web")["subsets"]
    assert [each["ip"] for each in subset["addresses"]] == ["10.1.0.1"]
    assert [each["ip"] for each in subset["notReadyAddresses"]] == ["10.1.0.2"]
    bench.ready([second])
    bench.delete("pods", first["metadata"]["name"])
    wanted = [("10.1.0.1", False, True, True), ("10.1.0.2", True, True, False)]
    bench.becomes(wanted, lambda: endpoints(bench))
    bench.end_deleted()
    bench.becomes([("10.1.0.2", True, True, False)], lambda: endpoints(bench))
    bench.delete("services", "web")
    bench.until(lambda: not bench.objects(SLICES))


def test_slices_may_publish_what_is_not_ready(bench: Workbench, node: None) -> None:
    first, _ = serve(bench, clusterIP="None", publishNotReadyAddresses=True)
    wanted = [("10.1.0.1", True, True, False), ("10.1.0.2", True, False, False)]
    bench.becomes(wanted, lambda: endpoints(bench))
    bench.delete("pods", first["metadata"]["name"])
    wanted = [("10.1.0.1", True, True, True), ("10.1.0.2", True, False, False)]
    bench.becomes(wanted, lambda: endpoints(bench))
    (subset,) = bench.get("endpoints", "web")["subsets"]
    assert [each["ip"] for each in subset["addresses"]] == ["10.1.0.1", "10.1.0.2"]
    assert "notReadyAddresses" not in subset
    (found,) = bench.objects(SLICES)
    assert "service.kubernetes.io/headless" in found["metadata"]["labels"]
