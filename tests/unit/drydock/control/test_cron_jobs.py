from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.drydock.control.cronjob import find_zone
from towline.drydock.control.cronplan import CronPlan, plan
from towline.drydock.control.resources import CRON_JOBS, JOBS, PODS

Obj = dict[str, Any]

NOW = dt.datetime(2030, 1, 1, 12, 0, 30, tzinfo=dt.UTC)


def cron_job(status: Obj | None = None, **spec: Any) -> Obj:
    container = {"name": "c", "image": "i"}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": "tick",
            "namespace": "default",
            "uid": "cu",
            "creationTimestamp": "2030-01-01T11:00:30Z",
        },
        "spec": {
            "schedule": "0 * * * *",
            "concurrencyPolicy": "Allow",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"template": pod},
            },
            **spec,
        },
        "status": status or {},
    }


def job(name: str, condition: str = "", *, ended: str = "2030-01-01T11:30:00Z") -> Obj:
    status: Obj = {"startTime": ended}
    if condition:
        status["conditions"] = [{"type": condition, "status": "True"}]
    if condition == "Complete":
        status["completionTime"] = ended
    return {"metadata": {"name": name, "namespace": "default", "uid": name}, "status": status}


def decide(body: Obj, jobs: list[Obj] | None = None, now: dt.datetime = NOW) -> CronPlan:
    return plan(body, jobs or [], find_zone, now)


def reasons(step: CronPlan) -> list[str]:
    return [note.reason for note in step.notes]


def test_a_job_is_made_when_its_time_has_come() -> None:
    step = decide(cron_job())
    assert step.create is not None
    meta = step.create["metadata"]
    minutes = int(dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC).timestamp()) // 60
    assert meta["name"] == f"tick-{minutes}"
    assert meta["labels"] == {"a": "b"}
    stamp = "batch.kubernetes.io/cronjob-scheduled-timestamp"
    assert meta["annotations"] == {stamp: "2030-01-01T12:00:00Z"}
    assert meta["ownerReferences"][0]["controller"] is True
    assert step.again == pytest.approx(3570.1)


def test_nothing_is_made_before() -> None:
    step = decide(cron_job(), now=dt.datetime(2030, 1, 1, 11, 59, 0, tzinfo=dt.UTC))
    assert step.create is None
    assert step.again == pytest.approx(60.1)


def test_a_time_is_served_once() -> None:
    step = decide(cron_job({"lastScheduleTime": "2030-01-01T12:00:00Z"}))
    assert step.create is None
    assert step.notes == []


def test_zone_moves_the_time() -> None:
    step = decide(cron_job(schedule="30 17 * * *", timeZone="Asia/Kolkata"))
    assert step.create is not None
    stamp = "batch.kubernetes.io/cronjob-scheduled-timestamp"
    assert step.create["metadata"]["annotations"][stamp] == "2030-01-01T17:30:00+05:30"


@pytest.mark.parametrize(
    ("spec", "reason", "text"),
    [
        (
            {"timeZone": "Mars/Base"},
            "UnknownTimeZone",
            'invalid timeZone: "Mars/Base": unknown time zone Mars/Base',
        ),
        (
            {"schedule": "x * * * *"},
            "UnparseableSchedule",
            'unparseable schedule: "x * * * *" : failed to parse int from x',
        ),
        (
            {"schedule": "0 0 31 2 *"},
            "InvalidSchedule",
            (
                "invalid schedule: 0 0 31 2 * : time difference between two schedules is less "
                "than 1 second"
            ),
        ),
    ],
)
def test_what_cannot_be_scheduled_is_told(spec: Obj, reason: str, text: str) -> None:
    step = decide(cron_job(**spec))
    assert step.create is None
    assert [(note.reason, note.message) for note in step.notes] == [(reason, text)]


def test_suspended_cron_jobs_rest() -> None:
    step = decide(cron_job(suspend=True))
    assert (step.create, step.again) == (None, None)


def test_missed_times_lead_to_one_job_for_the_latest() -> None:
    status = {"lastScheduleTime": "2030-01-01T09:00:00Z"}
    step = decide(cron_job(status))
    assert step.due == dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
    assert step.notes == []


