"""A bound on walks through values, whose parts may be shared without end."""

from __future__ import annotations

from typing import Final

from towline.errors import LimitError

_MOST_STEPS: Final = 1_000_000


class Work:
    """Counts the collections that one walk enters."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    def spend(self, steps: int) -> None:
        """Called with the size of each collection.

        Raises:
            LimitError: The walk takes too long.
        """
        self._left -= steps + 1
        if self._left < 0:
            raise LimitError(f"a value has more than {_MOST_STEPS} parts")
