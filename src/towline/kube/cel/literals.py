"""Constants that are wrong whatever the input: patterns, timestamps, durations. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from towline.kube.cel.checker import Checked
from towline.kube.cel.issues import CompileError, Issue
from towline.kube.cel.moments import read_duration, read_timestamp
from towline.kube.cel.patterns import PatternError, compiled
from towline.kube.cel.tree import (
    Call,
    Comprehension,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
)


def check_literals(source: str, checked: Checked) -> None:
    """Refuses constants that can never be read.

    Raises:
        CompileError: With every one of them.
    """
    issues = [
        issue
        for node in walk(checked.tree)
        if isinstance(node, Call)
        for issue in _problems(node)
    ]
    if issues:
        raise CompileError(source, issues)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        pending.extend(_below(each))


def _below(node: Node) -> tuple[Node, ...]:
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.args if node.target is None else (node.target, *node.args)
        case ListLiteral():
            return node.items
        case MapLiteral():
            return tuple(part for entry in node.entries for part in (entry.key, entry.value))
        case Comprehension():
            return (node.range, node.init, node.condition, node.step, node.result)
        case _:
            return ()


def _problems(call: Call) -> Iterator[Issue]:
    constant = call.args[-1] if call.args else None
    if not isinstance(constant, Literal) or constant.type != "string":
        return
    match call.function:
        case "matches":
            try:
                compiled(constant.value)
            except PatternError as error:
                yield Issue(constant.at, f"invalid matches argument: {error}")
        case "timestamp" | "duration" if call.target is None and len(call.args) == 1:
            read = read_timestamp if call.function == "timestamp" else read_duration
            try:
                read(constant.value)
            except ValueError:
                yield Issue(constant.at, f"invalid {call.function} argument")
