"""Expressions: from tree to value. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from towline.text.groovy import tree
from towline.text.groovy.calls import (
    ScriptObject,
    TypeValue,
    call_closure,
    call_method,
    site_of,
    with_named,
)
from towline.text.groovy.methods import STATIC, Code
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
    throw,
    to_text,
    truth,
    type_name,
)

if TYPE_CHECKING:
    from towline.text.groovy.interpreter import Interpreter

_THIS = ScriptObject()
_REFLECTION = frozenset({"class", "metaClass", "delegate", "owner", "properties", "binding"})


def evaluate(interpreter: Interpreter, node: tree.Node, scope: Scope) -> Code:
    """The computation of an expression's value."""
    return _EVALUATORS[type(node)](interpreter, node, scope)


def _literal(interpreter: Interpreter, node: tree.Literal, scope: Scope) -> Code:
    return node.value
    yield  # a generator like all others


def _interpolated(interpreter: Interpreter, node: tree.Interpolated, scope: Scope) -> Code:
    pieces: list[str] = []
    size = 0
    for part in node.parts:
        if isinstance(part, str):
            pieces.append(part)
        else:
            value = yield evaluate(interpreter, part, scope)
            if isinstance(value, ClosureValue) and value.arity == 0:
                value = yield call_closure(interpreter, value, [], scope.thread, scope.calls)
            pieces.append(to_text(value, interpreter.meter))
        size += len(pieces[-1])
        interpreter.meter.require_text(size)
    return interpreter.meter.text("".join(pieces))


# Names


def _name(interpreter: Interpreter, node: tree.Name, scope: Scope) -> Code:
    return lookup(interpreter, node, scope)
    yield  # a generator like all others


def lookup(interpreter: Interpreter, node: tree.Name, scope: Scope) -> Any:
    """The value of a bare name.

    Raises:
        Thrown: MissingPropertyException when nothing has this name.
    """
    name = node.name
    holder = scope.find(name)
    if holder is not None:
        return holder.names[name]
    if name in interpreter.binding:
        return interpreter.binding[name]
    if name == "this":
        return _THIS
    value = interpreter.host.lookup(name, site_of(interpreter, node.at, scope))
    if value is not UNKNOWN:
        return value
    if name in STATIC or name in EXCEPTION_NAMES:
        return TypeValue(name)
    message = f"No such property: {name}"
    if name in interpreter.body_names:
        message += (
            f" ('def {name}' at the top of the file is not visible in functions:"
            f" write '{name} = ...' without def, or '@Field def {name}')"
        )
    throw("MissingPropertyException", message)


def assign_name(interpreter: Interpreter, name: str, value: Any, scope: Scope) -> None:
    """Assigns to the nearest variable of that name, else to a script-wide one."""
    holder = scope.find(name)
    if holder is None:
        interpreter.binding[name] = value
        interpreter.meter.room_for_items(len(interpreter.binding))
    else:
        holder.names[name] = value


# Collections


def _items(interpreter: Interpreter, nodes: tuple[tree.Node, ...], scope: Scope) -> Code:
    found: list[Any] = []
    for node in nodes:
        if isinstance(node, tree.Spread):
            part = yield evaluate(interpreter, node.value, scope)
            if not isinstance(part, list):
                throw("IllegalArgumentException", "'*' needs a list")
            interpreter.meter.room_for_items(len(found) + len(part))
            found += part
        else:
            found.append((yield evaluate(interpreter, node, scope)))
    return found


def _list(interpreter: Interpreter, node: tree.ListLiteral, scope: Scope) -> Code:
    found = yield _items(interpreter, node.items, scope)
    interpreter.meter.room_for_items(len(found))
    return found


def _map(interpreter: Interpreter, node: tree.MapLiteral, scope: Scope) -> Code:
    found: dict[Any, Any] = {}
    for entry in node.entries:
        key = yield evaluate(interpreter, entry.key, scope)
        found[map_key(key)] = yield evaluate(interpreter, entry.value, scope)
    return found


