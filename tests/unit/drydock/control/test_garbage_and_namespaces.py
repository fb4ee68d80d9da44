from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.drydock.control.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
)

Obj = dict[str, Any]


def owned(name: str, *owners: Obj, block: bool = True, **meta: Any) -> Obj:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]
    return {
        "metadata": {"name": name, "namespace": "default", "ownerReferences": references, **meta}
    }


async def make(cluster: Any, name: str, *owners: Obj, **options: Any) -> Obj:
    made: Obj = await cluster.create(CONFIG_MAPS, owned(name, *owners, **options))
    return made


def exists(cluster: Any, name: str) -> bool:
    return cluster.get(CONFIG_MAPS, "default", name) is not None


@pytest.mark.asyncio
async def test_background_deletion_takes_descendants(live: Any) -> None:
    a = await make(live, "a")
    b = await make(live, "b", a)
    await make(live, "c", b)
    await live.delete(CONFIG_MAPS, "default", "a", propagation="Background")
    await live.until(lambda: not exists(live, "b") and not exists(live, "c"))


@pytest.mark.asyncio
async def test_object_of_several_owners_stays_until_the_last_one_goes(live: Any) -> None:
    a, b = await make(live, "a"), await make(live, "b")
    await make(live, "c", a, b)
    await live.delete(CONFIG_MAPS, "default", "a")
    await live.until(
        lambda: len(live.get(CONFIG_MAPS, "default", "c")["metadata"]["ownerReferences"]) == 1
    )
    await live.delete(CONFIG_MAPS, "default", "b")
    await live.until(lambda: not exists(live, "c"))


@pytest.mark.asyncio
async def test_orphan_deletion_leaves_dependents_without_the_reference(live: Any) -> None:
    a = await make(live, "a")
    await make(live, "b", a)
    await live.delete(CONFIG_MAPS, "default", "a", propagation="Orphan")
    await live.until(lambda: not exists(live, "a"))
    await live.quiet()
    assert "ownerReferences" not in live.get(CONFIG_MAPS, "default", "b")["metadata"]


@pytest.mark.asyncio
async def test_foreground_deletion_ends_with_the_owner(live: Any) -> None:
    a = await make(live, "a")
    b = await make(live, "b", a)
    await make(live, "c", b, finalizers=["ex.com/hold"])
    await make(live, "free", a, block=False)
    await live.delete(CONFIG_MAPS, "default", "a", propagation="Foreground")
    await live.until(
        lambda: live.get(CONFIG_MAPS, "default", "c")["metadata"].get("deletionTimestamp")
    )
    await live.quiet()
    assert exists(live, "a")
    assert exists(live, "b")
    assert exists(live, "free")
    await live.mutate(
        CONFIG_MAPS, "default", "c", lambda private: private["metadata"].pop("finalizers")
    )
    await live.until(lambda: not any(exists(live, name) for name in ("a", "b", "c", "free")))


@pytest.mark.asyncio
async def test_a_circle_of_owners_does_not_wait_for_itself(live: Any) -> None:
    a = await make(live, "a")
    b = await make(live, "b", a)
    c = await make(live, "c", b)
    closing = owned("a", c)["metadata"]["ownerReferences"]
    await live.mutate(
        CONFIG_MAPS,
        "default",
        "a",
        lambda private: private["metadata"].update(ownerReferences=closing),
    )
    await live.delete(CONFIG_MAPS, "default", "a", propagation="Foreground")
    await live.until(lambda: not any(exists(live, name) for name in ("a", "b", "c")))


@pytest.mark.asyncio
async def test_owner_that_does_not_exist_or_lives_elsewhere_keeps_nothing(live: Any) -> None:
    await live.create(NAMESPACES, {"metadata": {"name": "other"}})
    far = await live.create(CONFIG_MAPS, {"metadata": {"name": "far", "namespace": "other"}})
    await make(live, "lost", {"metadata": {"name": "x", "uid": "no-such-uid"}})
    await make(live, "foreign", far)
    await live.until(lambda: not exists(live, "lost") and not exists(live, "foreign"))


