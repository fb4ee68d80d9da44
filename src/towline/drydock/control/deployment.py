"""The Deployment controller: carries out roll-out plans."""

from __future__ import annotations

from collections.abc import Iterable

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import podstate
from towline.drydock.control.adoption import take_over
from towline.drydock.control.controller import Key, key_of, namespace_terminating, together
from towline.drydock.control.ownership import claim, controlled_by, controller_of
from towline.drydock.control.podtemplate import same_template
from towline.drydock.control.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from towline.drydock.control.revisions import REVISION, Revision, find_new
from towline.drydock.control.rollout import Change, EventNote, Plan, plan
from towline.drydock.control.rolloutmath import is_recreate
from towline.drydock.control.rolloutstatus import StatusBuilder
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit, report
from towline.kube.refs import GroupResource
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError


class DeploymentController:
    """Moves each Deployment's pods to its template by way of ReplicaSets.

    Args:
        cluster: What it works on.
        clock: For conditions and the progress deadline.
    """

    name = "deployment-controller"
    watches: frozenset[GroupResource] | None = frozenset({DEPLOYMENTS, REPLICA_SETS, PODS})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The Deployment itself; of a ReplicaSet its Deployment, or all that might adopt it."""
        if resource == DEPLOYMENTS:
            yield key_of(event.object)
        elif resource == REPLICA_SETS:
            yield from self._of_replica_set(event)
        elif event.type != "ADDED":
            yield from self._of_pod(event.object)

    def _of_replica_set(self, event: ClusterEvent) -> Iterable[Key]:
        for replica_set in (event.object, event.old):
            if replica_set is None:
                continue
            namespace = replica_set["metadata"]["namespace"]
            owner = controlled_by(replica_set, "Deployment")
            if owner:
                yield Key(namespace, owner)
            elif controller_of(replica_set) is None and event.type != "DELETED":
                labels = replica_set["metadata"].get("labels") or {}
                for candidate in self._cluster.objects(DEPLOYMENTS, namespace):
                    if label_selector_of(candidate["spec"].get("selector")).matches(labels):
                        yield key_of(candidate)

    def _of_pod(self, pod: Obj) -> Iterable[Key]:
        """Only Recreate waits for pods; everything else follows the ReplicaSets' counts."""
        namespace = pod["metadata"]["namespace"]
        replica_set = controlled_by(pod, "ReplicaSet")
        owner = self._cluster.get(REPLICA_SETS, namespace, replica_set) if replica_set else None
        name = controlled_by(owner, "Deployment") if owner is not None else ""
        deployment = self._cluster.get(DEPLOYMENTS, namespace, name) if name else None
        if deployment is not None and is_recreate(deployment):
            yield Key(namespace, name)

    async def reconcile(self, key: Key) -> float | None:
        """Takes the next step of the roll-out and reports."""
        deployment = self._cluster.get(DEPLOYMENTS, key.namespace, key.name)
        if deployment is None:
            return None
        selector_text = deployment["spec"].get("selector") or {}
        if not selector_text.get("matchLabels") and not selector_text.get("matchExpressions"):
            return None  # would select every pod of the namespace
        selector = label_selector_of(selector_text)
        claimed = claim(deployment, selector, self._cluster.objects(REPLICA_SETS, key.namespace))
        owned = await take_over(self._cluster, REPLICA_SETS, deployment, claimed)
        step = plan(
            deployment,
            owned,
            old_pods_left=self._old_pods_left(deployment, owned),
            now=self._clock.now(),
        )
        await self._carry_out(deployment, step)
        return step.again

    def _old_pods_left(self, deployment: Obj, replica_sets: list[Obj]) -> bool:
        if not is_recreate(deployment):
            return False
        new = find_new(deployment, [Revision.of(one) for one in replica_sets])
        for one in replica_sets:
            if new is not None and one is new.obj:
                continue
            for resource, pod in self._cluster.by_owner(one["metadata"]["uid"]):
                if resource == PODS and not podstate.is_finished(pod):
                    return True
        return False

    async def _carry_out(self, deployment: Obj, step: Plan) -> None:
        if step.create is not None and not await self._create(deployment, step.create):
            return
        await together(self._change(deployment, change) for change in step.changes)
        await together(
            [
                report(self._cluster, DEPLOYMENTS, deployment, step.status),
                self._note_revision(deployment, step.revision),
                *(self._drop(deployment, name, uid) for name, uid in step.deletes),
                *(self._event(deployment, note) for note in step.events),
            ]
        )

    async def _create(self, deployment: Obj, body: Obj) -> bool:
        """Creates the new ReplicaSet; False when its name is another template's."""
        try:
            await self._cluster.create(REPLICA_SETS, body, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                await self._collision(deployment, body)
                return False
            if namespace_terminating(error):
                return False
            name = body["metadata"]["name"]
            text = f'Failed to create new replica set "{name}": {error.message}'
            status = StatusBuilder(deployment, self._clock.now()).note_create_failed(text)
            await report(self._cluster, DEPLOYMENTS, deployment, status)
            await self._event(deployment, ("Warning", "ReplicaSetCreateError", text))
            raise
        return True

    async def _collision(self, deployment: Obj, body: Obj) -> None:
        meta = body["metadata"]
        found = self._cluster.get(REPLICA_SETS, meta["namespace"], meta["name"])
        if found is None:
            return  # gone meanwhile: its deletion calls us again
        owner = controller_of(found)
        ours = owner is not None and owner["uid"] == deployment["metadata"]["uid"]
        if ours and same_template(found["spec"]["template"], body["spec"]["template"]):
            return  # made by an earlier step that we have not seen yet
        status = dict(deployment.get("status") or {})
        status["collisionCount"] = int(status.get("collisionCount") or 0) + 1
        await report(self._cluster, DEPLOYMENTS, deployment, status)

    async def _change(self, deployment: Obj, change: Change) -> None:
        def write(copy: Obj) -> None:
            copy["spec"]["replicas"] = change.replicas
            if change.min_ready or "minReadySeconds" in copy["spec"]:
                copy["spec"]["minReadySeconds"] = change.min_ready
            copy["metadata"]["annotations"] = dict(change.annotations)

        await self._cluster.mutate(
            REPLICA_SETS,
            deployment["metadata"]["namespace"],
            change.name,
            write,
            manager=CONTROLLER_MANAGER,
            uid=change.uid,
        )

    async def _drop(self, deployment: Obj, name: str, uid: str) -> None:
        namespace = deployment["metadata"]["namespace"]
        await self._cluster.delete(REPLICA_SETS, namespace, name, uid=uid)

    async def _note_revision(self, deployment: Obj, revision: str) -> None:
        if not revision:
            return

        def write(copy: Obj) -> None:
            copy["metadata"].setdefault("annotations", {})[REVISION] = revision

        # Written with the status, as the real controller does: annotations count as a new
        # generation otherwise.
        await edit(self._cluster, DEPLOYMENTS, deployment, write, subresource="status")

    async def _event(self, deployment: Obj, note: EventNote) -> None:
        type_, reason, message = note
        await self._cluster.event(
            deployment, type_=type_, reason=reason, message=message, component=self.name
        )
