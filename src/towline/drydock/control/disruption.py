"""The disruption controller: keeps the status of PodDisruptionBudgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.budgets import counts_by_scale, status_of
from towline.drydock.control.controller import Key, key_of
from towline.drydock.control.ownership import controller_of
from towline.drydock.control.resources import (
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
)
from towline.drydock.control.writes import report
from towline.kube.refs import GroupResource
from towline.kube.selectors import LabelSelector, label_selector_of

_SCALED = frozenset({DEPLOYMENTS, REPLICA_SETS, REPLICATION_CONTROLLERS, STATEFUL_SETS})


def selector_of(budget: Obj) -> LabelSelector:
    """The pods of a budget; an empty selector takes all, none takes nothing."""
    return label_selector_of((budget.get("spec") or {}).get("selector"))


class DisruptionController:
    """Counts the healthy pods of each budget.

    Args:
        cluster: What it works on.
        clock: For conditions and evictions that came to nothing.
    """

    name = "controllermanager"
    watches: frozenset[GroupResource] | None = frozenset({DISRUPTION_BUDGETS, PODS}) | _SCALED

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The budget itself, those that select a pod, those of a namespace that was scaled."""
        if resource == DISRUPTION_BUDGETS:
            return [key_of(event.object)]
        meta = event.object["metadata"]
        budgets = self._cluster.objects(DISRUPTION_BUDGETS, meta["namespace"])
        if resource != PODS:
            return [] if _same_size(event) else [key_of(budget) for budget in budgets]
        seen = [one["metadata"].get("labels") for one in (event.object, event.old) if one]
        return [
            key_of(budget)
            for budget in budgets
            if any(selector_of(budget).matches(labels) for labels in seen)
        ]

    async def reconcile(self, key: Key) -> float | None:
        """Writes the status."""
        found = self._cluster.get(DISRUPTION_BUDGETS, key.namespace, key.name)
        if found is None:
            return None
        selector = selector_of(found)
        pods = [
            pod
            for pod in self._cluster.objects(PODS, key.namespace)
            if selector.matches(pod["metadata"].get("labels"))
        ]
        if not pods:
            await self._event(found, "Normal", "NoPods", "No matching pods found")
        scale = 0
        if counts_by_scale(found):
            scale, unmanaged = self._scale(pods)
            if unmanaged:
                text = (
                    f"Pods selected by this PodDisruptionBudget (selector: {selector}) were found "
                    "to be unmanaged. As a result, the status of the PDB cannot be calculated "
                    "correctly, which may result in undefined behavior. To account for these pods "
                    'please set ".spec.minAvailable" field of the PDB to an integer value.'
                )
                await self._event(found, "Warning", "UnmanagedPods", text)
        status, again = status_of(found, pods, scale, self._clock.now())
        await report(self._cluster, DISRUPTION_BUDGETS, found, status)
        return again

    def _scale(self, pods: Sequence[Obj]) -> tuple[int, bool]:
        """The summed size of the pods' controllers, and whether a pod has none."""
        sizes: dict[str, int] = {}
        unmanaged = False
        for pod in pods:
            owner = self._scaled_owner(pod)
            if owner is None:
                unmanaged = True
            else:
                sizes[owner["metadata"]["uid"]] = int(owner["spec"].get("replicas") or 0)
        return sum(sizes.values()), unmanaged

    def _scaled_owner(self, pod: Obj) -> Obj | None:
        reference = controller_of(pod)
        found = self._cluster.find_uid(reference["uid"]) if reference else None
        if found is None:
            return None
        resource, owner = found
        if resource == REPLICA_SETS:
            above = controller_of(owner)
            higher = self._cluster.find_uid(above["uid"]) if above else None
            if higher is not None and higher[0] == DEPLOYMENTS:
                return higher[1]
        # Whatever else has replicas can be scaled: custom resources of operators too.
        scales = resource in _SCALED or "replicas" in (owner.get("spec") or {})
        return owner if scales else None

    async def _event(self, budget: Obj, type_: str, reason: str, message: str) -> None:
        await self._cluster.event(
            budget, type_=type_, reason=reason, message=message, component=self.name
        )


def _same_size(event: ClusterEvent) -> bool:
    if event.type != "MODIFIED" or event.old is None:
        return False
    old, new = event.old["spec"].get("replicas"), event.object["spec"].get("replicas")
    return bool(old == new)
