"""The compiler: a template's tree to the source of one Python function.

The function is `def template(rt, o, d0)`: the execution, the output's append, and the dot. It calls
only names of the function set's namespace. A pipeline becomes one expression; variables, dots and
temporaries become locals.

Places for errors cost nothing at run time: whatever may fail starts a call that ends its source
line with a mark `#N`, and `Source.nodes[N]` is the node that Go would name. Order of evaluation,
and the node an error names, are Go's: `at` is the node that execution stands on.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from towline.render.gotemplate.expressions import ExpressionCompiler
from towline.render.gotemplate.frame import Place, Value
from towline.render.gotemplate.functions import Function
from towline.render.gotemplate.nodes import (
    Action,
    Branch,
    Break,
    Call,
    Continue,
    Node,
    Text,
)


class Source(msgspec.Struct, frozen=True):
    """A compiled template.

    Attributes:
        code: Python source.
        nodes: The nodes that its marks name.
    """

    code: str
    nodes: tuple[Place, ...]


def generate(
    nodes: tuple[Node, ...], functions: Mapping[str, Function], overridden: frozenset[str]
) -> Source:
    """Compile a template's body.

    Args:
        nodes: The body.
        functions: All functions by name, built-in ones included.
        overridden: Names of built-in functions that were replaced.
    """
    generator = _Generator(functions, overridden)
    generator.body(nodes)
    head = "def template(rt, o, d0):\n v0 = d0\n"
    head += "".join(f" {local} = unset\n" for local in generator.unset)
    return Source(
        code=head + "\n".join(generator.lines) + "\n",
        nodes=tuple(generator.nodes),
    )


class _Generator(ExpressionCompiler):
    def __init__(self, functions: Mapping[str, Function], overridden: frozenset[str]) -> None:
        super().__init__(functions, overridden)
        self.lines: list[str] = []
        self.indent = 1

    def emit(self, statement: str) -> None:
        self.lines.append(" " * self.indent + statement)

    def body(self, nodes: tuple[Node, ...]) -> None:
        start = len(self.lines)
        pieces: list[str] = []
        for node in nodes:
            if isinstance(node, Text):
                pieces.append(repr(node.value))
            elif isinstance(node, Action) and not node.pipe.variables:
                self.at = node
                value = self.pipe(node.pipe)
                if _may_change_values(value.code):
                    self.flush(pieces)  # what they print is what they were before
                pieces.append(value.code)
            else:
                self.flush(pieces)
                self.statement(node)
        self.flush(pieces)
        if len(self.lines) == start:
            self.emit("pass")

    def flush(self, pieces: list[str]) -> None:
        """Write what was collected: texts and values between two statements."""
        if pieces:
            self.emit(f"write(o, {', '.join(pieces)})")
            pieces.clear()
        self.temporaries = 0

    def block(self, nodes: tuple[Node, ...]) -> None:
        scope = len(self.scope)
        self.indent += 1
        self.body(nodes)
        self.indent -= 1
        del self.scope[scope:]

    def statement(self, node: Node) -> None:
        match node:
            case Action():
                self.at = node
                self.emit(self.pipe(node.pipe).code)
            case Branch(word="range"):
                self.range(node)
            case Branch():
                self.branch(node, "if")
            case Call():
                self.call_template(node)
            case Break():
                self.emit("break")
            case Continue():
                self.emit("continue")

    def branch(self, node: Branch, word: str) -> None:
        scope = len(self.scope)
        dot = self.dot
        self.at = node
        value = self.pipe(node.pipe)
        if node.word == "with":
            name = self.local("d")
            self.emit(f"{word} ({name} := {value.code}):")
            self.dot = Value(code=name, kind=value.kind, simple=True)
        else:
            self.emit(f"{word} {value.code}:")
        self.block(node.body)
        self.dot = dot
        match node.otherwise:
            case None:
                pass
            case (Branch(word="if" | "with") as only,):
                self.temporaries = 0
                self.branch(only, "elif")
            case nodes:
                self.emit("else:")
                self.block(nodes)
        del self.scope[scope:]

    def range(self, node: Branch) -> None:
        scope = len(self.scope)
        dot = self.dot
        self.at = node
        ranged, items, element = self.local("r"), self.local("s"), self.local("d")
        value = self.pipe(node.pipe, boxed=ranged)
        count = len(node.pipe.variables)
        walk = "pairs" if count == 2 else "elements"
        self.emit(f"{ranged} = {value.code}")
        self.emit(f"{items} = {walk}({self.mark()}rt, o, {ranged})")
        self.emit(f"if {items}:")
        self.indent += 1
        targets = [self.target(variable.names[0]) for variable in node.pipe.variables]
        key = f"{targets[0]}, " if count == 2 else ""
        self.emit(f"for {key}{element} in {items}:")
        if targets:
            self.indent += 1
            self.emit(f"{targets[-1]} = {element}")
            self.indent -= 1
        self.dot = Value(code=element, boxed=ranged, simple=True)
        self.block(node.body)
        self.indent -= 1
        self.dot = dot
        if node.otherwise:
            self.emit("else:")
            self.block(node.otherwise)
        del self.scope[scope:]

    def target(self, name: str) -> str:
        found = self.find(name)
        return found.local if found is not None else "_"

    def call_template(self, node: Call) -> None:
        self.at = node
        found = f"find({self.mark()}rt, {node.name!r})"
        data = self.pipe(node.pipe).code if node.pipe is not None else "None"
        self.emit(f"run_template({self.mark(node)}{found}, rt, o, {data})")


def _may_change_values(code: str) -> bool:
    """Whether an expression calls what is not the engine's own; for a text in it as well."""
    return "f_" in code or "invoke(" in code
