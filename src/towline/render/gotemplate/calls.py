"""The compiler's part for calls of functions: their arguments, and literals among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

import msgspec

from towline.render.gotemplate.frame import Frame, Place, Value
from towline.render.gotemplate.functions import ANY, Function, GoType
from towline.render.gotemplate.nodes import (
    Boolean,
    Dot,
    Identifier,
    Literal,
    Nil,
    Number,
    Operand,
    String,
)
from towline.render.gotemplate.numbers import complex_value

_EXPECTED: Final = {
    "string": "string",
    "bool": "bool",
    "int": "integer",
    "int32": "integer",
    "int64": "integer",
    "uint8": "unsigned integer",
    "uint64": "unsigned integer",
    "float64": "float",
}
_UNTYPED: Final = frozenset({"interface {}", "reflect.Value"})
_COMPARE: Final = frozenset({"ne", "lt", "le", "gt", "ge"})
BUILTIN_CODE: Final = {
    "and": "and",
    "or": "or",
    "not": "not",
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "len": "length",
    "index": "index",
    "slice": "slice_",
    "html": "html",
    "js": "js",
    "urlquery": "urlquery",
    "print": "sprint_all",
    "printf": "sprintf",
    "println": "sprintln",
    "call": "call",
}


class CallCompiler(Frame, ABC):
    """Compiles calls."""

    @abstractmethod
    def operand(self, operand: Operand) -> Value:
        """The operand's value where any type will do."""

    def argument(self, operand: Operand, wanted: GoType, parameter: str) -> Value:
        """The operand as an argument for a parameter of the type."""
        self.at = operand
        if isinstance(operand, Boolean | String | Number):
            return self.literal(operand, wanted)
        if isinstance(operand, Nil) and not wanted.nilable:
            return self.failure(f"cannot assign nil to {wanted.name}")
        return self.converted(self.operand(operand), wanted, parameter)

    def converted(self, value: Value, wanted: GoType, parameter: str) -> Value:
        """The value as an argument for a parameter of the type."""
        if wanted.name in _UNTYPED or value.kind == wanted.name:
            return value
        boxed = value.boxed or False
        code = self.applied(
            value, lambda code: f"convert({self.mark()}{code}, {parameter}, {boxed})"
        )
        return Value(code=code, kind=wanted.name)

    def literal(self, operand: Literal, wanted: GoType) -> Value:
        """The literal as a value of the type, or Go's error when it cannot be one."""
        self.at = operand
        if wanted.name in _UNTYPED:
            return self._untyped(operand)
        value: Any = None
        match operand:
            case Boolean() if wanted.name == "bool":
                value = operand.value
            case String() if wanted.name == "string":
                value = operand.value
            case Number():
                value = _typed_number(operand, wanted.name)
        if value is not None:
            return Value(code=_constant(value, wanted.name), kind=wanted.name, simple=True)
        expected = _EXPECTED.get(wanted.name)
        if expected is None:
            return self.failure(f"can't handle {operand} for arg of type {wanted.name}")
        return self.failure(f"expected {expected}; found {operand}")

    def _untyped(self, operand: Literal) -> Value:
        match operand:
            case Boolean():
                return Value(code=repr(operand.value), kind="bool", simple=True)
            case String():
                return Value(code=repr(operand.value), kind="string", simple=True)
        if operand.is_complex:
            return Value(code=f"({complex_value(operand.source)!r})", simple=True)
        if operand.floating is not None and _looks_floating(operand.source):
            return Value(code=f"({operand.floating!r})", kind="float64", simple=True)
        if operand.integer is None:
            return self.failure(f"{operand.source} overflows int")
        return Value(code=f"({operand.integer})", kind="int", simple=True)

    def function(
        self,
        node: Identifier,
        place: Place,
        operands: tuple[Operand, ...],
        final: Value | None,
    ) -> Value:
        """The function's result; errors that it returns are those of `place`."""
        self.at = node
        function = self.functions[node.name]
        refused = self._wrong_count(node.name, function, len(operands), final is not None)
        if refused is not None:
            return self.after(final, refused)
        builtin = node.name not in self.overridden and node.name in BUILTIN_CODE
        values: list[Value] = []
        places: list[Place] = []
        for at, operand in enumerate(operands):
            wanted, parameter = self._parameter(node.name, function, at)
            skippable = bool(at and builtin and node.name in {"and", "or"})
            self.skippable += skippable
            values.append(self.argument(operand, wanted, parameter))
            self.skippable -= skippable
            places.append(self.at)
        held: Value | None = None
        if final is not None:
            shortcut = builtin and node.name in {"and", "or"}
            constant = all(value.simple for value in values) and all(map(_is_fixed, operands))
            if not final.simple and (shortcut or not constant):
                held = final  # what comes through the pipe is evaluated before the arguments
                final = msgspec.structs.replace(final, code=self.temporary(), simple=True)
            final = msgspec.structs.replace(final, branches=())
            wanted, parameter = self._parameter(node.name, function, len(operands))
            values.append(self.converted(final, wanted, parameter))
        if builtin:
            result = self._builtin(node.name, place, operands, values)
            if result.word and final is None:
                codes = [value.code for value in values]
                branches = tuple(zip(codes, places, strict=True))
                result = msgspec.structs.replace(result, branches=branches)
        else:
            result = self._plain_call(node.name, function, place, values)
        if held is None or final is None:
            return result
        code = f"({final.code} := {held.code}, {result.code})[1]"
        return msgspec.structs.replace(result, code=code)

    def _wrong_count(
        self, name: str, function: Function, operands: int, piped: bool
    ) -> Value | None:
        fixed, given = len(function.params), operands + piped
        if function.rest is not None and given < fixed:
            return self.failure(
                f"wrong number of args for {name}: want at least {fixed} got {operands}"
            )
        if function.rest is None and given != fixed:
            return self.failure(f"wrong number of args for {name}: want {fixed} got {given}")
        return None

    def _parameter(self, name: str, function: Function, at: int) -> tuple[GoType, str]:
        if at < len(function.params):
            return function.params[at], f"p{at}_{name}"
        if function.rest is None:
            raise AssertionError("the number of arguments was checked")
        return function.rest, f"pr_{name}"

    def _plain_call(
        self, name: str, function: Function, place: Place, values: list[Value]
    ) -> Value:
        listed = ", ".join(value.code for value in values)
        context = "rt, " if function.context else ""
        code = f"f_{name}({self.mark(place)}{context}{listed})"
        kind = function.result.name if function.result.name in _EXPECTED else ""
        return Value(code=code, kind=kind, boxed="True" if function.result is ANY else "")

    def _builtin(
        self,
        name: str,
        place: Place,
        operands: tuple[Operand, ...],
        values: list[Value],
    ) -> Value:
        codes = [value.code for value in values]
        if name == "slice":
            codes[1:] = [
                f"bound({value.code}, {value.boxed})" if value.boxed else value.code
                for value in values[1:]
            ]
        listed = ", ".join(codes)
        if name in {"and", "or"}:
            if len(codes) == 1:
                return values[0]
            return Value(code=f"({f' {name} '.join(codes)})", word=name)
        if name == "not":
            return Value(code=f"(not {listed})", kind="bool")
        mark = self.mark(place)
        if name == "eq":
            called = "eq" if len(codes) == 2 else "eq_any"
            return Value(code=f"{called}({mark}{listed})", kind="bool")
        if name == "len":
            boxed = f", {values[0].boxed}" if values[0].boxed else ""
            return Value(code=f"length({mark}{listed}{boxed})", kind="int")
        if name == "call":
            shown = str(operands[0]) if operands else None
            return Value(code=f"call({mark}{shown!r}, {listed})")
        kind = "bool" if name in _COMPARE else self.functions[name].result.name
        return Value(
            code=f"{BUILTIN_CODE[name]}({mark}{listed})", kind=kind if kind in _EXPECTED else ""
        )


def _is_fixed(operand: Operand) -> bool:
    """Whether no declaration within the pipeline can change the operand."""
    return isinstance(operand, Boolean | Dot | Nil | Number | String)


def _looks_floating(source: str) -> bool:
    if source.startswith("'"):
        return False
    hexadecimal = source[:2].lower() == "0x" and not any(char in "pP" for char in source)
    return not hexadecimal and any(char in ".eEpP" for char in source)


def _typed_number(operand: Number, wanted: str) -> int | float | None:
    match _EXPECTED.get(wanted):
        case "integer":
            return operand.integer
        case "unsigned integer":
            return operand.unsigned
        case "float":
            return operand.floating
    return None


def _constant(value: Any, wanted: str) -> str:
    if wanted in {"int32", "int64", "uint8", "uint64"}:
        return f"{wanted}({value})"
    return f"({value!r})" if isinstance(value, int | float) else repr(value)
