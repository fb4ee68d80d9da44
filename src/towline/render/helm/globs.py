"""The globs of `.Files.Glob`: `**` crosses folders, `{a,b}` chooses, `[!a-z]` excludes."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

_MAX_LENGTH: Final = 4096


class _MalformedError(ValueError):
    """The pattern cannot be read."""


@functools.lru_cache(maxsize=512)
def compile_glob(pattern: str) -> Callable[[str], bool]:
    """A test for whole names; a malformed pattern matches every name, as in Helm."""
    if len(pattern) > _MAX_LENGTH:
        return lambda _: True
    try:
        expression, _ = _pattern(pattern, 0, nested=False)
    except (_MalformedError, RecursionError):
        return lambda _: True
    compiled = re.compile(expression, re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


def _pattern(pattern: str, at: int, *, nested: bool) -> tuple[str, int]:
    """Reads up to the end or, within braces, up to what ends an alternative."""
    out: list[str] = []
    while at < len(pattern):
        char = pattern[at]
        if nested and char in ",}":
            break
        at += 1
        if char == "*":
            end = at + (pattern[at : at + 1] == "*")
            piece, at = (".*" if end > at else "[^/]*"), end
            if not (out and out[-1] == piece):
                out.append(piece)
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            piece, at = _range(pattern, at)
            out.append(piece)
        elif char == "{":
            piece, at = _alternatives(pattern, at)
            out.append(piece)
        else:
            if char == "\\":
                char, at = pattern[at : at + 1], at + 1
            out.append(re.escape(char))
    return "".join(out), at


def _alternatives(pattern: str, at: int) -> tuple[str, int]:
    choices: list[str] = []
    while True:
        choice, at = _pattern(pattern, at, nested=True)
        choices.append(choice)
        end = pattern[at : at + 1]
        at += 1
        # Braces that are not closed count as closed at the end.
        if end != ",":
            return f"(?:{'|'.join(choices)})", min(at, len(pattern))


def _range(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern[at : at + 1] == "!"
    at += negated
    mark = "^" if negated else ""
    if pattern[at + 1 : at + 2] == "-":
        low, high = pattern[at : at + 1], pattern[at + 2 : at + 3]
        if pattern[at + 3 : at + 4] != "]" or not high or high < low:
            raise _MalformedError
        return f"[{mark}{re.escape(low)}-{re.escape(high)}]", at + 4
    characters: list[str] = []
    while (char := pattern[at : at + 1]) != "]":
        at += 1
        if char == "\\":
            char, at = pattern[at : at + 1], at + 1
        if not char:
            raise _MalformedError
        characters.append(re.escape(char))
    if not characters:
        raise _MalformedError
    return f"[{mark}{''.join(characters)}]", at + 1
