"""The Job controller: pods that run to their end, until enough have succeeded."""

from __future__ import annotations

from collections.abc import Iterable

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.adoption import take_over
from towline.drydock.control.controller import Key, key_of, namespace_terminating, together
from towline.drydock.control.jobindexes import indexed_pod
from towline.drydock.control.jobplan import TRACKING, JobPlan, is_finished, plan
from towline.drydock.control.ownership import claim, controller_of
from towline.drydock.control.podcontrol import owners_of_change
from towline.drydock.control.podtemplate import pod_of
from towline.drydock.control.resources import JOBS, PODS
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit, report
from towline.kube.refs import GroupResource
from towline.kube.selectors import LabelSelector, label_selector_of
from towline.kube.status import ApiError

MAX_NEW_PODS = 500
# Value of `managedBy` that means this controller; with any other a Job is somebody else's.
MANAGER = "kubernetes.io/job-controller"


def _selector_of(job: Obj) -> LabelSelector:
    return label_selector_of(job["spec"].get("selector"))


class JobController:
    """Runs Jobs.

    Args:
        cluster: What it works on.
        clock: For start, end, back-off and time to live.
    """

    name = "job-controller"
    watches: frozenset[GroupResource] | None = frozenset({JOBS, PODS})

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The Job itself, or those that control a pod or might adopt it."""
        if resource == JOBS:
            return [key_of(event.object)]
        return owners_of_change(self._cluster, event, JOBS, "Job", _selector_of)

    async def reconcile(self, key: Key) -> float | None:
        """Takes the next step."""
        job = self._cluster.get(JOBS, key.namespace, key.name)
        await self._release_strangers(key, job)
        if job is None or job["metadata"].get("deletionTimestamp"):
            return None
        if job["spec"].get("managedBy", MANAGER) != MANAGER:
            return None
        uid = job["metadata"]["uid"]
        pods = await self._pods(job)
        step = plan(job, pods, self._clock.now())
        await self._carry_out(job, step)
        if step.finished and step.again is not None and step.again <= 0:
            await self._cluster.delete(
                JOBS, key.namespace, key.name, uid=uid, propagation="Background"
            )
            return None
        return step.again

    async def _pods(self, job: Obj) -> list[Obj]:
        if is_finished(job) or not job["spec"].get("selector"):
            uid = job["metadata"]["uid"]
            return [pod for resource, pod in self._cluster.by_owner(uid) if resource == PODS]
        candidates = self._cluster.objects(PODS, job["metadata"]["namespace"])
        claimed = claim(job, _selector_of(job), candidates)
        return await take_over(self._cluster, PODS, job, claimed, finalizer=TRACKING)

    async def _release_strangers(self, key: Key, job: Obj | None) -> None:
        """Pods of a Job that is gone, or going, must not be held by its finalizer."""
        keep = ""
        if job is not None and not job["metadata"].get("deletionTimestamp"):
            keep = job["metadata"]["uid"]
        for pod in self._cluster.objects(PODS, key.namespace):
            if TRACKING not in (pod["metadata"].get("finalizers") or ()):
                continue
            owner = controller_of(pod)
            if owner is not None and owner["name"] == key.name and owner["uid"] != keep:
                await self._release(pod)

    async def _carry_out(self, job: Obj, step: JobPlan) -> None:
        await report(self._cluster, JOBS, job, step.status)
        await together(
            [
                *(self._release(pod) for pod in step.release),
                *(self._delete(job, pod) for pod in step.delete),
                *(self._create(job, body) for body in new_pods(job, step)),
                *(self._event(job, note) for note in step.events),
            ]
        )

    async def _release(self, pod: Obj) -> None:
        def write(copy: Obj) -> None:
            kept = [one for one in copy["metadata"].get("finalizers") or () if one != TRACKING]
            copy["metadata"]["finalizers"] = kept

        await edit(self._cluster, PODS, pod, write)

    async def _create(self, job: Obj, body: Obj) -> None:
        try:
            pod = await self._cluster.create(PODS, body, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if namespace_terminating(error):
                return
            await self._event(job, ("Warning", "FailedCreate", f"Error creating: {error.message}"))
            raise
        text = f"Created pod: {pod['metadata']['name']}"
        await self._event(job, ("Normal", "SuccessfulCreate", text))

    async def _delete(self, job: Obj, pod: Obj) -> None:
        meta = pod["metadata"]
        await self._cluster.delete(PODS, meta["namespace"], meta["name"], uid=meta["uid"])
        text = f"Deleted pod: {meta['name']}"
        await self._event(job, ("Normal", "SuccessfulDelete", text))

    async def _event(self, job: Obj, note: tuple[str, str, str]) -> None:
        type_, reason, message = note
        await self._cluster.event(
            job, type_=type_, reason=reason, message=message, component=self.name
        )


def new_pods(job: Obj, step: JobPlan) -> list[Obj]:
    """The pods that a step creates, with the finalizer that keeps them until they are counted."""
    template = job["spec"]["template"]
    finalizers = [*((template.get("metadata") or {}).get("finalizers") or ()), TRACKING]
    count = min(step.create, MAX_NEW_PODS)
    if job["spec"].get("completionMode") != "Indexed":
        return [pod_of(job, template, finalizers=finalizers)] * count
    failures = step.failures or (None,) * len(step.indexes)
    return [
        indexed_pod(job, index, failed, finalizers)
        for index, failed in list(zip(step.indexes, failures, strict=True))[:count]
    ]
