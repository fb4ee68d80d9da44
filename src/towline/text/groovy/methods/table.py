"""The shape of a method in the allow-list, and what it may use. Pure."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol

from towline.text.groovy.limits import Meter
from towline.text.groovy.values import ClosureValue, script_error, type_name

Code = Generator[Any, Any, Any]
"""A computation for the interpreter's trampoline: yields sub-computations, returns a value."""


class Ready(NamedTuple):
    """A computation that is done already."""

    value: Any


class Frame(Protocol):
    """What a method may use besides its receiver and arguments."""

    @property
    def meter(self) -> Meter:
        """Counts work and sizes."""
        ...

    def call(self, closure: ClosureValue, *arguments: Any) -> Code:
        """A call of a closure, to be yielded."""
        ...


class Method(NamedTuple):
    """An allowed method.

    Attributes:
        function: Takes the frame, the receiver and the arguments; returns the value, or a
            computation when it calls closures.
        low: Fewest arguments.
        high: Most arguments.
    """

    function: Callable[..., Any]
    low: int = 0
    high: int = 0


def integer(value: Any) -> int:
    """An argument that must be an integer."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise script_error(
        "IllegalArgumentException", f"expected an integer, found a {type_name(value)}"
    )


def closure(value: Any) -> ClosureValue:
    """An argument that must be a closure."""
    if isinstance(value, ClosureValue):
        return value
    raise script_error(
        "IllegalArgumentException", f"expected a closure, found a {type_name(value)}"
    )
