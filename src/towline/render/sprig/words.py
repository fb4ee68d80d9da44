"""Identifiers and phrases cut into words, as xstrings does before it joins them anew."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Callable
from typing import Final

_SPACE: Final = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B)
}

_IDEOGRAPHS: Final = (
    ("\u3400", "\u4d85"),
    ("\u4e00", "\u9fcc"),
    ("\U00020000", "\U0002b81d"),
)


class Kind(enum.Enum):
    """What a word is made of."""

    NONE = enum.auto()
    NUMBER = enum.auto()
    UPPER = enum.auto()
    LETTERS = enum.auto()
    CONNECTOR = enum.auto()
    PUNCTUATION = enum.auto()
    OTHER = enum.auto()


def split_words(text: str) -> list[tuple[Kind, str]]:
    """The words of a text with their kinds; together they are the text."""
    words: list[tuple[Kind, str]] = []
    start = 0
    while start < len(text):
        kind, end = _next(text, start)
        words.append((kind, text[start:end]))
        start = end
    return words


def _next(text: str, start: int) -> tuple[Kind, int]:
    char = text[start]
    if _connects(char):
        return Kind.CONNECTOR, _run(text, start, _connects)
    if _is_punctuation(char):
        return Kind.PUNCTUATION, _run(text, start, _is_punctuation)
    if _is_upper(char):
        return Kind.UPPER, _upper_end(text, start)
    if _is_letter(char):
        return Kind.LETTERS, _run(text, start, _is_small)
    if _is_number(char):
        return Kind.NUMBER, _run(text, start, _is_number)
    return Kind.OTHER, _run(text, start, _is_other)


def _upper_end(text: str, start: int) -> int:
    """The end of a word that begins with a capital: `Http`, or `HTTP` of `HTTPServer`."""
    second = text[start + 1 : start + 2]
    if not second:
        return start + 1
    if _is_upper(second):
        end = _run(text, start, _is_upper)
        return end - 1 if end < len(text) and _is_letter(text[end]) else end
    return _run(text, start + 1, _is_small) if _is_small(second) else start + 1


def _run(text: str, start: int, belongs: Callable[[str], bool]) -> int:
    end = start + 1
    while end < len(text) and belongs(text[end]):
        end += 1
    return end


def _connects(char: str) -> bool:
    return char in "-_" or char in _SPACE


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char).startswith("P")


def _is_upper(char: str) -> bool:
    return unicodedata.category(char) == "Lu"


def _is_letter(char: str) -> bool:
    """A letter that words are written with: no ideographs."""
    return unicodedata.category(char).startswith("L") and not any(
        first <= char <= last for first, last in _IDEOGRAPHS
    )


def _is_small(char: str) -> bool:
    return _is_letter(char) and not _is_upper(char)


def _is_number(char: str) -> bool:
    return unicodedata.category(char).startswith("N")


def _is_other(char: str) -> bool:
    return not (_connects(char) or _is_letter(char) or _is_number(char) or _is_punctuation(char))
