"""Jobs' own rules about failures and successes, and who a Job's pods belong to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.drydock.control.jobindexes import FAILURES, INDEX, Indexes
from towline.drydock.control.jobplan import TRACKING, condition, plan
from towline.drydock.control.jobpolicy import success, verdict
from towline.drydock.control.ownership import controller_of
from towline.drydock.control.resources import JOBS, PODS

Obj = dict[str, Any]

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def job(name: str = "j", status: Obj | None = None, **spec: Any) -> Obj:
    labels = {"job-name": name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default", "uid": "ju"},
        "spec": {
            "completions": 2,
            "parallelism": 2,
            "backoffLimit": 6,
            "manualSelector": True,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
            },
            **spec,
        },
        "status": status or {},
    }


def failed(uid: str, code: int = 1, *, index: int | None = None, **status: Any) -> Obj:
    ended = {"name": "c", "state": {"terminated": {"exitCode": code}}}
    noted = {} if index is None else {INDEX: str(index), FAILURES: "0"}
    meta = {"name": uid, "namespace": "default", "uid": uid, "finalizers": [TRACKING]}
    return {
        "metadata": {**meta, "annotations": noted},
        "status": {"phase": "Failed", "containerStatuses": [ended], **status},
    }


def rules(*given: Obj) -> Obj:
    return {"podFailurePolicy": {"rules": list(given)}}


def on_codes(action: str, operator: str, *values: int, **more: Any) -> Obj:
    return {"action": action, "onExitCodes": {"operator": operator, "values": [*values], **more}}


def on_condition(action: str, type_: str, status: str = "True") -> Obj:
    return {"action": action, "onPodConditions": [{"type": type_, "status": status}]}


TARGETED = {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}


@pytest.mark.parametrize(
    ("given", "pod", "action"),
    [
        ([on_codes("FailJob", "In", 3, 4)], failed("p", 4), "FailJob"),
        ([on_codes("FailJob", "In", 3, 4)], failed("p", 5), "Count"),
        ([on_codes("Ignore", "NotIn", 3)], failed("p", 5), "Ignore"),
        ([on_codes("Ignore", "NotIn", 3)], failed("p", 3), "Count"),
        ([on_codes("Ignore", "In", 5, containerName="x")], failed("p", 5), "Count"),
        ([on_codes("Ignore", "In", 5, containerName="c")], failed("p", 5), "Ignore"),
        ([on_codes("Ignore", "NotIn", 1)], failed("p", 0), "Count"),
        ([on_condition("Ignore", "DisruptionTarget")], failed("p", **TARGETED), "Ignore"),
        ([on_condition("Ignore", "DisruptionTarget", "False")], failed("p", **TARGETED), "Count"),
        ([on_codes("Count", "In", 1), on_codes("FailJob", "In", 1)], failed("p"), "Count"),
        ([], failed("p"), "Count"),
    ],
)
def test_the_first_matching_rule_decides(given: list[Obj], pod: Obj, action: str) -> None:
    assert verdict(job(**rules(*given)), pod).action == action


def test_a_rule_may_end_the_job_at_once() -> None:
    running = {**failed("r"), "status": {"phase": "Running"}}
    step = plan(job(**rules(on_codes("FailJob", "In", 42))), [failed("p", 42), running], NOW)
    (target,) = step.status["conditions"]
    assert (target["type"], target["reason"]) == ("FailureTarget", "PodFailurePolicy")
    assert target["message"] == (
        "Container c for pod default/p failed with exit code 42 matching FailJob rule at index 0"
    )
    assert step.delete == [running]


def test_ignored_failures_are_replaced_and_not_counted() -> None:
    lost = failed("p", **TARGETED)
    ignoring = job(**rules(on_condition("Ignore", "DisruptionTarget")), backoffLimit=0)
    step = plan(ignoring, [lost], NOW)
    assert step.status["uncountedTerminatedPods"] == {}
    assert (step.release, step.create) == ([lost], 2)
    counted = plan(job(backoffLimit=0), [lost], NOW)
    assert counted.status["conditions"][0]["reason"] == "BackoffLimitExceeded"


def test_a_rule_may_give_an_index_up() -> None:
    spec = rules(on_codes("FailIndex", "In", 1))
    limits = {"completionMode": "Indexed", "backoffLimitPerIndex": 5}
    step = plan(job(**spec, **limits), [failed("p", index=0)], NOW)
    assert step.status["failedIndexes"] == "0"
    assert step.indexes == (1,)
    kept = plan(job(**limits), [failed("p", index=0)], NOW)
    assert kept.status["failedIndexes"] == ""


@pytest.mark.parametrize(
    ("rule", "completed", "met"),
    [
        ({"succeededCount": 2}, {0, 3}, True),
        ({"succeededCount": 2}, {3}, False),
        ({"succeededIndexes": "1-2"}, {1, 2}, True),
        ({"succeededIndexes": "1-2"}, {0, 1, 3}, False),
        ({"succeededIndexes": "1-3", "succeededCount": 2}, {1, 3}, True),
        ({"succeededIndexes": "1-3", "succeededCount": 2}, {0, 1}, False),
        ({"succeededIndexes": "9"}, {1}, False),
        ({}, {1}, False),
    ],
)
def test_success_needs_what_a_rule_asks(rule: Obj, completed: set[int], met: bool) -> None:
    policy = {"rules": [{"succeededCount": 99}, rule]}
    found = success(job(completions=5, successPolicy=policy), Indexes(completed))
    assert found == ("Matched rules at index 1" if met else "")


def test_a_met_success_policy_ends_the_job() -> None:
    done = failed("p", 0, index=1)
    done["status"]["phase"] = "Succeeded"
    running = {**failed("r", index=0), "status": {"phase": "Running"}}
    spec = {"completionMode": "Indexed", "successPolicy": {"rules": [{"succeededIndexes": "1"}]}}
    step = plan(job(**spec), [done, running], NOW)
    (met,) = step.status["conditions"]
    assert (met["type"], met["reason"]) == ("SuccessCriteriaMet", "SuccessPolicy")
    assert step.delete == [running]


@pytest.mark.asyncio
async def test_a_job_adopts_matching_pods_and_releases_others(live: Any) -> None:
    made = await live.create(JOBS, job(completions=1, parallelism=1))
    await live.until(lambda: live.objects(PODS))
    name = live.objects(PODS)[0]["metadata"]["name"]

    def ours() -> Any:
        found = live.get(PODS, "default", name)
        return found and (controller_of(found) or {}).get("uid") == made["metadata"]["uid"]

    def orphan(copy: Obj) -> None:
        copy["metadata"].pop("ownerReferences")
        copy["metadata"].pop("finalizers", None)

    await live.mutate(PODS, "default", name, orphan)
    await live.until(ours)
    assert TRACKING in live.get(PODS, "default", name)["metadata"]["finalizers"]
    await live.mutate(PODS, "default", name, lambda copy: copy["metadata"].pop("labels"))
    await live.until(lambda: not ours())
    assert not live.get(PODS, "default", name)["metadata"].get("finalizers")
    await live.until(lambda: len(live.objects(PODS)) == 2)


@pytest.mark.asyncio
async def test_a_job_of_another_controller_is_left_alone(live: Any) -> None:
    await live.create(JOBS, job("theirs", managedBy="example.com/jobs"))
    await live.create(JOBS, job("ours", managedBy="kubernetes.io/job-controller"))
    await live.until(lambda: len(live.objects(PODS)) == 2)
    await live.quiet()
    assert {(controller_of(pod) or {}).get("name") for pod in live.objects(PODS)} == {"ours"}
    assert condition(live.get(JOBS, "default", "theirs"), "Complete") is None
    assert not (live.get(JOBS, "default", "theirs").get("status") or {}).get("active")
