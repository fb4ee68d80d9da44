"""Calls: script functions, closures, methods of values, the host. Pure."""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal, DecimalException
from typing import Any

from towline.errors import LimitError
from towline.text.groovy import tree
from towline.text.groovy.limits import Meter
from towline.text.groovy.methods import BOOLEAN, LIST, MAP, NUMBER, STATIC, STRING, Code, Method
from towline.text.groovy.scope import Scope
from towline.text.groovy.values import (
    UNKNOWN,
    Arguments,
    ClosureValue,
    HostObject,
    Site,
    Thrown,
    no_such_method,
    script_error,
    type_name,
)

# Java's doors to reflection: refused by name, so that the message says why.
REFLECTION = frozenset(
    {
        "class", "getClass", "metaClass", "getMetaClass", "delegate", "owner", "properties",
        "getProperties", "binding", "getBinding", "invokeMethod", "getProperty", "setProperty",
        "execute", "classLoader", "getClassLoader", "forName",
    }
)  # fmt: skip


class ReturnSignal(Exception):  # noqa: N818  # control flow, not an error
    """`return`, on its way to the function or closure."""

    def __init__(self, value: Any) -> None:
        super().__init__("return")
        self.value = value


class LoopSignal(Exception):  # noqa: N818  # control flow, not an error
    """`break` or `continue`, on its way to the loop."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class ScriptObject(HostObject):
    """`this` at the top of a script: its functions, variables and the host's functions."""

    type_name = "Script"

    def get(self, name: str, site: Site) -> Any:
        """A script-wide variable, or a name of the host."""
        binding = site.interpreter.binding
        if name in binding:
            return binding[name]
        value = site.interpreter.host.lookup(name, site)
        return super().get(name, site) if value is UNKNOWN else value

    def set(self, name: str, value: Any, site: Site) -> None:
        """Sets a script-wide variable."""
        site.interpreter.binding[name] = value

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """A function of the script, else of the host."""
        interpreter = site.interpreter
        function = interpreter.script.functions.get(method)
        if function is None:
            return await interpreter.host.call(method, arguments, site)
        closure = ClosureValue(function, None)
        return await interpreter.call(closure, with_named(arguments), site.state, site.depth)


class TypeValue(HostObject):
    """A type named in an expression: `Math`, `Integer`, an exception class."""

    type_name = "Class"

    def __init__(self, name: str) -> None:
        self.name = name

    def text(self) -> str:
        """Its name."""
        return f"class {self.name}"

    def get(self, name: str, site: Site) -> Any:
        """The few constants that are allowed."""
        constant = _CONSTANTS.get((self.name, name))
        return super().get(name, site) if constant is None else constant


_CONSTANTS: dict[tuple[str, str], Any] = {
    ("Integer", "MAX_VALUE"): 2**31 - 1,
    ("Integer", "MIN_VALUE"): -(2**31),
    ("Long", "MAX_VALUE"): 2**63 - 1,
}


