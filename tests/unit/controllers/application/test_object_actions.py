"""Actions of the operator and built-in ones together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.controllers.application.object_actions import ObjectActions
from towline.errors import NotFoundError
from towline.gitops.customisations import Customisations, parse_customisations
from towline.gitops.lua.answers import ActionInfo, Change, Operation
from towline.gitops.lua.script import Script

DAEMON_SET = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "a"}, "spec": {}}


class Scripts:
    """Offers one action, and does what its text says."""

    async def actions(self, script: Script, obj: dict[str, Any]) -> tuple[ActionInfo, ...]:
        return (ActionInfo(name="go", disabled=True),)

    async def action(
        self, script: Script, obj: dict[str, Any], params: Mapping[str, str]
    ) -> tuple[Change, ...]:
        return (Change(operation=Operation.PATCH, resource={"by": script.text, **params}),)


def customised(*, merged: bool) -> Customisations:
    text = f"""
mergeBuiltinActions: {str(merged).lower()}
discovery.lua: return x
definitions: [{{name: go, action.lua: return obj}}]
"""
    return parse_customisations({"resource.customizations.actions.apps_DaemonSet": text})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("customisations", "names"),
    [
        (Customisations(), ["restart"]),
        (customised(merged=True), ["go", "restart"]),
        (customised(merged=False), ["go"]),
    ],
)
async def test_built_in_actions_stay_only_when_merged(
    customisations: Customisations, names: list[str]
) -> None:
    actions = ObjectActions(Scripts(), SystemClock())
    found = await actions.offered(DAEMON_SET, customisations)
    assert [one.name for one in found] == names
    for name in {"go", "restart"} - set(names):
        with pytest.raises(NotFoundError):
            await actions.changes(name, DAEMON_SET, customisations, {})


@pytest.mark.asyncio
async def test_each_action_runs_where_it_is_defined() -> None:
    actions = ObjectActions(Scripts(), SystemClock())
    both = customised(merged=True)
    (scripted,) = await actions.changes("go", DAEMON_SET, both, {"n": "1"})
    assert scripted.resource == {"by": "return obj", "n": "1"}
    (built_in,) = await actions.changes("restart", DAEMON_SET, both, {})
    assert built_in.patch is not None
    assert "spec" in built_in.patch
