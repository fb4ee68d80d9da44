from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from towline.drydock.control.history import REVISION_LABEL, new_revision, template_of
from towline.drydock.control.resources import CLAIMS, CONTROLLER_REVISIONS, PODS, STATEFUL_SETS
from towline.drydock.control.statefulclaims import wanted_owners
from towline.drydock.control.statefulplan import ordinal_of, plan
from towline.kube.status import ApiError

Obj = dict[str, Any]
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def stateful_set(replicas: int = 3, image: str = "img:1", **spec: Any) -> Obj:
    labels = {"app": "db"}
    container = {"name": "c", "image": image}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "revisionHistoryLimit": 10,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def claim_template(name: str = "data") -> Obj:
    return {
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def names(cluster: Any) -> list[str]:
    return sorted(pod["metadata"]["name"] for pod in cluster.objects(PODS))


def status(cluster: Any) -> Obj:
    found = cluster.get(STATEFUL_SETS, "default", "db")
    return dict((found or {}).get("status") or {})


def settled(cluster: Any, replicas: int) -> bool:
    found = cluster.get(STATEFUL_SETS, "default", "db")
    now = status(cluster)
    counts = [now.get(f"{name}Replicas", 0) for name in ("ready", "current", "updated")]
    return (
        now.get("observedGeneration") == found["metadata"]["generation"]
        and counts == [replicas] * 3
        and now["replicas"] == now["availableReplicas"] == replicas
        and now["currentRevision"] == now["updateRevision"]
    )


async def change(cluster: Any, **spec: Any) -> None:
    await cluster.mutate(
        STATEFUL_SETS, "default", "db", lambda private: private["spec"].update(spec)
    )


async def set_image(cluster: Any, image: str) -> None:
    def write(private: Obj) -> None:
        private["spec"]["template"]["spec"]["containers"][0]["image"] = image

    await cluster.mutate(STATEFUL_SETS, "default", "db", write)


def images(cluster: Any) -> dict[str, str]:
    return {
        pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"]
        for pod in cluster.objects(PODS)
    }


@pytest.mark.asyncio
async def test_pods_come_one_after_the_other(live: Any, node: Any) -> None:
    node.sick = lambda pod: pod["metadata"]["name"] == "db-1"
    await live.create(STATEFUL_SETS, stateful_set())
    await live.until(lambda: len(names(live)) == 2)
    await live.quiet()
    assert names(live) == ["db-0", "db-1"]
    node.sick = lambda pod: False
    await live.delete(PODS, "default", "db-1")
    await live.until(lambda: settled(live, 3))
    pod = live.get(PODS, "default", "db-1")
    (revision,) = live.objects(CONTROLLER_REVISIONS)
    labels = pod["metadata"]["labels"]
    assert labels["statefulset.kubernetes.io/pod-name"] == "db-1"
    assert labels["apps.kubernetes.io/pod-index"] == "1"
    assert labels[REVISION_LABEL] == revision["metadata"]["name"]
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "db")
    digest = revision["metadata"]["labels"]["controller.kubernetes.io/hash"]
    assert revision["metadata"]["name"] == f"db-{digest}"
    assert revision["data"]["spec"]["template"]["$patch"] == "replace"
    assert status(live)["collisionCount"] == 0
    events = [event[1:] for event in live.events if event[0] == "db"]
    text = "Create Pod db-0 in StatefulSet db successful"
    assert ("Normal", "SuccessfulCreate", text) in events


@pytest.mark.asyncio
async def test_parallel_sets_start_all_pods_at_once(live: Any, node: Any) -> None:
    node.sick = lambda pod: True
    await live.create(STATEFUL_SETS, stateful_set(podManagementPolicy="Parallel"))
    await live.until(lambda: len(names(live)) == 3)
    await change(live, replicas=1)
    await live.until(lambda: names(live) == ["db-0"])


@pytest.mark.asyncio
async def test_scaling_down_takes_the_highest_first(live: Any, node: Any) -> None:
    await live.create(STATEFUL_SETS, stateful_set())
    await live.until(lambda: settled(live, 3))
    gone: list[list[str]] = []

    def look() -> bool:
        if not gone or gone[-1] != names(live):
            gone.append(names(live))
        return settled(live, 1)

    await change(live, replicas=1)
    await live.until(look)
    assert ["db-0", "db-2"] not in gone
    assert gone[-1] == ["db-0"]


