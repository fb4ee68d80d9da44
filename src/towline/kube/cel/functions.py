"""Functions that expressions may call: their overloads, declared by signature. Pure.

A signature reads as messages print it: `(int, int) -> int` for a plain function,
`string.(string) -> bool` for one with a target. Capital letters are type parameters; a name that
is no built-in type is one of the host, such as `net.IP`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from towline.kube.cel.types import (
    SCALARS,
    CelType,
    list_of,
    map_of,
    opaque,
    optional_of,
    param,
    type_of,
)
from towline.kube.cel.values import Value

Implementation = Callable[..., Value]
Cost = Callable[..., int]
_Declared = TypeVar("_Declared", bound=Implementation)


class Overload(msgspec.Struct, frozen=True, eq=False):
    """One way to call a function.

    Attributes:
        function: Its name.
        params: Types of the arguments, the target first.
        result: Type of the value.
        member: Whether it has a target.
        implementation: Takes the arguments.
        cost: Takes the arguments; None for a cost of 1.
    """

    function: str
    params: tuple[CelType, ...]
    result: CelType
    member: bool
    implementation: Implementation
    cost: Cost | None

    @property
    def generic(self) -> tuple[CelType, ...]:
        """The type parameters in use."""
        found: dict[CelType, None] = {}
        pending = [*self.params, self.result]
        while pending:
            each = pending.pop()
            if each.kind == "param":
                found[each] = None
            pending.extend(each.params)
        return tuple(found)


class Functions:
    """A set of functions under construction; libraries add to it as they are imported."""

    def __init__(self) -> None:
        self._overloads: dict[str, list[Overload]] = {}

    def overload(
        self, function: str, *signatures: str, cost: Cost | None = None
    ) -> Callable[[_Declared], _Declared]:
        """Declares an implementation for one or several signatures."""

        def declare(implementation: _Declared) -> _Declared:
            for text in signatures:
                made = _overload(function, text, implementation, cost)
                self._overloads.setdefault(function, []).append(made)
            return implementation

        return declare

    def __iter__(self) -> Iterator[tuple[str, list[Overload]]]:
        return iter(self._overloads.items())


def joined(*libraries: Functions) -> Mapping[str, tuple[Overload, ...]]:
    """The overloads of several libraries by the functions' names."""
    found: dict[str, tuple[Overload, ...]] = {}
    for library in libraries:
        for name, overloads in library:
            found[name] = (*found.get(name, ()), *overloads)
    return found


_WORD = re.compile(r"\s*([A-Za-z_][\w.]*[A-Za-z_0-9]|[A-Za-z_]|[(),])")


def _overload(
    function: str, text: str, implementation: Implementation, cost: Cost | None
) -> Overload:
    call, _, result = text.partition(" -> ")
    target, dot, args = call.partition(".(")
    member = bool(dot)
    inside = args[:-1] if member else call[1:-1]
    params = _types(inside)
    if member:
        params = (*_types(target), *params)
    return Overload(function, params, _types(result)[0], member, implementation, cost)


def _types(text: str) -> tuple[CelType, ...]:
    words = _WORD.findall(text)
    found: list[CelType] = []
    while words:
        found.append(_type(words))
        if words and words[0] == ",":
            words.pop(0)
    return tuple(found)


def _type(words: list[str]) -> CelType:
    name = words.pop(0)
    params: list[CelType] = []
    if words and words[0] == "(":
        words.pop(0)
        while words[0] != ")":
            params.append(_type(words))
            if words[0] == ",":
                words.pop(0)
        words.pop(0)
    match name, params:
        case "list", [item]:
            return list_of(item)
        case "map", [key, value]:
            return map_of(key, value)
        case "optional_type", [inner]:
            return optional_of(inner)
        case "type", [inner]:
            return type_of(inner)
    if len(name) == 1 and name.isupper():
        return param(name)
    return SCALARS.get(name) or opaque(name)
