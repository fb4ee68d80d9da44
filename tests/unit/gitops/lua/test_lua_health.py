"""Health scripts as operators write them for Argo CD."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.argo.status import HealthCode
from towline.gitops.lua.health import script_health
from towline.gitops.lua.script import Script
from towline.gitops.verdict import Health

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)

APP_OF_APPS = """
hs = {}
hs.status = "Progressing"
hs.message = ""
if obj.status ~= nil then
  if obj.status.health ~= nil then
    hs.status = obj.status.health.status
    if obj.status.health.message ~= nil then
      hs.message = obj.status.health.message
    end
  end
end
return hs
"""
CONDITIONS = """
local hs = { status = "Progressing", message = "no condition yet" }
local function find(wanted)
  for i, c in ipairs((obj.status or {}).conditions or {}) do
    if c.type == wanted then return c end
  end
end
local ready = find("Ready")
if ready ~= nil then
  hs.status = ready.status == "True" and "Healthy" or "Degraded"
  hs.message = ready.reason .. ": " .. (ready.message or "")
end
return hs
"""
PATTERN = """
local hs = {}
local major = string.match(obj.spec.version, "^v(%d+)%.")
hs.status = tonumber(major) >= 2 and "Healthy" or "Suspended"
hs.message = string.format("major %d", major)
return hs
"""


def judge(text: str, obj: Any = None, *, open_libs: bool = False) -> Health | None:
    return script_health(Script(text, "health.lua", open_libs), obj or {}, NOW)


def with_status(**status: Any) -> dict[str, Any]:
    return {"status": status}


@pytest.mark.parametrize(
    ("text", "obj", "code", "message"),
    [
        (APP_OF_APPS, {}, "Progressing", ""),
        (APP_OF_APPS, with_status(health={"status": "Degraded", "message": "m"}), "Degraded", "m"),
        (CONDITIONS, {}, "Progressing", "no condition yet"),
        (
            CONDITIONS,
            with_status(
                conditions=[{"type": "A"}, {"type": "Ready", "status": "True", "reason": "R"}]
            ),
            "Healthy",
            "R: ",
        ),
        ("return {status = 'Great'}", {}, "Unknown", "Lua returned an invalid health status"),
        ("return {message = 'x'}", {}, "Unknown", "Lua returned an invalid health status"),
        ("return 'Healthy'", {}, "Unknown", "expect table output from Lua script, not str"),
        ("return {'Healthy'}", {}, "Unknown", "expect table output from Lua script, not a list"),
        ("return {status = 'Healthy', message = 3}", {}, "Healthy", "3"),
    ],
)
def test_answers_are_read_as_argo_cd_reads_them(
    text: str, obj: Any, code: str, message: str
) -> None:
    assert judge(text, obj) == Health(HealthCode(code), message)


@pytest.mark.parametrize("text", ["return nil", "return {}", "local unused = 1"])
def test_a_script_may_have_no_opinion(text: str) -> None:
    assert judge(text) is None


def test_libraries_are_opened_on_request() -> None:
    obj = {"spec": {"version": "v2.7"}}
    assert judge(PATTERN, obj, open_libs=True) == Health(HealthCode.HEALTHY, "major 2")
    closed = judge(PATTERN, obj)
    assert closed is not None
    assert closed.status is HealthCode.UNKNOWN
    assert "string" in closed.message


def test_an_error_is_unknown_with_its_text() -> None:
    found = judge("return {status = obj.status.phase}")
    assert found is not None
    assert found.status is HealthCode.UNKNOWN
    assert found.message == "health.lua:1: attempt to index field 'status' (a nil value)"
