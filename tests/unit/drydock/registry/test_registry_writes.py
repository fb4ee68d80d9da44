"""Create, update, mutate: what the API promises of every kind."""

from __future__ import annotations

from typing import Any

import pytest

from towline.drydock.registry import Registry, Target, WriteOptions, settle
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

MAPS = GroupResource("", "configmaps")
PODS = GroupResource("", "pods")
NAMESPACES = GroupResource("", "namespaces")
DEPLOYMENTS = GroupResource("apps", "deployments")
LEASES = GroupResource("coordination.k8s.io", "leases")

pytestmark = pytest.mark.asyncio


def config_map(name: str = "a", namespace: str = "default", **data: str) -> Obj:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data or {"k": "v"}}


def deployment(name: str = "web", replicas: int | None = 2) -> Obj:
    labels = {"app": name}
    spec: Obj = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "creationTimestamp": None},
            "spec": {"containers": [{"name": "c", "image": "example/app:1"}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec, "status": {}}


def target(registry: Registry, resource: GroupResource, name: str, part: str = "") -> Target:
    kind = registry.kinds.stored(resource)
    assert kind is not None
    return Target(kind, "default" if kind.namespaced else "", name, part)


async def refused(awaitable: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


async def test_create_sets_identity_and_ownership(registry: Registry) -> None:
    made = await registry.create(MAPS, config_map(), manager="me")
    meta = made["metadata"]
    assert (made["apiVersion"], made["kind"]) == ("v1", "ConfigMap")
    assert meta["uid"]
    assert meta["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert "generation" not in meta
    entry = meta["managedFields"][0]
    assert (entry["manager"], entry["operation"]) == ("me", "Update")
    assert entry["fieldsV1"] == {"f:data": {".": {}, "f:k": {}}}


async def test_create_ignores_what_only_the_server_may_say(registry: Registry) -> None:
    body = deployment()
    body["metadata"] |= {
        "uid": "mine",
        "generation": 7,
        "selfLink": "/x",
        "deletionTimestamp": "2020-01-01T00:00:00Z",
    }
    body["status"] = {"replicas": 9}
    made = await registry.create(DEPLOYMENTS, body, manager="me")
    meta = made["metadata"]
    assert meta["uid"] != "mine"
    assert meta["generation"] == 1
    assert "selfLink" not in meta
    assert "deletionTimestamp" not in meta
    assert not made.get("status")
    assert "creationTimestamp" not in made["spec"]["template"]["metadata"]


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (config_map("Bad_Name"), 422, "metadata.name: Invalid value"),
        (
            {"metadata": {"namespace": "default"}},
            422,
            "metadata.name: Required value: name or generateName is required",
        ),
        ({"metadata": {"name": "a", "namespace": "default"}, "kind": "Secret"}, 400, "Secret"),
        (
            {"metadata": {"name": "a", "namespace": "default", "resourceVersion": "1"}},
            500,
            "resourceVersion should not be set on objects to be created",
        ),
        (config_map("a", "nowhere"), 404, 'namespaces "nowhere" not found'),
        (
            {"metadata": {"name": "a", "namespace": "default"}, "data": {"a": 1}},
            400,
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            {"metadata": {"name": "a", "namespace": "default", "labels": {"a": "b c"}}},
            422,
            "metadata.labels: Invalid value",
        ),
    ],
)
async def test_create_refuses(registry: Registry, body: Obj, code: int, text: str) -> None:
    error = await refused(registry.create(MAPS, body, manager="me"))
    assert error.code == code
    assert text in error.message


async def test_create_of_an_existing_name_is_a_conflict(registry: Registry) -> None:
    await registry.create(MAPS, config_map(), manager="me")
    error = await refused(registry.create(MAPS, config_map(), manager="me"))
    assert (error.code, error.reason) == (409, "AlreadyExists")
    assert error.message == 'configmaps "a" already exists'
    assert error.details == {"name": "a", "kind": "configmaps"}


async def test_generated_names_do_not_collide(registry: Registry) -> None:
    body = {"metadata": {"generateName": "job-", "namespace": "default"}}
    names = {
        (await registry.create(MAPS, body, manager="me"))["metadata"]["name"] for _ in range(50)
    }
    assert len(names) == 50
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


async def test_a_write_that_changes_nothing_is_not_written(registry: Registry) -> None:
    made = await registry.create(DEPLOYMENTS, deployment(), manager="me")
    before = registry.store.revision
    again = await registry.mutate(
        DEPLOYMENTS, "default", "web", lambda obj: None, manager="somebody-else"
    )
    assert again == made
    replaced = await registry.update(DEPLOYMENTS, {**deployment()}, manager="third")
    assert replaced["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert registry.store.revision == before


async def test_true_and_one_are_different_values(registry: Registry) -> None:
    def secret(value: object) -> Obj:
        return {
            "metadata": {"name": "l", "namespace": "default"},
            "spec": {"holderIdentity": str(value)},
        }

    await registry.create(LEASES, secret(1), manager="me")
    changed = await registry.mutate(
        LEASES, "default", "l", lambda o: o["spec"].update(leaseTransitions=1), manager="me"
    )
    assert changed is not None
    assert changed["spec"]["leaseTransitions"] == 1


async def test_generation_counts_changes_of_the_specification_only(registry: Registry) -> None:
    await registry.create(DEPLOYMENTS, deployment(), manager="me")

    async def after(change: Any, part: str = "") -> int:
        made = await registry.mutate(
            DEPLOYMENTS, "default", "web", change, manager="me", subresource=part
        )
        assert made is not None
        return int(made["metadata"]["generation"])

    assert await after(lambda o: o["metadata"].update(labels={"a": "b"})) == 1
    assert await after(lambda o: o.update(status={"replicas": 1}), "status") == 1
    assert await after(lambda o: o["spec"].update(replicas=5)) == 2


async def test_status_and_specification_are_written_by_their_own_paths(registry: Registry) -> None:
    await registry.create(DEPLOYMENTS, deployment(), manager="me")

    def both(obj: Obj) -> None:
        obj["spec"]["replicas"] = 9
        obj["status"] = {"replicas": 9}
        obj["metadata"]["labels"] = {"seen": "yes"}

    main = await registry.mutate(DEPLOYMENTS, "default", "web", both, manager="me")
    assert main is not None
    assert (main["spec"]["replicas"], main.get("status")) == (9, {})

    def status(obj: Obj) -> None:
        obj["spec"]["replicas"] = 1
        obj["status"] = {"replicas": 4}
        obj["metadata"]["labels"] = {"seen": "no"}

    part = await registry.mutate(
        DEPLOYMENTS, "default", "web", status, manager="me", subresource="status"
    )
    assert part is not None
    assert (part["spec"]["replicas"], part["status"]["replicas"]) == (9, 4)
    assert part["metadata"]["labels"] == {"seen": "yes"}
    owners = {entry.get("subresource", "") for entry in part["metadata"]["managedFields"]}
    assert owners == {"", "status"}


async def test_update_with_an_old_version_is_a_conflict(registry: Registry) -> None:
    made = await registry.create(MAPS, config_map(), manager="me")
    await registry.update(MAPS, {**made, "data": {"k": "2"}}, manager="me")
    error = await refused(registry.update(MAPS, {**made, "data": {"k": "3"}}, manager="me"))
    assert error.reason == "Conflict"
    assert error.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified;'
        " please apply your changes to the latest version and try again"
    )


async def test_update_without_a_version_is_unconditional_unless_the_kind_forbids(
    registry: Registry,
) -> None:
    await registry.create(MAPS, config_map(), manager="me")
    changed = await registry.update(MAPS, config_map(k="2"), manager="me")
    assert changed["data"] == {"k": "2"}
    lease = {"metadata": {"name": "l", "namespace": "default"}, "spec": {}}
    created = await registry.update(LEASES, lease, manager="me")
    assert created["metadata"]["uid"]
    error = await refused(registry.update(LEASES, lease, manager="me"))
    assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in str(
        error
    )


async def test_update_keeps_what_cannot_change(registry: Registry) -> None:
    made = await registry.create(MAPS, config_map(), manager="me")
    body = config_map(k="2")
    body["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z"
    changed = await registry.update(MAPS, body, manager="me")
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    assert changed["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    body["metadata"]["uid"] = "another"
    error = await refused(registry.update(MAPS, body, manager="me"))
    assert error.reason == "Conflict"


async def test_immutable_fields_are_named(registry: Registry) -> None:
    await registry.create(DEPLOYMENTS, deployment(), manager="me")
    error = await refused(
        registry.mutate(
            DEPLOYMENTS,
            "default",
            "web",
            lambda o: o["spec"].update(
                selector={"matchLabels": {"app": "other"}},
                template={**o["spec"]["template"], "metadata": {"labels": {"app": "other"}}},
            ),
            manager="me",
        )
    )
    assert error.code == 422
    assert "field is immutable" in error.message
    assert error.message.startswith('Deployment.apps "web" is invalid: spec.selector:')


async def test_mutate_of_an_absent_or_another_object_is_none(registry: Registry) -> None:
    def change(obj: Obj) -> None:
        obj["data"] = {}

    assert await registry.mutate(MAPS, "default", "no", change, manager="me") is None
    await registry.create(MAPS, config_map(), manager="me")
    assert await registry.mutate(MAPS, "default", "a", change, manager="me", uid="x") is None


async def test_concurrent_mutations_all_count(registry: Registry) -> None:
    import asyncio

    await registry.create(MAPS, config_map(n="0"), manager="me")

    def count(obj: Obj) -> None:
        obj["data"]["n"] = str(int(obj["data"]["n"]) + 1)

    await asyncio.gather(
        *(registry.mutate(MAPS, "default", "a", count, manager="me") for _ in range(100))
    )
    found = registry.get(MAPS, "default", "a")
    assert found is not None
    assert found["data"]["n"] == "100"


async def test_dry_run_does_everything_but_store(registry: Registry) -> None:
    kind = registry.kinds.stored(DEPLOYMENTS)
    assert kind is not None
    options = WriteOptions("me", dry_run=True)
    outcome = await settle(registry.writes.create(kind, "default", deployment(), options))
    assert outcome.created
    assert outcome.obj["spec"]["revisionHistoryLimit"] == 10
    assert "resourceVersion" not in outcome.obj["metadata"]
    assert registry.get(DEPLOYMENTS, "default", "web") is None


@pytest.mark.parametrize(("mode", "warned"), [("Warn", 1), ("Ignore", 0)])
async def test_unknown_fields_are_dropped(registry: Registry, mode: str, warned: int) -> None:
    kind = registry.kinds.stored(MAPS)
    assert kind is not None
    body = {**config_map(), "foo": 1}
    options = WriteOptions("me", field_validation=mode)
    outcome = await settle(registry.writes.create(kind, "default", body, options))
    assert "foo" not in outcome.obj
    assert outcome.warnings == ('unknown field "foo"',) * warned


async def test_unknown_fields_are_refused_when_asked(registry: Registry) -> None:
    kind = registry.kinds.stored(MAPS)
    assert kind is not None
    options = WriteOptions("me", field_validation="Strict")
    with pytest.raises(ApiError) as caught:
        registry.writes.create(kind, "default", {**config_map(), "foo": 1}, options)
    assert caught.value.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap:'
        ' strict decoding error: unknown field "foo"'
    )


async def test_apply_creates_merges_and_is_idempotent(registry: Registry) -> None:
    place = target(registry, MAPS, "a")
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    options = WriteOptions("applier")
    first = await settle(registry.writes.apply(place, {**config, "data": {"x": "1"}}, options))
    assert first.created
    await registry.mutate(MAPS, "default", "a", lambda o: o["data"].update(y="2"), manager="me")
    before = registry.store.revision
    same = await settle(registry.writes.apply(place, {**config, "data": {"x": "1"}}, options))
    assert registry.store.revision == before
    assert same.obj["data"] == {"x": "1", "y": "2"}
    error = None
    try:
        registry.writes.apply(place, {**config, "data": {"y": "3"}}, options)
    except ApiError as caught:
        error = caught
    assert error is not None
    assert error.message == 'Apply failed with 1 conflict: conflict with "me" using v1: .data.y'
    forced = WriteOptions("applier", force=True)
    taken = await settle(registry.writes.apply(place, {**config, "data": {"y": "3"}}, forced))
    assert taken.obj["data"] == {"y": "3"}


async def test_scale_reads_and_writes_replicas(registry: Registry) -> None:
    await registry.create(DEPLOYMENTS, deployment(), manager="me")

    def to_five(scale: Obj) -> Obj:
        assert scale["spec"] == {"replicas": 2}
        assert scale["status"]["selector"] == "app=web"
        return {**scale, "spec": {"replicas": 5}}

    place = target(registry, DEPLOYMENTS, "web", "scale")
    outcome = await settle(registry.writes.change(place, to_five, WriteOptions("scaler")))
    assert outcome.obj["spec"]["replicas"] == 5
    assert outcome.obj["metadata"]["generation"] == 2
    entry = next(e for e in outcome.obj["metadata"]["managedFields"] if e["manager"] == "scaler")
    assert entry["subresource"] == "scale"


async def test_pods_get_what_admission_adds(registry: Registry) -> None:
    spec = {
        "containers": [
            {"name": "c", "image": "x", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
        ]
    }
    body = {"metadata": {"name": "p", "namespace": "default"}, "spec": spec}
    pod = await registry.create(PODS, body, manager="me")
    assert pod["spec"]["serviceAccountName"] == "default"
    assert pod["spec"]["priority"] == 0
    assert len(pod["spec"]["tolerations"]) == 2
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["qosClass"] == "Guaranteed"


async def test_namespaces_start_active_and_named(registry: Registry) -> None:
    space = registry.get(NAMESPACES, "", "default")
    assert space is not None
    assert space["spec"]["finalizers"] == ["kubernetes"]
    assert space["status"] == {"phase": "Active"}
    assert space["metadata"]["labels"] == {"kubernetes.io/metadata.name": "default"}


async def test_a_status_write_leaves_the_specification_untouched_and_checks_the_status(
    registry: Registry,
) -> None:
    kind = registry.kinds.stored(PODS)
    assert kind is not None
    spec = {"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Never"}]}
    pod = {"metadata": {"name": "shared", "namespace": "default"}, "spec": spec}
    made = await registry.create(PODS, pod, manager="test")
    wanted = {"phase": "Running", "nonsense": 1, "conditions": []}
    body = {**made, "spec": {"containers": []}, "status": wanted}
    target = Target(kind, "default", "shared", "status")
    outcome = await settle(registry.writes.update(target, body, WriteOptions("test")))
    assert outcome.obj["spec"] == made["spec"]
    assert outcome.obj["status"]["phase"] == "Running"
    assert "nonsense" not in outcome.obj["status"]
    assert list(outcome.obj) == list(made)
    again = {**outcome.obj, "status": wanted}
    with pytest.raises(ApiError, match=r'unknown field "status\.nonsense"'):
        registry.writes.update(target, again, WriteOptions("test", field_validation="Strict"))
    wrong = {**outcome.obj, "status": {"phase": 1}}
    with pytest.raises(ApiError, match="cannot unmarshal number"):
        registry.writes.update(target, wrong, WriteOptions("test"))
