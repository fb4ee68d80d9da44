"""Action scripts: what they offer and what they want changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.errors import InputError
from towline.gitops.lua.actions import available_actions, patches_to, run_action
from towline.gitops.lua.answers import ActionInfo, Operation, Parameter
from towline.gitops.lua.script import Script

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def thing(**spec: Any) -> dict[str, Any]:
    meta = {"name": "a", "namespace": "n", "uid": "u"}
    return {"apiVersion": "x.io/v1", "kind": "Thing", "metadata": meta, "spec": spec}


def act(text: str, obj: dict[str, Any], **params: str) -> Any:
    return run_action(Script(text, "action.lua"), obj, NOW, params)


def test_discovery_lists_actions_by_name() -> None:
    text = """
    local actions = {}
    actions["resume"] = {["disabled"] = not obj.spec.paused}
    actions["scale"] = {params = {{name = "replicas", default = "2"}}, displayName = "Scale",
      iconClass = "fa"}
    return actions
    """
    found = available_actions(Script(text, "discovery.lua"), thing(paused=True), NOW)
    assert found == [
        ActionInfo(name="resume"),
        ActionInfo(
            name="scale",
            display_name="Scale",
            icon_class="fa",
            params=(Parameter(name="replicas", value="2"),),
        ),
    ]


@pytest.mark.parametrize("text", ["return {}", "return nil"])
def test_discovery_may_offer_nothing(text: str) -> None:
    assert available_actions(Script(text), thing(), NOW) == []


def test_a_returned_object_becomes_patches_of_spec_and_status() -> None:
    obj = {
        **thing(paused=True, keep={"emptyDir": {}}, none=None, big=2**60 + 1),
        "status": {"abort": True, "x": 1},
    }
    (change,) = act("obj.spec.paused = false obj.status.abort = nil return obj", obj)
    assert change.operation is Operation.PATCH
    assert change.patch == {"spec": {"paused": False}}
    assert change.status_patch == {"status": {"abort": None}}


def test_an_action_that_changes_nothing_has_an_empty_patch() -> None:
    (change,) = act("return obj", thing(a=[], b={}, c=[{"d": {}}], n=None))
    assert (change.patch, change.status_patch) == ({}, None)


def test_parameters_reach_the_script() -> None:
    text = "obj.spec.replicas = tonumber(actionParams['replicas']) return obj"
    assert act(text, thing(), replicas="3")[0].patch == {"spec": {"replicas": 3}}


CREATE = """
local os = require("os")
local job = {apiVersion = "batch/v1", kind = "Job", metadata = {}, spec = obj.spec.template.spec}
job.metadata.name = obj.metadata.name .. "-" .. os.date("!%Y%m%d%H%M")
job.metadata.namespace = obj.metadata.namespace
obj.spec.last = job.metadata.name
return {{operation = "create", resource = job}, {operation = "patch", resource = obj}}
"""


def test_a_list_of_changes_may_create_and_patch() -> None:
    pod = {"volumes": [{"name": "v", "emptyDir": {}}], "args": []}
    created, patched = act(CREATE, thing(template={"spec": pod}))
    assert created.operation is Operation.CREATE
    assert created.resource["metadata"] == {"name": "a-202601020304", "namespace": "n"}
    assert created.resource["spec"] == pod
    assert created.patch is None
    assert patched.patch == {"spec": {"last": "a-202601020304"}}


def test_a_patch_of_another_object_is_compared_with_what_is_live() -> None:
    text = """
    local other = {apiVersion = "v1", kind = "ConfigMap", metadata = {name = "c"},
      data = {a = "2"}}
    return {{operation = "patch", resource = other}}
    """
    (change,) = act(text, thing())
    assert change.patch is None
    live = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    assert patches_to(live, change.resource) == ({"data": {"a": "2"}}, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("return nil", "must answer"),
        ("return 'x'", "must answer"),
        ("return {{operation = 'delete', resource = obj}}", "unknown operation delete"),
        ("return {{operation = 'create'}}", "needs an operation"),
        ("return {{operation = 'create', resource = {kind = 'Job'}}}", "needs apiVersion"),
    ],
)
def test_other_answers_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        act(text, thing())