@pytest.mark.asyncio
async def test_update_goes_from_the_top_down_to_the_partition(live: Any, node: Any) -> None:
    await live.create(STATEFUL_SETS, stateful_set())
    await live.until(lambda: settled(live, 3))
    partition = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    await change(live, updateStrategy=partition)
    await set_image(live, "img:2")
    await live.until(
        lambda: status(live).get("updatedReplicas") == 1 and status(live).get("readyReplicas") == 3
    )
    await live.quiet()
    assert images(live) == {"db-0": "img:1", "db-1": "img:1", "db-2": "img:2"}
    assert status(live)["currentReplicas"] == 2
    assert status(live)["currentRevision"] != status(live)["updateRevision"]
    # A pod below the partition comes back as it was.
    await live.delete(PODS, "default", "db-0")
    await live.until(
        lambda: status(live).get("readyReplicas") == 3 and len(live.objects(PODS)) == 3
    )
    assert images(live)["db-0"] == "img:1"
    await change(live, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    await live.until(lambda: settled(live, 3) and set(images(live).values()) == {"img:2"})


@pytest.mark.asyncio
async def test_update_stops_at_a_pod_that_does_not_get_ready(live: Any, node: Any) -> None:
    await live.create(STATEFUL_SETS, stateful_set())
    await live.until(lambda: settled(live, 3))
    node.sick = lambda pod: pod["spec"]["containers"][0]["image"] == "bad"
    await set_image(live, "bad")
    await live.until(lambda: images(live).get("db-2") == "bad")
    await live.quiet()
    assert images(live) == {"db-0": "img:1", "db-1": "img:1", "db-2": "bad"}


@pytest.mark.asyncio
async def test_on_delete_leaves_old_pods_alone(live: Any, node: Any) -> None:
    await live.create(STATEFUL_SETS, stateful_set(2, updateStrategy={"type": "OnDelete"}))
    await live.until(lambda: status(live).get("readyReplicas") == 2)
    await set_image(live, "img:2")
    await live.quiet()
    assert set(images(live).values()) == {"img:1"}
    await live.delete(PODS, "default", "db-0")
    await live.until(lambda: images(live) == {"db-0": "img:2", "db-1": "img:1"})


@pytest.mark.asyncio
async def test_rolling_back_gives_the_old_revision_a_new_number(live: Any, node: Any) -> None:
    await live.create(STATEFUL_SETS, stateful_set(1, revisionHistoryLimit=1))
    await live.until(lambda: settled(live, 1))
    first = live.objects(CONTROLLER_REVISIONS)[0]["metadata"]["name"]
    await set_image(live, "img:2")
    await live.until(lambda: settled(live, 1) and images(live) == {"db-0": "img:2"})
    await set_image(live, "img:1")
    await live.until(lambda: settled(live, 1) and images(live) == {"db-0": "img:1"})
    assert live.get(CONTROLLER_REVISIONS, "default", first)["revision"] == 3
    for number in (3, 4):
        await set_image(live, f"img:{number}")
        await live.until(lambda n=number: settled(live, 1) and images(live)["db-0"] == f"img:{n}")
    await live.until(lambda: len(live.objects(CONTROLLER_REVISIONS)) == 2)


@pytest.mark.asyncio
async def test_each_pod_has_claims_of_its_own_that_outlive_it(live: Any, node: Any) -> None:
    await live.create(STATEFUL_SETS, stateful_set(2, volumeClaimTemplates=[claim_template()]))
    await live.until(lambda: len(live.objects(PODS)) == 1)
    claim = live.get(CLAIMS, "default", "data-db-0")
    assert claim["metadata"]["labels"] == {"app": "db"}
    pod = live.get(PODS, "default", "db-0")
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}
    assert volume in pod["spec"]["volumes"]
    await live.delete(STATEFUL_SETS, "default", "db", propagation="Background")
    await live.until(lambda: not live.objects(PODS))
    await live.quiet()
    assert len(live.objects(CLAIMS)) == 1


