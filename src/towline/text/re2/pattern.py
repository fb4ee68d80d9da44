"""Patterns on RE2 with Go's rules for all matches, splitting and replacing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from towline.errors import InputError
from towline.text.re2.template import Template, parse_template

_MEMORY: Final = 4 * 1024 * 1024
_LONGEST: Final = 100_000
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")
_BYTE_ESCAPE: Final = re.compile(r"\\Q(?:.*?)(?:\\E|\Z)|\\(.)", re.DOTALL)
# What RE2 says and what Go says.
_TEXTS: Final = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "unexpected )": "unexpected )",
    "bad repetition operator": "invalid nested repetition operator",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid escape sequence": "invalid escape sequence",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "invalid repetition size": "invalid repeat count",
    "invalid character class range": "invalid character class range",
    "invalid character class": "invalid character class",
    "invalid UTF-8": "invalid UTF-8",
}

Spans = list[tuple[int, int]]


class RegexError(InputError):
    """A pattern that Go refuses; the text is Go's."""


class Pattern:
    """A compiled pattern. Offsets inside are those of the UTF-8 text, as in Go."""

    __slots__ = ("_compiled", "_names", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled = _compile(text)
        self._names: dict[str, int] = {
            name.decode(): index for name, index in self._compiled.groupindex.items()
        }

    def matches(self, text: str) -> bool:
        """Whether the pattern matches anywhere in the text."""
        return self._compiled.search(_encode(text)) is not None

    def find(self, text: str) -> str:
        """The leftmost match, or an empty string."""
        match = self._compiled.search(_encode(text))
        return "" if match is None else _decode(match.group())

    def find_all(self, text: str, limit: int = -1) -> list[str]:
        """The matches that do not overlap, at most `limit` unless that is negative."""
        data = _encode(text)
        return [_decode(data[start:end]) for start, end in self._spans(data, limit)]

    def split(self, text: str, limit: int = -1) -> list[str]:
        """The pieces between matches, at most `limit` unless that is negative."""
        if limit == 0:
            return []
        if self.text and not text:
            return [""]
        data = _encode(text)
        pieces: list[bytes] = []
        begin = end = 0
        for start, stop in self._spans(data, limit):
            if 0 < limit <= len(pieces) + 1:
                break
            end = start
            if stop != 0:
                pieces.append(data[begin:end])
            begin = stop
        if end != len(data):
            pieces.append(data[begin:])
        return [_decode(piece) for piece in pieces]

    def replace(self, text: str, template: str) -> str:
        """The text with each match replaced; `$1` and `${name}` stand for groups."""
        return self._replace(text, parse_template(template))

    def replace_literal(self, text: str, replacement: str) -> str:
        """The text with each match replaced by the same string."""
        return self._replace(text, ((replacement, None),))

    def _spans(self, data: bytes, limit: int) -> Iterator[tuple[int, int]]:
        """Where the matches are; an empty match right behind another one does not count."""
        position, before, found = 0, -1, 0
        while position <= len(data) and (limit < 0 or found < limit):
            match = self._compiled.search(data, position)
            if match is None:
                return
            start, end = match.span()
            if end != position or start != before:
                yield start, end
                found += 1
            position = end if end != position else _after(data, position)
            before = end

    def _replace(self, text: str, template: Template) -> str:
        data = _encode(text)
        pieces: list[bytes] = []
        last = position = 0
        while position <= len(data):
            match = self._compiled.search(data, position)
            if match is None:
                break
            start, end = match.span()
            pieces.append(data[last:start])
            if end > last or start == 0:
                pieces.append(self._expand(template, match))
            last = end
            position = max(end, _after(data, position))
        pieces.append(data[last:])
        return _decode(b"".join(pieces))

    def _expand(self, template: Template, match: Any) -> bytes:
        groups = self._compiled.groups
        parts: list[bytes] = []
        for literal, name in template:
            parts.append(_encode(literal))
            if name is None:
                continue
            index = name if isinstance(name, int) else self._names.get(name, -1)
            if 0 <= index <= groups:
                parts.append(match[index] or b"")
        return b"".join(parts)


@lru_cache(maxsize=128)
def compile_pattern(text: str) -> Pattern:
    """Compiles a pattern; the last ones are kept.

    Raises:
        RegexError: Go refuses the pattern: look-around, back-references, bad syntax.
    """
    return Pattern(text)


def quote_meta(text: str) -> str:
    """The text with a backslash before each character that has a meaning in patterns."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _compile(text: str) -> Any:
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - most programs never need it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    if len(text) > _LONGEST:
        raise RegexError("error parsing regexp: expression too large")
    try:
        compiled = re2.compile(_encode(text), options)
    except re2.error as error:
        raise RegexError(_go_text(text, error.args[0])) from error
    for match in _BYTE_ESCAPE.finditer(text):
        if match[1] == "C":
            raise RegexError(r"error parsing regexp: invalid escape sequence: `\C`")
    return compiled


def _go_text(pattern: str, said: bytes) -> str:
    problem, _, place = said.decode("utf-8", "replace").partition(": ")
    if problem.startswith("trailing \\"):
        return "error parsing regexp: trailing backslash at end of expression: ``"
    if problem not in _TEXTS:
        return "error parsing regexp: expression too large"
    if problem == "unexpected )":
        place = pattern
    if place in {"(?<=", "(?<!"}:
        # Go takes it for the beginning of a name.
        return f"error parsing regexp: invalid named capture: `{pattern[pattern.find(place) :]}`"
    return f"error parsing regexp: {_TEXTS[problem]}: `{place}`"


def _after(data: bytes, position: int) -> int:
    """The offset of the character behind the one at `position`."""
    position += 1
    while position < len(data) and data[position] & 0xC0 == 0x80:
        position += 1
    return position


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
