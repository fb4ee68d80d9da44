"""What to do next for a Job: count, start, stop, finish. Pure.

A finished pod is counted exactly once: it carries a finalizer until its uid is noted in the
status, and the note becomes a count when the finalizer is off. A crash between any two of these
writes repeats a step without effect.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from towline.aio.clock import parse_rfc3339, rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.control import podstate
from towline.drydock.control.jobindexes import (
    Indexes,
    failures_of,
    index_of,
    parse_indexes,
)
from towline.drydock.control.jobpolicy import success, verdict

TRACKING = "batch.kubernetes.io/job-tracking"
BACKOFF_BASE = 10.0
BACKOFF_CAP = 600.0


class JobPlan(msgspec.Struct, frozen=True):
    """The next step of a Job.

    Attributes:
        status: The new status, to be written before pods change.
        release: Pods to take the finalizer from.
        create: How many pods to create.
        indexes: Of an Indexed Job, their completion indexes.
        failures: Of a Job with a limit per index, how often these indexes failed before.
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
    indexes: tuple[int, ...] = ()
    failures: tuple[int, ...] = ()


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
        self.indexed = self.spec.get("completionMode") == "Indexed"
        self.index_limit: int | None = self.spec.get("backoffLimitPerIndex")
        self.indexes: list[int] = []
        self.completed = self.failed_indexes = Indexes()
        self.delayed: set[str] = set()
        self.ignored: set[str] = set()
        self.doomed_indexes: set[int] = set()
        self.broken = ""
        self._apply_failure_policy()
        self._count()
        if self.indexed:
            self._count_indexes()

    def _apply_failure_policy(self) -> None:
        """Sorts failed pods by what the Job's own rules say of them."""
        if not self.spec.get("podFailurePolicy"):
            return
        for pod in [pod for pod in self.pods if podstate.phase(pod) == "Failed"]:
            found = verdict(self.job, pod)
            index = index_of(pod)
            if found.action == "Ignore":
                self.ignored.add(pod["metadata"]["uid"])
            elif found.action == "FailIndex" and index is not None:
                self.doomed_indexes.add(index)
            elif found.action == "FailJob" and not self.broken:
                self.broken = found.message

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
        ready_to_go = {uid for field in noted.values() for uid in field} | self.ignored
        self.release = [pod for pod in self.pods if pod["metadata"]["uid"] in ready_to_go & held]

    def _count_indexes(self) -> None:
        """Of an Indexed Job, successes are indexes: written down, they need no uids."""
        bound = int(self.spec.get("completions") or 0)
        done = parse_indexes(self.before.get("completedIndexes"), bound)
        new = {index for pod in self._ended_well() if (index := index_of(pod)) is not None}
        self.completed = done | Indexes(new & set(range(bound)))
        self.noted["succeeded"] = []
        self.totals["succeeded"] = len(self.completed)
        held = [pod for pod in self.pods if TRACKING in (pod["metadata"].get("finalizers") or ())]
        self.release += [
            pod
            for pod in held
            if podstate.phase(pod) == "Succeeded"
            and ((index := index_of(pod)) is None or index >= bound or index in done)
        ]
        self.failed_indexes = parse_indexes(self.before.get("failedIndexes"), bound)
        if self.index_limit is not None:
            self._count_failed_indexes(bound)

    def _count_failed_indexes(self, bound: int) -> None:
        limit = int(self.index_limit or 0)
        ended = [
            (index, pod)
            for pod in self._ended_badly()
            if (index := index_of(pod)) is not None and index < bound
        ]
        self.failed_indexes |= Indexes(i for i, pod in ended if failures_of(pod) >= limit)
        self.failed_indexes |= Indexes(i for i, _ in ended if i in self.doomed_indexes)
        self.failed_indexes -= self.completed
        # The newest failed pod of an index tells how often it failed: it goes after its successor.
        settled = {index_of(pod) for pod in self.active} | self.completed | self.failed_indexes
        kept = {
            max((pod for i, pod in ended if i == index), key=failures_of)["metadata"]["uid"]
            for index in {index for index, _ in ended} - settled
        }
        self.delayed = kept
        self.release = [pod for pod in self.release if pod["metadata"]["uid"] not in kept]

    def _ended_well(self) -> Iterable[Obj]:
        return (pod for pod in self.pods if podstate.phase(pod) == "Succeeded")

    def _ended_badly(self) -> Iterable[Obj]:
        only_failed = bool(self.spec.get("podFailurePolicy")) or self._replaces_failed_only()
        return (
            pod
            for pod in self.pods
            if (
                podstate.phase(pod) == "Failed"
                or (
                    podstate.is_terminating(pod)
                    and podstate.phase(pod) != "Succeeded"
                    and not only_failed
                )
            )
            and pod["metadata"]["uid"] not in self.ignored
        )

    def _replaces_failed_only(self) -> bool:
        return bool(self.spec.get("podReplacementPolicy") == "Failed")

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
        failed = self._failed_by_index()
        if self.broken:
            self._set("FailureTarget", "PodFailurePolicy", self.broken)
        elif failed is not None:
            self._set("FailureTarget", *failed)
        elif self.failed > limit or self._restarted_too_often(limit):
            text = "Job has reached the specified backoff limit"
            self._set("FailureTarget", "BackoffLimitExceeded", text)
        elif left is not None and left <= 0:
            text = "Job was active longer than specified deadline"
            self._set("FailureTarget", "DeadlineExceeded", text)
        elif self.indexed and (met := success(self.job, self.completed)):
            self._set("SuccessCriteriaMet", "SuccessPolicy", met)
        elif self._has_completed():
            text = "Reached expected number of succeeded pods"
            self._set("SuccessCriteriaMet", "CompletionsReached", text)

    def _failed_by_index(self) -> tuple[str, str] | None:
        """Reason and message when indexes that failed for good end the Job."""
        if not self.indexed or self.index_limit is None:
            return None
        most = self.spec.get("maxFailedIndexes")
        if most is not None and len(self.failed_indexes) > int(most):
            text = "Job has exceeded the specified maximal number of failed indexes"
            return "MaxFailedIndexesExceeded", text
        settled = len(self.completed) + len(self.failed_indexes)
        if self.failed_indexes and settled >= int(self.spec.get("completions") or 0):
            return "FailedIndexes", "Job has failed indexes"
        return None

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
            if self.indexed and self.index_limit is not None:
                self._release_delayed()
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

    def _release_delayed(self) -> None:
        """No index is tried again: nothing has to be remembered for it."""
        noted = {
            uid
            for uids in (self.before.get("uncountedTerminatedPods") or {}).values()
            for uid in uids
        }
        self.release += [pod for pod in self.pods if pod["metadata"]["uid"] in self.delayed & noted]

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
            settled = self.succeeded + (len(self.failed_indexes) if self.indexed else 0)
            wanted = min(parallelism, max(0, int(completions) - settled))
        elif self.succeeded:
            wanted = len(self.active)
        missing = wanted - len(self.active)
        if missing < 0:
            return 0, self.active[:-missing], None
        if self._replaces_failed_only():
            missing -= len(self.leaving)
        if missing <= 0:
            return 0, [], None
        if self.indexed:
            return self._indexes_wanted(missing)
        wait = self._back_off()
        return (0, [], wait) if wait > 0 else (missing, [], None)

    def _indexes_wanted(self, missing: int) -> tuple[int, list[Obj], float | None]:
        """The lowest indexes that neither run nor are settled nor have to wait."""
        busy = {index_of(pod) for pod in self.active} | self.completed | self.failed_indexes
        if self._replaces_failed_only():
            busy |= {index_of(pod) for pod in self.leaving}
        free = (i for i in range(int(self.spec.get("completions") or 0)) if i not in busy)
        if self.index_limit is None:
            wait = self._back_off()
            if wait > 0:
                return 0, [], wait
            self.indexes = list(itertools.islice(free, missing))
            return len(self.indexes), [], None
        waits: list[float] = []
        for index in free:
            if len(self.indexes) == missing:
                break
            wait = self._index_back_off(index)
            if wait > 0:
                waits.append(wait)
            else:
                self.indexes.append(index)
        return len(self.indexes), [], min(waits, default=None)

    def _index_back_off(self, index: int) -> float:
        """Seconds to wait before an index is tried again."""
        failed = [pod for pod in self._ended_badly() if index_of(pod) == index]
        if not failed:
            return 0.0
        last = max(failed, key=failures_of)
        delay = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** failures_of(last))
        return delay - (self.now - end_of(last, self.now)).total_seconds()

    def _index_failures(self, index: int) -> int:
        counts = [failures_of(pod) + 1 for pod in self._ended_badly() if index_of(pod) == index]
        spared = [pod for pod in self.pods if pod["metadata"]["uid"] in self.ignored]
        counts += [failures_of(pod) for pod in spared if index_of(pod) == index]
        return max(counts, default=0)

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
        failures: tuple[int, ...] = ()
        if self.indexed and self.index_limit is not None:
            failures = tuple(self._index_failures(index) for index in self.indexes)
        return JobPlan(
            status,
            self.release,
            create,
            delete,
            finished,
            self.events,
            again,
            tuple(self.indexes),
            failures,
        )

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
        if self.indexed and self.completed:
            status["completedIndexes"] = str(self.completed)
        if self.indexed and self.index_limit is not None:
            status["failedIndexes"] = str(self.failed_indexes)
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
