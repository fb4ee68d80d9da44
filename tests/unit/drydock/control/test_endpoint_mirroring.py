"""Hand-made Endpoints as EndpointSlices, and the Services' address space as objects."""

from __future__ import annotations

from typing import Any

import pytest

from towline.drydock.control.endpointslice import MANAGED_BY, SERVICE_NAME
from towline.drydock.control.endpointslicemirroring import (
    LEADER,
    MANAGER,
    SKIP,
    is_mirrored,
    mirrors,
)
from towline.drydock.control.history import snapshot
from towline.drydock.control.resources import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    IP_ADDRESSES,
    SERVICE_CIDRS,
    SERVICES,
)

Obj = dict[str, Any]


def endpoints(*ips: str, **meta: Any) -> Obj:
    subset = {"addresses": [{"ip": ip} for ip in ips], "ports": [{"port": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "web", "namespace": "default", "uid": "eu", **meta},
        "subsets": [subset],
    }


def service(name: str = "web", **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], **spec},
    }


def test_each_address_family_has_a_slice() -> None:
    body = endpoints("10.1.2.3", "fd00::1", "no address", labels={"a": "b"})
    body["subsets"][0]["notReadyAddresses"] = [{"ip": "10.1.2.4", "hostname": "h"}]
    old, new = mirrors(body)
    assert (old["addressType"], new["addressType"]) == ("IPv4", "IPv6")
    assert old["endpoints"] == [
        {"addresses": ["10.1.2.3"], "conditions": {"ready": True}},
        {"addresses": ["10.1.2.4"], "conditions": {"ready": False}, "hostname": "h"},
    ]
    assert old["ports"] == [{"name": "", "protocol": "TCP", "port": 80}]
    assert old["metadata"]["labels"] == {"a": "b", SERVICE_NAME: "web", MANAGED_BY: MANAGER}


@pytest.mark.parametrize(
    ("spec", "meta", "mirrored"),
    [
        ({}, {}, True),
        ({"selector": {"a": "b"}}, {}, False),
        ({}, {"labels": {SKIP: "true"}}, False),
        ({}, {"labels": {SKIP: "false"}}, True),
        ({}, {"annotations": {LEADER: "x"}}, False),
        ({}, {"deletionTimestamp": "2030-01-01T00:00:00Z"}, False),
    ],
)
def test_only_hand_made_endpoints_are_mirrored(spec: Obj, meta: Obj, mirrored: bool) -> None:
    assert is_mirrored(service(**spec), endpoints("10.1.2.3", **meta)) is mirrored


@pytest.mark.asyncio
async def test_slices_follow_the_endpoints(live: Any) -> None:
    await live.create(SERVICES, service())
    await live.create(ENDPOINTS, endpoints("10.1.2.3"))

    def addresses() -> list[str]:
        found = live.objects(ENDPOINT_SLICES, "default", labels={MANAGED_BY: MANAGER})
        return [ip for one in found for each in one["endpoints"] for ip in each["addresses"]]

    await live.until(lambda: addresses() == ["10.1.2.3"])

    def change(copy: Obj) -> None:
        copy["subsets"][0]["addresses"] = [{"ip": "10.2.3.4"}]

    await live.mutate(ENDPOINTS, "default", "web", change)
    await live.until(lambda: addresses() == ["10.2.3.4"])
    await live.delete(ENDPOINTS, "default", "web")
    await live.until(lambda: addresses() == [])


@pytest.mark.asyncio
async def test_cluster_ips_are_objects_while_a_service_has_them(live: Any) -> None:
    spec = {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}
    await live.create(SERVICES, service(**spec))
    await live.create(SERVICES, service("none", clusterIP="None", clusterIPs=["None"]))
    await live.until(lambda: live.objects(IP_ADDRESSES))
    (found,) = live.objects(IP_ADDRESSES)
    assert found["metadata"]["name"] == "10.96.0.9"
    parent = found["spec"]["parentRef"]
    assert (parent["resource"], parent["namespace"], parent["name"]) == (
        "services",
        "default",
        "web",
    )
    await live.delete(SERVICES, "default", "web")
    await live.create(SERVICES, service("next", **spec))
    await live.until(
        lambda: [one["spec"]["parentRef"]["name"] for one in live.objects(IP_ADDRESSES)] == ["next"]
    )
    await live.delete(IP_ADDRESSES, "", "10.96.0.9")
    await live.until(lambda: live.objects(IP_ADDRESSES))
    await live.delete(SERVICES, "default", "next")
    await live.until(lambda: not live.objects(IP_ADDRESSES))


@pytest.mark.asyncio
async def test_the_default_range_becomes_ready(live: Any) -> None:
    for name in ("kubernetes", "another"):
        body = {"metadata": {"name": name}, "spec": {"cidrs": ["10.96.0.0/16"]}}
        await live.create(SERVICE_CIDRS, body)

    def conditions(name: str) -> list[Obj]:
        found = live.get(SERVICE_CIDRS, "", name)
        return (found.get("status") or {}).get("conditions") or []

    await live.until(lambda: conditions("kubernetes"))
    assert conditions("kubernetes")[0]["status"] == "True"
    assert conditions("another") == []


def test_a_revision_names_its_fields_in_order() -> None:
    template = {"spec": {"b": [{"z": 1, "a": 2}], "a": 1}, "metadata": {}}
    found = snapshot({"spec": {"template": template}})["spec"]["template"]
    assert list(found) == ["$patch", "metadata", "spec"]
    assert (list(found["spec"]), list(found["spec"]["b"][0])) == (["a", "b"], ["a", "z"])
