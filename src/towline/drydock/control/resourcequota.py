"""The ResourceQuota controller: counts what each quota limits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from towline.drydock.admission import quota as quotas
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import Key, key_of
from towline.drydock.control.resources import EVENTS, NEW_EVENTS, QUOTAS
from towline.drydock.control.writes import report
from towline.kube.refs import GroupResource

_STORED_TWICE = frozenset({EVENTS, NEW_EVENTS})
# What they take depends on more than that they are there.
_VARIABLE = frozenset({quotas.PODS, quotas.SERVICES, quotas.CLAIMS})


class ResourceQuotaController:
    """Reports the use of every quota.

    Args:
        cluster: What it works on.
    """

    name = "resourcequota-controller"
    watches: frozenset[GroupResource] | None = None

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The quota itself; of anything else the quotas of its namespace."""
        if resource == QUOTAS:
            yield key_of(event.object)
        namespace = event.object["metadata"].get("namespace")
        if namespace and (event.type != "MODIFIED" or resource in _VARIABLE):
            yield from (key_of(one) for one in self._cluster.objects(QUOTAS, namespace))

    async def reconcile(self, key: Key) -> float | None:
        """Counts again and writes what differs."""
        found = self._cluster.get(QUOTAS, key.namespace, key.name)
        if found is None:
            return None
        limits = (found.get("spec") or {}).get("hard") or {}
        status = {"hard": limits, "used": self._used(found)} if limits else {}
        await report(self._cluster, QUOTAS, found, status)
        return None

    def _used(self, quota: Obj) -> Obj:
        limits = quotas.hard(quota)
        used = dict.fromkeys(limits, Decimal(0))
        for resource in self._counted(limits):
            objects = self._cluster.objects(resource, quota["metadata"]["namespace"])
            for name, amount in quotas.total(quota, resource, objects).items():
                used[name] += amount
        return {name: quotas.shown(name, amount) for name, amount in sorted(used.items())}

    def _counted(self, limits: Iterable[str]) -> list[GroupResource]:
        """Resources that have to be counted for these limits."""
        wanted = {name.removeprefix("count/") for name in limits}
        return [
            resource
            for resource, _, namespaced in self._cluster.resources()
            if namespaced
            and resource not in _STORED_TWICE
            and (resource in _VARIABLE or str(resource) in wanted)
        ]
