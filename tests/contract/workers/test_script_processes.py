"""Scripts in real worker processes: whatever they do, others get their answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.argo.status import HealthCode
from towline.errors import InputError
from towline.gitops.lua.script import Script, ScriptLimitError
from towline.gitops.verdict import Health
from towline.workers.script_pool import ScriptPool, ScriptPoolLimits

HEALTHY = Script("return {status = 'Healthy', message = obj.name}", "health.lua")
# One call into the pattern library that backtracks for minutes.
BACKTRACKING = Script(
    "local s = ('a'):rep(28) return s:find(('a?'):rep(28) .. s .. 'b')", "health.lua", True
)
HUNGRY = [
    Script("local t = {} for i = 1, 1e9 do t[i] = {} end", "health.lua"),
    Script("local s = 'a' while true do s = s .. s end", "health.lua"),
    Script("return ('x'):rep(1e9)", "health.lua", True),
]


@contextlib.asynccontextmanager
async def pool(**limits: Any) -> AsyncIterator[ScriptPool]:
    made = ScriptPool(SystemClock(), ScriptPoolLimits(cpu_seconds=0.3, **limits))
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.asyncio
async def test_health_and_actions_come_back() -> None:
    async with pool() as scripts:
        assert await scripts.health(HEALTHY, {"name": "a"}) == Health(HealthCode.HEALTHY, "a")
        assert await scripts.health(Script("return nil"), {}) is None
        found = await scripts.actions(Script("return {go = {disabled = true}}"), {})
        assert [(one.name, one.disabled) for one in found] == [("go", True)]
        thing = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, "spec": {}}
        action = Script("obj.spec.n = tonumber(actionParams.n) return obj")
        (change,) = await scripts.action(action, thing, {"n": "2"})
        assert change.patch == {"spec": {"n": 2}}
        with pytest.raises(InputError, match="unexpected symbol"):
            await scripts.action(Script("= 1"), thing, {})
        assert len(scripts.pids) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("script", [BACKTRACKING, *HUNGRY])
async def test_s61_a_script_beyond_its_limits_is_stopped(script: Script) -> None:
    async with pool() as scripts:
        with pytest.raises(ScriptLimitError, match=r"health.lua: the script"):
            await scripts.health(script, {})
        assert await scripts.health(HEALTHY, {"name": "b"}) == Health(HealthCode.HEALTHY, "b")


@pytest.mark.asyncio
async def test_s61_a_script_that_does_not_end_delays_nobody() -> None:
    async with pool(workers=2) as scripts:
        await scripts.health(HEALTHY, {"name": "warm"})
        bad = [asyncio.create_task(scripts.health(BACKTRACKING, {})) for _ in range(5)]
        while not scripts.pids:
            await asyncio.sleep(0)
        await scripts.health(HEALTHY, {"name": "between"})
        assert not any(task.done() for task in bad)
        outcomes = await asyncio.gather(*bad, return_exceptions=True)
        assert all(isinstance(one, ScriptLimitError) for one in outcomes)


@pytest.mark.asyncio
async def test_a_script_that_reached_a_limit_is_left_out_for_a_while() -> None:
    async with pool(left_out=3600.0) as scripts:
        with pytest.raises(ScriptLimitError):
            await scripts.health(BACKTRACKING, {})
        assert scripts.pids == []
        with pytest.raises(ScriptLimitError):
            await scripts.health(BACKTRACKING, {})
        assert scripts.pids == []  # it was not started again
