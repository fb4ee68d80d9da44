"""The Services' address space as objects: the default ServiceCIDR, an IPAddress per cluster IP."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.resources import IP_ADDRESSES, SERVICE_CIDRS, SERVICES
from towline.drydock.control.writes import report
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

DEFAULT_CIDR = "kubernetes"
MANAGED_BY = "ipaddress.kubernetes.io/managed-by"
FAMILY = "ipaddress.kubernetes.io/ip-family"
ALLOCATOR = "ipallocator.k8s.io"
# The real server writes these itself, not through its controller manager.
_WRITER = "kube-apiserver"


class Holding(NamedTuple):
    """An address and the Service that has or had it; without one it is the default range."""

    address: str
    namespace: str = ""
    service: str = ""


class ServiceAddressController:
    """Reports the default ServiceCIDR ready, and keeps an IPAddress for each cluster IP.

    Args:
        cluster: What it works on.
        clock: For the condition.
    """

    name = "service-address-controller"
    watches: frozenset[GroupResource] | None = frozenset({SERVICES, IP_ADDRESSES, SERVICE_CIDRS})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Holding]:
        """Addresses that a Service has or had; an IPAddress of ours; the default ServiceCIDR."""
        meta = event.object["metadata"]
        if resource == SERVICES:
            for service in (event.object, event.old or {}):
                for address in addresses(service):
                    yield Holding(address, meta["namespace"], meta["name"])
        elif resource == SERVICE_CIDRS:
            if meta["name"] == DEFAULT_CIDR:
                yield Holding("")
        elif _is_ours(event.object):
            parent = event.object["spec"]["parentRef"]
            yield Holding(meta["name"], parent.get("namespace") or "", parent["name"])

    async def reconcile(self, key: Holding) -> float | None:
        """Writes what lacks, removes what is left over."""
        if key.address:
            await self._keep(key)
        else:
            await self._report_ready()
        return None

    async def _report_ready(self) -> None:
        found = self._cluster.get(SERVICE_CIDRS, "", DEFAULT_CIDR)
        if found is None or (found.get("status") or {}).get("conditions"):
            return
        condition = {
            "type": "Ready",
            "status": "True",
            "reason": "",
            "message": "Kubernetes default Service CIDR is ready",
            "lastTransitionTime": rfc3339(self._clock.now()),
        }
        await report(self._cluster, SERVICE_CIDRS, found, {"conditions": [condition]})

    async def _keep(self, key: Holding) -> None:
        service = self._cluster.get(SERVICES, key.namespace, key.service)
        held = service is not None and key.address in addresses(service)
        stored = self._cluster.get(IP_ADDRESSES, "", key.address)
        if stored is not None:
            ours = _is_ours(stored)
            same = stored["spec"] == _spec(key)
            if not ours or held == same:
                return  # somebody else's, right already, or another Service's by now
            uid = stored["metadata"]["uid"]
            await self._cluster.delete(IP_ADDRESSES, "", key.address, uid=uid)
        if held:
            await self._create(key)

    async def _create(self, key: Holding) -> None:
        family = f"IPv{ipaddress.ip_address(key.address).version}"
        body = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {"name": key.address, "labels": {FAMILY: family, MANAGED_BY: ALLOCATOR}},
            "spec": _spec(key),
        }
        try:
            await self._cluster.create(IP_ADDRESSES, body, manager=_WRITER)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise


def addresses(service: Obj) -> list[str]:
    """The cluster IPs of a Service; none of a headless one."""
    found = (service.get("spec") or {}).get("clusterIPs") or ()
    return [str(one) for one in found if one and one != "None"]


def _spec(key: Holding) -> Obj:
    return {
        "parentRef": {
            "resource": "services",
            "namespace": key.namespace,
            "name": key.service,
        }
    }


def _is_ours(obj: Obj) -> bool:
    return bool((obj["metadata"].get("labels") or {}).get(MANAGED_BY) == ALLOCATOR)
