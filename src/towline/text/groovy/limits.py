"""Bounds of a script, and the meter that counts against them. Pure."""

from __future__ import annotations

import msgspec

from towline.errors import LimitError

_CHARACTERS_PER_STEP = 16
_ITEMS_PER_STEP = 4


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a script may use.

    Attributes:
        steps: Evaluation steps of the whole script; text and lists that it makes count too.
        call_depth: Calls inside calls of the script's own functions and closures.
        block_depth: Host blocks (such as `stage {}`) inside each other.
        text: Characters of one string.
        items: Entries of one list or map.
        slice: Evaluation steps between two points where other tasks may run.
    """

    steps: int = 5_000_000
    call_depth: int = 512
    block_depth: int = 32
    text: int = 4 * 1024 * 1024
    items: int = 100_000
    slice: int = 1_000


class Meter:
    """Counts what a script uses and raises `LimitError` when it is too much."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.used = 0

    def charge(self, steps: int = 1) -> None:
        """Counts evaluation steps."""
        self.used += steps
        if self.used > self.limits.steps:
            raise LimitError(
                f"the script took more than {self.limits.steps} evaluation steps",
                hint="is there an endless loop?",
            )

    def text(self, value: str) -> str:
        """Counts a string that the script made, and returns it."""
        self.room_for_text(len(value))
        return value

    def room_for_text(self, size: int) -> None:
        """Counts a string before it is made."""
        self.require_text(size)
        self.charge(size // _CHARACTERS_PER_STEP)

    def require_text(self, size: int) -> None:
        """Checks the length of a string in the making, and counts one step."""
        if size > self.limits.text:
            raise LimitError(f"a string would be longer than {self.limits.text} characters")
        self.charge()

    def room_for_items(self, size: int) -> None:
        """Counts a list or map before it is made or grown to this size."""
        if size > self.limits.items:
            raise LimitError(f"a collection would hold more than {self.limits.items} items")
        self.charge(size // _ITEMS_PER_STEP)
