"""Variables of a running script, and the thread of execution that sees them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from towline.text.groovy.limits import Meter

if TYPE_CHECKING:
    from towline.text.groovy.interpreter import Interpreter


class Thread(msgspec.Struct, frozen=True):
    """One line of execution.

    Attributes:
        interpreter: Runs it.
        state: The host's own state for it.
        depth: Host blocks around it.
    """

    interpreter: Interpreter
    state: Any
    depth: int


class Scope:
    """Names of one block; looks further out through `parent`.

    Attributes:
        names: Variables of this block.
        parent: The block around it; None for a function's outermost block.
        thread: The line of execution that runs the block.
        calls: Calls of script code inside each other, for the bound on recursion.
    """

    __slots__ = ("calls", "names", "parent", "thread")

    def __init__(self, parent: Scope | None, thread: Thread, calls: int) -> None:
        self.names: dict[str, Any] = {}
        self.parent = parent
        self.thread = thread
        self.calls = calls

    @property
    def interpreter(self) -> Interpreter:
        """What runs the script."""
        return self.thread.interpreter

    @property
    def meter(self) -> Meter:
        """Counts work and sizes."""
        return self.thread.interpreter.meter

    def find(self, name: str) -> Scope | None:
        """The nearest scope that has the name."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope
            scope = scope.parent
        return None

    def inner(self) -> Scope:
        """A block inside this one."""
        return Scope(self, self.thread, self.calls)
