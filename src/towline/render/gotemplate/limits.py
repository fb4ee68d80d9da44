"""Bounds of one execution, and the count of what it has used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from towline.errors import LimitError

_SMALL: Final = 512  # elements that a range goes over between two looks at clock and output


class Limits(msgspec.Struct, frozen=True):
    """What one execution may use.

    Attributes:
        output: Characters written, those of included templates counted again.
        steps: Elements that ranges go over, and templates that are run.
        depth: Templates within templates.
        same_name: Nested includes of one name before Helm's error.
        seconds: Wall clock.
    """

    output: int = 64 * 1024 * 1024
    steps: int = 5_000_000
    depth: int = 1500
    same_name: int = 1000
    seconds: float = 60.0


class Budget:
    """What is left of the limits; shared by all parts of one execution.

    Args:
        limits: The bounds.
        clock: Seconds that only go forward; without one there is no time limit.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] | None = None) -> None:
        self.limits = limits
        self.steps = limits.steps
        self.output = limits.output
        self.depth = 0
        self.includes: dict[str, int] = {}
        self._clock = clock
        self._deadline = clock() + limits.seconds if clock is not None else 0.0

    def step(self, count: int = 1) -> None:
        """Count steps.

        Raises:
            LimitError: There are no more, or the time is up.
        """
        self.steps -= count
        if self.steps < 0:
            raise LimitError(f"template exceeds the limit of {self.limits.steps} steps")
        if self._clock is not None and self._clock() > self._deadline:
            raise LimitError(f"template exceeds the time limit of {self.limits.seconds:g} s")

    def join(self, parts: list[str]) -> str:
        """The parts as one text.

        Raises:
            LimitError: The output is too long.
        """
        self._check_output(sum(map(len, parts)))
        joined = "".join(parts)
        self.output -= len(joined)
        return joined

    def _check_output(self, length: int) -> None:
        if length > self.output:
            limit = self.limits.output
            raise LimitError(f"template output exceeds the limit of {limit} characters")

    def watched(self, items: Sequence[Any], parts: list[str]) -> Iterator[Any]:
        """The items of a long range, with a look at clock and output now and then."""
        mark, length = len(parts), 0
        for start in range(0, len(items), _SMALL):
            yield from items[start : start + _SMALL]
            self.step(0)
            length += sum(map(len, parts[mark:]))
            mark = len(parts)
            self._check_output(length)

    def iterate(self, items: Sequence[Any], parts: list[str]) -> Any:
        """The items as a range goes over them; an empty sequence stays one."""
        count = len(items)
        self.step(count)
        return items if count <= _SMALL else self.watched(items, parts)