def _range(interpreter: Interpreter, node: tree.RangeLiteral, scope: Scope) -> Code:
    low = yield evaluate(interpreter, node.low, scope)
    high = yield evaluate(interpreter, node.high, scope)
    letters = isinstance(low, str) and isinstance(high, str) and len(low) == len(high) == 1
    if letters:
        low, high = ord(low), ord(high)
    if not (isinstance(low, int) and isinstance(high, int)):
        throw("IllegalArgumentException", "a range needs two integers or two letters")
    step = 1 if low <= high else -1
    end = high if node.exclusive else high + step
    interpreter.meter.room_for_items(abs(end - low))
    numbers = range(low, end, step)
    return [chr(code) for code in numbers] if letters else list(numbers)


def _closure(interpreter: Interpreter, node: tree.Closure, scope: Scope) -> Code:
    return ClosureValue(node, scope)
    yield  # a generator like all others


# Members and elements


def _property(interpreter: Interpreter, node: tree.Property, scope: Scope) -> Code:
    target = yield evaluate(interpreter, node.target, scope)
    name = yield _member_name(interpreter, node, scope)
    if target is None and node.safe:
        return None
    if node.spread and isinstance(target, list):
        return [get_property(interpreter, item, name, node.at, scope) for item in target]
    return get_property(interpreter, target, name, node.at, scope)


def _member_name(interpreter: Interpreter, node: tree.Property, scope: Scope) -> Code:
    if isinstance(node.name, str):
        return node.name
    return to_text((yield evaluate(interpreter, node.name, scope)), interpreter.meter)


def get_property(
    interpreter: Interpreter, target: Any, name: str, at: tree.Position, scope: Scope
) -> Any:
    """`target.name`."""
    if target is None:
        throw("NullPointerException", f"Cannot get property '{name}' on null object")
    if isinstance(target, HostObject):
        return target.get(name, site_of(interpreter, at, scope))
    if isinstance(target, dict):
        return target.get(name)
    if name in _REFLECTION:
        throw("RejectedAccessException", f"reflection is not available: {name}")
    if isinstance(target, list):
        interpreter.meter.charge(len(target))
        return [get_property(interpreter, item, name, at, scope) for item in target]
    throw("MissingPropertyException", f"No such property: {name} for class: {type_name(target)}")


def _index(interpreter: Interpreter, node: tree.Index, scope: Scope) -> Code:
    target = yield evaluate(interpreter, node.target, scope)
    if isinstance(node.index, tree.RangeLiteral) and isinstance(target, str | list):
        low = yield evaluate(interpreter, node.index.low, scope)
        high = yield evaluate(interpreter, node.index.high, scope)
        return _slice(target, low, high, exclusive=node.index.exclusive)
    index = yield evaluate(interpreter, node.index, scope)
    return get_item(interpreter, target, index, node.at, scope)


def get_item(
    interpreter: Interpreter, target: Any, index: Any, at: tree.Position, scope: Scope
) -> Any:
    """`target[index]`."""
    match target:
        case None:
            throw("NullPointerException", "Cannot get an element of a null object")
        case dict():
            return target.get(map_key(index))
        case MatcherValue() if isinstance(index, int):
            return target.item(index)
        case HostObject():
            name = to_text(index, interpreter.meter)
            return target.get(name, site_of(interpreter, at, scope))
        case str() | list():
            return _element(interpreter, target, index)
    throw("MissingMethodException", f"a {type_name(target)} has no elements")


def _element(interpreter: Interpreter, target: Any, index: Any) -> Any:
    if isinstance(index, list):
        interpreter.meter.room_for_items(len(index))
        found = [_element(interpreter, target, item) for item in index if isinstance(item, int)]
        return "".join(found) if isinstance(target, str) else found
    if not isinstance(index, int) or isinstance(index, bool):
        throw("MissingMethodException", f"an index must be an integer, not a {type_name(index)}")
    if -len(target) <= index < len(target):
        return target[index]
    if isinstance(target, list) and index >= 0:
        return None
    kind = "String" if isinstance(target, str) else "Array"
    throw(f"{kind}IndexOutOfBoundsException", f"Index out of range: {index}")