class BoundFrame:
    """What methods of values may use: the meter, and calls of closures."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def meter(self) -> Meter:
        """Counts work and sizes."""
        return self._scope.meter

    def call(self, closure: ClosureValue, *arguments: Any) -> Code:
        """A call of a closure, to be yielded."""
        return call_closure(closure, list(arguments), self._scope)


def site_of(at: tree.Position, scope: Scope) -> Site:
    """The place of a call, for the host."""
    thread = scope.thread
    return Site(at.line, at.column, thread.state, thread.interpreter, thread.depth)


def with_named(arguments: Arguments) -> list[Any]:
    """Named arguments become one leading map, as Groovy passes them."""
    if not arguments.named:
        return arguments.positional
    return [dict(arguments.named), *arguments.positional]


# Functions and closures


def call_closure(closure: ClosureValue, arguments: list[Any], caller: Scope) -> Code:
    """Calls a closure or a script function."""
    # Imported late: statements call closures, and closures hold statements.
    from towline.text.groovy.execute import run_block  # noqa: PLC0415

    limit = caller.meter.limits.call_depth
    if caller.calls >= limit:
        raise LimitError(f"more than {limit} calls inside each other", hint="endless recursion?")
    scope = Scope(closure.scope, caller.thread, caller.calls + 1)
    yield _bind(closure.code, arguments, scope)
    try:
        return (yield run_block(closure.code.body, scope))
    except ReturnSignal as signal:
        return signal.value
    except LoopSignal as signal:
        raise outside_loop(signal) from None


def outside_loop(signal: LoopSignal) -> Thrown:
    """The exception for a stray `break` or `continue`, to be raised."""
    return script_error("IllegalStateException", f"'{signal.word}' outside of a loop")


def _bind(code: tree.Closure | tree.Function, arguments: list[Any], scope: Scope) -> Code:
    """Gives the parameters their values."""
    from towline.text.groovy.evaluate import evaluate  # noqa: PLC0415

    parameters = code.parameters
    if parameters is None:
        scope.names["it"] = arguments[0] if arguments else None
        return
    is_function = isinstance(code, tree.Function)
    if is_function and len(arguments) > len(parameters):
        raise _wrong_count(code, arguments)
    alone = len(arguments) == 1 and isinstance(arguments[0], list)
    if alone and len(parameters) > 1 and not is_function:
        arguments = arguments[0]
    for index, parameter in enumerate(parameters):
        if index < len(arguments):
            scope.names[parameter.name] = arguments[index]
        elif parameter.default is not None:
            scope.names[parameter.name] = yield evaluate(parameter.default, scope)
        elif len(parameters) == 1 and not arguments:
            scope.names[parameter.name] = None
        else:
            raise _wrong_count(code, arguments)


def _wrong_count(code: tree.Closure | tree.Function, arguments: list[Any]) -> Thrown:
    name = code.name if isinstance(code, tree.Function) else "closure"
    wanted = len(code.parameters or ())
    message = f"{name} takes {wanted} arguments, {len(arguments)} were given"
    return script_error("MissingMethodException", message)


# Methods


def call_method(
    target: Any, name: str, arguments: Arguments, at: tree.Position, scope: Scope
) -> Code:
    """Calls a method of any value."""
    if target is None:
        message = f"Cannot invoke method {name}() on null object"
        raise script_error("NullPointerException", message)
    closure = _closure_behind(target, name)
    if closure is not None:
        return (yield call_closure(closure, with_named(arguments), scope))
    method = _method(target, name)
    if method is not None:
        receiver = None if isinstance(target, TypeValue) else target
        return (yield _apply(method, name, receiver, with_named(arguments), scope))
    if isinstance(target, HostObject):
        return (yield target.call(name, arguments, site_of(at, scope)))
    if name in REFLECTION:
        raise script_error("RejectedAccessException", f"reflection is not available: {name}")
    raise no_such_method(target, name, arguments.positional)


def _closure_behind(target: Any, name: str) -> ClosureValue | None:
    """`closure.call()` and `map.name()` where the entry is a closure."""
    if isinstance(target, ClosureValue) and name in {"call", "doCall"}:
        return target
    value = target.get(name) if isinstance(target, dict) else None
    return value if isinstance(value, ClosureValue) else None


def _method(target: Any, name: str) -> Method | None:
    if isinstance(target, TypeValue):
        return STATIC.get(target.name, {}).get(name)
    for kind, methods in _METHODS:
        if isinstance(target, kind):
            return methods.get(name)
    return None


_METHODS: tuple[tuple[type, dict[str, Method]], ...] = (
    (str, STRING),
    (bool, BOOLEAN),
    (list, LIST),
    (dict, MAP),
    (int, NUMBER),
    (Decimal, NUMBER),
)


def _apply(method: Method, name: str, target: Any, positional: list[Any], scope: Scope) -> Code:
    if not method.low <= len(positional) <= method.high:
        raise no_such_method(target, name, positional)
    scope.meter.charge()
    try:
        result = method.function(BoundFrame(scope), target, *positional)
        if isinstance(result, Generator):
            result = yield result
    except (DecimalException, OverflowError) as error:
        message = f"{type_name(target)}.{name}: the result is out of range"
        raise script_error("ArithmeticException", message) from error
    return result
