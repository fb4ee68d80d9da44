"""Regular expressions in Go's dialect, kept compiled. Pure."""

from __future__ import annotations

from functools import lru_cache

from towline.text.re2 import Pattern, RegexError, compile_pattern

__all__ = ["Pattern", "PatternError", "compiled"]


class PatternError(ValueError):
    """A pattern cannot be used; the text is Go's."""


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Pattern:
    """The compiled pattern.

    Raises:
        PatternError: It is malformed, or says what the dialect cannot.
    """
    try:
        return compile_pattern(pattern)
    except RegexError as error:
        raise PatternError(error.message) from None
