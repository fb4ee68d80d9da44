"""Constants that are wrong whatever the input: patterns, times, formats, mixed lists. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from towline.kube.cel.checker import Checked
from towline.kube.cel.formats import format_problems
from towline.kube.cel.issues import CompileError, EvaluationError, Issue
from towline.kube.cel.moments import read_duration, read_timestamp
from towline.kube.cel.patterns import PatternError, compiled
from towline.kube.cel.tree import (
    Call,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    each_below,
)
from towline.kube.cel.types import CelType
from towline.kube.cel.values import UInt


def check_literals(source: str, checked: Checked) -> None:
    """Refuses constants that can never be read, and lists and maps of mixed types.

    Raises:
        CompileError: With every one of them.
    """
    issues: list[Issue] = []
    for node, formatted in walk(checked.tree):
        match node:
            case Call():
                issues += _problems(node)
                if node.function == "format":
                    issues += format_problems(node, checked.types)
            case ListLiteral() if not formatted:
                issues += _mixed_items(node, checked.types)
            case MapLiteral() if not formatted:
                issues += _mixed_entries(node, checked.types)
    if issues:
        raise CompileError(source, issues)


def fold_constants(checked: Checked) -> None:
    """Tries the conversions and patterns whose arguments are constants.

    Raises:
        EvaluationError: One of them fails, as it would for every object.
    """
    for node, _ in walk(checked.tree):
        if not isinstance(node, Call) or not node.args:
            continue
        constant = node.args[0]
        if not isinstance(constant, Literal):
            continue
        if node.function in _PATTERNS and constant.type == "string":
            try:
                compiled(constant.value)
            except PatternError as error:
                raise EvaluationError(str(error)) from None
        elif node.function in _CONVERSIONS and node.target is None and id(node) in checked.calls:
            value = UInt(constant.value) if constant.type == "uint" else constant.value
            checked.calls[id(node)].overloads[0].implementation(value)


_PATTERNS = frozenset({"find", "findAll"})
_CONVERSIONS = frozenset(
    {"bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint"}
)


def walk(node: Node) -> Iterator[tuple[Node, bool]]:
    """The node and everything below it, and whether it is an argument of `format`."""
    pending = [(node, False)]
    while pending:
        each, formatted = pending.pop()
        yield each, formatted
        inside = formatted or (isinstance(each, Call) and each.function == "format")
        pending.extend((below, inside) for below in each_below(each))


def _problems(call: Call) -> Iterator[Issue]:
    constant = call.args[-1] if call.args else None
    if not isinstance(constant, Literal) or constant.type != "string":
        return
    match call.function:
        case "matches":
            try:
                compiled(constant.value)
            except PatternError:
                yield Issue(constant.at, "invalid matches argument")
        case "timestamp" | "duration" if call.target is None and len(call.args) == 1:
            read = read_timestamp if call.function == "timestamp" else read_duration
            try:
                read(constant.value)
            except ValueError:
                yield Issue(constant.at, f"invalid {call.function} argument")


def _inside(type_: CelType, *, optional: bool) -> CelType:
    return type_.params[0] if optional and type_.params else type_


def _other(node: Node, first: CelType, type_: CelType) -> Issue:
    return Issue(node.at, f"expected type '{first}' but found '{type_}'")


def _mixed_items(node: ListLiteral, types: Mapping[int, CelType]) -> Iterator[Issue]:
    first: CelType | None = None
    for position, item in enumerate(node.items):
        type_ = _inside(types[id(item)], optional=position in node.optional)
        first = first or type_
        if type_ != first:
            yield _other(item, first, type_)
            return


def _mixed_entries(node: MapLiteral, types: Mapping[int, CelType]) -> Iterator[Issue]:
    key: CelType | None = None
    value: CelType | None = None
    for entry in node.entries:
        key_type = types[id(entry.key)]
        value_type = _inside(types[id(entry.value)], optional=entry.optional)
        key, value = key or key_type, value or value_type
        if key_type != key:
            yield _other(entry.key, key, key_type)
        if value_type != value:
            yield _other(entry.value, value, value_type)
