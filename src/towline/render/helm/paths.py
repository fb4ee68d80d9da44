"""Go's filepath.Match: `*` and `?` stay within one part of a path."""

from __future__ import annotations

import functools
import re


class PatternError(ValueError):
    """A pattern that cannot be read."""

    def __init__(self) -> None:
        super().__init__("syntax error in pattern")


def match_path(pattern: str, path: str) -> bool:
    """Whether the pattern matches the whole path.

    Args:
        pattern: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before any of these.
        path: A path with `/`.

    Raises:
        PatternError: The pattern is malformed.
    """
    return _compile(pattern).fullmatch(path) is not None


@functools.lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    out: list[str] = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char == "*":
            # Several in a row mean the same as one and would cost more to try.
            out.append("" if out and out[-1] == "[^/]*" else "[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            text, index = _bracket(pattern, index)
            out.append(text)
        else:
            char, index = _literal(pattern, index - 1)
            out.append(re.escape(char))
    return re.compile("".join(out), re.DOTALL)


def _bracket(pattern: str, index: int) -> tuple[str, int]:
    negated = pattern[index : index + 1] == "^"
    index += negated
    ranges: list[str] = []
    empty = True
    while empty or pattern[index : index + 1] != "]":
        low, index = _class_character(pattern, index)
        high = low
        if pattern[index : index + 1] == "-":
            high, index = _class_character(pattern, index + 1)
        empty = False
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if not ranges:
        return ("." if negated else "(?!)"), index + 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]", index + 1


def _class_character(pattern: str, index: int) -> tuple[str, int]:
    if pattern[index : index + 1] in {"", "-", "]"}:
        raise PatternError
    return _literal(pattern, index)


def _literal(pattern: str, index: int) -> tuple[str, int]:
    if pattern[index] == "\\":
        index += 1
    if index >= len(pattern):
        raise PatternError
    return pattern[index], index + 1
