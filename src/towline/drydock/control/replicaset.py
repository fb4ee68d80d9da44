"""The ReplicaSet controller: as many pods as asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

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
from towline.drydock.control.ownership import claim, controlled_by, controller_of
from towline.drydock.control.podtemplate import pod_of
from towline.drydock.control.replicas import BURST, replica_set_status, slow_start, victims
from towline.drydock.control.resources import PODS, REPLICA_SETS
from towline.drydock.control.writes import CONTROLLER_MANAGER, report
from towline.kube.refs import GroupResource
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError


class Note(NamedTuple):
    """An Event to record: type, reason, message."""

    type: str
    reason: str
    message: str


class Outcome(NamedTuple):
    """What came of writes to pods: Events to record, and the first refusal."""

    notes: list[Note]
    error: ApiError | None


class ReplicaSetController:
    """Creates and deletes pods until each ReplicaSet has its number.

    Args:
        cluster: What it works on.
        clock: For availability and conditions.
    """

    name = "replicaset-controller"
    watches: frozenset[GroupResource] | None = frozenset({REPLICA_SETS, PODS})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The ReplicaSet itself; of a pod its ReplicaSet, or all that might adopt it."""
        if resource == REPLICA_SETS:
            yield key_of(event.object)
            return
        for pod in (event.object, event.old):
            if pod is None:
                continue
            owner = controlled_by(pod, "ReplicaSet")
            if owner:
                yield Key(pod["metadata"]["namespace"], owner)
            elif controller_of(pod) is None and event.type != "DELETED":
                yield from self._possible_owners(pod)

    def _possible_owners(self, pod: Obj) -> Iterable[Key]:
        labels = pod["metadata"].get("labels") or {}
        if labels:
            for candidate in self._cluster.objects(REPLICA_SETS, pod["metadata"]["namespace"]):
                if label_selector_of(candidate["spec"].get("selector")).matches(labels):
                    yield key_of(candidate)

    async def reconcile(self, key: Key) -> float | None:
        """Makes the number of pods right and reports it."""
        found = self._cluster.get(REPLICA_SETS, key.namespace, key.name)
        if found is None:
            return None
        selector = label_selector_of(found["spec"].get("selector"))
        claimed = claim(found, selector, self._cluster.objects(PODS, key.namespace))
        pods = await take_over(self._cluster, PODS, found, claimed)
        active = [pod for pod in pods if podstate.is_active(pod)]
        terminating = sum(
            podstate.is_terminating(pod) and not podstate.is_finished(pod) for pod in pods
        )
        outcome = Outcome([], None)
        if not found["metadata"].get("deletionTimestamp"):
            outcome = await self._manage(found, active)
        now = self._clock.now()
        status, again = replica_set_status(
            found,
            active,
            terminating,
            failure="" if outcome.error is None else outcome.error.message,
            now=now,
            stamp=rfc3339(now),
        )
        await together(
            [
                report(self._cluster, REPLICA_SETS, found, status),
                *(self._event(found, *note) for note in outcome.notes),
            ]
        )
        if outcome.error is not None and not namespace_terminating(outcome.error):
            raise outcome.error
        return again

    async def _manage(self, replica_set: Obj, active: list[Obj]) -> Outcome:
        missing = int(replica_set["spec"].get("replicas", 1)) - len(active)
        if missing < 0:
            chosen = victims(active, min(-missing, BURST))
            return merged(await together(self._delete(pod) for pod in chosen))
        outcomes: list[Outcome] = []
        for size in slow_start(min(missing, BURST)):
            outcomes += await together(self._create(replica_set) for _ in range(size))
            if any(outcome.error is not None for outcome in outcomes):
                break
        return merged(outcomes)

    async def _create(self, replica_set: Obj) -> Outcome:
        body = pod_of(replica_set, replica_set["spec"]["template"])
        try:
            pod = await self._cluster.create(PODS, body, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if namespace_terminating(error):
                return Outcome([], error)
            text = f"Error creating: {error.message}"
            return Outcome([Note("Warning", "FailedCreate", text)], error)
        text = f"Created pod: {pod['metadata']['name']}"
        return Outcome([Note("Normal", "SuccessfulCreate", text)], None)

    async def _delete(self, pod: Obj) -> Outcome:
        meta = pod["metadata"]
        try:
            await self._cluster.delete(PODS, meta["namespace"], meta["name"], uid=meta["uid"])
        except ApiError as error:
            if error.reason == "Conflict":
                return Outcome([], None)  # another pod of that name: ours is gone
            text = f"Error deleting: {error.message}"
            return Outcome([Note("Warning", "FailedDelete", text)], error)
        text = f"Deleted pod: {meta['name']}"
        return Outcome([Note("Normal", "SuccessfulDelete", text)], None)

    async def _event(self, replica_set: Obj, type_: str, reason: str, message: str) -> None:
        await self._cluster.event(
            replica_set, type_=type_, reason=reason, message=message, component=self.name
        )


def merged(outcomes: Iterable[Outcome]) -> Outcome:
    """All notes, the first error."""
    all_ = list(outcomes)
    return Outcome(
        [note for outcome in all_ for note in outcome.notes],
        next((outcome.error for outcome in all_ if outcome.error is not None), None),
    )
