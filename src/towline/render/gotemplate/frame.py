"""What the compiler knows while it walks a template: where it stands, and what is in scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from towline.render.gotemplate.functions import Function
from towline.render.gotemplate.nodes import Command, Dot, Node, Operand

Place: TypeAlias = Operand | Node | Command


class Value(msgspec.Struct, frozen=True):
    """An expression.

    Attributes:
        code: Python source: an atom, a call, or in parentheses.
        kind: Its Go type when that is known, else an empty string.
        boxed: Python source of what tells that it was stored as an interface {} (see `fields`):
            `True`, or the local with the map or slice that it is an entry of; else empty.
        branches: Of an and/or, its operands in turn and the nodes that execution stands on after
            each: errors of what is done to the result name the one that gave it.
        word: Which of the two it is.
        simple: Whether it neither fails nor has effects.
    """

    code: str
    kind: str = ""
    boxed: str = ""
    simple: bool = False
    branches: tuple[tuple[str, Place], ...] = ()
    word: str = ""


class Local(msgspec.Struct, frozen=True):
    """A variable in scope.

    Attributes:
        name: With its dollar.
        local: The Python local that holds it.
        boxed: As in `Value`.
        certain: Whether its declaration is always reached; and/or may skip one inside them.
    """

    name: str
    local: str
    boxed: str = ""
    certain: bool = True


class Frame:
    """The compiler's state within one template.

    Args:
        functions: All functions by name, built-in ones included.
        overridden: Names of built-in functions that were replaced.
    """

    def __init__(self, functions: Mapping[str, Function], overridden: frozenset[str]) -> None:
        self.functions = functions
        self.overridden = overridden
        self.nodes: list[Place] = []
        self.at: Place = Dot(position=0)
        self.dot = Value(code="d0", simple=True)
        self.scope = [Local(name="$", local="v0")]
        self.unset: list[str] = []
        self.skippable = 0
        self.locals = 0
        self.temporaries = 0

    def mark(self, node: Place | None = None) -> str:
        """The end of the line on which a call starts that may fail at the node."""
        self.nodes.append(self.at if node is None else node)
        return f" #{len(self.nodes) - 1}\n"

    def temporary(self) -> str:
        """A local for use within one statement."""
        self.temporaries += 1
        return f"t{self.temporaries}"

    def local(self, letter: str) -> str:
        """A local of its own."""
        self.locals += 1
        return f"{letter}{self.locals}"

    def failure(self, message: str) -> Value:
        """An expression that fails at the node that execution stands on."""
        return Value(code=f"fail({self.mark()}{message!r})")

    def find(self, name: str) -> Local | None:
        """The variable of the name that is in scope; None when there is none."""
        return next((local for local in reversed(self.scope) if local.name == name), None)

    def after(self, first: Value | None, then: Value) -> Value:
        """Both values evaluated in order; the result is the second."""
        if first is None or first.simple:
            return then
        return msgspec.structs.replace(then, code=f"({first.code}, {then.code})[1]", branches=())

    def applied(self, value: Value, build: Callable[[str], str]) -> str:
        """What `build` makes of the value, with its marks at the node that gave the value."""
        if not value.branches:
            return build(value.code)
        held, code = self.temporary(), ""
        *others, (last, place) = value.branches
        for operand, self.at in others:
            test = f"({held} := {operand})"
            code += f"{build(held)} if {test if value.word == 'or' else f'not {test}'} else "
        self.at = place
        return f"({code}{build(last)})"