def test_more_than_a_hundred_missed_times_are_told() -> None:
    status = {"lastScheduleTime": "2029-12-01T09:00:00Z"}
    step = decide(cron_job(status))
    assert step.due == dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
    assert reasons(step) == ["TooManyMissedTimes"]


def test_deadline_forgets_old_times() -> None:
    late = dt.datetime(2030, 1, 1, 12, 10, tzinfo=dt.UTC)
    step = decide(cron_job(startingDeadlineSeconds=60), now=late)
    assert step.create is None
    step = decide(cron_job(startingDeadlineSeconds=700), now=late)
    assert step.create is not None


@pytest.mark.parametrize(
    ("policy", "made", "deleted", "active"),
    [
        ("Allow", True, [], ["old"]),
        ("Forbid", False, [], ["old"]),
        ("Replace", True, ["old"], []),
    ],
)
def test_concurrency(policy: str, made: bool, deleted: list[str], active: list[str]) -> None:
    status = {"active": [{"name": "old", "uid": "old"}]}
    step = decide(cron_job(status, concurrencyPolicy=policy), [job("old")])
    assert (step.create is not None) is made
    assert [one["metadata"]["name"] for one in step.delete] == deleted
    assert [one["name"] for one in step.status.get("active", [])] == active
    assert ("JobAlreadyActive" in reasons(step)) is (policy == "Forbid")


def test_ended_and_vanished_jobs_leave_the_list() -> None:
    status = {
        "active": [{"name": name, "uid": name} for name in ("done", "failed", "gone")],
        "lastScheduleTime": "2030-01-01T12:00:00Z",
    }
    step = decide(cron_job(status), [job("done", "Complete"), job("failed", "Failed")])
    assert "active" not in step.status
    assert step.status["lastSuccessfulTime"] == "2030-01-01T11:30:00Z"
    assert [note.message for note in step.notes] == [
        "Saw completed job: done, condition: Complete",
        "Saw completed job: failed, condition: Failed",
        "Active job went missing: gone",
    ]


def test_history_keeps_the_newest() -> None:
    jobs = [job(f"ok{n}", "Complete", ended=f"2030-01-01T0{n}:00:00Z") for n in range(5)]
    jobs += [job(f"bad{n}", "Failed", ended=f"2030-01-01T0{n}:00:00Z") for n in range(2)]
    status = {"lastScheduleTime": "2030-01-01T12:00:00Z"}
    step = decide(cron_job(status), jobs)
    assert [one["metadata"]["name"] for one in step.delete] == ["ok0", "ok1", "bad0"]


@pytest.mark.asyncio
async def test_cron_job_runs_a_job_and_notes_its_end(live: Any, node: Any, clock: Any) -> None:
    body = cron_job(schedule="* * * * *")
    del body["metadata"]["uid"], body["metadata"]["creationTimestamp"]
    await live.create(CRON_JOBS, body)
    clock.advance(61)

    def poke(private: Obj) -> None:
        private["metadata"]["annotations"] = {"poked": "yes"}

    await live.mutate(CRON_JOBS, "default", "tick", poke)
    await live.until(lambda: live.objects(PODS))
    status = lambda: live.get(CRON_JOBS, "default", "tick")["status"]  # noqa: E731
    await live.until(lambda: status().get("active"))
    (found,) = live.objects(JOBS)
    assert status()["active"][0]["uid"] == found["metadata"]["uid"]
    assert status()["lastScheduleTime"] == "2030-01-01T00:01:00Z"
    (pod,) = live.objects(PODS)
    await live.quiet()
    await live.mutate(
        PODS,
        "default",
        pod["metadata"]["name"],
        lambda private: private["status"].update(phase="Succeeded"),
        subresource="status",
    )
    await live.until(lambda: not status().get("active") and status().get("lastSuccessfulTime"))
    await live.delete(CRON_JOBS, "default", "tick", propagation="Background")
    await live.until(lambda: not live.objects(JOBS) and not live.objects(PODS))
