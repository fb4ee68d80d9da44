"""The Endpoints controller: the addresses behind each Service in the older of the two forms."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.backends import (
    HEADLESS_LABEL,
    TRIGGER_TIME,
    Backend,
    backends,
    hostname,
    is_headless,
    selects,
    target_reference,
)
from towline.drydock.control.controller import Key, key_of
from towline.drydock.control.resources import ENDPOINTS, PODS, SERVICES
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MAX_ADDRESSES = 1000


class EndpointsController:
    """Keeps one Endpoints object per Service with a selector.

    Args:
        cluster: What it works on.
        clock: For the time of the last change.
    """

    name = "endpoint-controller"
    watches: frozenset[GroupResource] | None = frozenset({SERVICES, PODS, ENDPOINTS})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The Service; of a pod all Services that select it, before or after."""
        if resource == PODS:
            return services_of(self._cluster, event)
        return [key_of(event.object)]

    async def reconcile(self, key: Key) -> float | None:
        """Writes the addresses when they differ."""
        service = self._cluster.get(SERVICES, key.namespace, key.name)
        stored = self._cluster.get(ENDPOINTS, key.namespace, key.name)
        if service is None:
            if stored is not None and _is_ours(stored):
                uid = stored["metadata"]["uid"]
                await self._cluster.delete(ENDPOINTS, key.namespace, key.name, uid=uid)
            return None
        if not service["spec"].get("selector") or service["metadata"].get("deletionTimestamp"):
            return None
        wanted = endpoints(service, backends(service, self._cluster.objects(PODS, key.namespace)))
        if stored is None:
            await self._create(wanted)
        elif _content(stored) != _content(wanted):
            await self._update(stored, wanted)
        return None

    async def _create(self, wanted: Obj) -> None:
        wanted["metadata"]["annotations"] = {TRIGGER_TIME: rfc3339(self._clock.now())}
        try:
            await self._cluster.create(ENDPOINTS, wanted, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            # A namespace that is going away needs no new endpoints.
            if error.reason not in {"Forbidden", "NotFound"}:
                raise

    async def _update(self, stored: Obj, wanted: Obj) -> None:
        now = rfc3339(self._clock.now())

        def write(copy: Obj) -> None:
            copy["metadata"]["labels"] = wanted["metadata"]["labels"]
            copy["metadata"].setdefault("annotations", {})[TRIGGER_TIME] = now
            copy["subsets"] = wanted.get("subsets") or []

        await edit(self._cluster, ENDPOINTS, stored, write)


def services_of(cluster: Cluster, event: ClusterEvent) -> Iterable[Key]:
    """Services that select a pod, or did before the change."""
    pods = [pod for pod in (event.object, event.old) if pod is not None]
    for service in cluster.objects(SERVICES, event.object["metadata"]["namespace"]):
        selector = service["spec"].get("selector") or {}
        if any(selects(selector, pod) for pod in pods):
            yield key_of(service)


def endpoints(service: Obj, found: list[Backend]) -> Obj:
    """The Endpoints object of a Service."""
    meta = service["metadata"]
    labels = {**(meta.get("labels") or {}), MANAGED_BY: "endpoint-controller"}
    if is_headless(service):
        labels[HEADLESS_LABEL] = ""
    body: Obj = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": labels},
    }
    portless = not service["spec"].get("ports")
    usable = [one for one in found if not one.leaving and (one.ports or portless)][:MAX_ADDRESSES]
    usable.sort(key=lambda one: one.ports)
    subsets = [
        _subset(service, list(group))
        for _, group in itertools.groupby(usable, key=lambda one: one.ports)
    ]
    if subsets:
        body["subsets"] = subsets
    return body


def _subset(service: Obj, group: list[Backend]) -> Obj:
    group.sort(key=lambda one: (one.address, one.pod["metadata"]["uid"]))
    ready = [_address(service, one) for one in group if one.ready]
    not_ready = [_address(service, one) for one in group if not one.ready]
    subset: Obj = {}
    if ready:
        subset["addresses"] = ready
    if not_ready:
        subset["notReadyAddresses"] = not_ready
    if group[0].ports:
        subset["ports"] = [port.body(with_empty_name=False) for port in group[0].ports]
    return subset


def _address(service: Obj, backend: Backend) -> Obj:
    address: Obj = {"ip": backend.address, "targetRef": target_reference(backend.pod)}
    node = (backend.pod.get("spec") or {}).get("nodeName")
    if node:
        address["nodeName"] = node
    name = hostname(service, backend.pod)
    if name:
        address["hostname"] = name
    return address


def _content(body: Obj) -> tuple[Obj, list[Obj]]:
    return body["metadata"].get("labels") or {}, body.get("subsets") or []


def _is_ours(body: Obj) -> bool:
    labels = body["metadata"].get("labels") or {}
    return bool(labels.get(MANAGED_BY) == "endpoint-controller")
