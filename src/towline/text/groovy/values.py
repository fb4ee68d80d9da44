"""Run-time values: what scripts hold, how they print, compare and count as true. Pure.

null, booleans, integers, strings, lists and maps are Python's own; decimals are `Decimal`.
Closures, map entries, exceptions and whatever the host lends are classes of this module, so that
no Python attribute is ever reached from a script: there is no reflection to escape through.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from towline.text.groovy.limits import Meter
from towline.text.groovy.tree import Closure, Function

if TYPE_CHECKING:
    from towline.text.groovy.interpreter import Interpreter
    from towline.text.groovy.scope import Scope

_MAX_PRINT_DEPTH = 40


class _Unknown:
    """Type of `UNKNOWN`."""


UNKNOWN = _Unknown()
"""What a host answers for a name that it does not know."""


class Arguments(msgspec.Struct, frozen=True):
    """Arguments of a call to the host."""

    positional: list[Any] = msgspec.field(default_factory=list)
    named: dict[str, Any] = msgspec.field(default_factory=dict)


class Site(msgspec.Struct, frozen=True):
    """Where a call to the host comes from.

    Attributes:
        line: 1-based line.
        column: 1-based column.
        state: The host's own state of this part of the script.
        interpreter: For calling closures.
        depth: Host blocks around the call.
    """

    line: int
    column: int
    state: Any
    interpreter: Interpreter
    depth: int

    def with_state(self, state: Any) -> Site:
        """The same place with another host state."""
        return msgspec.structs.replace(self, state=state)


class HostObject:
    """An object that the host or the language lends to scripts: nothing is reachable by default."""

    type_name = "Object"

    def get(self, name: str, site: Site) -> Any:
        """Reads a property."""
        raise script_error(
            "MissingPropertyException", f"No such property: {name} for class: {self.type_name}"
        )

    def set(self, name: str, value: Any, site: Site) -> None:
        """Writes a property."""
        raise script_error(
            "ReadOnlyPropertyException", f"Cannot set property: {name} of {self.type_name}"
        )

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """Calls a method."""
        raise no_such_method(self, method, arguments.positional)

    def text(self) -> str:
        """How it prints."""
        return self.type_name


class ClosureValue:
    """A closure, or a script function, together with the scope it was made in."""

    __slots__ = ("code", "scope")

    def __init__(self, code: Closure | Function, scope: Scope | None) -> None:
        self.code = code
        self.scope = scope

    @property
    def arity(self) -> int:
        """Number of parameters; `it` counts as one."""
        parameters = self.code.parameters
        return 1 if parameters is None else len(parameters)


class Entry(HostObject):
    """A key and its value, as `map.each { entry -> }` hands them out."""

    type_name = "Entry"

    def __init__(self, key: Any, value: Any) -> None:
        self.key, self.value = key, value

    def get(self, name: str, site: Site) -> Any:
        """`key` or `value`."""
        if name in {"key", "value"}:
            return self.key if name == "key" else self.value
        return super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`getKey()` or `getValue()`."""
        if method in {"getKey", "getValue"} and not arguments.positional:
            return self.key if method == "getKey" else self.value
        return await super().call(method, arguments, site)


# Exceptions

_PARENTS = {
    "Throwable": "Object",
    "Exception": "Throwable",
    "Error": "Throwable",
    "RuntimeException": "Exception",
    "IOException": "Exception",
    "InterruptedException": "Exception",
    "FlowInterruptedException": "InterruptedException",
    "AbortException": "IOException",
    "FileNotFoundException": "IOException",
    "NoSuchFileException": "IOException",
    "TimeoutException": "Exception",
    "AssertionError": "Error",
    "PowerAssertionError": "AssertionError",
    "NoSuchMethodError": "Error",
    "NumberFormatException": "IllegalArgumentException",
    "MissingMethodException": "GroovyRuntimeException",
    "MissingPropertyException": "GroovyRuntimeException",
    "ReadOnlyPropertyException": "MissingPropertyException",
    "GroovyRuntimeException": "RuntimeException",
    "GroovyCastException": "ClassCastException",
    "StringIndexOutOfBoundsException": "IndexOutOfBoundsException",
    "ArrayIndexOutOfBoundsException": "IndexOutOfBoundsException",
    "RejectedAccessException": "SecurityException",
}
EXCEPTION_NAMES = frozenset(_PARENTS) - {"Object"} | {
    "IllegalArgumentException",
    "IllegalStateException",
    "UnsupportedOperationException",
    "NullPointerException",
    "ArithmeticException",
    "ClassCastException",
    "IndexOutOfBoundsException",
    "SecurityException",
}
_QUALIFIED = {
    "AbortException": "hudson.AbortException",
    "FlowInterruptedException": "org.jenkinsci.plugins.workflow.steps.FlowInterruptedException",
    "IOException": "java.io.IOException",
    "FileNotFoundException": "java.io.FileNotFoundException",
    "NoSuchFileException": "java.nio.file.NoSuchFileException",
    "TimeoutException": "java.util.concurrent.TimeoutException",
    "MissingMethodException": "groovy.lang.MissingMethodException",
    "MissingPropertyException": "groovy.lang.MissingPropertyException",
    "ReadOnlyPropertyException": "groovy.lang.ReadOnlyPropertyException",
    "GroovyRuntimeException": "groovy.lang.GroovyRuntimeException",
    "GroovyCastException": "org.codehaus.groovy.runtime.typehandling.GroovyCastException",
    "RejectedAccessException": (
        "org.jenkinsci.plugins.scriptsecurity.sandbox.RejectedAccessException"
    ),
}


