"""The CronJob controller: creates Jobs when their time has come."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import Key, key_of, namespace_terminating
from towline.drydock.control.cronplan import CronPlan, Zones, plan, started
from towline.drydock.control.ownership import controlled_by, controller_of
from towline.drydock.control.podcontrol import Note
from towline.drydock.control.resources import CRON_JOBS, JOBS
from towline.drydock.control.writes import CONTROLLER_MANAGER, report
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

# A wait ends sooner than asked for, so that a change of the wall clock is noticed.
_LONGEST_WAIT = 300.0


def find_zone(name: str) -> dt.tzinfo | None:
    """A time zone of the machine's time zone database."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


class CronJobController:
    """Runs CronJobs.

    Args:
        cluster: What it works on.
        clock: Tells what is due.
        zones: Finds time zones.
    """

    name = "cronjob-controller"
    watches: frozenset[GroupResource] | None = frozenset({CRON_JOBS, JOBS})

    def __init__(self, cluster: Cluster, clock: Clock, zones: Zones = find_zone) -> None:
        self._cluster = cluster
        self._clock = clock
        self._zones = zones

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The CronJob itself, or the one that controls a Job."""
        if resource == CRON_JOBS:
            yield key_of(event.object)
            return
        owner = controlled_by(event.object, "CronJob")
        if owner:
            yield Key(event.object["metadata"]["namespace"], owner)

    async def reconcile(self, key: Key) -> float | None:
        """Takes the next step."""
        found = self._cluster.get(CRON_JOBS, key.namespace, key.name)
        if found is None:
            return None
        step = plan(found, self._jobs(found), self._zones, self._clock.now())
        for note in step.notes:
            await self._event(found, note)
        for job in step.delete:
            await self._delete(found, job)
        status = await self._create(found, step)
        await report(self._cluster, CRON_JOBS, found, status)
        return None if step.again is None else min(step.again, _LONGEST_WAIT)

    def _jobs(self, cron: Obj) -> list[Obj]:
        uid = cron["metadata"]["uid"]
        return [
            job
            for resource, job in self._cluster.by_owner(uid)
            if resource == JOBS and (controller_of(job) or {}).get("uid") == uid
        ]

    async def _create(self, cron: Obj, step: CronPlan) -> Obj:
        """Creates the Job that is due; returns the status that tells of it."""
        if step.create is None or step.due is None:
            return step.status
        try:
            job = await self._cluster.create(JOBS, step.create, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if namespace_terminating(error):
                return step.status
            if error.reason == "AlreadyExists":
                return self._found(cron, step)
            text = f"Error creating job: {error.message}"
            await self._event(cron, Note("Warning", "FailedCreate", text))
            raise
        text = f"Created job {job['metadata']['name']}"
        await self._event(cron, Note("Normal", "SuccessfulCreate", text))
        return started(step.status, job, step.due)

    def _found(self, cron: Obj, step: CronPlan) -> Obj:
        """A Job of that name is there: ours from before a crash, or a stranger's."""
        if step.create is None or step.due is None:
            return step.status
        meta = step.create["metadata"]
        job = self._cluster.get(JOBS, meta["namespace"], meta["name"])
        owner = None if job is None else controller_of(job)
        if job is None or owner is None or owner["uid"] != cron["metadata"]["uid"]:
            return step.status
        return started(step.status, job, step.due)

    async def _delete(self, cron: Obj, job: Obj) -> None:
        meta = job["metadata"]
        await self._cluster.delete(
            JOBS, meta["namespace"], meta["name"], uid=meta["uid"], propagation="Background"
        )
        await self._event(cron, Note("Normal", "SuccessfulDelete", f"Deleted job {meta['name']}"))

    async def _event(self, cron: Obj, note: Note) -> None:
        await self._cluster.event(
            cron,
            type_=note.type,
            reason=note.reason,
            message=note.message,
            component=self.name,
        )
