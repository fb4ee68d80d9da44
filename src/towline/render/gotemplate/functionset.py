"""A set of functions made ready for compiled templates: their namespace and their signature."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Never

from towline.errors import LimitError
from towline.render.gotemplate import builtins, printf
from towline.render.gotemplate.calls import BUILTIN_CODE
from towline.render.gotemplate.errors import EvaluationError
from towline.render.gotemplate.fields import Constant, Fields, MissingKey, convert
from towline.render.gotemplate.formatting import text
from towline.render.gotemplate.functions import (
    ANY,
    BOOL,
    INT,
    MAX_LENGTH,
    STRING,
    Function,
    FunctionError,
    GoType,
)
from towline.render.gotemplate.kinds import Int32, Int64, Uint8, Uint64

_FORMAT: Final = "2"  # of the generated source; part of every signature
_UNSET: Final = object()  # a variable whose declaration and/or skipped
_VALUE: Final = GoType(name="reflect.Value", inherits=(object,), nilable=True)


def _never(*_values: Any) -> Never:
    raise AssertionError("the compiler knows this function")


def _builtin(params: int, *, rest: bool = False, result: GoType = ANY) -> Function:
    return Function(
        call=_never, params=(_VALUE,) * params, rest=_VALUE if rest else None, result=result
    )


BUILTINS: Final[dict[str, Function]] = {
    "and": _builtin(1, rest=True),
    "or": _builtin(1, rest=True),
    "not": _builtin(1, result=BOOL),
    "eq": _builtin(1, rest=True, result=BOOL),
    "ne": _builtin(2, result=BOOL),
    "lt": _builtin(2, result=BOOL),
    "le": _builtin(2, result=BOOL),
    "gt": _builtin(2, result=BOOL),
    "ge": _builtin(2, result=BOOL),
    "len": _builtin(1, result=INT),
    "index": _builtin(1, rest=True),
    "slice": _builtin(1, rest=True),
    "html": Function(call=_never, rest=ANY, result=STRING),
    "js": Function(call=_never, rest=ANY, result=STRING),
    "urlquery": Function(call=_never, rest=ANY, result=STRING),
    "print": Function(call=_never, rest=ANY, result=STRING),
    "printf": Function(call=_never, params=(STRING,), rest=ANY, result=STRING),
    "println": Function(call=_never, rest=ANY, result=STRING),
    "call": _builtin(1, rest=True),
}


class FunctionSet:
    """Functions under the names by which templates call them. Build one, use it for many renders.

    Args:
        functions: The functions beside (or instead of) Go's built-in ones.
        missing_key: What a map's missing key gives.

    Raises:
        ValueError: A name is no ASCII identifier.
    """

    def __init__(
        self, functions: Mapping[str, Function], *, missing_key: MissingKey = "default"
    ) -> None:
        for name in functions:
            if not (name.isascii() and name.isidentifier()):
                raise ValueError(f"{name!r} is not a function name")
        self.functions: dict[str, Function] = {**BUILTINS, **functions}
        self.overridden = frozenset(functions) & frozenset(BUILTINS)
        self.missing_key = missing_key
        self.signature = self._signature()
        self.namespace = self._namespace()

    def _signature(self) -> str:
        """A digest that is equal for sets by which a text compiles to the same code."""
        digest = hashlib.sha256(f"{_FORMAT} {self.missing_key}\n".encode())
        for name in sorted(self.functions):
            mark = "!" if name in self.overridden else ""
            digest.update(f"{mark}{name}{self.functions[name].signature()}\n".encode())
        return digest.hexdigest()

    def _namespace(self) -> dict[str, Any]:
        """The globals of compiled templates: nothing else is in their reach."""
        names: dict[str, Any] = {
            "__builtins__": {},
            "write": _write,
            "constant": Constant,
            "convert": convert,
            "fail": _fail,
            "keep": _keep,
            "unset": _UNSET,
            "declared": _declared,
            "find": _find,
            "run_template": _run_template,
            "elements": _walker(builtins.elements),
            "pairs": _walker(builtins.pairs),
            "int32": Int32,
            "int64": Int64,
            "uint8": Uint8,
            "uint64": Uint64,
            "sprint_all": printf.sprint_all,
            "sprintf": printf.sprintf,
            "sprintln": printf.sprintln,
            "eq_any": builtins.eq_any,
            "bound": builtins.bound,
        }
        for code in BUILTIN_CODE.values():
            if hasattr(builtins, code):
                names[code] = getattr(builtins, code)
        names |= Fields(self.missing_key).accessors()
        for name, function in self.functions.items():
            names[f"f_{name}"] = function.call
            for at, param in enumerate(function.params):
                names[f"p{at}_{name}"] = param
            if function.rest is not None:
                names[f"pr_{name}"] = function.rest
        return names


def _write(output: Callable[[str], None], *pieces: Any) -> None:
    for piece in pieces:
        output(piece if type(piece) is str else text(piece))


def _fail(message: str) -> Never:
    raise EvaluationError(message)


def _declared(value: Any, name: str) -> Any:
    if value is _UNSET:
        raise EvaluationError(f"undefined variable: {name}")
    return value


def _keep(value: Any) -> Any:
    """The value that a variable gets: no longer than any value may be."""
    if type(value) in {str, list} and len(value) > MAX_LENGTH:
        raise LimitError(f"a value of length {len(value)} exceeds the limit of {MAX_LENGTH}")
    return value


def _find(execution: Any, name: str) -> Any:
    return execution.find(name)


def _run_template(template: Any, execution: Any, output: Callable[[str], None], data: Any) -> None:
    execution.run(template, output, data)


def _walker(items: Callable[[Any], Any]) -> Callable[[Any, Callable[[str], None], Any], Any]:
    def walk(execution: Any, output: Any, value: Any) -> Any:
        if isinstance(value, int) and value > execution.budget.steps:
            execution.budget.step(value)  # refused before a list of them is built
        try:
            return execution.budget.iterate(items(value), output.__self__)
        except FunctionError as error:
            raise EvaluationError(str(error)) from None

    return walk
