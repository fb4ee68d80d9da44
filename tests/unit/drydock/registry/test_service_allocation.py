"""Cluster IPs and node ports: chosen, kept, refused, given back."""

from __future__ import annotations

import ipaddress
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.admission.services import (
    NODE_PORTS,
    AllocationError,
    InUse,
    ServicePlan,
    allocate,
    in_use,
)
from towline.drydock.registry import Registry
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

Obj = dict[str, Any]

SERVICES = GroupResource("", "services")
PLAN = ServicePlan("10.96.0.0/24", ("10.96.0.10",))
NOTHING = InUse(frozenset(), frozenset())


def service(name: str = "s", **spec: Any) -> Obj:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"ports": [{"port": 80}], **spec},
    }


@given(st.integers(0, 2**32), st.integers(0, 200))
def test_addresses_are_unique_inside_the_network_and_never_reserved(seed: int, count: int) -> None:
    rng = Random(seed)
    used: list[Obj] = []
    for _ in range(min(count, 200)):
        used.append(allocate(service(type="ClusterIP"), PLAN, in_use(used), NOTHING, rng))
    addresses = [each["spec"]["clusterIP"] for each in used]
    assert len(set(addresses)) == len(addresses)
    network = ipaddress.IPv4Network(PLAN.cidr)
    for address in addresses:
        assert ipaddress.IPv4Address(address) in network
        assert address not in ("10.96.0.0", "10.96.0.1", "10.96.0.10", "10.96.0.255")


def test_a_full_network_is_said_to_be_full() -> None:
    everything = frozenset(str(ip) for ip in ipaddress.IPv4Network(PLAN.cidr))
    with pytest.raises(AllocationError, match="range is full"):
        allocate(service(), PLAN, InUse(everything, frozenset()), NOTHING, Random(1))


def test_node_ports_are_unique_by_protocol() -> None:
    ports = [{"port": n, "protocol": p} for n in range(1, 30) for p in ("TCP", "UDP")]
    made = allocate(service(type="NodePort", ports=ports), PLAN, NOTHING, NOTHING, Random(3))
    given_out = [(p["protocol"], p["nodePort"]) for p in made["spec"]["ports"]]
    assert len(set(given_out)) == len(given_out)
    assert all(number in NODE_PORTS for _, number in given_out)


@pytest.mark.asyncio
async def test_asked_addresses_and_ports_are_given_or_refused(registry: Registry) -> None:
    first = await registry.create(
        SERVICES,
        service(type="NodePort", clusterIP="10.96.0.20", ports=[{"port": 80, "nodePort": 30080}]),
        manager="me",
    )
    assert first["spec"]["clusterIPs"] == ["10.96.0.20"]
    for spec, text in (
        ({"clusterIP": "10.96.0.20"}, "provided IP is already allocated"),
        ({"clusterIP": "10.1.0.1"}, "the provided IP is not in the valid range"),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]},
            "provided port is already allocated",
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
            "The range of valid ports is 30000-32767",
        ),
    ):
        with pytest.raises(ApiError) as caught:
            await registry.create(SERVICES, service("t", **spec), manager="me")
        assert caught.value.code == 422
        assert text in caught.value.message


@pytest.mark.asyncio
async def test_headless_and_external_services_have_no_address(registry: Registry) -> None:
    headless = await registry.create(SERVICES, service(clusterIP="None"), manager="me")
    assert headless["spec"]["clusterIP"] == "None"
    external = await registry.create(
        SERVICES,
        {
            "metadata": {"name": "e", "namespace": "default"},
            "spec": {"type": "ExternalName", "externalName": "example.com"},
        },
        manager="me",
    )
    assert "clusterIP" not in external["spec"]


@pytest.mark.asyncio
async def test_an_update_keeps_what_was_given_out(registry: Registry) -> None:
    made = await registry.create(SERVICES, service(type="LoadBalancer"), manager="me")
    body = service(type="LoadBalancer", selector={"a": "b"})
    changed = await registry.update(SERVICES, body, manager="me")
    assert changed["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert changed["spec"]["ports"][0]["nodePort"] == made["spec"]["ports"][0]["nodePort"]
    again = await registry.update(SERVICES, body, manager="me")
    assert again["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]


@pytest.mark.asyncio
async def test_what_a_deleted_or_changed_service_held_is_free_again(registry: Registry) -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    body = service(type="NodePort", clusterIP="10.96.0.20", ports=ports)
    await registry.create(SERVICES, body, manager="me")
    changed = await registry.mutate(
        SERVICES, "default", "s", lambda o: o["spec"].update(type="ClusterIP"), manager="me"
    )
    assert changed is not None
    assert "nodePort" not in changed["spec"]["ports"][0]
    await registry.delete(SERVICES, "default", "s")
    again = await registry.create(SERVICES, body, manager="me")
    assert again["spec"]["clusterIP"] == "10.96.0.20"
