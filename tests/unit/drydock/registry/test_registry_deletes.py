"""Delete: grace, finalizers, propagation, namespaces."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from towline.drydock.registry import DeleteOptions, Registry, Target, settle
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

MAPS = GroupResource("", "configmaps")
PODS = GroupResource("", "pods")
NAMESPACES = GroupResource("", "namespaces")
JOBS = GroupResource("batch", "jobs")

pytestmark = pytest.mark.asyncio


async def make(registry: Registry, name: str = "a", **meta: Any) -> Obj:
    body = {"metadata": {"name": name, "namespace": "default", **meta}}
    return await registry.create(MAPS, body, manager="me")


async def make_pod(registry: Registry, *, bound: bool = True, **meta: Any) -> Obj:
    body = {
        "metadata": {"name": "p", "namespace": "default", **meta},
        "spec": {
            "containers": [{"name": "c", "image": "x"}],
            **({"nodeName": "n"} if bound else {}),
        },
    }
    return await registry.create(PODS, body, manager="me")


def place(registry: Registry, resource: GroupResource, name: str, space: str = "default") -> Target:
    kind = registry.kinds.stored(resource)
    assert kind is not None
    return Target(kind, space, name)


async def test_without_finalizers_an_object_goes_at_once(registry: Registry) -> None:
    await make(registry)
    outcome = await settle(registry.deletes.delete(place(registry, MAPS, "a"), DeleteOptions()))
    assert outcome.deleted
    assert registry.get(MAPS, "default", "a") is None


async def test_the_last_state_carries_the_revision_of_the_deletion(registry: Registry) -> None:
    made = await make(registry)
    outcome = await settle(registry.deletes.delete(place(registry, MAPS, "a"), DeleteOptions()))
    before = int(made["metadata"]["resourceVersion"])
    assert int(outcome.obj["metadata"]["resourceVersion"]) == before + 1


async def test_absent_is_not_found_for_clients_and_fine_for_controllers(
    registry: Registry,
) -> None:
    with pytest.raises(ApiError, match='configmaps "no" not found'):
        registry.deletes.delete(place(registry, MAPS, "no"), DeleteOptions())
    await registry.delete(MAPS, "default", "no")


async def test_finalizers_hold_an_object_until_the_last_one_is_removed(
    registry: Registry,
) -> None:
    await make(registry, finalizers=["x/a", "x/b"])
    await registry.delete(MAPS, "default", "a")
    held = registry.get(MAPS, "default", "a")
    assert held is not None
    assert held["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    revision = registry.store.revision
    await registry.delete(MAPS, "default", "a")
    assert registry.store.revision == revision

    def remove(*names: str) -> Any:
        return lambda o: o["metadata"].update(
            finalizers=[f for f in o["metadata"]["finalizers"] if f not in names]
        )

    await registry.mutate(MAPS, "default", "a", remove("x/a"), manager="me")
    assert registry.get(MAPS, "default", "a") is not None
    await registry.mutate(MAPS, "default", "a", remove("x/b"), manager="me")
    assert registry.get(MAPS, "default", "a") is None


async def test_no_finalizer_may_be_added_once_deletion_began(registry: Registry) -> None:
    await make(registry, finalizers=["x/a"])
    await registry.delete(MAPS, "default", "a")
    with pytest.raises(ApiError, match=r'found new finalizers \[\]string\{"x/b"\}'):
        await registry.mutate(
            MAPS,
            "default",
            "a",
            lambda o: o["metadata"]["finalizers"].append("x/b"),
            manager="me",
        )


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Orphan", ["orphan"]), ("Foreground", ["foregroundDeletion"]), ("Background", None)],
)
async def test_the_propagation_policy_becomes_a_finalizer(
    registry: Registry, policy: str, finalizers: list[str] | None
) -> None:
    await make(registry)
    await registry.delete(MAPS, "default", "a", propagation=policy)
    found = registry.get(MAPS, "default", "a")
    assert (found and found["metadata"]["finalizers"]) == finalizers


async def test_jobs_orphan_their_pods_by_default_and_say_so(registry: Registry) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    body = {"metadata": {"name": "j", "namespace": "default"}, "spec": {"template": template}}
    job = await registry.create(JOBS, body, manager="me")
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/controller-uid"] == job["metadata"]["uid"]
    outcome = await settle(registry.deletes.delete(place(registry, JOBS, "j"), DeleteOptions()))
    assert outcome.obj["metadata"]["finalizers"] == ["orphan"]
    assert "child pods are preserved by default" in outcome.warnings[0]


@pytest.mark.parametrize("field", ["uid", "resource_version"])
async def test_preconditions_are_checked(registry: Registry, field: str) -> None:
    await make(registry)
    options = DeleteOptions(**{field: "12345"})
    with pytest.raises(ApiError, match="in the precondition") as caught:
        registry.deletes.delete(place(registry, MAPS, "a"), options)
    assert caught.value.reason == "Conflict"


async def test_an_unscheduled_pod_goes_at_once(registry: Registry) -> None:
    await make_pod(registry, bound=False)
    await registry.delete(PODS, "default", "p")
    assert registry.get(PODS, "default", "p") is None


async def test_a_running_pod_ends_with_grace_that_may_only_get_shorter(
    registry: Registry,
) -> None:
    pod = await make_pod(registry)
    await registry.delete(PODS, "default", "p")
    ending = registry.get(PODS, "default", "p")
    assert ending is not None
    assert ending["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 30
    assert ending["metadata"]["generation"] == pod["metadata"]["generation"] + 1

    await registry.delete(PODS, "default", "p", grace=60)
    assert registry.get(PODS, "default", "p") == ending
    await registry.delete(PODS, "default", "p", grace=5)
    shorter = registry.get(PODS, "default", "p")
    assert shorter is not None
    assert shorter["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:05Z"
    with pytest.raises(ApiError, match="UID in the precondition"):
        await registry.delete(PODS, "default", "p", grace=0, uid="other")
    await registry.delete(PODS, "default", "p", grace=0, uid=pod["metadata"]["uid"])
    assert registry.get(PODS, "default", "p") is None


async def test_a_pod_with_finalizers_outlives_its_grace(registry: Registry) -> None:
    await make_pod(registry, finalizers=["x/a"])
    await registry.delete(PODS, "default", "p", grace=0)
    held = registry.get(PODS, "default", "p")
    assert held is not None
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0


async def test_a_namespace_waits_for_its_content_finalizer(registry: Registry) -> None:
    await registry.delete(NAMESPACES, "", "other")
    space = registry.get(NAMESPACES, "", "other")
    assert space is not None
    assert space["status"]["phase"] == "Terminating"
    with pytest.raises(ApiError) as caught:
        await registry.create(MAPS, {"metadata": {"name": "a", "namespace": "other"}}, manager="me")
    assert caught.value.message == (
        'configmaps "a" is forbidden: unable to create new content in namespace other because it'
        " is being terminated"
    )
    assert caught.value.details["causes"][0]["reason"] == "NamespaceTerminating"
    await registry.mutate(
        NAMESPACES,
        "",
        "other",
        lambda o: o["spec"].update(finalizers=[]),
        manager="me",
        subresource="finalize",
    )
    assert registry.get(NAMESPACES, "", "other") is None


async def test_the_content_finalizer_cannot_be_removed_through_the_main_path(
    registry: Registry,
) -> None:
    await registry.mutate(
        NAMESPACES, "", "other", lambda o: o["spec"].update(finalizers=[]), manager="me"
    )
    space = registry.get(NAMESPACES, "", "other")
    assert space is not None
    assert space["spec"]["finalizers"] == ["kubernetes"]


@pytest.mark.parametrize("name", ["default"])
async def test_system_namespaces_stay(registry: Registry, name: str) -> None:
    with pytest.raises(ApiError, match="this namespace may not be deleted"):
        registry.deletes.delete(place(registry, NAMESPACES, name, ""), DeleteOptions())


async def test_a_dry_run_deletes_nothing(registry: Registry) -> None:
    await make(registry)
    options = DeleteOptions(dry_run=True)
    outcome = await settle(registry.deletes.delete(place(registry, MAPS, "a"), options))
    assert outcome.deleted
    assert registry.get(MAPS, "default", "a") is not None


async def test_watching_gives_present_objects_then_changes_in_order(registry: Registry) -> None:
    await make(registry, "a")
    seen: list[tuple[str, str]] = []

    async def read() -> None:
        async for _, event in registry.watch(MAPS):
            name = event.object["metadata"]["name"] if event.object else ""
            seen.append((event.type, name))
            if event.type == "DELETED":
                assert event.old is not None
                return

    reader = asyncio.ensure_future(read())
    while len(seen) < 2:
        await asyncio.sleep(0)
    await make(registry, "b")
    await registry.mutate(MAPS, "default", "b", lambda o: o.update(data={"x": "y"}), manager="me")
    await registry.delete(MAPS, "default", "b")
    await reader
    assert seen == [
        ("ADDED", "a"),
        ("SYNCED", ""),
        ("ADDED", "b"),
        ("MODIFIED", "b"),
        ("DELETED", "b"),
    ]


async def test_events_about_an_object_are_merged(registry: Registry, clock: Any) -> None:
    made = await make(registry)
    for _ in range(3):
        clock.advance(1)
        await registry.event(
            made, type_="Warning", reason="Odd", message="it is odd", component="test"
        )
    events = registry.objects(GroupResource("", "events"), "default")
    assert [(e["reason"], e["count"]) for e in events] == [("Odd", 3)]
    event = events[0]
    assert event["lastTimestamp"] > event["firstTimestamp"]
    assert event["involvedObject"]["uid"] == made["metadata"]["uid"]
