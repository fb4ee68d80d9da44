from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from towline.drydock.control.jobplan import TRACKING, condition, plan
from towline.drydock.control.resources import JOBS, PODS

Obj = dict[str, Any]

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def job(status: Obj | None = None, **spec: Any) -> Obj:
    template = {
        "metadata": {"labels": {"job-name": "j"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "default", "uid": "ju"},
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 6,
            "manualSelector": True,
            "selector": {"matchLabels": {"job-name": "j"}},
            "template": template,
            **spec,
        },
        "status": status or {},
    }


def pod(uid: str, phase: str, *, ended: str = "2030-01-01T11:59:55Z", **meta: Any) -> Obj:
    return {
        "metadata": {"name": uid, "uid": uid, "finalizers": [TRACKING], **meta},
        "status": {
            "phase": phase,
            "containerStatuses": [{"state": {"terminated": {"finishedAt": ended}}}],
        },
    }


def test_starts_as_many_pods_as_may_run() -> None:
    assert plan(job(completions=5, parallelism=3), [], NOW).create == 3
    assert plan(job(completions=2, parallelism=3), [], NOW).create == 2


def test_finished_pod_is_noted_then_released_then_counted() -> None:
    done = pod("a", "Succeeded")
    first = plan(job(completions=2), [done], NOW)
    assert first.status["uncountedTerminatedPods"] == {"succeeded": ["a"]}
    assert "succeeded" not in first.status
    assert first.release == []
    second = plan(job(first.status, completions=2), [done], NOW)
    assert second.release == [done]
    released = {**done, "metadata": {**done["metadata"], "finalizers": []}}
    third = plan(job(second.status, completions=2), [released], NOW)
    assert third.status["succeeded"] == 1
    assert third.status["uncountedTerminatedPods"] == {}
    again = plan(job(third.status, completions=2), [released], NOW)
    assert again.status["succeeded"] == 1


def test_failures_back_off_exponentially() -> None:
    failed = [pod("a", "Failed"), pod("b", "Failed")]
    step = plan(job(), failed, NOW)
    assert step.create == 0
    assert step.again == pytest.approx(15.0)
    assert plan(job(), failed, NOW + dt.timedelta(seconds=16)).create == 1


@pytest.mark.parametrize(
    ("spec", "pods", "reason"),
    [
        ({"backoffLimit": 0}, [pod("a", "Failed")], "BackoffLimitExceeded"),
        ({"activeDeadlineSeconds": 60}, [], "DeadlineExceeded"),
    ],
)
def test_failed_job_first_names_its_target(spec: Obj, pods: list[Obj], reason: str) -> None:
    status = {"startTime": "2030-01-01T11:58:00Z"}
    running = pod("r", "Running")
    step = plan(job(status, **spec), [*pods, running], NOW)
    (target,) = step.status["conditions"]
    assert (target["type"], target["reason"]) == ("FailureTarget", reason)
    assert step.delete == [running]
    assert not step.finished


def test_suspended_job_stops_its_pods() -> None:
    running = pod("r", "Running")
    step = plan(job(suspend=True), [running], NOW)
    assert step.delete == [running]
    assert step.status["conditions"][0]["reason"] == "JobSuspended"
    resumed = plan(job(step.status), [], NOW)
    assert resumed.create == 1


def test_time_to_live_counts_from_the_end() -> None:
    stamp = "2030-01-01T11:59:00Z"
    done = {"type": "Complete", "status": "True", "lastTransitionTime": stamp}
    step = plan(job({"conditions": [done]}, ttlSecondsAfterFinished=90), [], NOW)
    assert step.finished
    assert step.again == 30.0


async def finish_pods(cluster: Any, phase: str) -> None:
    for found in cluster.objects(PODS):
        if found["status"].get("phase") in {"Succeeded", "Failed"}:
            continue
        meta = found["metadata"]
        await cluster.mutate(
            PODS,
            meta["namespace"],
            meta["name"],
            lambda private: private["status"].update(phase=phase),
            subresource="status",
        )


@pytest.mark.asyncio
async def test_job_completes(live: Any, node: Any) -> None:
    body = job(completions=2, parallelism=2)
    del body["metadata"]["uid"]
    await live.create(JOBS, body)
    await live.until(lambda: len(live.objects(PODS)) == 2)
    await live.quiet()
    await finish_pods(live, "Succeeded")
    await live.until(lambda: condition(live.get(JOBS, "default", "j"), "Complete"))
    found = live.get(JOBS, "default", "j")
    assert found["status"]["succeeded"] == 2
    assert found["status"]["completionTime"]
    assert [one["type"] for one in found["status"]["conditions"]] == [
        "SuccessCriteriaMet",
        "Complete",
    ]
    assert all("finalizers" not in one["metadata"] for one in live.objects(PODS))


@pytest.mark.asyncio
async def test_job_fails_and_its_deletion_takes_the_pods(
    live: Any, node: Any, deployment: Callable[..., Obj]
) -> None:
    body = job(backoffLimit=0)
    del body["metadata"]["uid"]
    await live.create(JOBS, body)
    await live.until(lambda: len(live.objects(PODS)) == 1)
    await live.quiet()
    await finish_pods(live, "Failed")
    await live.until(lambda: condition(live.get(JOBS, "default", "j"), "Failed"))
    failed = condition(live.get(JOBS, "default", "j"), "Failed")
    assert failed is not None
    assert failed["message"] == "Job has reached the specified backoff limit"
    await live.delete(JOBS, "default", "j", propagation="Background")
    await live.until(lambda: not live.objects(PODS) and not live.objects(JOBS))
