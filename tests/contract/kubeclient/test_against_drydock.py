"""The client and the cache against the embedded cluster's API server over TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from towline.aio.clock import SystemClock
from towline.errors import TransientError
from towline.kube.refs import GroupKind, GroupVersionKind
from towline.kube.status import ApiError
from towline.kubeclient import ClusterAccess, Informer, KubeClient, UnknownKindError, WatchCache

Obj = dict[str, Any]

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
WIDGET = GroupVersionKind("ex.com", "v1", "Widget")
CRD: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.ex.com"},
    "spec": {
        "group": "ex.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def config_map(name: str, **data: str) -> Obj:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def deployment(name: str) -> Obj:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "img:1"}]},
            },
        },
    }


@contextlib.asynccontextmanager
async def following(client: KubeClient) -> AsyncIterator[tuple[WatchCache, asyncio.Event]]:
    cache = WatchCache(client, SystemClock())
    changed = asyncio.Event()
    cache.subscribe(lambda *_: changed.set())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cache.run(lambda one: one.kind not in {"Event", "Lease"}))
        await cache.synced(20)
        yield cache, changed
        task.cancel()


async def until(changed: asyncio.Event, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            changed.clear()
            await changed.wait()


@pytest.mark.asyncio
async def test_create_patch_replace_delete(shared_access: ClusterAccess) -> None:
    async with KubeClient(shared_access) as client:
        made = await client.create(config_map("a", k="1"), manager="me")
        assert made["metadata"]["managedFields"][0]["manager"] == "me"
        patched = await client.patch(
            CONFIG_MAP, "default", "a", {"data": {"l": "2"}}, type="merge", manager="me"
        )
        assert patched["data"] == {"k": "1", "l": "2"}
        with pytest.raises(ApiError) as caught:
            await client.replace({**made, "data": {}}, manager="me")
        assert caught.value.reason == "Conflict"
        operations = [{"op": "remove", "path": "/data/k"}]
        await client.patch(CONFIG_MAP, "default", "a", operations, type="json", manager="me")
        with pytest.raises(ApiError) as caught:
            await client.delete(CONFIG_MAP, "default", "a", uid="other")
        assert caught.value.reason == "Conflict"
        await client.delete(CONFIG_MAP, "default", "a", uid=made["metadata"]["uid"])
        assert await client.get(CONFIG_MAP, "default", "a") is None
        assert await client.delete(CONFIG_MAP, "default", "a") is None


@pytest.mark.asyncio
async def test_server_side_apply_dry_run_and_conflict(shared_access: ClusterAccess) -> None:
    async with KubeClient(shared_access) as client:
        tried = await client.apply(deployment("ssa"), manager="one", dry_run=True)
        assert tried["spec"]["progressDeadlineSeconds"] == 600
        assert await client.get(DEPLOYMENT, "default", "ssa") is None
        await client.apply(deployment("ssa"), manager="one")
        other = deployment("ssa")
        other["spec"]["replicas"] = 5
        with pytest.raises(ApiError, match=r"conflict with \"one\""):
            await client.apply(other, manager="two", force=False)
        await client.apply(other, manager="two", force=True)
        found = await client.get(DEPLOYMENT, "default", "ssa")
        assert found is not None
        assert found["spec"]["replicas"] == 5
        await client.delete(DEPLOYMENT, "default", "ssa")


@pytest.mark.asyncio
async def test_lists_with_selectors_in_pages(shared_access: ClusterAccess) -> None:
    async with KubeClient(shared_access) as client:
        for number in range(3):
            body = config_map(f"page{number}")
            body["metadata"]["labels"] = {"page": str(number)}
            await client.create(body, manager="me")
        items, version = await client.list(CONFIG_MAP, label_selector="page in (0,2)")
        assert [one["metadata"]["name"] for one in items] == ["page0", "page2"]
        assert version
        field = "metadata.name=page1"
        items, _ = await client.list(CONFIG_MAP, "default", field_selector=field)
        assert [one["metadata"]["name"] for one in items] == ["page1"]


@pytest.mark.asyncio
async def test_wrong_token_and_foreign_certificate_are_refused(
    shared_access: ClusterAccess,
) -> None:
    wrong = msgspec.structs.replace(shared_access, token="wrong")
    async with KubeClient(wrong) as client:
        with pytest.raises(ApiError) as caught:
            await client.request("GET", "/api/v1/namespaces")
        assert caught.value.code == 401
    untrusted = msgspec.structs.replace(shared_access, ca_data=b"")
    async with KubeClient(untrusted) as client:
        with pytest.raises(TransientError, match="certificate verify failed"):
            await client.request("GET", "/version")


@pytest.mark.asyncio
async def test_definition_is_known_at_once_and_gone_at_once(shared_access: ClusterAccess) -> None:
    async with KubeClient(shared_access) as client, following(client) as (cache, changed):
        await client.create(CRD, manager="me")
        body = {
            "apiVersion": "ex.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "default"},
            "spec": {"size": 1},
        }
        made = await client.create(body, manager="me")
        cache.put(made)
        await until(changed, lambda: len(cache.objects(WIDGET.group_kind)) == 1)
        assert cache.objects(WIDGET.group_kind)[0].body()["spec"] == {"size": 1}
        informer = Informer(client, WIDGET)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(informer.run())
            await informer.synced(10)
            assert [one.name for one in informer.list("default")] == ["w"]
            task.cancel()
        crd = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
        await client.delete(crd, "", "widgets.ex.com")
        await until(changed, lambda: not cache.objects(WIDGET.group_kind))
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.get(WIDGET, "default", "w")
                except UnknownKindError:
                    break


@pytest.mark.asyncio
async def test_ownership_is_visible_and_deletion_is_repaired(shared_access: ClusterAccess) -> None:
    async with KubeClient(shared_access) as client, following(client) as (cache, changed):
        made = await client.create(deployment("web"), manager="me")
        uid = made["metadata"]["uid"]

        def pods() -> set[str]:
            return {
                pod.uid
                for replica_set in cache.children(uid)
                for pod in cache.children(replica_set.uid)
                if pod.key.kind == "Pod"
            }

        await until(changed, lambda: len(pods()) == 2)
        before = pods()
        (replica_set,) = cache.children(uid)
        pod = cache.children(replica_set.uid)[0]
        await client.delete(GroupKind("", "Pod"), "default", pod.name)
        await until(changed, lambda: len(pods()) == 2 and pods() != before)
        await client.delete(DEPLOYMENT, "default", "web")
        await until(changed, lambda: cache.by_uid(replica_set.uid) is None and not pods())


@pytest.mark.asyncio
async def test_r19_server_killed_and_started_again_loses_no_change(server: Any) -> None:
    access = server.start()
    async with KubeClient(access) as client, following(client) as (cache, changed):
        for number in range(20):
            await client.create(config_map(f"c{number}", v="1"), manager="me")
        kind = CONFIG_MAP.group_kind
        server.kill()
        server.start()
        async with KubeClient(access) as other:
            for number in range(10):
                await other.delete(CONFIG_MAP, "default", f"c{number}")
            data = {"data": {"v": "2"}}
            await other.patch(CONFIG_MAP, "default", "c15", data, manager="me")
            wanted, _ = await other.list(CONFIG_MAP)
        versions = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in wanted}
        await until(
            changed,
            lambda: {one.uid: one.resource_version for one in cache.objects(kind)} == versions,
        )
