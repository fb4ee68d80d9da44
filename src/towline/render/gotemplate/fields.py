"""Field chains: `.a.b.c` on maps, structs and nil.

`Fields` holds one function for each length of chain: a straight run of dict look-ups for the common
case, and Go's whole rules when that fails.

Go tells a nil that was stored as an interface (an entry of a map) from no value at all (the result
of a pipeline). A field of the former is an error, of the latter it is no value again. Python's None
is both; `boxed` says which one the receiver of a chain is: the compiler knows it from where the
receiver comes. It is False, True, or, for the dot and the variables of a range, the map or slice
that the receiver is an entry of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from towline.render.gotemplate.builtins import holds_interfaces
from towline.render.gotemplate.errors import CallError, EvaluationError
from towline.render.gotemplate.functions import ANY, Function, FunctionError, GoType
from towline.render.gotemplate.kinds import GoMap, GoObject, GoValue, Int64, type_name
from towline.render.gotemplate.quoting import quote

_Last: TypeAlias = Callable[[Any, str, Any, tuple[str, ...], Any], Any]
MissingKey: TypeAlias = Literal["default", "zero", "error"]


class Constant(msgspec.Struct, frozen=True):
    """A literal argument of a method, whose parameter decides what it stands for.

    Attributes:
        value: The value without context.
        source: As written.
    """

    value: Any
    source: str


class Fields:
    """Evaluates chains by one rule for missing keys.

    Args:
        missing_key: What a map's missing key gives: no value, the zero value, or an error.
    """

    def __init__(self, missing_key: MissingKey) -> None:
        self._missing_key = missing_key

    def chain(self, receiver: Any, names: tuple[str, ...], boxed: Any) -> Any:
        """The value at the end of the chain, by Go's rules.

        Raises:
            EvaluationError: A receiver on the way has no such field.
        """
        boxed = holds_interfaces(boxed)
        for name in names:
            receiver, boxed = self._field(receiver, name, boxed=boxed)
        return receiver

    def _field(self, receiver: Any, name: str, *, boxed: bool) -> tuple[Any, bool]:
        if receiver is None:
            if boxed:
                raise EvaluationError(f"nil pointer evaluating interface {{}}.{name}")
            if self._missing_key == "error":
                raise EvaluationError(f"nil data; no entry for key {quote(name)}")
            return None, False
        if isinstance(receiver, GoValue):
            method = receiver.go_methods.get(name)
            if method is not None:
                result = invoke(bind_method(receiver, name, method, 0), ())
                return result, result is None or method.result is ANY
        if isinstance(receiver, dict):
            return self._entry(receiver, name)
        if isinstance(receiver, GoObject) and name in receiver.go_fields:
            value = getattr(receiver, receiver.go_fields[name])
            return value, value is None
        shown = "interface {}" if boxed else type_name(receiver)
        raise EvaluationError(f"can't evaluate field {name} in type {shown}")

    def _entry(self, receiver: dict[str, Any], name: str) -> tuple[Any, bool]:
        boxed = not isinstance(receiver, GoMap) or receiver.go_element_type == "interface {}"
        if name in receiver:
            return receiver[name], boxed
        if self._missing_key == "error":
            raise EvaluationError(f"map has no entry for key {quote(name)}")
        if self._missing_key == "default":
            return None, False
        return (receiver.go_element if isinstance(receiver, GoMap) else None), boxed

    def bind(self, receiver: Any, names: tuple[str, ...], count: int, boxed: Any) -> Bound:
        """The method at the end of a chain, to be called with that many arguments.

        Raises:
            EvaluationError: There is no such method, or it takes another number of arguments.
        """
        boxed = holds_interfaces(boxed)
        for name in names[:-1]:
            receiver, boxed = self._field(receiver, name, boxed=boxed)
        name = names[-1]
        if isinstance(receiver, GoValue):
            method = receiver.go_methods.get(name)
            if method is not None:
                return bind_method(receiver, name, method, count)
            if isinstance(receiver, GoObject) and name in receiver.go_fields:
                raise EvaluationError(f"{name} has arguments but cannot be invoked as function")
        if isinstance(receiver, dict):
            raise EvaluationError(f"{name} is not a method but has arguments")
        value = self._field(receiver, name, boxed=boxed)[0]
        return Bound(None, name, Function(call=lambda *_: value, rest=ANY))

    def accessors(self) -> dict[str, Callable[..., Any]]:
        """The functions that compiled templates call.

        `f1`, `f2`, `f3` take a receiver, that many names and `boxed`; `fn` takes a tuple of names.
        """
        lenient = self._missing_key == "zero"
        last = self._last if lenient else self._last_strictly
        return {
            "f1": _field1(last, lenient),
            "f2": _field2(last, lenient),
            "f3": _field3(last, lenient),
            "fn": _field_n(last, lenient),
            "bind": self.bind,
            "given": given,
            "invoke": invoke,
        }

    def _last(
        self, inner: Any, name: str, receiver: Any, names: tuple[str, ...], boxed: Any
    ) -> Any:
        """The last step of a chain whose receiver turned out to be no plain dict."""
        if isinstance(inner, GoMap) and inner.go_plain:
            return inner.get(name)
        return self._last_strictly(inner, name, receiver, names, boxed)

    def _last_strictly(
        self, inner: Any, name: str, receiver: Any, names: tuple[str, ...], boxed: Any
    ) -> Any:
        if isinstance(inner, GoObject) and name in inner.go_fields and name not in inner.go_methods:
            return getattr(inner, inner.go_fields[name])
        return self.chain(receiver, names, boxed)


def _field1(last: _Last, lenient: bool) -> Callable[..., Any]:
    def field1(receiver: Any, name: str, boxed: Any = False) -> Any:
        if lenient and type(receiver) is dict:
            return receiver.get(name)
        return last(receiver, name, receiver, (name,), boxed)

    return field1


def _field2(last: _Last, lenient: bool) -> Callable[..., Any]:
    def field2(receiver: Any, first: str, name: str, boxed: Any = False) -> Any:
        try:
            inner = receiver[first]
        except (KeyError, TypeError, IndexError):
            inner = None
        if lenient and type(inner) is dict:
            return inner.get(name)
        return last(inner, name, receiver, (first, name), boxed)

    return field2


def _field3(last: _Last, lenient: bool) -> Callable[..., Any]:
    def field3(receiver: Any, first: str, second: str, name: str, boxed: Any = False) -> Any:
        try:
            inner = receiver[first][second]
        except (KeyError, TypeError, IndexError):
            inner = None
        if lenient and type(inner) is dict:
            return inner.get(name)
        return last(inner, name, receiver, (first, second, name), boxed)

    return field3


def _field_n(last: _Last, lenient: bool) -> Callable[..., Any]:
    def field_n(receiver: Any, names: tuple[str, ...], boxed: Any = False) -> Any:
        inner = receiver
        try:
            for name in names[:-1]:
                inner = inner[name]
        except (KeyError, TypeError, IndexError):
            inner = None
        if lenient and type(inner) is dict:
            return inner.get(names[-1])
        return last(inner, names[-1], receiver, names, boxed)

    return field_n


def convert(value: Any, wanted: GoType, boxed: Any) -> Any:
    """The argument as the parameter's type takes it.

    Raises:
        EvaluationError: It is of another type.
    """
    if type(value) in wanted.exact:
        return value
    if value is None:
        if wanted.name != "interface {}" and holds_interfaces(boxed):
            raise EvaluationError(
                f"wrong type for value; expected {wanted.name}; got interface {{}}"
            )
        if not wanted.nilable:
            raise EvaluationError(f"invalid value; expected {wanted.name}")
        return wanted.nil_value() if wanted.nil_value is not None else None
    if wanted.accepts(value):
        return value
    raise EvaluationError(f"wrong type for value; expected {wanted.name}; got {type_name(value)}")


class Bound(msgspec.Struct, frozen=True):
    """A method and its receiver."""

    receiver: Any
    name: str
    method: Function


def bind_method(receiver: GoValue, name: str, method: Function, count: int) -> Bound:
    """The method, to be called with that many arguments.

    Raises:
        EvaluationError: It takes another number of them.
    """
    fixed = len(method.params)
    if method.rest is None and count != fixed:
        raise EvaluationError(f"wrong number of args for {name}: want {fixed} got {count}")
    if count < fixed:
        raise EvaluationError(f"wrong number of args for {name}: want at least {fixed} got {count}")
    return Bound(receiver, name, method)


def given(bound: Bound, at: int, argument: Any, boxed: Any) -> Any:
    """An argument as the method's parameter takes it.

    Raises:
        EvaluationError: It is of another type.
    """
    params, rest = bound.method.params, bound.method.rest
    wanted = params[at] if at < len(params) else rest
    if wanted is None:
        raise AssertionError("the number of arguments was checked")
    if isinstance(argument, Constant):
        return _literal(argument, wanted)
    return convert(argument, wanted, boxed)


def invoke(bound: Bound, arguments: tuple[Any, ...]) -> Any:
    """The method's result.

    Raises:
        CallError: It failed.
    """
    try:
        return bound.method.call(bound.receiver, *arguments)
    except FunctionError as error:
        raise CallError(bound.name, str(error)) from error


def _literal(argument: Constant, wanted: GoType) -> Any:
    value = argument.value
    if value is None:
        if not wanted.nilable:
            raise EvaluationError(f"cannot assign nil to {wanted.name}")
        return convert(value, wanted, boxed=False)
    if wanted.name in {"int64", "int"} and type(value) in {int, float} and value == int(value):
        return Int64(value) if wanted.name == "int64" else int(value)
    if wanted.name == "float64" and type(value) is int:
        return float(value)
    if wanted.accepts(value):
        return value
    expected = {"int": "integer", "int64": "integer", "float64": "float"}.get(
        wanted.name, wanted.name
    )
    raise EvaluationError(f"expected {expected}; found {argument.source}")
