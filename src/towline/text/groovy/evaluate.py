"""Expressions: from tree to value. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.text.groovy import tree
from towline.text.groovy.calls import (
    REFLECTION,
    ScriptObject,
    TypeValue,
    call_closure,
    call_method,
    site_of,
    with_named,
)
from towline.text.groovy.methods import STATIC, Code, Ready
from towline.text.groovy.operators import (
    binary,
    cast,
    instance_of,
    is_number,
    unary,
)
from towline.text.groovy.patterns import MatcherValue
from towline.text.groovy.scope import Scope
from towline.text.groovy.values import (
    EXCEPTION_NAMES,
    UNKNOWN,
    Arguments,
    ClosureValue,
    ExceptionValue,
    HostObject,
    map_key,
    script_error,
    to_text,
    truth,
    type_name,
)

_THIS = ScriptObject()


def evaluate(node: tree.Node, scope: Scope) -> Code | Ready:
    """The computation of an expression's value; names and constants are ready at once."""
    return _EVALUATORS[type(node)](node, scope)


def _literal(node: tree.Literal, scope: Scope) -> Ready:
    return Ready(node.value)


def _interpolated(node: tree.Interpolated, scope: Scope) -> Code:
    pieces: list[str] = []
    size = 0
    for part in node.parts:
        if isinstance(part, str):
            pieces.append(part)
        else:
            value = yield evaluate(part, scope)
            if isinstance(value, ClosureValue) and value.arity == 0:
                value = yield call_closure(value, [], scope)
            pieces.append(to_text(value, scope.meter))
        size += len(pieces[-1])
        scope.meter.require_text(size)
    return scope.meter.text("".join(pieces))


# Names


def _name(node: tree.Name, scope: Scope) -> Ready:
    return Ready(lookup(node, scope))


def lookup(node: tree.Name, scope: Scope) -> Any:
    """The value of a bare name.

    Raises:
        Thrown: MissingPropertyException when nothing has this name.
    """
    name = node.name
    holder = scope.find(name)
    if holder is not None:
        return holder.names[name]
    if name in scope.interpreter.binding:
        return scope.interpreter.binding[name]
    if name == "this":
        return _THIS
    value = scope.interpreter.host.lookup(name, site_of(node.at, scope))
    if value is not UNKNOWN:
        return value
    if name in STATIC or name in EXCEPTION_NAMES:
        return TypeValue(name)
    message = f"No such property: {name}"
    if name in scope.interpreter.body_names:
        message += (
            f" ('def {name}' at the top of the file is not visible in functions:"
            f" write '{name} = ...' without def, or '@Field def {name}')"
        )
    raise script_error("MissingPropertyException", message)


def assign_name(name: str, value: Any, scope: Scope) -> None:
    """Assigns to the nearest variable of that name, else to a script-wide one."""
    holder = scope.find(name)
    if holder is None:
        scope.interpreter.binding[name] = value
        scope.meter.room_for_items(len(scope.interpreter.binding))
    else:
        holder.names[name] = value


# Collections


def _items(nodes: tuple[tree.Node, ...], scope: Scope) -> Code:
    found: list[Any] = []
    for node in nodes:
        if isinstance(node, tree.Spread):
            part = yield evaluate(node.value, scope)
            if not isinstance(part, list):
                raise script_error("IllegalArgumentException", "'*' needs a list")
            scope.meter.room_for_items(len(found) + len(part))
            found += part
        else:
            found.append((yield evaluate(node, scope)))
    return found


def _list(node: tree.ListLiteral, scope: Scope) -> Code:
    found = yield _items(node.items, scope)
    scope.meter.room_for_items(len(found))
    return found


def _map(node: tree.MapLiteral, scope: Scope) -> Code:
    found: dict[Any, Any] = {}
    for entry in node.entries:
        key = yield evaluate(entry.key, scope)
        found[map_key(key)] = yield evaluate(entry.value, scope)
    return found


