"""The syntax tree of an expression. Every node knows where it stands in the text. Pure."""

from __future__ import annotations

from typing import Any

import msgspec


class Node(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Any expression.

    Attributes:
        at: Where messages point, in code points.
    """

    at: int


class Literal(Node, frozen=True, eq=False):
    """A constant; `type` is the name of its type."""

    value: Any
    type: str


class Ident(Node, frozen=True, eq=False):
    """A name."""

    name: str


class Select(Node, frozen=True, eq=False):
    """`operand.field`; with `test` whether the field is present (`has`)."""

    operand: Node
    field: str
    test: bool = False


class Call(Node, frozen=True, eq=False):
    """A function or operator; with a target when written as `target.function(args)`."""

    function: str
    args: tuple[Node, ...]
    target: Node | None = None


class ListLiteral(Node, frozen=True, eq=False):
    """`[a, ?b]`; `optional` holds positions of items that may be absent."""

    items: tuple[Node, ...]
    optional: frozenset[int] = frozenset()


class Entry(msgspec.Struct, frozen=True, eq=False):
    """`key: value` of a map, or `?key: value`."""

    key: Node
    value: Node
    optional: bool = False


class MapLiteral(Node, frozen=True, eq=False):
    """`{key: value}`."""

    entries: tuple[Entry, ...]


class MessageLiteral(Node, frozen=True, eq=False):
    """`Type{field: value}`; `fields` pairs names with values."""

    name: str
    fields: tuple[tuple[str, Node], ...]


class Comprehension(Node, frozen=True, eq=False):
    """What the macros expand to: a fold over a list's items or a map's keys.

    Attributes:
        range: What is folded.
        var: Name of the item, the key, or with `var2` of the index.
        var2: Name of the item or value; empty for the forms with one variable.
        accu: Name of the accumulator.
        init: Its first value.
        condition: Whether to go on.
        step: Its next value.
        result: The value of the whole.
    """

    range: Node
    var: str
    var2: str
    accu: str
    init: Node
    condition: Node
    step: Node
    result: Node


def qualified_name(node: Node) -> str:
    """`a.b.c` for a chain of names, else an empty text."""
    parts: list[str] = []
    while isinstance(node, Select) and not node.test:
        parts.append(node.field)
        node = node.operand
    if not isinstance(node, Ident):
        return ""
    parts.append(node.name)
    return ".".join(reversed(parts))


def each_below(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.args if node.target is None else (node.target, *node.args)
        case ListLiteral():
            return node.items
        case MapLiteral():
            return tuple(part for entry in node.entries for part in (entry.key, entry.value))
        case MessageLiteral():
            return tuple(value for _, value in node.fields)
        case Comprehension():
            return (node.range, node.init, node.condition, node.step, node.result)
        case _:
            return ()


def depth(node: Node) -> int:
    """How many nodes stand one below another."""
    deepest = 0
    pending = [(node, 1)]
    while pending:
        each, level = pending.pop()
        deepest = max(deepest, level)
        pending.extend((below, level + 1) for below in each_below(each))
    return deepest
