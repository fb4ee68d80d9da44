"""Bounds of one execution, and the count of what it has used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from towline.errors import LimitError

_UNSETTLED: Final = 8192  # pieces of output that a range finds before it joins them
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


class Pieces(list[str]):
    """What one template has written so far.

    Attributes:
        settled: How many of the first pieces were joined and counted.
        length: Their characters.
    """

    __slots__ = ("length", "settled")

    def __init__(self) -> None:
        super().__init__()
        self.settled = 0
        self.length = 0


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

    def join(self, pieces: Pieces) -> str:
        """The pieces as one text, which counts as output.

        Raises:
            LimitError: The output is too long.
        """
        self.settle(pieces)
        joined = "".join(pieces)
        self.output -= len(joined)
        return joined

    def settle(self, pieces: Pieces) -> None:
        """Join what was appended since the last time, so that a loop's output stays compact.

        Raises:
            LimitError: The output is too long.
        """
        tail = pieces[pieces.settled :]
        pieces.length += sum(map(len, tail))
        if pieces.length > self.output:
            limit = self.limits.output
            raise LimitError(f"template output exceeds the limit of {limit} characters")
        pieces[pieces.settled :] = ["".join(tail)]
        pieces.settled += 1

    def iterate(self, items: Sequence[Any], pieces: Pieces) -> Any:
        """The items as a range goes over them; an empty sequence stays one.

        Raises:
            LimitError: They are too many, or what was written before is too long.
        """
        count = len(items)
        self.step(count)
        if len(pieces) - pieces.settled > _UNSETTLED:
            self.settle(pieces)
        return items if count <= _SMALL else self._watched(items, pieces)

    def _watched(self, items: Sequence[Any], pieces: Pieces) -> Iterator[Any]:
        """The items of a long range, with a look at clock and output now and then."""
        for start in range(0, len(items), _SMALL):
            yield from items[start : start + _SMALL]
            self.step(0)
            self.settle(pieces)
