"""Runs one script in a runtime of its own and gives back plain data.

Nothing of Python is reachable from a script: its globals are strings, numbers, booleans and
tables. Each run gets a new runtime, because one that ran out of memory is of no further use, and
because nothing may go from one script to the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec
from lupa import lua51, lua52  # type: ignore[import-untyped]

from towline.errors import InputError
from towline.gitops.lua.prelude import PRELUDE
from towline.gitops.lua.script import Script, ScriptLimitError
from towline.gitops.lua.values import plain, tabular

MAX_SCRIPT: Final = 1 << 20
MAX_MESSAGE: Final = 4096
_BYTECODE: Final = "\x1b"
_ERRORS: Final = (lua51.LuaError, lua52.LuaError)
_MEMORY_ERRORS: Final = (lua51.LuaMemoryError, lua52.LuaMemoryError)


class ScriptLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one run: virtual machine instructions, and bytes."""

    instructions: int = 50_000_000
    memory: int = 64 << 20


_DEFAULT_LIMITS: Final = ScriptLimits()


def run_script(
    script: Script,
    variables: Mapping[str, Any],
    now: dt.datetime,
    limits: ScriptLimits = _DEFAULT_LIMITS,
) -> Any:
    """Runs a script.

    Args:
        script: The script.
        variables: Its globals; what JSON can hold.
        now: What it takes for the time.
        limits: Bounds.

    Returns:
        Its first result as plain data; None for nothing.

    Raises:
        InputError: It is malformed, fails, or answers what JSON cannot hold.
        ScriptLimitError: It reached a bound.
    """
    if len(script.text) > MAX_SCRIPT or script.text.startswith(_BYTECODE):
        raise InputError("it is not the source of a script", file=script.name)
    runtime = _runtime(script, limits)
    spent = runtime.execute(PRELUDE, limits.instructions, int(now.timestamp()), script.open_libs)
    try:
        chunk = runtime.compile(script.text, name=b"=" + script.name.encode())
        for name, value in variables.items():
            runtime.globals()[name] = tabular(runtime, value)
        answer = chunk()
        found = answer[0] if isinstance(answer, tuple) else answer
        return plain(found, like=variables.get("obj"))
    except _MEMORY_ERRORS as error:
        raise ScriptLimitError(f"{script.name}: the script needs too much memory") from error
    except _ERRORS as error:
        if spent():
            text = f"{script.name}: the script needs too many instructions"
            raise ScriptLimitError(text) from error
        raise InputError(_first_line(error)) from error
    except UnicodeDecodeError as error:
        raise InputError("the script's text is not UTF-8", file=script.name) from error
    except RecursionError as error:
        raise ScriptLimitError(f"{script.name}: tables are nested too deeply") from error


def _runtime(script: Script, limits: ScriptLimits) -> Any:
    """A fresh runtime; `goto` came with Lua 5.2, everything else is written for 5.1."""
    dialect = lua52 if "goto " in script.text else lua51
    return dialect.LuaRuntime(
        register_eval=False,
        register_builtins=False,
        unpack_returned_tuples=True,
        attribute_filter=_no_attributes,
        max_memory=limits.memory,
    )


def _no_attributes(obj: object, name: object, setting: bool) -> NoReturn:
    raise AttributeError(name)


def _first_line(error: Exception) -> str:
    return str(error).partition("\nstack traceback:")[0][:MAX_MESSAGE]
