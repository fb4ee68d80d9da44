"""Functions that templates call: their declared Go signature and how they fail.

A set of functions is a plain `dict[str, Function]`. The engine checks the arguments by the declared
types, with Go's texts ("wrong number of args for trunc: want 2 got 1", "wrong type for value;
expected string; got int"), so that a function's Python body sees only what it declared:

    FUNCTIONS = {
        "trunc": Function(trunc, (INT, STRING), result=STRING),
        "list": Function(new_list, rest=ANY, result=LIST),      # new_list(*items)
        "include": Function(include, (STRING, ANY), result=STRING, context=True),
    }

A body that fails as a Go function would raises `FunctionError`; the engine adds "error calling X:"
and the place. Anything else that escapes from a body, other than a `LimitError`, is a bug.
A body whose result may be much longer than its arguments (repeat, indent, until, a dump) asks
`check_size` first. The engine itself looks only at the length of a string or list that a variable
or another template gets. Values are trees that may share parts: a list of forty levels can stand
for 2**40 entries, so that a body that walks a whole value bounds its own walk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from towline.errors import LimitError
from towline.render.gotemplate.kinds import (
    GoMap,
    GoSlice,
    GoValue,
    Int32,
    Int64,
    StringList,
    StringMap,
    Uint8,
    Uint64,
)

MAX_LENGTH: Final = 16 * 1024 * 1024  # characters of one string, entries of one list


class FunctionError(Exception):
    """The error that a function returns; its text is what Go's error says."""


class GoType(msgspec.Struct, frozen=True):
    """The type of a parameter or result.

    Attributes:
        name: As Go prints it in errors: `string`, `map[string]interface {}`, `*semver.Version`.
        exact: Python types whose values are accepted without a further look.
        inherits: Python types whose subclasses are accepted as well.
        nilable: Whether nil is accepted (interfaces, maps, slices, pointers); the body then gets
            `nil_value`.
        nil_value: What the body gets for nil; called when it is a type.
    """

    name: str
    exact: frozenset[type] = frozenset()
    inherits: tuple[type, ...] = ()
    nilable: bool = False
    nil_value: Callable[[], Any] | None = None

    def accepts(self, value: Any) -> bool:
        """Whether a value that is not nil may be passed as this type."""
        return type(value) in self.exact or (
            bool(self.inherits) and isinstance(value, self.inherits)
        )


def _basic(name: str, kind: type) -> GoType:
    return GoType(name=name, exact=frozenset({kind}))


ANY: Final = GoType(name="interface {}", inherits=(object,), nilable=True)
BOOL: Final = _basic("bool", bool)
STRING: Final = _basic("string", str)
INT: Final = _basic("int", int)
INT32: Final = _basic("int32", Int32)
INT64: Final = _basic("int64", Int64)
UINT8: Final = _basic("uint8", Uint8)
UINT64: Final = _basic("uint64", Uint64)
FLOAT64: Final = _basic("float64", float)
BYTES: Final = GoType(name="[]uint8", exact=frozenset({bytes}), nilable=True, nil_value=bytes)
LIST: Final = GoType(name="[]interface {}", exact=frozenset({list}), nilable=True, nil_value=list)
STRINGS: Final = GoType(
    name="[]string", exact=frozenset({StringList}), nilable=True, nil_value=StringList
)
STRING_MAP: Final = GoType(
    name="map[string]string", exact=frozenset({StringMap}), nilable=True, nil_value=StringMap
)


class _MapType(GoType, frozen=True):
    """map[string]interface {}: also named map types with such elements (chart values)."""

    def accepts(self, value: Any) -> bool:
        return type(value) is dict or (
            isinstance(value, GoMap) and value.go_element_type == "interface {}"
        )


MAP: Final = _MapType(
    name="map[string]interface {}", exact=frozenset({dict}), nilable=True, nil_value=dict
)


def object_type(kind: type[GoValue]) -> GoType:
    """The parameter type that takes values of one declared Go type."""
    pointer = kind.go_type.startswith("*") or issubclass(kind, (GoMap, GoSlice))
    return GoType(name=kind.go_type, inherits=(kind,), nilable=pointer)


class Function(msgspec.Struct, frozen=True):
    """A function that templates may call.

    Attributes:
        call: The body; gets one positional argument for each parameter, then those of `rest`.
        params: Types of the fixed parameters.
        rest: Type of each further argument of a variadic function; None when not variadic.
        result: Type of the result; STRING and LIST let the engine skip checks.
        context: Whether the body gets the running `Execution` as its first argument
            (`include`, `tpl`: functions that render templates themselves).
    """

    call: Callable[..., Any]
    params: tuple[GoType, ...] = ()
    rest: GoType | None = None
    result: GoType = ANY
    context: bool = False

    def signature(self) -> str:
        """The signature as text; functions with equal texts are called by the same code."""
        names = [param.name for param in self.params]
        if self.rest is not None:
            names.append("..." + self.rest.name)
        return f"{'@' if self.context else ''}({', '.join(names)}) {self.result.name}"


def check_size(length: int) -> None:
    """Refuse to build a string or list of this length.

    Raises:
        LimitError: It is longer than `MAX_LENGTH`.
    """
    if length > MAX_LENGTH:
        raise LimitError(f"a value of length {length} exceeds the limit of {MAX_LENGTH}")