def _range(node: tree.RangeLiteral, scope: Scope) -> Code:
    low = yield evaluate(node.low, scope)
    high = yield evaluate(node.high, scope)
    letters = isinstance(low, str) and isinstance(high, str) and len(low) == len(high) == 1
    if letters:
        low, high = ord(low), ord(high)
    if not (isinstance(low, int) and isinstance(high, int)):
        raise script_error("IllegalArgumentException", "a range needs two integers or two letters")
    step = 1 if low <= high else -1
    end = high if node.exclusive else high + step
    scope.meter.room_for_items(abs(end - low))
    numbers = range(low, end, step)
    return [chr(code) for code in numbers] if letters else list(numbers)


def _closure(node: tree.Closure, scope: Scope) -> Ready:
    return Ready(ClosureValue(node, scope))


# Members and elements


def _property(node: tree.Property, scope: Scope) -> Code:
    target = yield evaluate(node.target, scope)
    name = yield _member_name(node, scope)
    if target is None and node.safe:
        return None
    if node.spread and isinstance(target, list):
        return [get_property(item, name, node.at, scope) for item in target]
    return get_property(target, name, node.at, scope)


def _member_name(node: tree.Property, scope: Scope) -> Code:
    if isinstance(node.name, str):
        return node.name
    return to_text((yield evaluate(node.name, scope)), scope.meter)


def get_property(target: Any, name: str, at: tree.Position, scope: Scope) -> Any:
    """`target.name`."""
    if target is None:
        raise script_error("NullPointerException", f"Cannot get property '{name}' on null object")
    if isinstance(target, HostObject):
        return target.get(name, site_of(at, scope))
    if isinstance(target, dict):
        return target.get(name)
    if name in REFLECTION:
        raise script_error("RejectedAccessException", f"reflection is not available: {name}")
    if isinstance(target, list):
        scope.meter.charge(len(target))
        return [get_property(item, name, at, scope) for item in target]
    raise script_error(
        "MissingPropertyException", f"No such property: {name} for class: {type_name(target)}"
    )


def _index(node: tree.Index, scope: Scope) -> Code:
    target = yield evaluate(node.target, scope)
    if isinstance(node.index, tree.RangeLiteral) and isinstance(target, str | list):
        low = yield evaluate(node.index.low, scope)
        high = yield evaluate(node.index.high, scope)
        return _slice(target, low, high, exclusive=node.index.exclusive)
    index = yield evaluate(node.index, scope)
    return get_item(target, index, node.at, scope)


def get_item(target: Any, index: Any, at: tree.Position, scope: Scope) -> Any:
    """`target[index]`."""
    match target:
        case None:
            raise script_error("NullPointerException", "Cannot get an element of a null object")
        case dict():
            return target.get(map_key(index))
        case MatcherValue() if isinstance(index, int):
            return target.item(index)
        case HostObject():
            name = to_text(index, scope.meter)
            return target.get(name, site_of(at, scope))
        case str() | list():
            return _element(target, index, scope)
    raise script_error("MissingMethodException", f"a {type_name(target)} has no elements")


def _element(target: Any, index: Any, scope: Scope) -> Any:
    if isinstance(index, list):
        scope.meter.room_for_items(len(index))
        found = [_element(target, item, scope) for item in index if isinstance(item, int)]
        return "".join(found) if isinstance(target, str) else found
    if not isinstance(index, int) or isinstance(index, bool):
        raise script_error(
            "MissingMethodException", f"an index must be an integer, not a {type_name(index)}"
        )
    if -len(target) <= index < len(target):
        return target[index]
    if isinstance(target, list) and index >= 0:
        return None
    kind = "String" if isinstance(target, str) else "Array"
    raise script_error(f"{kind}IndexOutOfBoundsException", f"Index out of range: {index}")


