"""The Services' address space as objects: the default ServiceCIDR, an IPAddress per cluster IP."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import Key
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

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """Addresses that a Service has or had; an IPAddress of ours; the default ServiceCIDR."""
        if resource == SERVICES:
            for service in (event.object, event.old):
                yield from (Key("address", one) for one in addresses(service or {}))
        elif resource == SERVICE_CIDRS:
            if event.object["metadata"]["name"] == DEFAULT_CIDR:
                yield Key("range", DEFAULT_CIDR)
        elif _is_ours(event.object):
            yield Key("address", event.object["metadata"]["name"])

    async def reconcile(self, key: Key) -> float | None:
        """Writes what lacks, removes what is left over."""
        if key.namespace == "range":
            await self._report_ready()
        else:
            await self._keep(key.name)
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

    async def _keep(self, address: str) -> None:
        service = next(
            (one for one in self._cluster.objects(SERVICES) if address in addresses(one)), None
        )
        stored = self._cluster.get(IP_ADDRESSES, "", address)
        if stored is not None and _is_ours(stored):
            if service is not None and stored["spec"] == _spec(service):
                return
            uid = stored["metadata"]["uid"]
            await self._cluster.delete(IP_ADDRESSES, "", address, uid=uid)
            stored = None
        if service is not None and stored is None:
            await self._create(service, address)

    async def _create(self, service: Obj, address: str) -> None:
        family = f"IPv{ipaddress.ip_address(address).version}"
        body = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {"name": address, "labels": {FAMILY: family, MANAGED_BY: ALLOCATOR}},
            "spec": _spec(service),
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


def _spec(service: Obj) -> Obj:
    meta = service["metadata"]
    return {
        "parentRef": {
            "resource": "services",
            "namespace": meta["namespace"],
            "name": meta["name"],
        }
    }


def _is_ours(obj: Obj) -> bool:
    return bool((obj["metadata"].get("labels") or {}).get(MANAGED_BY) == ALLOCATOR)
