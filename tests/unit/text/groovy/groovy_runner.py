"""Runs scripts with a small host: `echo`, `block { }`, `at(state) { }`, nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from towline.text.groovy import (
    UNKNOWN,
    Arguments,
    Interpreter,
    Limits,
    Site,
    Thrown,
    parse,
    script_error,
    to_text,
)


class SmallHost:
    """A host with three functions and one variable."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def lookup(self, name: str, site: Site) -> Any:
        return "from the host" if name == "HOST_VARIABLE" else UNKNOWN

    async def call(self, name: str, arguments: Arguments, site: Site) -> Any:
        if name == "echo":
            self.lines.append(to_text(arguments.positional[0], site.interpreter.meter))
            return None
        if name == "named":
            return {"positional": list(arguments.positional), "named": dict(arguments.named)}
        if name == "block":
            body = arguments.positional[-1]
            return await site.interpreter.call(body, [], site.state, site.depth)
        raise script_error("NoSuchMethodError", f"no function {name}")

    async def construct(self, type_name: str, arguments: Arguments, site: Site) -> Any:
        raise script_error("RejectedAccessException", f"new {type_name}")

    def unwinds(self, state: Any) -> bool:
        return bool(state)


def execute(source: str, limits: Limits | None = None) -> tuple[Any, list[str]]:
    """Value of the last statement, and the lines echoed."""
    host = SmallHost()
    interpreter = Interpreter(parse(source, "script"), host, limits)
    return asyncio.run(interpreter.run(None)), host.lines


def value_of(source: str, limits: Limits | None = None) -> Any:
    """Value of the last statement."""
    return execute(source, limits)[0]


def printed(source: str) -> str:
    """The last value as text."""
    host = SmallHost()
    interpreter = Interpreter(parse(source, "script"), host)
    return to_text(asyncio.run(interpreter.run(None)), interpreter.meter)


def exception_of(source: str) -> tuple[str, str, int]:
    """Type, message and line of the exception that ends a script."""
    try:
        value = value_of(source)
    except Thrown as thrown:
        return thrown.value.type_name, thrown.value.message or "", thrown.value.line
    raise AssertionError(f"no exception, but {value!r}")
