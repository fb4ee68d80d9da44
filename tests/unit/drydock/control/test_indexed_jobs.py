from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.control.jobindexes import FAILURES, INDEX, Indexes, parse_indexes
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
            "completionMode": "Indexed",
            "completions": 3,
            "parallelism": 2,
            "backoffLimit": 6,
            "manualSelector": True,
            "selector": {"matchLabels": {"job-name": "j"}},
            "template": template,
            **spec,
        },
        "status": status or {},
    }


def pod(index: int, phase: str, *, uid: str = "", failures: int | None = None) -> Obj:
    annotations = {INDEX: str(index)}
    if failures is not None:
        annotations[FAILURES] = str(failures)
    ended = {"state": {"terminated": {"finishedAt": "2030-01-01T11:00:00Z"}}}
    name = uid or f"{index}-{phase}"
    meta = {"name": name, "uid": name, "finalizers": [TRACKING], "annotations": annotations}
    return {"metadata": meta, "status": {"phase": phase, "containerStatuses": [ended]}}


@given(st.sets(st.integers(0, 40)))
def test_sets_of_indexes_survive_their_text(numbers: set[int]) -> None:
    assert parse_indexes(str(Indexes(numbers)), 41) == numbers


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([1], "1"), ([1, 2], "1,2"), ([1, 2, 3, 7], "1-3,7"), ([0, 2, 3], "0,2,3")],
)
def test_text_of_indexes(numbers: list[int], text: str) -> None:
    assert str(Indexes(numbers)) == text


def test_odd_texts_and_indexes_beyond_the_bound_are_left_out() -> None:
    assert parse_indexes("0,x,2-,4-99,-3", 6) == {0, 2, 4, 5}


def test_lowest_indexes_start_first() -> None:
    assert plan(job(), [], NOW).indexes == (0, 1)
    assert plan(job(), [pod(0, "Running")], NOW).indexes == (1,)
    step = plan(job({"completedIndexes": "0", "succeeded": 1}), [pod(2, "Running")], NOW)
    assert step.indexes == (1,)


def test_success_is_written_down_before_the_pod_is_released() -> None:
    done = pod(1, "Succeeded")
    first = plan(job(), [done], NOW)
    assert (first.status["completedIndexes"], first.status["succeeded"]) == ("1", 1)
    assert first.status["uncountedTerminatedPods"] == {}
    assert first.release == []
    assert plan(job(first.status), [done], NOW).release == [done]


def test_a_second_success_of_an_index_counts_once() -> None:
    pods = [pod(1, "Succeeded", uid="a"), pod(1, "Succeeded", uid="b")]
    assert plan(job(), pods, NOW).status["succeeded"] == 1


def test_limit_per_index_fails_only_that_index() -> None:
    limits = {"backoffLimitPerIndex": 1, "backoffLimit": 2**31 - 1}
    again = plan(job(**limits), [pod(0, "Failed", failures=0)], NOW)
    assert again.indexes[0] == 0
    assert again.failures[0] == 1
    pods = [pod(0, "Failed", failures=1), pod(1, "Succeeded"), pod(2, "Succeeded")]
    step = plan(job(**limits), pods, NOW)
    assert step.status["failedIndexes"] == "0"
    target = step.status["conditions"][0]
    assert (target["type"], target["reason"], target["message"]) == (
        "FailureTarget",
        "FailedIndexes",
        "Job has failed indexes",
    )


def test_too_many_failed_indexes_end_the_job() -> None:
    limits = {"backoffLimitPerIndex": 0, "maxFailedIndexes": 0, "backoffLimit": 2**31 - 1}
    step = plan(job(**limits), [pod(0, "Failed", failures=0)], NOW)
    assert step.status["conditions"][0]["reason"] == "MaxFailedIndexesExceeded"


def test_failed_pod_remembers_its_index_until_there_is_another() -> None:
    limits = {"backoffLimitPerIndex": 3, "backoffLimit": 2**31 - 1}
    failed = pod(0, "Failed", failures=0, uid="f")
    noted = {"uncountedTerminatedPods": {"failed": ["f"]}}
    assert plan(job(noted, **limits), [failed], NOW).release == []
    successor = pod(0, "Running", failures=1)
    assert plan(job(noted, **limits), [failed, successor], NOW).release == [failed]


@pytest.mark.asyncio
async def test_indexed_job_completes_with_a_pod_per_index(live: Any, node: Any) -> None:
    body = job(parallelism=3)
    del body["metadata"]["uid"]
    await live.create(JOBS, body)
    await live.until(lambda: len(live.objects(PODS)) == 3)
    await live.quiet()
    seen = {}
    for one in live.objects(PODS):
        meta = one["metadata"]
        number = meta["labels"][INDEX]
        seen[number] = one["spec"]["hostname"]
        assert meta["annotations"][INDEX] == number
        assert meta["name"].startswith(f"j-{number}-")
        (variable,) = one["spec"]["containers"][0]["env"]
        assert variable["name"] == "JOB_COMPLETION_INDEX"
        await live.mutate(
            PODS,
            "default",
            meta["name"],
            lambda private: private["status"].update(phase="Succeeded"),
            subresource="status",
        )
    assert seen == {"0": "j-0", "1": "j-1", "2": "j-2"}
    await live.until(lambda: condition(live.get(JOBS, "default", "j"), "Complete"))
    status = live.get(JOBS, "default", "j")["status"]
    assert (status["completedIndexes"], status["succeeded"]) == ("0-2", 3)
    await live.quiet()
    assert all("finalizers" not in one["metadata"] for one in live.objects(PODS))
