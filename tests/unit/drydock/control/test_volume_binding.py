from __future__ import annotations

from typing import Any

import pytest

from towline.drydock.control.resources import CLAIMS, PODS, STORAGE_CLASSES, VOLUMES
from towline.drydock.control.volumebinding import best_volume, mismatch

Obj = dict[str, Any]


def claim(name: str = "data", **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": "default",
            "finalizers": ["kubernetes.io/pvc-protection"],
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "standard",
            "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


def volume(name: str, size: str = "1Gi", **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "standard",
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": f"/srv/{name}"},
            **spec,
        },
    }


def storage_class(mode: str = "WaitForFirstConsumer") -> Obj:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard"},
        "provisioner": "drydock.io/local-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": mode,
    }


def user(name: str = "p", claim_name: str = "data") -> Obj:
    mount = {"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": [mount]},
    }


class MemoryFolders:
    def __init__(self) -> None:
        self.removed: list[str] = []

    def path(self, volume: str) -> str:
        return f"/data/{volume}"

    async def remove(self, volume: str) -> None:
        self.removed.append(volume)


@pytest.fixture
def folders() -> MemoryFolders:
    return MemoryFolders()


def phase(cluster: Any, resource: Any = CLAIMS, name: str = "data") -> str:
    namespace = "default" if resource == CLAIMS else ""
    found = cluster.get(resource, namespace, name)
    return "" if found is None else str((found.get("status") or {}).get("phase"))


def told(cluster: Any, name: str = "data") -> list[str]:
    return [event[2] for event in cluster.events if event[0] == name]


@pytest.mark.asyncio
async def test_claim_waits_for_a_pod_then_gets_a_folder_on_its_node(
    live: Any, node: Any, folders: MemoryFolders
) -> None:
    await live.create(STORAGE_CLASSES, storage_class())
    await live.create(CLAIMS, claim())
    await live.quiet()
    assert told(live) == ["WaitForFirstConsumer"]
    await live.create(PODS, user())
    await live.until(lambda: live.get(PODS, "default", "p")["spec"].get("nodeName") == "n1")
    await live.until(lambda: phase(live) == "Bound")
    bound = live.get(CLAIMS, "default", "data")
    meta = bound["metadata"]
    name = f"pvc-{meta['uid']}"
    assert bound["spec"]["volumeName"] == name
    assert meta["annotations"] == {
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "volume.beta.kubernetes.io/storage-provisioner": "drydock.io/local-path",
        "volume.kubernetes.io/selected-node": "n1",
        "volume.kubernetes.io/storage-provisioner": "drydock.io/local-path",
    }
    assert bound["status"] == {
        "phase": "Bound",
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
    }
    await live.until(lambda: phase(live, VOLUMES, name) == "Bound")
    made = live.get(VOLUMES, "", name)
    assert made["spec"]["hostPath"]["path"] == f"/data/{name}"
    assert made["spec"]["claimRef"]["uid"] == meta["uid"]
    assert made["metadata"]["annotations"] == {
        "pv.kubernetes.io/provisioned-by": "drydock.io/local-path"
    }
    await live.quiet()
    assert "ProvisioningSucceeded" in told(live)


@pytest.mark.asyncio
async def test_claim_in_use_stays_and_its_data_go_with_it(
    live: Any, node: Any, folders: MemoryFolders
) -> None:
    await live.create(STORAGE_CLASSES, storage_class())
    await live.create(CLAIMS, claim())
    await live.create(PODS, user())
    await live.until(lambda: phase(live) == "Bound")
    await live.until(lambda: live.get(PODS, "default", "p")["status"].get("podIP"))
    name = live.get(CLAIMS, "default", "data")["spec"]["volumeName"]
    await live.delete(CLAIMS, "default", "data")
    await live.quiet()
    assert live.get(CLAIMS, "default", "data") is not None
    assert folders.removed == []
    await live.delete(PODS, "default", "p")
    await live.until(lambda: live.get(VOLUMES, "", name) is None)
    assert live.get(CLAIMS, "default", "data") is None
    assert folders.removed == [name]


