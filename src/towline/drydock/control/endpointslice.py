"""The EndpointSlice controller: the pods behind each Service, in slices of at most 100."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.backends import (
    HEADLESS_LABEL,
    TRIGGER_TIME,
    Backend,
    Port,
    backends,
    hostname,
    is_headless,
    target_reference,
)
from towline.drydock.control.controller import Key, key_of, namespace_terminating, together
from towline.drydock.control.endpoints import services_of
from towline.drydock.control.ownership import controller_reference
from towline.drydock.control.resources import ENDPOINT_SLICES, PODS, SERVICES
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
PER_SLICE = 100


class SlicePlan(NamedTuple):
    """What to change.

    Attributes:
        create: Slices to create.
        update: (stored, wanted) where the content differs.
        delete: Stored slices that are not needed any more.
    """

    create: list[Obj]
    update: list[tuple[Obj, Obj]]
    delete: list[Obj]


class EndpointSliceController:
    """Keeps the EndpointSlices of every Service with a selector.

    Args:
        cluster: What it works on.
        clock: For the time of the last change.
    """

    name = "endpointslice-controller"
    watches: frozenset[GroupResource] | None = frozenset({SERVICES, PODS, ENDPOINT_SLICES})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The Service; of a pod all Services that select it; of a slice its Service."""
        if resource == PODS:
            yield from services_of(self._cluster, event)
        elif resource == SERVICES:
            yield key_of(event.object)
        else:
            meta = event.object["metadata"]
            labels = meta.get("labels") or {}
            if labels.get(MANAGED_BY) == MANAGER and labels.get(SERVICE_NAME):
                yield Key(meta["namespace"], labels[SERVICE_NAME])

    async def reconcile(self, key: Key) -> float | None:
        """Writes the slices that differ."""
        service = self._cluster.get(SERVICES, key.namespace, key.name)
        if service is None:
            return None  # its slices go with it
        if not service["spec"].get("selector") or service["metadata"].get("deletionTimestamp"):
            return None
        stored = self._cluster.objects(
            ENDPOINT_SLICES,
            key.namespace,
            labels={SERVICE_NAME: key.name, MANAGED_BY: MANAGER},
        )
        pods = self._cluster.objects(PODS, key.namespace)
        step = plan(stored, slices(service, backends(service, pods)))
        await together(
            [
                *(self._create(one) for one in step.create),
                *(self._update(*pair) for pair in step.update),
                *(self._delete(one) for one in step.delete),
            ]
        )
        return None

    async def _create(self, wanted: Obj) -> None:
        wanted["metadata"]["annotations"] = {TRIGGER_TIME: rfc3339(self._clock.now())}
        try:
            await self._cluster.create(ENDPOINT_SLICES, wanted, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if not namespace_terminating(error):
                raise

    async def _update(self, stored: Obj, wanted: Obj) -> None:
        now = rfc3339(self._clock.now())

        def write(copy: Obj) -> None:
            copy["metadata"]["labels"] = wanted["metadata"]["labels"]
            copy["metadata"].setdefault("annotations", {})[TRIGGER_TIME] = now
            copy["endpoints"] = wanted["endpoints"]
            copy["ports"] = wanted["ports"]

        await edit(self._cluster, ENDPOINT_SLICES, stored, write)

    async def _delete(self, stored: Obj) -> None:
        meta = stored["metadata"]
        await self._cluster.delete(
            ENDPOINT_SLICES, meta["namespace"], meta["name"], uid=meta["uid"]
        )


def slices(service: Obj, found: list[Backend]) -> list[Obj]:
    """The slices of a Service: one per set of ports and hundred pods, at least an empty one."""
    ordered = sorted(found, key=lambda one: one.ports)
    wanted = []
    for ports, group in itertools.groupby(ordered, key=lambda one: one.ports):
        members = list(group)
        wanted += [
            _slice(service, ports, members[start : start + PER_SLICE])
            for start in range(0, len(members), PER_SLICE)
        ]
    return wanted or [_slice(service, (), [])]


def content(body: Obj) -> tuple[Any, ...]:
    """What of a slice is kept right."""
    return (
        body["metadata"].get("labels") or {},
        body.get("endpoints") or [],
        body.get("ports") or [],
    )


def plan(
    stored: Sequence[Obj],
    wanted: Sequence[Obj],
    content_of: Callable[[Obj], tuple[Any, ...]] = content,
) -> SlicePlan:
    """Reuses stored slices with the same ports first, then any other; the rest goes.

    Args:
        stored: Slices of one address type.
        wanted: What there shall be, of the same type.
        content_of: What of a slice counts as a difference.
    """
    free = sorted(
        (one for one in stored if not one["metadata"].get("deletionTimestamp")),
        key=lambda one: one["metadata"]["name"],
    )
    result = SlicePlan([], [], [])
    unmatched = []
    for one in wanted:
        match = next((slice_ for slice_ in free if _ports_of(slice_) == _ports_of(one)), None)
        if match is None:
            unmatched.append(one)
            continue
        free.remove(match)
        if content_of(match) != content_of(one):
            result.update.append((match, one))
    for one in unmatched:
        if free:
            result.update.append((free.pop(0), one))
        else:
            result.create.append(one)
    result.delete.extend(free)
    return result


def _slice(service: Obj, ports: tuple[Port, ...], members: list[Backend]) -> Obj:
    meta = service["metadata"]
    labels = {
        **(meta.get("labels") or {}),
        SERVICE_NAME: meta["name"],
        MANAGED_BY: MANAGER,
    }
    if is_headless(service):
        labels[HEADLESS_LABEL] = ""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(service, one) for one in members],
        "ports": [port.body(with_empty_name=True) for port in ports],
    }


def _endpoint(service: Obj, backend: Backend) -> Obj:
    endpoint: Obj = {
        "addresses": [backend.address],
        "conditions": {
            "ready": backend.ready,
            "serving": backend.serving,
            "terminating": backend.terminating,
        },
        "targetRef": target_reference(backend.pod),
    }
    node = (backend.pod.get("spec") or {}).get("nodeName")
    if node:
        endpoint["nodeName"] = node
    name = hostname(service, backend.pod)
    if name:
        endpoint["hostname"] = name
    return endpoint


def _ports_of(body: Obj) -> list[tuple[str, int, str]]:
    return sorted(
        (one.get("name") or "", one.get("port") or 0, one.get("protocol") or "TCP")
        for one in body.get("ports") or ()
    )