def _slice(target: Any, low: Any, high: Any, *, exclusive: bool) -> Any:
    if not (is_number(low) and is_number(high)):
        throw("IllegalArgumentException", "a range of elements needs two integers")
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
        throw(f"{kind}IndexOutOfBoundsException", f"Range [{low}..{high}] is out of bounds")
    return target[start : end + 1] if start <= end else target[end : start + 1][::-1]


# Calls


def _arguments(interpreter: Interpreter, node: tree.Call | tree.New, scope: Scope) -> Code:
    named: dict[str, Any] = {}
    for entry in node.named:
        key = to_text((yield evaluate(interpreter, entry.key, scope)), interpreter.meter)
        named[key] = yield evaluate(interpreter, entry.value, scope)
    positional = yield _items(interpreter, node.arguments, scope)
    return Arguments(positional, named)


def _call(interpreter: Interpreter, node: tree.Call, scope: Scope) -> Code:
    callee = node.callee
    if isinstance(callee, tree.Name):
        return (yield _call_name(interpreter, node, callee, scope))
    if isinstance(callee, tree.Property):
        return (yield _call_member(interpreter, node, callee, scope))
    value = yield evaluate(interpreter, callee, scope)
    arguments = yield _arguments(interpreter, node, scope)
    return (yield call_method(interpreter, value, "call", arguments, node.at, scope))


def _call_name(interpreter: Interpreter, node: tree.Call, callee: tree.Name, scope: Scope) -> Code:
    """A variable that holds a closure, else a function of the script, else the host's."""
    arguments = yield _arguments(interpreter, node, scope)
    name = callee.name
    holder = scope.find(name)
    value = holder.names[name] if holder is not None else interpreter.binding.get(name)
    if not isinstance(value, ClosureValue):
        function = interpreter.script.functions.get(name)
        value = None if function is None else ClosureValue(function, None)
    if value is not None:
        positional = with_named(arguments)
        return (yield call_closure(interpreter, value, positional, scope.thread, scope.calls))
    site = site_of(interpreter, node.at, scope)
    return (yield interpreter.host.call(name, arguments, site))


def _call_member(
    interpreter: Interpreter, node: tree.Call, callee: tree.Property, scope: Scope
) -> Code:
    target = yield evaluate(interpreter, callee.target, scope)
    if target is None and callee.safe:
        return None
    name = yield _member_name(interpreter, callee, scope)
    arguments = yield _arguments(interpreter, node, scope)
    if callee.spread and isinstance(target, list):
        found = []
        for item in target:
            found.append((yield call_method(interpreter, item, name, arguments, callee.at, scope)))
        return found
    return (yield call_method(interpreter, target, name, arguments, callee.at, scope))


def _new(interpreter: Interpreter, node: tree.New, scope: Scope) -> Code:
    arguments = yield _arguments(interpreter, node, scope)
    name = node.type.rsplit(".", 1)[-1]
    positional = arguments.positional
    if name in EXCEPTION_NAMES:
        message = to_text(positional[0], interpreter.meter) if positional else None
        cause = positional[1] if len(positional) > 1 else None
        return ExceptionValue(name, message, cause if isinstance(cause, ExceptionValue) else None)
    if name in {"ArrayList", "LinkedList", "HashSet", "LinkedHashSet"}:
        source = positional[0] if positional and isinstance(positional[0], list) else []
        return cast(source, name if "Set" in name else "List", interpreter.meter)
    if name in {"HashMap", "LinkedHashMap", "TreeMap"}:
        return dict(positional[0]) if positional and isinstance(positional[0], dict) else {}
    site = site_of(interpreter, node.at, scope)
    return (yield interpreter.host.construct(node.type, arguments, site))


# Operators


def _unary(interpreter: Interpreter, node: tree.Unary, scope: Scope) -> Code:
    value = yield evaluate(interpreter, node.operand, scope)
    return unary(node.operator, value, interpreter.meter)