@pytest.mark.asyncio
async def test_immediate_class_binds_at_once(live: Any, folders: MemoryFolders) -> None:
    await live.create(STORAGE_CLASSES, storage_class("Immediate"))
    await live.create(CLAIMS, claim())
    await live.until(lambda: phase(live) == "Bound")


@pytest.mark.asyncio
async def test_volumes_made_by_hand_are_bound_and_kept(live: Any, folders: MemoryFolders) -> None:
    await live.create(VOLUMES, volume("big", "5Gi", storageClassName="hand"))
    await live.create(VOLUMES, volume("small", "2Gi", storageClassName="hand"))
    await live.until(lambda: phase(live, VOLUMES, "small") == "Available")
    await live.create(CLAIMS, claim(storageClassName="hand"))
    await live.until(lambda: phase(live) == "Bound")
    assert live.get(CLAIMS, "default", "data")["spec"]["volumeName"] == "small"
    await live.delete(CLAIMS, "default", "data")
    await live.until(lambda: phase(live, VOLUMES, "small") == "Released")
    await live.quiet()
    assert folders.removed == []


@pytest.mark.asyncio
async def test_pods_say_what_their_claims_lack(live: Any, node: Any) -> None:
    await live.create(PODS, user())

    def message() -> str:
        conditions = live.get(PODS, "default", "p")["status"].get("conditions") or [{}]
        return str(conditions[0].get("message"))

    missing = '0/1 nodes are available: persistentvolumeclaim "data" not found.'
    await live.until(lambda: message().startswith(missing))
    await live.create(CLAIMS, claim(storageClassName=""))
    unbound = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    await live.until(lambda: message().startswith(unbound))
    await live.quiet()
    assert told(live) == ["FailedBinding"]
    await live.create(VOLUMES, volume("v", storageClassName=""))
    await live.until(lambda: live.get(PODS, "default", "p")["spec"].get("nodeName"))


@pytest.mark.asyncio
async def test_lost_volumes_are_told(live: Any, folders: MemoryFolders) -> None:
    await live.create(VOLUMES, volume("v", storageClassName=""))
    await live.create(CLAIMS, claim(storageClassName=""))
    await live.until(lambda: phase(live) == "Bound")
    await live.until(lambda: phase(live, VOLUMES, "v") == "Bound")

    def vanish(private: Obj) -> None:
        private["metadata"]["finalizers"] = []

    await live.mutate(VOLUMES, "", "v", vanish)
    await live.delete(VOLUMES, "", "v")
    await live.until(lambda: phase(live) == "Lost")
    await live.quiet()
    assert "ClaimLost" in told(live)


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        ({"capacity": {"storage": "500Mi"}}, "requested PV is too small"),
        ({"storageClassName": "fast"}, "storageClassName does not match"),
        ({"volumeMode": "Block"}, "incompatible volumeMode"),
        ({"accessModes": ["ReadOnlyMany"]}, "incompatible accessMode"),
        ({}, ""),
    ],
)
def test_what_a_claim_asks_of_a_volume(offer: Obj, why: str) -> None:
    assert mismatch(volume("v", **offer), claim()) == why


def test_reserved_volumes_go_to_whom_they_are_reserved() -> None:
    wanted = claim()
    wanted["metadata"]["uid"] = "u"
    reserved = {"namespace": "default", "name": "data"}
    foreign = {"namespace": "default", "name": "other"}
    volumes = [
        volume("foreign", claimRef=foreign),
        volume("free"),
        volume("mine", "9Gi", claimRef=reserved),
    ]
    found = best_volume(wanted, volumes)
    assert found is not None
    assert found["metadata"]["name"] == "mine"
    assert (best_volume(wanted, volumes[:1])) is None