@pytest.mark.asyncio
async def test_deleting_a_deployment_takes_its_pods(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(DEPLOYMENTS, deployment())
    await live.until(lambda: len(live.objects(PODS)) == 3)
    await live.delete(DEPLOYMENTS, "default", "web")
    await live.until(lambda: not live.objects(PODS) and not live.objects(REPLICA_SETS))


@pytest.mark.asyncio
async def test_namespace_empties_and_ends(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    await live.create(NAMESPACES, {"metadata": {"name": "team"}})
    body = deployment()
    body["metadata"]["namespace"] = "team"
    await live.create(DEPLOYMENTS, body)
    held = {"name": "held", "namespace": "team", "finalizers": ["ex.com/hold"]}
    await live.create(CONFIG_MAPS, {"metadata": held})
    await live.until(lambda: len(live.objects(PODS, "team")) == 3)
    await live.delete(NAMESPACES, "", "team")

    def remaining() -> str:
        status = live.get(NAMESPACES, "", "team")["status"]
        found = {one["type"]: one for one in status.get("conditions") or []}
        return str(found.get("NamespaceFinalizersRemaining", {}).get("message"))

    await live.until(
        lambda: (
            remaining().endswith("remaining: ex.com/hold in 1 resource instances")
            and not live.objects(PODS, "team")
        )
    )
    assert live.get(NAMESPACES, "", "team")["status"]["phase"] == "Terminating"
    await live.mutate(
        CONFIG_MAPS, "team", "held", lambda private: private["metadata"].pop("finalizers")
    )
    await live.until(lambda: live.get(NAMESPACES, "", "team") is None)


@pytest.mark.asyncio
async def test_pods_of_a_namespace_end_before_the_rest(live: Any) -> None:
    await live.create(NAMESPACES, {"metadata": {"name": "team"}})
    meta = {"name": "held", "namespace": "team"}
    pod = {"containers": [{"name": "c", "image": "x"}]}
    await live.create(PODS, {"metadata": {**meta, "finalizers": ["ex.com/hold"]}, "spec": pod})
    await live.create(CONFIG_MAPS, {"metadata": meta})
    await live.delete(NAMESPACES, "", "team")
    await live.until(
        lambda: live.get(PODS, "team", "held")["metadata"].get("deletionTimestamp") is not None
    )
    await live.quiet()
    assert live.get(CONFIG_MAPS, "team", "held")["metadata"].get("deletionTimestamp") is None
    await live.mutate(PODS, "team", "held", lambda private: private["metadata"].pop("finalizers"))
    await live.until(lambda: live.get(NAMESPACES, "", "team") is None)


@pytest.mark.asyncio
async def test_namespace_has_its_account_and_ca(live: Any) -> None:
    await live.create(NAMESPACES, {"metadata": {"name": "kube-system"}})
    ca = {"name": "kube-root-ca.crt", "namespace": "kube-system"}
    await live.create(CONFIG_MAPS, {"metadata": ca, "data": {"ca.crt": "pem"}})
    await live.create(NAMESPACES, {"metadata": {"name": "team"}})
    await live.until(
        lambda: (
            live.get(SERVICE_ACCOUNTS, "team", "default")
            and live.get(CONFIG_MAPS, "team", "kube-root-ca.crt")
        )
    )
    await live.delete(SERVICE_ACCOUNTS, "team", "default")
    await live.mutate(
        CONFIG_MAPS, "team", "kube-root-ca.crt", lambda private: private.update(data={})
    )
    await live.until(
        lambda: (
            live.get(SERVICE_ACCOUNTS, "team", "default")
            and live.get(CONFIG_MAPS, "team", "kube-root-ca.crt").get("data") == {"ca.crt": "pem"}
        )
    )
