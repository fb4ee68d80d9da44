"""Reads the statements of declarative blocks: sections, and what must not be there. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from towline.pipeline.jenkins.declarative.model import Problem
from towline.text.groovy import tree
from towline.text.groovy.tree import Call, Closure, Node, Position


class Reader:
    """Collects problems while sections are read.

    Attributes:
        problems: What is wrong so far.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def report(self, at: Position, message: str, hint: str = "") -> None:
        """Adds a problem."""
        self.problems.append(Problem(at, message, hint))

    def calls(self, block: Closure, where: str) -> Iterator[Call]:
        """The calls that a block consists of; every other statement is a problem."""
        for statement in block.body.statements:
            node = statement.expression if isinstance(statement, tree.ExpressionStatement) else None
            if isinstance(node, Call) and isinstance(node.callee, tree.Name):
                yield node
            elif isinstance(node, tree.Name):
                yield Call(node.at, node, ())
            else:
                self._misplaced(statement, where)

    def _misplaced(self, statement: Node, where: str) -> None:
        if isinstance(statement, tree.Declaration) and where in {"pipeline", "stages", "stage"}:
            message = f"a variable cannot be declared inside '{where}'"
            self.report(statement.at, message, "declare it before `pipeline {`")
        else:
            message = f"only sections are allowed inside '{where}'"
            self.report(statement.at, message, "put code into script { } inside steps")

    def sections(self, block: Closure, where: str, known: tuple[str, ...]) -> dict[str, Call]:
        """The sections of a block by name; unknown and doubled ones are problems."""
        found: dict[str, Call] = {}
        for call in self.calls(block, where):
            name = callee_name(call)
            if name not in known:
                self.report(call.at, f"'{name}' is not a section of '{where}'", _where_to(name))
            elif name in found:
                first = found[name].at.line
                self.report(call.at, f"'{name}' is there twice in '{where}' (first: line {first})")
            else:
                found[name] = call
        return found

    def block(self, call: Call) -> Closure | None:
        """The block of a section; a missing or empty one is a problem."""
        closure = block_of(call)
        if closure is None:
            self.report(call.at, f"'{callee_name(call)}' needs a block: {{ ... }}")
        elif not closure.body.statements:
            self.report(call.at, f"'{callee_name(call)}' is empty", "remove it")
            return None
        return closure


def _where_to(name: str) -> str:
    if name == "stage":
        return "a stage belongs into stages { } or parallel { }: is a brace missing or doubled?"
    if name in {"sh", "echo", "script", "checkout", "git", "withCredentials", "dir"}:
        return "put steps into steps { }"
    return ""


def callee_name(call: Call) -> str:
    """The name that a call calls, or an empty string."""
    return call.callee.name if isinstance(call.callee, tree.Name) else ""


def block_of(call: Call) -> Closure | None:
    """The trailing block of a call."""
    last = call.arguments[-1] if call.arguments else None
    return last if isinstance(last, Closure) else None


def named(call: Call) -> dict[str, Node]:
    """Named arguments of a call, the entries of a single map included."""
    entries = call.named
    if not entries and len(call.arguments) == 1 and isinstance(call.arguments[0], tree.MapLiteral):
        entries = call.arguments[0].entries
    return {
        entry.key.value: entry.value
        for entry in entries
        if isinstance(entry.key, tree.Literal) and isinstance(entry.key.value, str)
    }


def first_value(call: Call) -> Node | None:
    """The first positional argument that is not a block."""
    first = call.arguments[0] if call.arguments else None
    return None if isinstance(first, Closure) else first


def constant(node: Node | None) -> object:
    """The value of a constant, else None."""
    return node.value if isinstance(node, tree.Literal) else None
