"""The Lua code that turns a fresh runtime into the one that scripts see.

It runs before the script, with the libraries of Lua at hand, and takes them away: what is not
listed here is gone. It answers a function that tells whether the instructions ran out.
"""

from __future__ import annotations

from typing import Final

# Called with: instructions, now in seconds, whether all libraries are wanted.
PRELUDE: Final = """
local budget, now, open_libs = ...
local SPENT = "the script needs too many instructions"
local sethook, raw_error, raw_pcall = debug.sethook, error, pcall
local raw_rawget, raw_setmetatable, raw_type = rawget, setmetatable, type
local raw_next = next
local unpack = unpack or table.unpack
local spent = false

local function stop()
  spent = true
  raw_error(SPENT, 0)
end

local function passed(ok, ...)
  if spent then raw_error(SPENT, 0) end
  return ok, ...
end

local function handled(handler, ok, ...)
  if ok then return true, ... end
  return false, handler(...)
end

local time, date = os.time, os.date
local libraries = {
  os = {
    time = function(parts)
      if parts == nil then return now end
      return time(parts)
    end,
    date = function(format, at) return date(format or "%c", at or now) end,
  },
  table = table,
}
table.getn = table.getn or function(list) return #list end
if open_libs then
  string.dump = nil
  libraries.string, libraries.math = string, math
else
  getmetatable("").__index = nil
end

local kept = {
  "assert", "error", "getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget", "rawset",
  "select", "tonumber", "tostring", "type", "_VERSION",
}
local seen = { unpack = unpack }
for _, name in ipairs(kept) do seen[name] = _G[name] end
for name, library in pairs(libraries) do seen[name] = library end
function seen.print() end
function seen.pcall(f, ...) return passed(raw_pcall(f, ...)) end
function seen.xpcall(f, handler, ...) return handled(handler, passed(raw_pcall(f, ...))) end
function seen.setmetatable(value, meta)
  -- Finalisers run where instructions are not counted.
  if raw_type(meta) == "table" and raw_rawget(meta, "__gc") ~= nil then
    raw_error("finalisers are not available", 2)
  end
  return raw_setmetatable(value, meta)
end
function seen.require(name)
  return libraries[name] or raw_error("the library " .. tostring(name) .. " is not available", 2)
end

local globals, names = _G, {}
for name in pairs(globals) do names[#names + 1] = name end
for i = 1, #names do globals[names[i]] = nil end
for name, value in raw_next, seen do globals[name] = value end
globals._G = globals
sethook(stop, "", budget)
return function() return spent end
"""
