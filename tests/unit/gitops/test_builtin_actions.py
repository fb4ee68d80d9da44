"""Actions without scripts: what they offer and change."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.errors import InputError, NotFoundError
from towline.gitops.builtin_actions import offered, run_built_in
from towline.gitops.lua.answers import Operation

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
STAMP = "2026-01-02T03:04:05Z"
META = {"name": "web", "namespace": "n", "uid": "u"}


def obj(kind: str, api: str = "apps/v1", status: Any = None, **spec: Any) -> dict[str, Any]:
    found = {"apiVersion": api, "kind": kind, "metadata": META, "spec": spec}
    return found if status is None else {**found, "status": status}


ARGO = "argoproj.io/v1alpha1"
RESTARTED = {
    "spec": {
        "template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": STAMP}}}
    }
}
STEPS = {"canary": {"steps": [{}, {}]}}

PATCHES = [
    ("restart", obj("Deployment"), {}, RESTARTED, None),
    ("restart", obj("StatefulSet"), {}, RESTARTED, None),
    ("restart", obj("DaemonSet"), {}, RESTARTED, None),
    ("pause", obj("Deployment"), {}, {"spec": {"paused": True}}, None),
    ("resume", obj("Deployment", paused=True), {}, {"spec": {"paused": False}}, None),
    ("scale", obj("Deployment", replicas=1), {"replicas": "3"}, {"spec": {"replicas": 3}}, None),
    ("suspend", obj("CronJob", "batch/v1"), {}, {"spec": {"suspend": True}}, None),
    ("terminate", obj("Job", "batch/v1"), {}, {"spec": {"activeDeadlineSeconds": 1}}, None),
    ("restart", obj("Rollout", ARGO), {}, {"spec": {"restartAt": STAMP}}, None),
    (
        "resume",
        obj("Rollout", ARGO, {"pauseConditions": [{}]}, paused=True),
        {},
        {"spec": {"paused": False}},
        {"status": {"pauseConditions": None}},
    ),
    (
        "abort",
        obj("Rollout", ARGO, {"stableRS": "a", "currentPodHash": "b"}),
        {},
        {},
        {"status": {"abort": True}},
    ),
    ("retry", obj("Rollout", ARGO, {"abort": True}), {}, {}, {"status": {"abort": None}}),
    (
        "skip-current-step",
        obj("Rollout", ARGO, {"currentStepIndex": 1}, strategy=STEPS),
        {},
        {},
        {"status": {"currentStepIndex": 2}},
    ),
    (
        "toggle-auto-sync",
        obj("Application", ARGO, syncPolicy={"automated": {"prune": True}}),
        {},
        {"spec": {"syncPolicy": {"automated": {"enabled": False}}}},
        None,
    ),
    (
        "toggle-auto-sync",
        obj("Application", ARGO),
        {},
        {"spec": {"syncPolicy": {"automated": {"enabled": True}}}},
        None,
    ),
]


@pytest.mark.parametrize(("name", "target", "params", "patch", "status"), PATCHES)
def test_actions_patch_their_object(
    name: str, target: Any, params: dict[str, str], patch: Any, status: Any
) -> None:
    (change,) = run_built_in(name, target, NOW, params)
    assert (change.operation, change.patch, change.status_patch) == (
        Operation.PATCH,
        patch,
        status,
    )


def test_a_job_is_made_from_a_cron_job() -> None:
    template = {"metadata": {"labels": {"a": "b"}, "name": "x"}, "spec": {"template": {"v": {}}}}
    (change,) = run_built_in("create-job", obj("CronJob", "batch/v1", jobTemplate=template), NOW)
    made = change.resource
    assert change.operation is Operation.CREATE
    assert (made["apiVersion"], made["kind"], made["spec"]) == ("batch/v1", "Job", template["spec"])
    assert made["metadata"]["name"] == "web-202601020304"
    assert made["metadata"]["labels"] == {"a": "b"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("WorkflowTemplate", {}, {"workflowTemplateRef": {"name": "web"}}),
        (
            "ClusterWorkflowTemplate",
            {},
            {"workflowTemplateRef": {"name": "web", "clusterScope": True}},
        ),
        ("CronWorkflow", {"workflowSpec": {"entrypoint": "e"}}, {"entrypoint": "e"}),
    ],
)
def test_a_workflow_is_made_from_its_template(kind: str, spec: Any, expected: Any) -> None:
    (change,) = run_built_in("create-workflow", obj(kind, ARGO, **spec), NOW)
    assert change.operation is Operation.CREATE
    assert (change.resource["kind"], change.resource["spec"]) == ("Workflow", expected)


def test_actions_that_make_no_sense_now_are_disabled_and_refused() -> None:
    ended = obj("Job", "batch/v1", {"conditions": [{"type": "Complete", "status": "True"}]})
    disabled = {action.name: action.disabled for action in offered(ended)}
    assert disabled == {"resume": True, "suspend": False, "terminate": True}
    with pytest.raises(InputError, match="terminate is disabled"):
        run_built_in("terminate", ended, NOW)


def test_scaling_offers_the_present_number() -> None:
    (scale,) = [one for one in offered(obj("StatefulSet", replicas=4)) if one.name == "scale"]
    assert [(one.name, one.value) for one in scale.params] == [("replicas", "4")]


@pytest.mark.parametrize("replicas", ["", "-1", "1.5", "x", "9" * 20, "٣"])
def test_a_wrong_number_of_replicas_is_refused(replicas: str) -> None:
    with pytest.raises(InputError, match="replicas"):
        run_built_in("scale", obj("Deployment"), NOW, {"replicas": replicas})


def test_unknown_actions_are_not_found() -> None:
    assert offered(obj("Thing", "x.io/v1")) == []
    with pytest.raises(NotFoundError):
        run_built_in("restart", obj("Thing", "x.io/v1"), NOW)


def test_the_live_object_is_left_alone() -> None:
    live = obj("Deployment", replicas=1)
    run_built_in("scale", live, NOW, {"replicas": "2"})
    assert live["spec"] == {"replicas": 1}
