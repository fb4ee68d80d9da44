"""Regular expressions in RE2's dialect. Pure."""

from __future__ import annotations

import re
from functools import lru_cache


class PatternError(ValueError):
    """A pattern cannot be used."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, program: re.Pattern[str]) -> None:
        self._program = program

    def search(self, text: str) -> str | None:
        """The first part of the text that matches, or None."""
        match = self._program.search(text)
        return None if match is None else match.group()

    def find_all(self, text: str, count: int) -> list[str]:
        """Parts that match and do not overlap; at most `count` when it is not negative."""
        found: list[str] = []
        for match in self._program.finditer(text):
            if 0 <= count <= len(found):
                break
            found.append(match.group())
        return found


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Pattern:
    """The compiled pattern.

    Raises:
        PatternError: It is malformed, or says what RE2 cannot.
    """
    try:
        return Pattern(re.compile(pattern.replace(r"\z", r"\Z"), re.ASCII))
    except re.error as error:
        raise PatternError(f"error parsing regexp: {error}") from None
