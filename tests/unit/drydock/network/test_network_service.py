"""The network's dealings with the cluster: load balancer addresses and the DNS address."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from towline.drydock.cluster import ClusterEvent
from towline.drydock.network.directory import SERVICES, SLICES
from towline.drydock.network.plan import plan_of
from towline.drydock.network.routing import Target, balancer_ip_of
from towline.drydock.network.service import Network
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]
Make = Callable[..., Obj]


class _Services:
    """A cluster of Services and EndpointSlices in memory."""

    def __init__(self, *objects: Obj) -> None:
        self.objects = {obj["metadata"]["name"]: obj for obj in objects}
        self._events: asyncio.Queue[tuple[GroupResource, ClusterEvent]] = asyncio.Queue()
        self.idle = asyncio.Event()

    async def create(self, resource: GroupResource, obj: Obj, *, manager: str) -> Obj:
        assert (resource, manager) == (SERVICES, "drydock-network")
        name = obj["metadata"]["name"]
        if name in self.objects:
            raise ApiError("exists", reason="AlreadyExists")
        self.put(obj)
        return obj

    def put(self, obj: Obj) -> None:
        self.objects[obj["metadata"]["name"]] = obj
        self._events.put_nowait((SERVICES, ClusterEvent("MODIFIED", obj, None)))

    async def mutate(
        self,
        resource: GroupResource,
        namespace: str,
        name: str,
        change: Callable[[Obj], None],
        **_: Any,
    ) -> Obj:
        assert (resource, namespace) == (SERVICES, "default")
        obj = copy.deepcopy(self.objects[name])
        change(obj)
        self.put(obj)
        return obj

    async def watch(
        self, *resources: GroupResource
    ) -> AsyncIterator[tuple[GroupResource, ClusterEvent]]:
        assert resources == (SERVICES, SLICES)
        for obj in list(self.objects.values()):
            yield SERVICES, ClusterEvent("ADDED", obj, None)
        for resource in resources:
            yield resource, ClusterEvent("SYNCED", {}, None)
        while True:
            if self._events.empty():
                self.idle.set()
            yield await self._events.get()
            self.idle.clear()


async def _settle(cluster: _Services, act: Callable[[], None] | None = None) -> Network:
    """Lets the network follow the cluster until there is nothing left to do."""
    plan = plan_of(0)
    fake: Any = cluster
    network = Network(fake, plan, domain="cluster.local", api=Target("127.0.0.1", 6443))
    await network._reserve_dns_ip()
    following = asyncio.create_task(network._follow())
    await cluster.idle.wait()
    if act is not None:
        cluster.idle.clear()
        act()
        await cluster.idle.wait()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return network


@pytest.mark.asyncio
async def test_each_load_balancer_gets_an_address_of_its_own(make_service: Make) -> None:
    cluster = _Services(
        make_service("a", type="LoadBalancer"),
        make_service("b", type="LoadBalancer"),
        make_service("c"),
    )
    await _settle(cluster)
    addresses = {name: balancer_ip_of(cluster.objects[name]) for name in "abc"}
    assert addresses == {"a": "127.96.0.1", "b": "127.96.0.2", "c": ""}


@pytest.mark.asyncio
async def test_an_address_that_was_given_is_kept_over_a_restart(make_service: Make) -> None:
    kept = make_service("z", type="LoadBalancer")
    kept["status"] = {"loadBalancer": {"ingress": [{"ip": "127.96.0.1"}]}}
    cluster = _Services(make_service("a", type="LoadBalancer"), kept)
    await _settle(cluster)
    assert balancer_ip_of(cluster.objects["z"]) == "127.96.0.1"
    assert balancer_ip_of(cluster.objects["a"]) == "127.96.0.2"


@pytest.mark.asyncio
async def test_a_service_that_is_no_balancer_any_more_loses_its_address(
    make_service: Make,
) -> None:
    cluster = _Services(make_service("a", type="LoadBalancer"))

    def change() -> None:
        obj = copy.deepcopy(cluster.objects["a"])
        obj["spec"]["type"] = "ClusterIP"
        cluster.put(obj)

    await _settle(cluster, change)
    assert balancer_ip_of(cluster.objects["a"]) == ""


@pytest.mark.asyncio
async def test_the_dns_address_is_held_by_a_service() -> None:
    cluster = _Services()
    await _settle(cluster)
    assert cluster.objects["kube-dns"]["spec"]["clusterIP"] == "10.96.0.10"
    await _settle(cluster)


@pytest.mark.asyncio
async def test_a_broken_service_does_not_hurt_the_others(make_service: Make) -> None:
    broken = make_service("a", type="LoadBalancer", ports=[{"name": "no-number"}])
    cluster = _Services(broken, make_service("b", type="LoadBalancer"))
    await _settle(cluster)
    assert balancer_ip_of(cluster.objects["b"])