def _binary(interpreter: Interpreter, node: tree.Binary, scope: Scope) -> Code:
    left = yield evaluate(interpreter, node.left, scope)
    if node.operator == "&&":
        return truth(left) and truth((yield evaluate(interpreter, node.right, scope)))
    if node.operator == "||":
        return truth(left) or truth((yield evaluate(interpreter, node.right, scope)))
    right = yield evaluate(interpreter, node.right, scope)
    if isinstance(right, TypeValue) and node.operator in {"in", "!in"}:
        return instance_of(left, right.name) == (node.operator == "in")
    return binary(node.operator, left, right, interpreter.meter)


def _ternary(interpreter: Interpreter, node: tree.Ternary, scope: Scope) -> Code:
    condition = yield evaluate(interpreter, node.condition, scope)
    if node.yes is None and truth(condition):
        return condition
    chosen = node.yes if node.yes is not None and truth(condition) else node.no
    return (yield evaluate(interpreter, chosen, scope))


def _cast(interpreter: Interpreter, node: tree.Cast, scope: Scope) -> Code:
    value = yield evaluate(interpreter, node.value, scope)
    return cast(value, node.type, interpreter.meter)


def _instance_of(interpreter: Interpreter, node: tree.InstanceOf, scope: Scope) -> Code:
    value = yield evaluate(interpreter, node.value, scope)
    return instance_of(value, node.type) != node.negated


# Assignment


def _assign(interpreter: Interpreter, node: tree.Assign, scope: Scope) -> Code:
    if node.operator:
        before = yield evaluate(interpreter, node.target, scope)
        change = yield evaluate(interpreter, node.value, scope)
        value = binary(node.operator, before, change, interpreter.meter)
    else:
        value = yield evaluate(interpreter, node.value, scope)
    yield _store(interpreter, node.target, value, scope)
    return value


def _step(interpreter: Interpreter, node: tree.Step, scope: Scope) -> Code:
    before = yield evaluate(interpreter, node.target, scope)
    value = binary("+", before, node.amount, interpreter.meter)
    yield _store(interpreter, node.target, value, scope)
    return value if node.prefix else before


def _store(interpreter: Interpreter, node: tree.Node, value: Any, scope: Scope) -> Code:
    match node:
        case tree.Name():
            assign_name(interpreter, node.name, value, scope)
        case tree.Property():
            target = yield evaluate(interpreter, node.target, scope)
            name = yield _member_name(interpreter, node, scope)
            if target is not None or not node.safe:
                _set_member(interpreter, target, name, value, node.at, scope)
        case tree.Index():
            target = yield evaluate(interpreter, node.target, scope)
            index = yield evaluate(interpreter, node.index, scope)
            _set_item(interpreter, target, index, value, node.at, scope)


def _set_member(
    interpreter: Interpreter,
    target: Any,
    name: str,
    value: Any,
    at: tree.Position,
    scope: Scope,
) -> None:
    if target is None:
        throw("NullPointerException", f"Cannot set property '{name}' on null object")
    if isinstance(target, HostObject):
        target.set(name, value, site_of(interpreter, at, scope))
    elif isinstance(target, dict):
        interpreter.meter.room_for_items(len(target) + 1)
        target[name] = value
    else:
        throw("MissingPropertyException", f"a {type_name(target)} has no property {name}")


def _set_item(
    interpreter: Interpreter,
    target: Any,
    index: Any,
    value: Any,
    at: tree.Position,
    scope: Scope,
) -> None:
    if isinstance(target, list):
        if not isinstance(index, int) or isinstance(index, bool) or index < -len(target):
            throw("ArrayIndexOutOfBoundsException", "the index is not in the list")
        interpreter.meter.room_for_items(max(index, len(target)) + 1)
        target.extend([None] * (index + 1 - len(target)))
        target[index] = value
    elif isinstance(target, dict):
        interpreter.meter.room_for_items(len(target) + 1)
        target[map_key(index)] = value
    else:
        name = to_text(index, interpreter.meter)
        _set_member(interpreter, target, name, value, at, scope)


_EVALUATORS: dict[type[tree.Node], Callable[..., Code]] = {
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
