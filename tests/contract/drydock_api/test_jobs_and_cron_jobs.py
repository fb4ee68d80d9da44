"""Jobs and CronJobs, seen through the API alone: counts, indexes, limits, conditions, owners."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from peers.workbench import CRON_JOBS, JOBS, STAMP, Obj, Workbench, condition, controller_of, names

INDEX = "batch.kubernetes.io/job-completion-index"


def job_spec(**spec: Any) -> Obj:
    containers = [{"name": "c", "image": "example/app:1"}]
    given = {"template": {"spec": {"restartPolicy": "Never", "containers": containers}}}
    return {**given, **spec}


def run(bench: Workbench, **spec: Any) -> None:
    bench.create(JOBS, {"metadata": {"name": "job"}, "spec": job_spec(**spec)})


def told(bench: Workbench, *fields: str) -> tuple[Any, ...]:
    status = bench.get(JOBS, "job").get("status", {})
    return tuple(status.get(field) for field in fields)


def ended(bench: Workbench, type_: str) -> tuple[str, str]:
    return condition(bench.get(JOBS, "job"), type_)


def indexes(bench: Workbench) -> list[str]:
    return sorted(pod["metadata"]["annotations"][INDEX] for pod in bench.pods())


def test_job_runs_so_many_at_once_until_enough_are_done(bench: Workbench) -> None:
    run(bench, parallelism=2, completions=3)
    bench.becomes(2, lambda: len(bench.pods()))
    bench.finish(bench.pods())
    bench.becomes(1, lambda: len(bench.pods()))
    assert told(bench, "succeeded", "active", "ready") == (2, 1, 0)
    bench.finish(bench.pods())
    bench.until(lambda: ended(bench, "Complete")[0] == "True")
    assert told(bench, "succeeded", "active") == (3, None)
    assert ended(bench, "Complete") == ("True", "CompletionsReached")
    assert ended(bench, "SuccessCriteriaMet") == ("True", "CompletionsReached")
    bench.until(lambda: bench.reasons("Job", "job") == {"SuccessfulCreate", "Completed"})
    finalizers = [pod["metadata"].get("finalizers") for pod in bench.objects("pods")]
    assert finalizers == [None] * 3


def test_work_queue_ends_with_its_first_success(bench: Workbench) -> None:
    run(bench, parallelism=3)
    bench.until(lambda: len(bench.pods()) == 3)
    first, *others = bench.pods()
    bench.finish([first])
    bench.becomes(2, lambda: len(bench.pods()))
    assert ended(bench, "Complete") == ("", "")
    bench.finish(others)
    bench.until(lambda: ended(bench, "Complete")[0] == "True")
    assert told(bench, "succeeded") == (3,)


def test_indexed_job_completes_every_index(bench: Workbench) -> None:
    run(bench, completionMode="Indexed", completions=4, parallelism=2)
    bench.becomes(["0", "1"], lambda: indexes(bench))
    bench.finish([pod for pod in bench.pods() if pod["metadata"]["annotations"][INDEX] == "1"])
    bench.becomes(["0", "2"], lambda: indexes(bench))
    bench.until(lambda: told(bench, "completedIndexes") == ("1",))
    bench.finish(bench.pods())
    bench.becomes(["3"], lambda: indexes(bench))
    bench.finish(bench.pods())
    bench.until(lambda: ended(bench, "Complete")[0] == "True")
    assert told(bench, "completedIndexes", "succeeded") == ("0-3", 4)


def test_indexed_job_with_a_limit_for_each_index(bench: Workbench) -> None:
    run(
        bench,
        completionMode="Indexed",
        completions=2,
        parallelism=2,
        backoffLimitPerIndex=0,
    )
    bench.becomes(["0", "1"], lambda: indexes(bench))
    failing = [pod for pod in bench.pods() if pod["metadata"]["annotations"][INDEX] == "0"]
    bench.finish(failing, code=1)
    bench.until(lambda: told(bench, "failedIndexes") == ("0",))
    bench.becomes(["1"], lambda: indexes(bench))
    bench.finish(bench.pods())
    bench.until(lambda: ended(bench, "Failed")[0] == "True")
    assert ended(bench, "Failed") == ("True", "FailedIndexes")
    assert told(bench, "completedIndexes", "failedIndexes") == ("1", "0")


def test_job_with_too_many_failures_fails(bench: Workbench) -> None:
    run(bench, backoffLimit=0, parallelism=2, completions=2)
    bench.until(lambda: len(bench.pods()) == 2)
    bench.finish(bench.pods()[:1], code=1)
    bench.until(lambda: ended(bench, "Failed")[0] == "True")
    assert ended(bench, "Failed") == ("True", "BackoffLimitExceeded")
    assert ended(bench, "FailureTarget") == ("True", "BackoffLimitExceeded")
    bench.becomes(0, lambda: len(bench.pods()))
    assert told(bench, "active", "failed") == (None, 2)
    bench.until(lambda: "BackoffLimitExceeded" in bench.reasons("Job", "job"))


def test_failed_pods_are_replaced_within_the_limit(bench: Workbench) -> None:
    run(bench, backoffLimit=1)
    bench.until(lambda: len(bench.pods()) == 1)
    bench.finish(bench.pods(), code=1)
    bench.until(lambda: told(bench, "failed") == (1,))
    bench.until(lambda: len(bench.pods()) == 1, 30)
    bench.finish(bench.pods())
    bench.until(lambda: ended(bench, "Complete")[0] == "True")
    assert told(bench, "failed", "succeeded") == (1, 1)


def test_job_past_its_deadline_fails(bench: Workbench) -> None:
    run(bench, activeDeadlineSeconds=1)
    bench.until(lambda: ended(bench, "Failed")[0] == "True")
    assert ended(bench, "Failed") == ("True", "DeadlineExceeded")
    assert bench.pods() == []
    bench.until(lambda: "DeadlineExceeded" in bench.reasons("Job", "job"))


def test_finished_job_goes_when_its_time_is_up(bench: Workbench) -> None:
    run(bench, ttlSecondsAfterFinished=1)
    bench.until(lambda: len(bench.pods()) == 1)
    bench.finish(bench.pods())
    bench.until(lambda: bench.find(JOBS, "job") is None)
    bench.until(lambda: not bench.objects("pods"))


def test_suspended_job_has_no_pods_until_it_goes_on(bench: Workbench) -> None:
    run(bench, suspend=True, parallelism=2, completions=2)
    bench.until(lambda: ended(bench, "Suspended") == ("True", "JobSuspended"))
    assert told(bench, "startTime") == (None,)
    bench.merge(JOBS, "job", {"spec": {"suspend": False}})
    bench.becomes(2, lambda: len(bench.pods()))
    assert ended(bench, "Suspended") == ("False", "JobResumed")
    bench.merge(JOBS, "job", {"spec": {"suspend": True}})
    bench.becomes(0, lambda: len(bench.pods()))
    assert told(bench, "active", "startTime") == (None, None)
    bench.until(lambda: {"Suspended", "Resumed"} <= bench.reasons("Job", "job"))


def test_parallelism_changes_while_it_runs(bench: Workbench) -> None:
    run(bench, parallelism=3, completions=9)
    bench.becomes(3, lambda: len(bench.pods()))
    bench.merge(JOBS, "job", {"spec": {"parallelism": 1}})
    bench.becomes(1, lambda: len(bench.pods()))
    bench.merge(JOBS, "job", {"spec": {"parallelism": 2}})
    bench.becomes(2, lambda: len(bench.pods()))


def test_job_of_another_manager_is_left_alone(bench: Workbench) -> None:
    run(bench, managedBy="example.com/mine")
    bench.create(JOBS, {"metadata": {"name": "sign"}, "spec": job_spec()})
    bench.until(lambda: bench.objects("pods", "batch.kubernetes.io/job-name=sign"))
    assert bench.objects("pods", "batch.kubernetes.io/job-name=job") == []
    assert told(bench, "startTime", "conditions") == (None, None)


def test_job_takes_orphans_and_lets_go(bench: Workbench) -> None:
    run(bench)
    bench.until(lambda: len(bench.pods()) == 1)
    (name,) = names(bench.pods())
    remove = {"op": "remove", "path": "/metadata/ownerReferences"}
    bench.edit("pods", name, remove)
    bench.until(lambda: controller_of(bench.get("pods", name)) == "Job/job")
    bench.edit("pods", name, {"op": "replace", "path": "/metadata/labels", "value": {}})
    bench.until(lambda: not controller_of(bench.get("pods", name)))
    bench.until(lambda: [pod for pod in bench.pods() if pod["metadata"]["name"] != name])


# CronJobs: no test waits for a minute to come. Being told that a run two days ago was the last one,
# the controller makes up for the latest that was missed.


def cron(bench: Workbench, policy: str, schedule: str) -> None:
    spec = {"schedule": schedule, "concurrencyPolicy": policy, "jobTemplate": {"spec": job_spec()}}
    bench.create(CRON_JOBS, {"metadata": {"name": "tick"}, "spec": {**spec, "suspend": True}})
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
    status = {"lastScheduleTime": before.strftime(STAMP)}
    bench.merge(CRON_JOBS, "tick", {"status": status}, "status")
    bench.merge(CRON_JOBS, "tick", {"spec": {"suspend": False}})


def yesterday() -> str:
    """A schedule that was due once since the day before yesterday, yesterday at noon."""
    day = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    return f"0 12 {day.day} {day.month} *"


def fires_again(bench: Workbench) -> None:
    """Changes the schedule, for last midnight, and then something else.

    A new schedule alone is looked at when it is next due.
    """
    bench.merge(CRON_JOBS, "tick", {"spec": {"schedule": "0 0 * * *"}})
    bench.merge(CRON_JOBS, "tick", {"metadata": {"annotations": {"example.com/look": "now"}}})


@pytest.mark.parametrize(
    ("policy", "jobs", "reasons"),
    [
        ("Allow", 2, {"SuccessfulCreate"}),
        ("Forbid", 1, {"SuccessfulCreate", "JobAlreadyActive"}),
        ("Replace", 1, {"SuccessfulCreate", "SuccessfulDelete"}),
    ],
)
def test_concurrent_runs(api: Any, policy: str, jobs: int, reasons: set[str]) -> None:
    bench = Workbench(api, f"concurrent-{policy.lower()}")
    cron(bench, policy, yesterday())
    first = bench.until(lambda: names(bench.objects(JOBS)))
    assert first[0].startswith("tick-")
    assert controller_of(bench.objects(JOBS)[0]) == "CronJob/tick"
    bench.until(lambda: len(bench.get(CRON_JOBS, "tick")["status"].get("active", [])) == 1)
    fires_again(bench)
    bench.until(lambda: bench.reasons("CronJob", "tick") >= reasons)
    bench.becomes(jobs, lambda: len(bench.objects(JOBS)))
    assert (first[0] in names(bench.objects(JOBS))) == (policy != "Replace")
    bench.until(lambda: len(bench.get(CRON_JOBS, "tick")["status"]["active"]) == jobs)


def test_history_of_finished_runs_is_kept_short(bench: Workbench) -> None:
    cron(bench, "Allow", yesterday())
    bench.until(lambda: len(bench.pods()) == 1)
    bench.until(lambda: bench.get(CRON_JOBS, "tick")["status"].get("active"))
    bench.finish(bench.pods())
    bench.until(lambda: "lastSuccessfulTime" in bench.get(CRON_JOBS, "tick")["status"])
    bench.becomes(1, lambda: len(bench.objects(JOBS)))
    assert bench.get(CRON_JOBS, "tick")["status"].get("active") is None
    bench.merge(CRON_JOBS, "tick", {"spec": {"successfulJobsHistoryLimit": 0}})
    bench.until(lambda: not bench.objects(JOBS))
    bench.until(lambda: {"SuccessfulCreate", "SawCompletedJob"} <= bench.reasons("CronJob", "tick"))


def test_run_that_is_too_late_is_left_out(bench: Workbench) -> None:
    cron_spec = {
        "schedule": yesterday(),
        "startingDeadlineSeconds": 200,
        "jobTemplate": {"spec": job_spec()},
    }
    bench.create(CRON_JOBS, {"metadata": {"name": "tick"}, "spec": cron_spec})
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
    status = {"lastScheduleTime": before.strftime(STAMP)}
    bench.merge(CRON_JOBS, "tick", {"status": status}, "status")
    bench.becomes([], lambda: bench.objects(JOBS))
