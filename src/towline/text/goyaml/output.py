"""The parts of a text that grows, with a bound.

Values may share parts, so that a small value stands for an enormous text.
"""

from __future__ import annotations

from typing import Final

from towline.errors import LimitError

LONG: Final = 64
_MOST_PARTS: Final = 1_000_000
_MOST_CHARACTERS: Final = 64 * 1024 * 1024


class Parts(list[str]):
    """The parts written so far.

    Attributes:
        long: Characters of those that are longer than `LONG`; the others are only counted.
    """

    __slots__ = ("long",)

    def __init__(self) -> None:
        super().__init__()
        self.long = 0

    def check(self) -> None:
        """Called for each collection.

        Raises:
            LimitError: Too many parts were written.
        """
        if len(self) > _MOST_PARTS:
            raise LimitError(f"a written value has more than {_MOST_PARTS} parts")

    def add_long(self, length: int) -> None:
        """Called for each long text.

        Raises:
            LimitError: Too many characters were written.
        """
        self.long += length
        if self.long > _MOST_CHARACTERS:
            raise LimitError(f"a written value is longer than {_MOST_CHARACTERS} characters")
