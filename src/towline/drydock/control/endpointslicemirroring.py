"""The mirroring controller: EndpointSlices of hand-made Endpoints, where no selector makes them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import endpointslice
from towline.drydock.control.backends import TRIGGER_TIME
from towline.drydock.control.controller import Key, key_of, namespace_terminating, together
from towline.drydock.control.endpoints import MANAGED_BY as ENDPOINTS_MANAGED_BY
from towline.drydock.control.endpointslice import MANAGED_BY, SERVICE_NAME
from towline.drydock.control.ownership import controller_reference
from towline.drydock.control.resources import ENDPOINT_SLICES, ENDPOINTS, SERVICES
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ADDRESSES = 1000


class EndpointSliceMirroringController:
    """Keeps slices that say what Endpoints of Services without a selector say.

    Args:
        cluster: What it works on.
    """

    name = "endpointslicemirroring-controller"
    watches: frozenset[GroupResource] | None = frozenset({SERVICES, ENDPOINTS, ENDPOINT_SLICES})

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """Services and Endpoints share a name; a slice names its Service."""
        if resource != ENDPOINT_SLICES:
            yield key_of(event.object)
            return
        meta = event.object["metadata"]
        labels = meta.get("labels") or {}
        if labels.get(MANAGED_BY) == MANAGER and labels.get(SERVICE_NAME):
            yield Key(meta["namespace"], labels[SERVICE_NAME])

    async def reconcile(self, key: Key) -> float | None:
        """Writes the slices that differ; removes them when nothing is mirrored any more."""
        service = self._cluster.get(SERVICES, key.namespace, key.name)
        endpoints = self._cluster.get(ENDPOINTS, key.namespace, key.name)
        wanted: list[Obj] = []
        if service is not None and endpoints is not None and is_mirrored(service, endpoints):
            wanted = mirrors(endpoints)
        labels = {SERVICE_NAME: key.name, MANAGED_BY: MANAGER}
        stored = self._cluster.objects(ENDPOINT_SLICES, key.namespace, labels=labels)
        for family in ("IPv4", "IPv6"):
            step = endpointslice.plan(
                [one for one in stored if one.get("addressType") == family],
                [one for one in wanted if one["addressType"] == family],
                _content,
            )
            await together(
                [
                    *(self._create(one) for one in step.create),
                    *(self._update(*pair) for pair in step.update),
                    *(self._delete(one) for one in step.delete),
                ]
            )
        return None

    async def _create(self, wanted: Obj) -> None:
        try:
            await self._cluster.create(ENDPOINT_SLICES, wanted, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if not namespace_terminating(error):
                raise

    async def _update(self, stored: Obj, wanted: Obj) -> None:
        def write(copy: Obj) -> None:
            for field in ("labels", "annotations"):
                copy["metadata"][field] = wanted["metadata"][field]
            copy["endpoints"] = wanted["endpoints"]
            copy["ports"] = wanted["ports"]

        await edit(self._cluster, ENDPOINT_SLICES, stored, write)

    async def _delete(self, stored: Obj) -> None:
        meta = stored["metadata"]
        await self._cluster.delete(
            ENDPOINT_SLICES, meta["namespace"], meta["name"], uid=meta["uid"]
        )


def is_mirrored(service: Obj, endpoints: Obj) -> bool:
    """Whether these Endpoints are somebody's own work that nothing else turns into slices."""
    meta = endpoints["metadata"]
    return not (
        service["spec"].get("selector")
        or meta.get("deletionTimestamp")
        or (meta.get("labels") or {}).get(SKIP) == "true"
        or LEADER in (meta.get("annotations") or {})
    )


def mirrors(endpoints: Obj) -> list[Obj]:
    """The slices: one per subset and address family that has addresses."""
    found = []
    for subset in endpoints.get("subsets") or ():
        members: dict[str, list[Obj]] = {"IPv4": [], "IPv6": []}
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in subset.get(field) or ():
                family = _family(str(address.get("ip") or ""))
                if family and sum(map(len, members.values())) < MAX_ADDRESSES:
                    members[family].append(_endpoint(address, ready=ready))
        found += [
            _slice(endpoints, family, subset.get("ports") or [], group)
            for family, group in members.items()
            if group
        ]
    return found


def _family(address: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return ""


def _endpoint(address: Obj, *, ready: bool) -> Obj:
    endpoint: Obj = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    kept = ("hostname", "nodeName", "targetRef")
    return {**endpoint, **{field: address[field] for field in kept if address.get(field)}}


def _slice(endpoints: Obj, family: str, ports: list[Obj], members: list[Obj]) -> Obj:
    meta = endpoints["metadata"]
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k != ENDPOINTS_MANAGED_BY}
    told = (LAST_APPLIED, TRIGGER_TIME)
    annotations = {k: v for k, v in (meta.get("annotations") or {}).items() if k not in told}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": {**labels, SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER},
            "annotations": annotations,
            "ownerReferences": [controller_reference(endpoints)],
        },
        "addressType": family,
        "endpoints": members,
        "ports": [{"name": "", "protocol": "TCP", **port} for port in ports],
    }


def _content(body: Obj) -> tuple[Any, ...]:
    return *endpointslice.content(body), body["metadata"].get("annotations") or {}
