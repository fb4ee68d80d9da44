"""Scripts run with what Argo CD gives them, and reach nothing else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import InputError
from towline.gitops.lua.sandbox import ScriptLimits, run_script
from towline.gitops.lua.script import Script, ScriptLimitError

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SMALL = ScriptLimits(instructions=2_000_000, memory=8 << 20)


def run(text: str, obj: Any = None, *, open_libs: bool = False) -> Any:
    script = Script(text, "health.lua", open_libs)
    return run_script(script, {"obj": {} if obj is None else obj}, NOW, SMALL)


GIVEN = [
    ("return table.concat({'a', 'b'}, '-')", "a-b"),
    ("return table.getn({1, 2, 3})", 3),
    ("return #obj.list", 2),
    ("local n = 0 for _, v in ipairs(obj.list) do n = n + v end return n", 3),
    ("for k, v in pairs(obj.one) do return k .. v end", "ab"),
    ("return tonumber('12') + 1", 13),
    ("return os.time()", int(NOW.timestamp())),
    ("return os.date('!%Y%m%d%H%M')", "202601020304"),
    ("return os.time({year = 2026, month = 1, day = 2, hour = 0}) ~= nil", True),
    ("local os = require('os') return os.date('!%Y')", "2026"),
    ("return select('#', unpack({1, 2}))", 2),
    ("local ok, text = pcall(error, 'no') return text", "no"),
    ("return select(2, xpcall(function() error('no', 0) end, function(e) return e..1 end))", "no1"),
    ("print('x') return nil", None),
    ("for i = 1, 3 do if i < 3 then goto next end do return i end ::next:: end", 3),
    ("for i = 1, 1 do goto next ::next:: end return table.getn({1}) + #{unpack({1, 2})}", 3),
    ("return obj.absent == nil and obj.none == nil", True),
]


@pytest.mark.parametrize(("text", "result"), GIVEN)
def test_scripts_find_what_they_know(text: str, result: Any) -> None:
    assert run(text, {"list": [1, 2], "one": {"a": "b"}, "none": None}) == result


@pytest.mark.parametrize(
    "text", ["return ('x'):upper()", "return string.upper('x')", "return math.floor(1.5)"]
)
def test_texts_and_numbers_have_libraries_only_when_opened(text: str) -> None:
    with pytest.raises(InputError):
        run(text)
    assert run(text, open_libs=True) in ("X", 1)


GONE = [
    "io",
    "debug",
    "package",
    "load",
    "loadstring",
    "loadfile",
    "dofile",
    "coroutine",
    "collectgarbage",
    "newproxy",
    "getfenv",
    "setfenv",
    "module",
    "python",
    "string.dump",
    "os.execute",
    "os.getenv",
    "os.remove",
    "os.exit",
    "os.tmpname",
    "table.foreachx",
]


@pytest.mark.parametrize("name", GONE)
@pytest.mark.parametrize("goto", ["", " -- goto 5.2"])
def test_s61_nothing_leads_out_of_the_sandbox(name: str, goto: str) -> None:
    assert run(f"return {name} == nil{goto}", open_libs=True) is True


def test_s61_no_python_object_is_within_reach() -> None:
    walk = """
    local seen, found = {}, {}
    local function visit(value)
      if type(value) == "userdata" then found[#found + 1] = tostring(value) end
      if type(value) ~= "table" or seen[value] then return end
      seen[value] = true
      for k, v in pairs(value) do visit(k) visit(v) end
      local meta = getmetatable(value)
      if meta then visit(meta) end
    end
    visit(_G)
    return #found
    """
    assert run(walk, {"a": [1, {"b": True}], "c": {}}, open_libs=True) == 0


def test_s61_compiled_scripts_are_refused() -> None:
    with pytest.raises(InputError, match="not the source"):
        run("\x1bLua")


ENDLESS = [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(function() while true do end end, function() end) end",
    "table.sort({3, 2, 1}, function() while true do end end)",
    "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
    "repeat goto top ::top:: until false",
]


@pytest.mark.parametrize("text", ENDLESS)
def test_s61_a_script_that_does_not_end_is_stopped(text: str) -> None:
    with pytest.raises(ScriptLimitError, match="too many instructions"):
        run(text)


def test_s61_finalisers_do_not_run() -> None:
    with pytest.raises(InputError, match="finalisers"):
        run("setmetatable({}, {__gc = function() end}) goto done ::done::")


def test_nothing_goes_from_one_script_to_the_next() -> None:
    run("leak = 1 table.insert = nil")
    assert run("return leak == nil and table.insert ~= nil") is True


def test_a_script_does_not_change_the_object() -> None:
    obj = {"spec": {"a": 1}}
    run("obj.spec.a = 2 obj.spec.b = 3", obj)
    assert obj == {"spec": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("return x.y", "health.lua:1: attempt to index global 'x'"),
        ("\nx = = 1", "health.lua:2: unexpected symbol"),
        ("error('told')", "health.lua:1: told"),
        ("return function() end", "tables, texts, numbers"),
        ("return {1, a = 2}", "mixed"),
        ("return {[1] = 1, [3] = 3}", "mixed"),
        ("return 0/0", "not finite"),
        ("local t = {} t[1] = t return t", "too large"),
        ("return '\\255'", "not UTF-8"),
    ],
)
def test_failures_name_their_place(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        run(text)


def test_empty_tables_become_what_they_were() -> None:
    obj = {"map": {}, "list": [], "deep": {"emptyDir": {}, "args": []}}
    assert run("return obj", obj) == obj
    moved = run("return {copy = {emptyDir = {}, args = {}, other = {}}}", obj)
    assert moved == {"copy": {"emptyDir": {}, "args": [], "other": []}}


def test_integers_that_lua_cannot_hold_become_floats() -> None:
    assert run("return {obj.a, obj.b}", {"a": 2**70, "b": 1.5}) == [float(2**70), 1.5]


JSON = st.recursive(
    st.booleans() | st.integers(-(2**50), 2**50) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=6), JSON, max_size=5))
def test_objects_come_back_as_they_went(obj: dict[str, Any]) -> None:
    assert run("return obj", obj) == obj
