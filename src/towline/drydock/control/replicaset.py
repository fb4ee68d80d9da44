"""The ReplicaSet controller: as many pods as asked for; also for ReplicationControllers."""

from __future__ import annotations

from collections.abc import Iterable

from towline.aio.clock import Clock, rfc3339
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import podstate
from towline.drydock.control.adoption import take_over
from towline.drydock.control.controller import (
    Key,
    key_of,
    namespace_terminating,
    together,
)
from towline.drydock.control.ownership import claim
from towline.drydock.control.podcontrol import (
    Outcome,
    create_pods,
    delete_pod,
    merged,
    owners_of_change,
)
from towline.drydock.control.podtemplate import pod_of
from towline.drydock.control.replicas import BURST, replica_set_status, victims
from towline.drydock.control.resources import PODS, REPLICA_SETS, REPLICATION_CONTROLLERS
from towline.drydock.control.writes import report
from towline.kube.refs import GroupResource
from towline.kube.selectors import LabelSelector, label_selector_of, label_selector_of_map


class ReplicaSetController:
    """Creates and deletes pods until each ReplicaSet has its number.

    Args:
        cluster: What it works on.
        clock: For availability and conditions.
    """

    name = "replicaset-controller"
    watches: frozenset[GroupResource] | None = frozenset({REPLICA_SETS, PODS})
    resource = REPLICA_SETS
    kind = "ReplicaSet"

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def selector_of(self, owner: Obj) -> LabelSelector:
        """Which pods belong to it."""
        return label_selector_of(owner["spec"].get("selector"))

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The ReplicaSet itself; of a pod its ReplicaSet, or all that might adopt it."""
        if resource == self.resource:
            return [key_of(event.object)]
        return owners_of_change(self._cluster, event, self.resource, self.kind, self.selector_of)

    async def reconcile(self, key: Key) -> float | None:
        """Makes the number of pods right and reports it."""
        found = self._cluster.get(self.resource, key.namespace, key.name)
        if found is None:
            return None
        claimed = claim(found, self.selector_of(found), self._cluster.objects(PODS, key.namespace))
        pods = await take_over(self._cluster, PODS, found, claimed)
        active = [pod for pod in pods if podstate.is_active(pod)]
        terminating = sum(
            podstate.is_terminating(pod) and not podstate.is_finished(pod) for pod in pods
        )
        outcome = Outcome([], None)
        if not found["metadata"].get("deletionTimestamp"):
            outcome = await self._manage(found, active)
        status, again = self._status(found, active, terminating, outcome)
        await together(
            [
                report(self._cluster, self.resource, found, status),
                *(self._event(found, *note) for note in outcome.notes),
            ]
        )
        if outcome.error is not None and not namespace_terminating(outcome.error):
            raise outcome.error
        return again

    def _status(
        self, owner: Obj, active: list[Obj], terminating: int, outcome: Outcome
    ) -> tuple[Obj, float | None]:
        now = self._clock.now()
        return replica_set_status(
            owner,
            active,
            terminating,
            failure="" if outcome.error is None else outcome.error.message,
            now=now,
            stamp=rfc3339(now),
        )

    async def _manage(self, owner: Obj, active: list[Obj]) -> Outcome:
        missing = int(owner["spec"].get("replicas", 1)) - len(active)
        if missing < 0:
            chosen = victims(active, min(-missing, BURST))
            return merged(await together(delete_pod(self._cluster, pod) for pod in chosen))
        body = pod_of(owner, owner["spec"]["template"])
        return await create_pods(self._cluster, [body] * min(missing, BURST))

    async def _event(self, owner: Obj, type_: str, reason: str, message: str) -> None:
        await self._cluster.event(
            owner, type_=type_, reason=reason, message=message, component=self.name
        )


class ReplicationController(ReplicaSetController):
    """The same for ReplicationControllers, whose selector is a plain map."""

    name = "replication-controller"
    watches: frozenset[GroupResource] | None = frozenset({REPLICATION_CONTROLLERS, PODS})
    resource = REPLICATION_CONTROLLERS
    kind = "ReplicationController"

    def selector_of(self, owner: Obj) -> LabelSelector:
        """Which pods belong to it."""
        return label_selector_of_map(owner["spec"].get("selector"))

    def _status(
        self, owner: Obj, active: list[Obj], terminating: int, outcome: Outcome
    ) -> tuple[Obj, float | None]:
        status, again = super()._status(owner, active, terminating, outcome)
        status.pop("terminatingReplicas", None)
        return status, again
