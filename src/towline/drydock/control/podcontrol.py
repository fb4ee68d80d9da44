"""Pods as controllers create, delete and find them again: with an Event for each write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import Key, key_of, namespace_terminating, together
from towline.drydock.control.ownership import controlled_by, controller_of
from towline.drydock.control.replicas import slow_start
from towline.drydock.control.resources import PODS
from towline.drydock.control.writes import CONTROLLER_MANAGER
from towline.kube.refs import GroupResource
from towline.kube.selectors import LabelSelector
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


def merged(outcomes: Iterable[Outcome]) -> Outcome:
    """All notes, the first error."""
    all_ = list(outcomes)
    return Outcome(
        [note for outcome in all_ for note in outcome.notes],
        next((outcome.error for outcome in all_ if outcome.error is not None), None),
    )


async def create_pod(cluster: Cluster, body: Obj) -> Outcome:
    """Creates a pod; a refusal becomes part of the outcome."""
    try:
        pod = await cluster.create(PODS, body, manager=CONTROLLER_MANAGER)
    except ApiError as error:
        if namespace_terminating(error):
            return Outcome([], error)
        text = f"Error creating: {error.message}"
        return Outcome([Note("Warning", "FailedCreate", text)], error)
    text = f"Created pod: {pod['metadata']['name']}"
    return Outcome([Note("Normal", "SuccessfulCreate", text)], None)


async def create_pods(cluster: Cluster, bodies: Sequence[Obj]) -> Outcome:
    """Creates pods in growing batches; a refusal stops the batches after its own."""
    outcomes: list[Outcome] = []
    done = 0
    for size in slow_start(len(bodies)):
        batch = bodies[done : done + size]
        done += size
        outcomes += await together(create_pod(cluster, body) for body in batch)
        if any(outcome.error is not None for outcome in outcomes):
            break
    return merged(outcomes)


async def delete_pod(cluster: Cluster, pod: Obj) -> Outcome:
    """Deletes this very pod; a refusal becomes part of the outcome."""
    meta = pod["metadata"]
    try:
        await cluster.delete(PODS, meta["namespace"], meta["name"], uid=meta["uid"])
    except ApiError as error:
        if error.reason == "Conflict":
            return Outcome([], None)  # another pod of that name: ours is gone
        text = f"Error deleting: {error.message}"
        return Outcome([Note("Warning", "FailedDelete", text)], error)
    text = f"Deleted pod: {meta['name']}"
    return Outcome([Note("Normal", "SuccessfulDelete", text)], None)


def owners_of_change(
    cluster: Cluster,
    event: ClusterEvent,
    resource: GroupResource,
    kind: str,
    selector_of: Callable[[Obj], LabelSelector],
) -> Iterable[Key]:
    """Owners of one kind that a changed pod concerns: its own, or all that might adopt it."""
    for pod in (event.object, event.old):
        if pod is None:
            continue
        meta = pod["metadata"]
        owner = controlled_by(pod, kind)
        if owner:
            yield Key(meta["namespace"], owner)
        elif controller_of(pod) is None and event.type != "DELETED" and meta.get("labels"):
            for candidate in cluster.objects(resource, meta["namespace"]):
                if selector_of(candidate).matches(meta["labels"]):
                    yield key_of(candidate)