class ExceptionValue(HostObject):
    """An exception as a script sees it.

    Attributes:
        type_name: Simple class name.
        message: Its message, or None.
        cause: The exception that it wraps, or None.
        payload: What the host attached.
        line: Line where it came up, 0 when unknown.
    """

    def __init__(
        self,
        type_name: str,
        message: str | None,
        cause: ExceptionValue | None = None,
        payload: object = None,
    ) -> None:
        self.type_name = type_name
        self.message = message
        self.cause = cause
        self.payload = payload
        self.line = 0

    def is_a(self, type_name: str) -> bool:
        """Whether `catch (Type e)` takes it; packages do not count."""
        wanted = type_name.rsplit(".", 1)[-1]
        name = self.type_name
        while name != "Object":
            if name == wanted:
                return True
            name = _PARENTS.get(name, "RuntimeException")
        return wanted == "Object"

    def get(self, name: str, site: Site) -> Any:
        """`message`, `localizedMessage`, `cause`, `stackTrace` (always empty)."""
        match name:
            case "message" | "localizedMessage":
                return self.message
            case "cause":
                return self.cause
            case "stackTrace" | "suppressed":
                return []
        return super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """The getters of the properties, `toString()` and `printStackTrace()`."""
        match method:
            case "getMessage" | "getLocalizedMessage":
                return self.message
            case "getCause":
                return self.cause
            case "toString":
                return self.text()
            case "printStackTrace":
                return None
            case "getStackTrace":
                return []
        return await super().call(method, arguments, site)

    def text(self) -> str:
        """Qualified class name and message."""
        name = _QUALIFIED.get(self.type_name, f"java.lang.{self.type_name}")
        return name if self.message is None else f"{name}: {self.message}"


class Thrown(Exception):  # noqa: N818  # the Python carrier of a script's exception
    """Carries a script's exception through Python code."""

    def __init__(self, value: ExceptionValue) -> None:
        super().__init__(value.text())
        self.value = value


def script_error(type_name: str, message: str) -> Thrown:
    """An exception that the script may catch, to be raised."""
    return Thrown(ExceptionValue(type_name, message))


def no_such_method(target: object, method: str, arguments: list[Any]) -> Thrown:
    """The exception for a method that does not exist or is not allowed, to be raised."""
    types = ", ".join(type_name(argument) for argument in arguments)
    name = f"{type_name(target)}.{method}"
    return script_error(
        "MissingMethodException", f"No signature of method: {name}({types}) is available here"
    )


# Properties of all values


def type_name(value: object) -> str:
    """Simple class name of a value, for messages and `instanceof`."""
    if isinstance(value, HostObject):
        return value.type_name
    if isinstance(value, int) and not isinstance(value, bool):
        return "Integer" if -(2**31) <= value < 2**31 else "Long"
    return _TYPE_NAMES.get(type(value), "Object")


_TYPE_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "Boolean",
    Decimal: "BigDecimal",
    str: "String",
    list: "ArrayList",
    dict: "LinkedHashMap",
    ClosureValue: "Closure",
}


def truth(value: object) -> bool:
    """Groovy truth."""
    if isinstance(value, HostObject):
        matched = getattr(value, "is_true", None)
        return True if matched is None else bool(matched())
    if isinstance(value, ClosureValue):
        return True
    return bool(value)


def to_text(value: object, meter: Meter) -> str:
    """How a value prints; bounded, also for collections that hold themselves."""
    if isinstance(value, str):
        return value
    pieces: list[str] = []
    size = 0
    for piece in _pieces(value, 0):
        pieces.append(piece)
        size += len(piece)
        meter.require_text(size)
    return meter.text("".join(pieces))


def _pieces(value: object, depth: int) -> Iterator[str]:
    match value:
        case None:
            yield "null"
        case bool():
            yield "true" if value else "false"
        case int() | str():
            yield str(value)
        case Decimal():
            yield format(value, "f")
        case list() | dict() if depth > _MAX_PRINT_DEPTH:
            yield "..."
        case list():
            yield from _list_pieces(value, depth)
        case dict():
            yield from _map_pieces(value, depth)
        case Entry():
            yield from _pieces(value.key, depth + 1)
            yield "="
            yield from _pieces(value.value, depth + 1)
        case HostObject():
            yield value.text()
        case _:
            yield "Closure"


def _list_pieces(value: list[Any], depth: int) -> Iterator[str]:
    yield "["
    for index, item in enumerate(value):
        if index:
            yield ", "
        yield from _pieces(item, depth + 1)
    yield "]"


def _map_pieces(value: dict[Any, Any], depth: int) -> Iterator[str]:
    yield "[" if value else "[:"
    for index, (key, item) in enumerate(value.items()):
        if index:
            yield ", "
        yield from _pieces(key, depth + 1)
        yield ":"
        yield from _pieces(item, depth + 1)
    yield "]"


def map_key(value: object) -> Any:
    """A value as a map key.

    Raises:
        Thrown: For values that cannot be keys here.
    """
    if value is None or isinstance(value, str | int | Decimal):
        return value
    raise script_error("UnsupportedOperationException", f"a {type_name(value)} cannot be a map key")