def _slice(target: Any, low: Any, high: Any, *, exclusive: bool) -> Any:
    if not (is_number(low) and is_number(high)):
        raise script_error("IllegalArgumentException", "a range of elements needs two integers")
    size = len(target)
    start, end = (position + size if position < 0 else position for position in (low, high))
    if exclusive:
        end += -1 if start <= end else 1
        if low == high:
            return target[:0]
    if not (0 <= start < max(size, 1) and 0 <= end < max(size, 1)) or size == 0:
        if isinstance(target, list) and size == 0:
            return []
        kind = "String" if isinstance(target, str) else "Array"
        raise script_error(
            f"{kind}IndexOutOfBoundsException", f"Range [{low}..{high}] is out of bounds"
        )
    return target[start : end + 1] if start <= end else target[end : start + 1][::-1]


# Calls


def _arguments(node: tree.Call | tree.New, scope: Scope) -> Code:
    named: dict[str, Any] = {}
    for entry in node.named:
        key = to_text((yield evaluate(entry.key, scope)), scope.meter)
        named[key] = yield evaluate(entry.value, scope)
    positional = yield _items(node.arguments, scope)
    return Arguments(positional, named)


def _call(node: tree.Call, scope: Scope) -> Code:
    callee = node.callee
    if isinstance(callee, tree.Name):
        return (yield _call_name(node, callee, scope))
    if isinstance(callee, tree.Property):
        return (yield _call_member(node, callee, scope))
    value = yield evaluate(callee, scope)
    arguments = yield _arguments(node, scope)
    return (yield call_method(value, "call", arguments, node.at, scope))


def _call_name(node: tree.Call, callee: tree.Name, scope: Scope) -> Code:
    """A variable that holds a closure, else a function of the script, else the host's."""
    arguments = yield _arguments(node, scope)
    name = callee.name
    holder = scope.find(name)
    value = holder.names[name] if holder is not None else scope.interpreter.binding.get(name)
    if not isinstance(value, ClosureValue):
        function = scope.interpreter.script.functions.get(name)
        value = None if function is None else ClosureValue(function, None)
    if value is not None:
        positional = with_named(arguments)
        return (yield call_closure(value, positional, scope))
    site = site_of(node.at, scope)
    return (yield scope.interpreter.host.call(name, arguments, site))


def _call_member(node: tree.Call, callee: tree.Property, scope: Scope) -> Code:
    target = yield evaluate(callee.target, scope)
    if target is None and callee.safe:
        return None
    name = yield _member_name(callee, scope)
    arguments = yield _arguments(node, scope)
    if callee.spread and isinstance(target, list):
        found = []
        for item in target:
            value = yield call_method(item, name, arguments, callee.at, scope)
            found.append(value)
        return found
    return (yield call_method(target, name, arguments, callee.at, scope))


def _new(node: tree.New, scope: Scope) -> Code:
    arguments = yield _arguments(node, scope)
    name = node.type.rsplit(".", 1)[-1]
    positional = arguments.positional
    if name in EXCEPTION_NAMES:
        message = to_text(positional[0], scope.meter) if positional else None
        cause = positional[1] if len(positional) > 1 else None
        return ExceptionValue(name, message, cause if isinstance(cause, ExceptionValue) else None)
    if name in {"ArrayList", "LinkedList", "HashSet", "LinkedHashSet"}:
        source = positional[0] if positional and isinstance(positional[0], list) else []
        return cast(source, name if "Set" in name else "List", scope.meter)
    if name in {"HashMap", "LinkedHashMap", "TreeMap"}:
        return dict(positional[0]) if positional and isinstance(positional[0], dict) else {}
    site = site_of(node.at, scope)
    return (yield scope.interpreter.host.construct(node.type, arguments, site))


# Operators


def _unary(node: tree.Unary, scope: Scope) -> Code:
    value = yield evaluate(node.operand, scope)
    return unary(node.operator, value, scope.meter)


