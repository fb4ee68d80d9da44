"""Syntax tree of the Groovy subset: frozen nodes, each with its position. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Position(NamedTuple):
    """1-based line and column."""

    line: int
    column: int


class Node(msgspec.Struct, frozen=True):
    """Root of all nodes."""

    at: Position


# Expressions


class Literal(Node, frozen=True):
    """A constant: None, bool, int, Decimal or str."""

    value: object


class Interpolated(Node, frozen=True):
    """A string with `${...}` parts: constant texts and expressions in turn."""

    parts: tuple[str | Node, ...]


class Name(Node, frozen=True):
    """A bare identifier."""

    name: str


class Spread(Node, frozen=True):
    """`*list` among arguments or items."""

    value: Node


class ListLiteral(Node, frozen=True):
    """`[a, b]`."""

    items: tuple[Node, ...]


class MapEntry(Node, frozen=True):
    """`key: value` in a map literal or among named arguments."""

    key: Node
    value: Node


class MapLiteral(Node, frozen=True):
    """`[k: v]` and `[:]`."""

    entries: tuple[MapEntry, ...]


class RangeLiteral(Node, frozen=True):
    """`low..high`; exclusive for `low..<high`."""

    low: Node
    high: Node
    exclusive: bool


class Parameter(Node, frozen=True):
    """A parameter of a function or closure, with its default."""

    name: str
    default: Node | None = None


class Closure(Node, frozen=True):
    """`{ a, b -> ... }`; `parameters` is None when there is no arrow, so `it` exists."""

    parameters: tuple[Parameter, ...] | None
    body: Block
    end: Position


class Property(Node, frozen=True):
    """`target.name`, `target?.name`, `target*.name`; a dynamic name is an expression."""

    target: Node
    name: str | Node
    safe: bool = False
    spread: bool = False


class Index(Node, frozen=True):
    """`target[index]`."""

    target: Node
    index: Node


class Call(Node, frozen=True):
    """A call.

    Attributes:
        callee: A Name (function or step), a Property (method) or an expression (a closure).
        arguments: Positional arguments; a trailing closure is the last one.
        named: Named arguments.
        trailing: Whether the last argument was written behind the parentheses.
    """

    callee: Node
    arguments: tuple[Node, ...]
    named: tuple[MapEntry, ...] = ()
    trailing: bool = False


class Unary(Node, frozen=True):
    """`-a`, `+a`, `!a`, `~a`."""

    operator: str
    operand: Node


class Binary(Node, frozen=True):
    """Any infix operator but assignment; `&&` and `||` evaluate the right side on demand."""

    operator: str
    left: Node
    right: Node


class Ternary(Node, frozen=True):
    """`condition ? yes : no`; `yes` is None for `condition ?: no`."""

    condition: Node
    yes: Node | None
    no: Node


class Assign(Node, frozen=True):
    """`target = value` and `target += value`; the operator is empty for plain assignment."""

    target: Node
    operator: str
    value: Node


class Step(Node, frozen=True):
    """`a++`, `--a`."""

    target: Node
    amount: int
    prefix: bool


class Cast(Node, frozen=True):
    """`value as Type` and `(Type) value`."""

    value: Node
    type: str


class InstanceOf(Node, frozen=True):
    """`value instanceof Type`."""

    value: Node
    type: str
    negated: bool


class New(Node, frozen=True):
    """`new Type(arguments)`."""

    type: str
    arguments: tuple[Node, ...]
    named: tuple[MapEntry, ...] = ()


# Statements


class Block(Node, frozen=True):
    """Statements in braces, or the whole file."""

    statements: tuple[Node, ...]


class ExpressionStatement(Node, frozen=True):
    """An expression for its effect, or for its value when it is the last one."""

    expression: Node


class Declaration(Node, frozen=True):
    """`def x = 1, y`, `String x`, `def (a, b) = list`.

    Attributes:
        names: Declared names.
        type: As written, or `def`.
        values: One per name; with `destructuring` a single list for all.
        destructuring: Whether the names stand in parentheses.
        field: Whether `@Field` makes it script-wide.
    """

    names: tuple[str, ...]
    type: str
    values: tuple[Node | None, ...]
    destructuring: bool = False
    field: bool = False


class If(Node, frozen=True):
    """`if (condition) yes else no`."""

    condition: Node
    yes: Node
    no: Node | None


class ForIn(Node, frozen=True):
    """`for (name in items) body`."""

    name: str
    items: Node
    body: Node


class ForLoop(Node, frozen=True):
    """`for (start; condition; advance) body`."""

    start: tuple[Node, ...]
    condition: Node | None
    advance: tuple[Node, ...]
    body: Node


class While(Node, frozen=True):
    """`while (condition) body`, and `do body while (condition)` when `first`."""

    condition: Node
    body: Node
    first: bool = False


class Case(Node, frozen=True):
    """A branch of a switch; `test` is None for `default`."""

    test: Node | None
    statements: tuple[Node, ...]


class Switch(Node, frozen=True):
    """`switch (subject) { ... }`."""

    subject: Node
    cases: tuple[Case, ...]


class Catch(Node, frozen=True):
    """`catch (Type | Type name) body`."""

    types: tuple[str, ...]
    name: str
    body: Block


class Try(Node, frozen=True):
    """`try body catch ... finally ...`."""

    body: Block
    catches: tuple[Catch, ...]
    final: Block | None


class Throw(Node, frozen=True):
    """`throw value`."""

    value: Node


class Return(Node, frozen=True):
    """`return value`."""

    value: Node | None


class Break(Node, frozen=True):
    """`break`."""


class Continue(Node, frozen=True):
    """`continue`."""


class Assert(Node, frozen=True):
    """`assert condition : message`; `text` is the condition as written."""

    condition: Node
    message: Node | None
    text: str


class Function(Node, frozen=True):
    """`def name(parameters) { ... }` at the top of the file."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Block


class Import(Node, frozen=True):
    """`import a.b.C`."""

    name: str


class Annotation(Node, frozen=True):
    """An annotation that stands for itself, such as `@Library('x') _`."""

    name: str
    arguments: tuple[Node, ...]


class Unsupported(Node, frozen=True):
    """Something that Groovy has and this subset leaves out, such as a class."""

    construct: str
    hint: str


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed file.

    Attributes:
        file: Path as the person knows it.
        body: Statements in order, functions included.
        functions: Functions by name.
        source: The text, for messages.
    """

    file: str
    body: Block
    functions: dict[str, Function]
    source: str
