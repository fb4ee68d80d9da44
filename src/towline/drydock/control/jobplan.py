"""What to do next for a Job: count, start, stop, finish. Pure.

A finished pod is counted exactly once: it carries a finalizer until its uid is noted in the
status, and the note becomes a count when the finalizer is off. A crash between any two of these
writes repeats a step without effect.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from towline.aio.clock import parse_rfc3339, rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.control import podstate

TRACKING = "batch.kubernetes.io/job-tracking"
BACKOFF_BASE = 10.0
BACKOFF_CAP = 600.0


class JobPlan(msgspec.Struct, frozen=True):
    """The next step of a Job.

    Attributes:
        status: The new status, to be written before pods change.
        release: Pods to take the finalizer from.
        create: How many pods to create.
        delete: Pods to delete.
        finished: True when the Job has ended and only its time to live is left.
        events: (type, reason, message) to record.
        again: Seconds after which to look again, or None.
    """

    status: Obj
    release: list[Obj]
    create: int
    delete: list[Obj]
    finished: bool
    events: list[tuple[str, str, str]]
    again: float | None


def plan(job: Obj, pods: Sequence[Obj], now: dt.datetime) -> JobPlan:
    """Decides the next step.

    Args:
        job: The Job.
        pods: Pods that it controls, also those that are being deleted.
        now: The time.
    """
    return _Planner(job, pods, now).plan()


def condition(job: Obj, type_: str) -> Obj | None:
    """A condition of the Job that is true, or None."""
    for one in (job.get("status") or {}).get("conditions") or ():
        if one["type"] == type_ and one["status"] == "True":
            found: Obj = one
            return found
    return None


def is_finished(job: Obj) -> bool:
    """Whether the Job is complete or has failed."""
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None


class _Planner:
    def __init__(self, job: Obj, pods: Sequence[Obj], now: dt.datetime) -> None:
        self.job = job
        self.spec: Obj = job["spec"]
        self.before: Obj = job.get("status") or {}
        self.now = now
        self.stamp = rfc3339(now)
        self.pods = pods
        self.active = [pod for pod in pods if podstate.is_active(pod)]
        self.leaving = [
            pod for pod in pods if podstate.is_terminating(pod) and not podstate.is_finished(pod)
        ]
        self.conditions: list[Obj] = list(self.before.get("conditions") or [])
        self.events: list[tuple[str, str, str]] = []
        self._count()

    def _count(self) -> None:
        noted = self.before.get("uncountedTerminatedPods") or {}
        held = {
            pod["metadata"]["uid"]
            for pod in self.pods
            if TRACKING in (pod["metadata"].get("finalizers") or ())
        }
        self.totals: dict[str, int] = {}
        self.noted: dict[str, list[str]] = {}
        for field, pods in (("succeeded", self._ended_well()), ("failed", self._ended_badly())):
            uids: list[str] = noted.get(field) or []
            counted = [uid for uid in uids if uid not in held]
            self.totals[field] = int(self.before.get(field) or 0) + len(counted)
            fresh = [
                pod["metadata"]["uid"]
                for pod in pods
                if pod["metadata"]["uid"] in held and pod["metadata"]["uid"] not in uids
            ]
            self.noted[field] = [*(uid for uid in uids if uid in held), *fresh]
        ready_to_go = {uid for field in noted.values() for uid in field}
        self.release = [pod for pod in self.pods if pod["metadata"]["uid"] in ready_to_go & held]

    def _ended_well(self) -> Iterable[Obj]:
        return (pod for pod in self.pods if podstate.phase(pod) == "Succeeded")

    def _ended_badly(self) -> Iterable[Obj]:
        return (
            pod
            for pod in self.pods
            if podstate.phase(pod) == "Failed"
            or (podstate.is_terminating(pod) and podstate.phase(pod) != "Succeeded")
        )

    @property
    def succeeded(self) -> int:
        return self.totals["succeeded"] + len(self.noted["succeeded"])

    @property
    def failed(self) -> int:
        return self.totals["failed"] + len(self.noted["failed"])

    def plan(self) -> JobPlan:
        if is_finished(self.job):
            return self._result(0, [], finished=True, again=self._time_to_live())
        self._judge()
        ending = self._true("FailureTarget") or self._true("SuccessCriteriaMet")
        if ending:
            return self._end()
        if self.spec.get("suspend"):
            return self._suspend()
        self._resume()
        create, delete, wait = self._pods_wanted()
        waits = [seconds for seconds in (wait, self._time_left()) if seconds is not None]
        return self._result(create, delete, again=min(waits, default=None))

    def _judge(self) -> None:
        """Decides whether the outcome is known."""
        if self._true("FailureTarget") or self._true("SuccessCriteriaMet"):
            return
        limit = int(self.spec.get("backoffLimit", 6))
        left = self._time_left()
        if self.failed > limit or self._restarted_too_often(limit):
            text = "Job has reached the specified backoff limit"
            self._set("FailureTarget", "BackoffLimitExceeded", text)
        elif left is not None and left <= 0:
            text = "Job was active longer than specified deadline"
            self._set("FailureTarget", "DeadlineExceeded", text)
        elif self._has_completed():
            text = "Reached expected number of succeeded pods"
            self._set("SuccessCriteriaMet", "CompletionsReached", text)

    def _has_completed(self) -> bool:
        completions = self.spec.get("completions")
        if completions is None:
            return self.succeeded > 0 and not self.active
        return self.succeeded >= int(completions)

    def _restarted_too_often(self, limit: int) -> bool:
        template = self.spec["template"].get("spec") or {}
        if template.get("restartPolicy") != "OnFailure":
            return False
        restarts = sum(podstate.restarts(pod) for pod in self.active)
        return restarts > 0 if limit == 0 else restarts >= limit

    def _end(self) -> JobPlan:
        """Stops what runs; the Job ends when nothing does and everything is counted."""
        if self.active or self.leaving or any(self.noted.values()):
            return self._result(0, list(self.active))
        failure = self._true("FailureTarget")
        outcome = failure or self._true("SuccessCriteriaMet") or {}
        type_ = "Failed" if failure else "Complete"
        self._set(type_, outcome.get("reason", ""), outcome.get("message", ""))
        if failure:
            self.events.append(("Warning", outcome["reason"], outcome["message"]))
        else:
            self.events.append(("Normal", "Completed", "Job completed"))
        return self._result(0, [], finished=True, completed=not failure)

    def _suspend(self) -> JobPlan:
        if not self._true("Suspended"):
            self._set("Suspended", "JobSuspended", "Job suspended")
            self.events.append(("Normal", "Suspended", "Job suspended"))
        return self._result(0, list(self.active))

    def _resume(self) -> None:
        if self._true("Suspended"):
            self._set("Suspended", "JobResumed", "Job resumed", status="False")
            self.events.append(("Normal", "Resumed", "Job resumed"))

    def _pods_wanted(self) -> tuple[int, list[Obj], float | None]:
        parallelism = int(self.spec.get("parallelism", 1))
        completions = self.spec.get("completions")
        wanted = parallelism
        if completions is not None:
            wanted = min(parallelism, max(0, int(completions) - self.succeeded))
        elif self.succeeded:
            wanted = len(self.active)
        missing = wanted - len(self.active)
        if missing < 0:
            return 0, self.active[:-missing], None
        if missing == 0:
            return 0, [], None
        wait = self._back_off()
        return (0, [], wait) if wait > 0 else (missing, [], None)

    def _back_off(self) -> float:
        """Seconds to wait before the next pod: failures in a row double it."""
        ends = [end_of(pod, self.now) for pod in self._ended_badly()]
        if not ends or not self.failed:
            return 0.0
        successes = [end_of(pod, self.now) for pod in self._ended_well()]
        since = max(successes, default=None)
        recent = [end for end in ends if since is None or end > since]
        if not recent:
            return 0.0
        delay = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** (len(recent) - 1))
        return delay - (self.now - max(recent)).total_seconds()

    def _time_left(self) -> float | None:
        limit = self.spec.get("activeDeadlineSeconds")
        if limit is None or self.spec.get("suspend"):
            return None
        started = self.before.get("startTime")
        since = (self.now - parse_rfc3339(started)).total_seconds() if started else 0.0
        return float(limit) - since

    def _time_to_live(self) -> float | None:
        seconds = self.spec.get("ttlSecondsAfterFinished")
        if seconds is None:
            return None
        done = condition(self.job, "Complete") or condition(self.job, "Failed") or {}
        ended = parse_rfc3339(done["lastTransitionTime"])
        return max(0.0, float(seconds) - (self.now - ended).total_seconds())

    def _result(
        self,
        create: int,
        delete: list[Obj],
        *,
        finished: bool = False,
        completed: bool = False,
        again: float | None = None,
    ) -> JobPlan:
        status = self._status()
        if completed:
            status["completionTime"] = self.stamp
        if create:
            status["active"] = len(self.active) + create
        return JobPlan(status, self.release, create, delete, finished, self.events, again)

    def _status(self) -> Obj:
        status: Obj = {}
        if self.conditions:
            status["conditions"] = self.conditions
        if self.before.get("completionTime"):
            status["completionTime"] = self.before["completionTime"]
        if self._true("Suspended") is None:
            status["startTime"] = self.before.get("startTime") or self.stamp
        counts = {**self.totals, "active": len(self.active)}
        status |= {name: count for name, count in counts.items() if count}
        status["ready"] = sum(podstate.is_ready(pod) for pod in self.active)
        status["terminating"] = len(self.leaving)
        status["uncountedTerminatedPods"] = {
            name: uids for name, uids in self.noted.items() if uids
        }
        return status

    def _true(self, type_: str) -> Obj | None:
        return next(
            (one for one in self.conditions if one["type"] == type_ and one["status"] == "True"),
            None,
        )

    def _set(self, type_: str, reason: str, message: str, *, status: str = "True") -> None:
        self.conditions = [one for one in self.conditions if one["type"] != type_]
        self.conditions.append(
            {
                "type": type_,
                "status": status,
                "lastProbeTime": self.stamp,
                "lastTransitionTime": self.stamp,
                "reason": reason,
                "message": message,
            }
        )


def end_of(pod: Obj, now: dt.datetime) -> dt.datetime:
    """When the last container of a pod ended; its deletion or the present time if unknown."""
    stamps: list[str] = []
    for one in (pod.get("status") or {}).get("containerStatuses") or ():
        state: dict[str, Any] = (one.get("state") or {}).get("terminated") or {}
        if state.get("finishedAt"):
            stamps.append(state["finishedAt"])
    if not stamps and pod["metadata"].get("deletionTimestamp"):
        stamps.append(pod["metadata"]["deletionTimestamp"])
    return max((parse_rfc3339(stamp) for stamp in stamps), default=now)
