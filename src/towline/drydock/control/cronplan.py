"""What to do next for a CronJob: which time is due, what runs, what is old. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from towline.aio.clock import parse_rfc3339, rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.control.jobplan import condition, is_finished
from towline.drydock.control.ownership import controller_reference
from towline.drydock.control.podcontrol import Note
from towline.errors import InputError
from towline.kube.cron import Schedule, parse_schedule

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANY_MISSED = 100
# Clocks differ a little: looking a moment later saves looking twice.
_PADDING = 0.1

Zones = Callable[[str], dt.tzinfo | None]
"""Finds a time zone by name; None when there is no such zone."""


class CronPlan(msgspec.Struct, frozen=True):
    """The next step of a CronJob.

    Attributes:
        status: The new status, without the Job to be created.
        create: The Job to create, or None.
        due: The time that it is created for.
        delete: Jobs to delete.
        notes: Events to record.
        again: Seconds after which to look again, or None.
    """

    status: Obj
    create: Obj | None
    due: dt.datetime | None
    delete: list[Obj]
    notes: list[Note]
    again: float | None


class Missed(msgspec.Struct, frozen=True):
    """Times that have passed without a Job.

    Attributes:
        since: The time that was counted from.
        due: The latest of them, or None.
        count: About how many.
    """

    since: dt.datetime
    due: dt.datetime | None
    count: int


def plan(cron: Obj, jobs: Sequence[Obj], zones: Zones, now: dt.datetime) -> CronPlan:
    """Decides the next step.

    Args:
        cron: The CronJob.
        jobs: Jobs that it controls.
        zones: Finds time zones.
        now: The time.
    """
    return _Planner(cron, jobs, zones, now).plan()


class _Planner:
    def __init__(self, cron: Obj, jobs: Sequence[Obj], zones: Zones, now: dt.datetime) -> None:
        self.cron = cron
        self.spec: Obj = cron["spec"]
        self.jobs = jobs
        self.zones = zones
        self.now = now
        self.zone: dt.tzinfo = dt.UTC
        self.notes: list[Note] = []
        self.status: Obj = dict(cron.get("status") or {})
        self.active: list[Obj] = list(self.status.get("active") or ())
        self.delete: list[Obj] = []
        self.create: Obj | None = None
        self.due: dt.datetime | None = None

    def plan(self) -> CronPlan:
        self._look_at_jobs()
        again = None
        if not self.cron["metadata"].get("deletionTimestamp"):
            again = self._schedule()
            self._clean_up()
        self.status.pop("active", None)
        if self.active:
            self.status["active"] = self.active
        return CronPlan(self.status, self.create, self.due, self.delete, self.notes, again)

    def _look_at_jobs(self) -> None:
        """Takes ended and vanished Jobs from the list of active ones."""
        known = {one["uid"] for one in self.active}
        for job in self.jobs:
            uid, name = job["metadata"]["uid"], job["metadata"]["name"]
            if not is_finished(job):
                if uid not in known:
                    text = f"Saw a job that the controller did not create or forgot: {name}"
                    self._note("Warning", "UnexpectedJob", text)
                continue
            done = condition(job, "Complete")
            if uid in known:
                self._drop(uid)
                how = "Complete" if done else "Failed"
                text = f"Saw completed job: {name}, condition: {how}"
                self._note("Normal", "SawCompletedJob", text)
            ended = (job.get("status") or {}).get("completionTime")
            if done and ended and ended > (self.status.get("lastSuccessfulTime") or ""):
                self.status["lastSuccessfulTime"] = ended
        present = {job["metadata"]["uid"] for job in self.jobs}
        for one in list(self.active):
            if one["uid"] not in present:
                self._drop(one["uid"])
                self._note("Normal", "MissingJob", f"Active job went missing: {one['name']}")

    def _schedule(self) -> float | None:
        """Starts the Job that is due; returns the seconds until the next one."""
        schedule = self._parsed()
        if schedule is None or self.spec.get("suspend"):
            return None
        missed = self._missed(schedule, with_deadline=True)
        if missed is None:
            text = (
                f"invalid schedule: {self.spec['schedule']} : "
                "time difference between two schedules is less than 1 second"
            )
            self._note("Warning", "InvalidSchedule", text)
            return None
        if missed.due is not None:
            if missed.count > MANY_MISSED:
                text = (
                    "too many missed start times. Set or decrease "
                    ".spec.startingDeadlineSeconds or check clock skew"
                )
                self._note("Warning", "TooManyMissedTimes", text)
            self._start(missed.due)
        return self._until_next(schedule)

    def _parsed(self) -> Schedule | None:
        name = self.spec.get("timeZone")
        if name:
            zone = self.zones(name)
            if zone is None:
                text = f'invalid timeZone: "{name}": unknown time zone {name}'
                self._note("Warning", "UnknownTimeZone", text)
                return None
            self.zone = zone
        text = str(self.spec.get("schedule") or "")
        try:
            return parse_schedule(text)
        except InputError as error:
            self._note(
                "Warning", "UnparseableSchedule", f'unparseable schedule: "{text}" : {error}'
            )
            return None

    def _missed(self, schedule: Schedule, *, with_deadline: bool) -> Missed | None:
        """Times that have passed since the last Job; None for a schedule without times."""
        last = self.status.get("lastScheduleTime") or self.cron["metadata"]["creationTimestamp"]
        since = parse_rfc3339(last)
        deadline = self.spec.get("startingDeadlineSeconds")
        if with_deadline and deadline is not None:
            since = max(since, self.now - dt.timedelta(seconds=int(deadline)))
        first = schedule.next(since, self.zone)
        second = schedule.next(first, self.zone) if first else None
        if first is None or second is None:
            return None
        if self.now < first:
            return Missed(since, None, 0)
        if self.now < second:
            return Missed(since, first, 1)
        step = (second - first).total_seconds()
        count = int((self.now - first).total_seconds() // step) + 1
        # Distances differ: from about there on every time is looked at.
        due = first
        at: dt.datetime | None = first + dt.timedelta(seconds=step * (count - 2))
        while at is not None and (at := schedule.next(at, self.zone)) and at <= self.now:
            due = at
        return Missed(since, due, count)

    def _until_next(self, schedule: Schedule) -> float | None:
        start = self.due
        if start is None:
            missed = self._missed(schedule, with_deadline=False)
            start = self.now if missed is None else missed.due or missed.since
        following = schedule.next(start, self.zone)
        if following is None:
            return None
        return max(_PADDING, (following - self.now).total_seconds() + _PADDING)

    def _start(self, due: dt.datetime) -> None:
        deadline = self.spec.get("startingDeadlineSeconds")
        if deadline is not None and due + dt.timedelta(seconds=int(deadline)) < self.now:
            stamp = due.strftime("%a, %d %b %Y %H:%M:%S +0000")
            self._note("Warning", "MissSchedule", f"Missed scheduled time to start a job: {stamp}")
            return
        name = job_name(self.cron, due)
        started = self.status.get("lastScheduleTime") == rfc3339(due)
        if started or any(one["name"] == name for one in self.active):
            return
        policy = self.spec.get("concurrencyPolicy")
        if policy == "Forbid" and self.active:
            text = (
                "Not starting job because prior execution is running and concurrency policy "
                "is Forbid"
            )
            self._note("Normal", "JobAlreadyActive", text)
            return
        if policy == "Replace":
            active = {one["uid"] for one in self.active}
            self.delete += [job for job in self.jobs if job["metadata"]["uid"] in active]
            self.active = []
        self.due = due
        self.create = new_job(self.cron, due, self.zone)

    def _clean_up(self) -> None:
        """Deletes finished Jobs beyond the history limits, oldest first."""
        for type_, field in (
            ("Complete", "successfulJobsHistoryLimit"),
            ("Failed", "failedJobsHistoryLimit"),
        ):
            limit = self.spec.get(field)
            if limit is None:
                continue
            ended = sorted((job for job in self.jobs if condition(job, type_)), key=_by_start)
            old = ended[: max(0, len(ended) - int(limit))]
            self.delete += [job for job in old if not job["metadata"].get("deletionTimestamp")]

    def _drop(self, uid: str) -> None:
        self.active = [one for one in self.active if one["uid"] != uid]

    def _note(self, type_: str, reason: str, message: str) -> None:
        self.notes.append(Note(type_, reason, message))


def _by_start(job: Obj) -> tuple[str, str]:
    # A Job without a start sorts after all others.
    return ((job.get("status") or {}).get("startTime") or "~", job["metadata"]["name"])


def job_name(cron: Obj, due: dt.datetime) -> str:
    """The name of the Job for a time: the same for every attempt to create it."""
    return f"{cron['metadata']['name']}-{int(due.timestamp()) // 60}"


def new_job(cron: Obj, due: dt.datetime, zone: dt.tzinfo) -> Obj:
    """The Job for a time."""
    template = cron["spec"].get("jobTemplate") or {}
    meta = template.get("metadata") or {}
    stamp = due.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")
    metadata: dict[str, Any] = {
        "name": job_name(cron, due),
        "namespace": cron["metadata"]["namespace"],
        "annotations": {**(meta.get("annotations") or {}), SCHEDULED: stamp},
        "ownerReferences": [controller_reference(cron)],
    }
    if meta.get("labels"):
        metadata["labels"] = dict(meta["labels"])
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": template.get("spec") or {},
    }


def started(status: Obj, job: Obj, due: dt.datetime) -> Obj:
    """A CronJob's status with a Job that was just created."""
    meta = job["metadata"]
    reference = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }
    active = [*(status.get("active") or ()), reference]
    return {**status, "active": active, "lastScheduleTime": rfc3339(due)}
