"""Calls: script functions, closures, methods of values, the host. Pure."""

from __future__ import annotations

from decimal import DecimalException
from typing import TYPE_CHECKING, Any

from towline.errors import LimitError
from towline.text.groovy import tree
from towline.text.groovy.limits import Meter
from towline.text.groovy.methods import BOOLEAN, LIST, MAP, NUMBER, STATIC, STRING, Code, Method
from towline.text.groovy.operators import is_number
from towline.text.groovy.scope import Scope, Thread
from towline.text.groovy.values import (
    Arguments,
    ClosureValue,
    HostObject,
    Site,
    no_such_method,
    throw,
    type_name,
)

if TYPE_CHECKING:
    from towline.text.groovy.interpreter import Interpreter


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
        """A script-wide variable."""
        binding = site.interpreter.binding
        if name in binding:
            return binding[name]
        value = site.interpreter.host.lookup(name, site)
        return value if value is not None else None

    def set(self, name: str, value: Any, site: Site) -> None:
        """Sets a script-wide variable."""
        site.interpreter.binding[name] = value

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """A function of the script, else of the host."""
        interpreter = site.interpreter
        function = interpreter.script.functions.get(method)
        if function is None:
            return await interpreter.host.call(method, arguments, site)
        positional = with_named(arguments)
        closure = ClosureValue(function, None)
        return await interpreter.call(closure, positional, site.state, site.depth)


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

    def __init__(self, interpreter: Interpreter, scope: Scope) -> None:
        self._interpreter = interpreter
        self._scope = scope

    @property
    def meter(self) -> Meter:
        """Counts work and sizes."""
        return self._interpreter.meter

    def call(self, closure: ClosureValue, *arguments: Any) -> Code:
        """A call of a closure, to be yielded."""
        scope = self._scope
        return call_closure(self._interpreter, closure, list(arguments), scope.thread, scope.calls)


def site_of(interpreter: Interpreter, at: tree.Position, scope: Scope) -> Site:
    """The place of a call, for the host."""
    thread = scope.thread
    return Site(at.line, at.column, thread.state, interpreter, thread.depth)


def with_named(arguments: Arguments) -> list[Any]:
    """Named arguments become one leading map, as Groovy passes them."""
    if not arguments.named:
        return arguments.positional
    return [dict(arguments.named), *arguments.positional]


# Functions and closures


def call_closure(
    interpreter: Interpreter,
    closure: ClosureValue,
    arguments: list[Any],
    thread: Thread,
    calls: int,
) -> Code:
    """Calls a closure or a script function."""
    # Imported late: statements call closures, and closures hold statements.
    from towline.text.groovy.execute import run_block  # noqa: PLC0415

    limit = interpreter.meter.limits.call_depth
    if calls >= limit:
        raise LimitError(f"more than {limit} calls inside each other", hint="endless recursion?")
    scope = Scope(closure.scope, thread, calls + 1)
    is_function = isinstance(closure.code, tree.Function)
    yield _bind(interpreter, closure.code, arguments, scope, strict=is_function)
    try:
        return (yield run_block(interpreter, closure.code.body, scope))
    except ReturnSignal as signal:
        return signal.value
    except LoopSignal as signal:
        raise_outside_loop(signal)


def raise_outside_loop(signal: LoopSignal) -> None:
    """Turns a stray `break` or `continue` into an exception."""
    throw("IllegalStateException", f"'{signal.word}' outside of a loop")


def _bind(
    interpreter: Interpreter,
    code: tree.Closure | tree.Function,
    arguments: list[Any],
    scope: Scope,
    *,
    strict: bool,
) -> Code:
    """Gives the parameters their values."""
    from towline.text.groovy.evaluate import evaluate  # noqa: PLC0415

    if code.parameters is None:
        scope.names["it"] = arguments[0] if arguments else None
        return None
    if len(code.parameters) > 1 and len(arguments) == 1 and isinstance(arguments[0], list):
        arguments = arguments[0] if not strict else arguments
    if strict and len(arguments) > len(code.parameters):
        _wrong_count(code, arguments)
    for index, parameter in enumerate(code.parameters):
        if index < len(arguments):
            scope.names[parameter.name] = arguments[index]
        elif parameter.default is not None:
            scope.names[parameter.name] = yield evaluate(interpreter, parameter.default, scope)
        elif len(code.parameters) == 1 and not arguments:
            scope.names[parameter.name] = None
        else:
            _wrong_count(code, arguments)
    return None


def _wrong_count(code: tree.Closure | tree.Function, arguments: list[Any]) -> None:
    name = code.name if isinstance(code, tree.Function) else "closure"
    wanted = len(code.parameters or ())
    message = f"{name} takes {wanted} arguments, {len(arguments)} were given"
    throw("MissingMethodException", message)


# Methods


def call_method(
    interpreter: Interpreter,
    target: Any,
    name: str,
    arguments: Arguments,
    at: tree.Position,
    scope: Scope,
) -> Code:
    """Calls a method of any value."""
    if target is None:
        throw("NullPointerException", f"Cannot invoke method {name}() on null object")
    if isinstance(target, ClosureValue) and name in {"call", "doCall"}:
        positional = with_named(arguments)
        return (yield call_closure(interpreter, target, positional, scope.thread, scope.calls))
    if isinstance(target, dict) and isinstance(target.get(name), ClosureValue):
        return (
            yield call_closure(
                interpreter, target[name], with_named(arguments), scope.thread, scope.calls
            )
        )
    method = _method(target, name)
    if method is not None:
        receiver = None if isinstance(target, TypeValue) else target
        return (yield _apply(interpreter, method, name, receiver, arguments, scope))
    if isinstance(target, HostObject):
        site = site_of(interpreter, at, scope)
        return (yield target.call(name, arguments, site))
    if name in {"getClass", "class"} or name.startswith("get") and name.endswith("Class"):
        throw("RejectedAccessException", f"reflection is not available: {name}")
    no_such_method(target, name, arguments.positional)


def _method(target: Any, name: str) -> Method | None:
    match target:
        case bool():
            return BOOLEAN.get(name)
        case str():
            return STRING.get(name)
        case list():
            return LIST.get(name)
        case dict():
            return MAP.get(name)
        case TypeValue():
            return STATIC.get(target.name, {}).get(name)
    if is_number(target):
        return NUMBER.get(name)
    return None


def _apply(
    interpreter: Interpreter,
    method: Method,
    name: str,
    target: Any,
    arguments: Arguments,
    scope: Scope,
) -> Code:
    positional = with_named(arguments)
    if not method.low <= len(positional) <= method.high:
        no_such_method(target, name, positional)
    interpreter.meter.charge()
    try:
        result = method.function(BoundFrame(interpreter, scope), target, *positional)
    except (DecimalException, OverflowError):
        throw("ArithmeticException", f"{type_name(target)}.{name}: the result is out of range")
    if hasattr(result, "send"):
        result = yield result
    return result