@pytest.mark.asyncio
async def test_claims_go_with_the_set_when_the_policy_says_so(live: Any, node: Any) -> None:
    policy = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    await live.create(
        STATEFUL_SETS,
        stateful_set(
            1,
            volumeClaimTemplates=[claim_template()],
            persistentVolumeClaimRetentionPolicy=policy,
        ),
    )
    owned = lambda: [  # noqa: E731
        one["metadata"].get("ownerReferences") for one in live.objects(CLAIMS)
    ]
    await live.until(lambda: owned() and owned()[0])
    await live.delete(STATEFUL_SETS, "default", "db", propagation="Background")
    await live.until(lambda: not live.objects(CLAIMS))


@pytest.mark.asyncio
async def test_failed_pods_are_replaced(live: Any, node: Any) -> None:
    await live.create(STATEFUL_SETS, stateful_set(1))
    await live.until(lambda: settled(live, 1))
    before = live.get(PODS, "default", "db-0")["metadata"]["uid"]

    def fail(private: Obj) -> None:
        private["status"] = {**private["status"], "phase": "Failed"}

    await live.mutate(PODS, "default", "db-0", fail, subresource="status")
    await live.until(
        lambda: settled(live, 1) and live.get(PODS, "default", "db-0")["metadata"]["uid"] != before
    )


@pytest.mark.asyncio
async def test_refused_pods_are_told_and_tried_again(live: Any, node: Any) -> None:
    def refuse(verb: str, resource: Any, obj: Obj) -> ApiError | None:
        if (verb, resource) == ("create", PODS):
            return ApiError("exceeded quota", reason="Forbidden")
        return None

    live.refuse = refuse
    await live.create(STATEFUL_SETS, stateful_set(1))
    text = "Create Pod db-0 in StatefulSet db failed error: exceeded quota"
    while ("db", "Warning", "FailedCreate", text) not in live.events:
        await asyncio.sleep(0.001)
    live.refuse = lambda *_: None
    await live.until(lambda: settled(live, 1))


def test_names_with_leading_zeros_or_of_other_sets_have_no_ordinal() -> None:
    assert ordinal_of("db", "db-12") == 12
    assert [ordinal_of("db", name) for name in ("db-01", "db", "db-x", "other-1", "db-a-1")] == [
        None
    ] * 5


def owner(policy: Obj | None = None, **spec: Any) -> Obj:
    body = stateful_set(**spec)
    body["metadata"] |= {"uid": "s", "generation": 1}
    body["spec"]["persistentVolumeClaimRetentionPolicy"] = policy or {}
    return body


def test_ordinals_may_start_elsewhere() -> None:
    body = owner(replicas=2, podManagementPolicy="Parallel", ordinals={"start": 5})
    revision = new_revision(body, 1, 0, "h")
    step = plan(body, [], revision, revision, collisions=0, now=NOW)
    assert [pod["metadata"]["name"] for pod in step.create] == ["db-5", "db-6"]
    assert template_of(revision) == body["spec"]["template"]


@pytest.mark.parametrize(
    ("scaled", "deleted", "condemned", "kinds"),
    [
        ("Retain", "Retain", False, []),
        ("Retain", "Delete", False, ["StatefulSet"]),
        ("Delete", "Retain", False, []),
        ("Delete", "Retain", True, ["Pod"]),
        ("Delete", "Delete", False, ["StatefulSet"]),
        ("Delete", "Delete", True, ["Pod"]),
        ("Retain", "Delete", True, ["StatefulSet"]),
    ],
)
def test_retention_policy_decides_who_owns_a_claim(
    scaled: str, deleted: str, condemned: bool, kinds: list[str]
) -> None:
    body = owner({"whenScaled": scaled, "whenDeleted": deleted})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "uid": "p"}}
    claim: Obj = {"metadata": {"name": "data-db-0"}}
    wanted = wanted_owners(body, pod, claim, condemned=condemned) or []
    assert [one["kind"] for one in wanted] == kinds
    claim["metadata"]["ownerReferences"] = wanted
    assert wanted_owners(body, pod, claim, condemned=condemned) is None
    stale = {"apiVersion": "v1", "kind": "Pod", "name": "db-0", "uid": "older"}
    claim["metadata"]["ownerReferences"] = [stale]
    assert wanted_owners(body, pod, claim, condemned=condemned) is None