def _binary(node: tree.Binary, scope: Scope) -> Code:
    left = yield evaluate(node.left, scope)
    if node.operator == "&&":
        return truth(left) and truth((yield evaluate(node.right, scope)))
    if node.operator == "||":
        return truth(left) or truth((yield evaluate(node.right, scope)))
    right = yield evaluate(node.right, scope)
    if isinstance(right, TypeValue) and node.operator in {"in", "!in"}:
        return instance_of(left, right.name) == (node.operator == "in")
    return binary(node.operator, left, right, scope.meter)


def _ternary(node: tree.Ternary, scope: Scope) -> Code:
    condition = yield evaluate(node.condition, scope)
    if node.yes is None and truth(condition):
        return condition
    chosen = node.yes if node.yes is not None and truth(condition) else node.no
    return (yield evaluate(chosen, scope))


def _cast(node: tree.Cast, scope: Scope) -> Code:
    value = yield evaluate(node.value, scope)
    return cast(value, node.type, scope.meter)


def _instance_of(node: tree.InstanceOf, scope: Scope) -> Code:
    value = yield evaluate(node.value, scope)
    return instance_of(value, node.type) != node.negated


# Assignment


def _assign(node: tree.Assign, scope: Scope) -> Code:
    if node.operator:
        before = yield evaluate(node.target, scope)
        change = yield evaluate(node.value, scope)
        value = binary(node.operator, before, change, scope.meter)
    else:
        value = yield evaluate(node.value, scope)
    yield _store(node.target, value, scope)
    return value


def _step(node: tree.Step, scope: Scope) -> Code:
    before = yield evaluate(node.target, scope)
    value = binary("+", before, node.amount, scope.meter)
    yield _store(node.target, value, scope)
    return value if node.prefix else before


def _store(node: tree.Node, value: Any, scope: Scope) -> Code:
    match node:
        case tree.Name():
            assign_name(node.name, value, scope)
        case tree.Property():
            target = yield evaluate(node.target, scope)
            name = yield _member_name(node, scope)
            if target is not None or not node.safe:
                _set_member(target, name, value, node.at, scope)
        case tree.Index():
            target = yield evaluate(node.target, scope)
            index = yield evaluate(node.index, scope)
            _set_item(target, index, value, node.at, scope)


def _set_member(
    target: Any,
    name: str,
    value: Any,
    at: tree.Position,
    scope: Scope,
) -> None:
    if target is None:
        raise script_error("NullPointerException", f"Cannot set property '{name}' on null object")
    if isinstance(target, HostObject):
        target.set(name, value, site_of(at, scope))
    elif isinstance(target, dict):
        scope.meter.room_for_items(len(target) + 1)
        target[name] = value
    else:
        raise script_error(
            "MissingPropertyException", f"a {type_name(target)} has no property {name}"
        )


def _set_item(
    target: Any,
    index: Any,
    value: Any,
    at: tree.Position,
    scope: Scope,
) -> None:
    if isinstance(target, list):
        if not isinstance(index, int) or isinstance(index, bool) or index < -len(target):
            raise script_error("ArrayIndexOutOfBoundsException", "the index is not in the list")
        scope.meter.room_for_items(max(index, len(target)) + 1)
        target.extend([None] * (index + 1 - len(target)))
        target[index] = value
    elif isinstance(target, dict):
        scope.meter.room_for_items(len(target) + 1)
        target[map_key(index)] = value
    else:
        name = to_text(index, scope.meter)
        _set_member(target, name, value, at, scope)


_EVALUATORS: dict[type[tree.Node], Callable[..., Code | Ready]] = {
    tree.Literal: _literal,
    tree.Interpolated: _interpolated,
    tree.Name: _name,
    tree.ListLiteral: _list,
    tree.MapLiteral: _map,
    tree.RangeLiteral: _range,
    tree.Closure: _closure,
    tree.Property: _property,
    tree.Index: _index,
    tree.Call: _call,
    tree.New: _new,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Ternary: _ternary,
    tree.Cast: _cast,
    tree.InstanceOf: _instance_of,
    tree.Assign: _assign,
    tree.Step: _step,
}
