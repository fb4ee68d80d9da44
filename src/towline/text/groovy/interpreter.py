"""Runs scripts: a trampoline over generator-shaped computations. Pure.

Each evaluation step is a generator that yields the computations it needs; the trampoline keeps them
on its own stack, so that deep scripts use no Python stack, every step is counted, and other tasks
get their turn in between. Host calls are the only real waiting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any

from towline.errors import LimitError
from towline.text.groovy.calls import call_closure
from towline.text.groovy.execute import run_script
from towline.text.groovy.host import Host
from towline.text.groovy.limits import Limits, Meter
from towline.text.groovy.methods import Code, Ready
from towline.text.groovy.scope import Scope, Thread
from towline.text.groovy.tree import Script
from towline.text.groovy.values import ClosureValue

_MAX_STACK = 100_000


class _Turn:
    """Awaiting this lets the event loop run other tasks once, whatever loop it is."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Interpreter:
    """A script in execution.

    Attributes:
        host: Meaning of free names.
        script: What runs.
        meter: Counts work against the limits.
        binding: Script-wide variables (assigned without `def`, or marked `@Field`).
    """

    def __init__(self, script: Script, host: Host, limits: Limits | None = None) -> None:
        self.script = script
        self.host = host
        self.meter = Meter(limits or Limits())
        self.binding: dict[str, Any] = {}
        self.body_names: frozenset[str] = frozenset()

    async def run(self, state: Any) -> Any:
        """Runs the whole script; its value is that of the last statement.

        Raises:
            Thrown: An exception that the script did not catch.
            LimitError: A bound was reached; scripts cannot catch it.
        """
        scope = Scope(None, Thread(self, state, 0), 0)
        return await self._drive(run_script(self.script.body, scope))

    async def call(
        self, closure: ClosureValue, arguments: list[Any], state: Any, depth: int
    ) -> Any:
        """Calls a closure from the host.

        Args:
            closure: What to call.
            arguments: Its arguments; too many are dropped.
            state: The host's state for everything inside.
            depth: Depth of the site that the call comes from.

        Raises:
            Thrown: An exception that the closure did not catch.
            LimitError: A bound was reached.
        """
        if depth >= self.meter.limits.block_depth:
            raise LimitError(f"more than {self.meter.limits.block_depth} blocks inside each other")
        caller = Scope(None, Thread(self, state, depth + 1), 0)
        return await self._drive(call_closure(closure, arguments, caller))

    async def _drive(self, code: Code) -> Any:
        """Runs a computation and all that it yields."""
        stack = [code]
        value: Any = None
        error: BaseException | None = None
        left = self.meter.limits.slice
        while True:
            self.meter.charge()
            left -= 1
            if left <= 0:
                left = self.meter.limits.slice
                _, stop = await _settled(_Turn())
                error = stop or error
            try:
                if error is None:
                    item = stack[-1].send(value)
                else:
                    thrown, error = error, None
                    item = stack[-1].throw(thrown)
            except StopIteration as done:
                stack.pop()
                value = done.value
                if not stack:
                    return value
                continue
            except BaseException as problem:
                stack.pop()
                if not stack:
                    raise
                error = problem
                continue
            if type(item) is Ready:
                value = item.value
            elif isinstance(item, Generator):
                stack.append(item)
                value = None
                if len(stack) > _MAX_STACK:
                    raise LimitError("the script is nested too deeply")
            else:
                value, error = await _settled(item)


async def _settled(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """Value or error; an error, cancellation included, unwinds through the script's blocks."""
    try:
        return await awaitable, None
    except BaseException as error:  # noqa: BLE001  # raised again in the script's innermost block
        return None, error
