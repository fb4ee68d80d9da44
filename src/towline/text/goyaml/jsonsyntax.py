"""What Go's encoding/json says of a text that is no JSON."""

from __future__ import annotations

import json
import re
from typing import Final

_SPACE: Final = " \t\r\n"
_END: Final = "unexpected end of JSON input"
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_DIGITS: Final = frozenset("0123456789")
_STRING: Final = re.compile(r'[^"\\\x00-\x1f]*')


class _SyntaxProblemError(Exception):
    """The first problem of a text."""


def json_problem(text: str) -> str:
    """Why the text is no JSON, in Go's words; an empty string when it is."""
    # Go looks at bytes, and shows one as the character of its number.
    scan = _Scan(text.encode("utf-8", "surrogateescape").decode("latin-1"))
    try:
        scan.document()
    except _SyntaxProblemError as problem:
        return str(problem)
    except RecursionError:
        return "exceeded max depth"
    return ""


class _Scan:
    """One pass over a text that ends at its first problem."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def document(self) -> None:
        """One value and nothing else."""
        self._value()
        self._skip_space()
        if self._place < len(self._text):
            self._fail("after top-level value")

    def _peek(self) -> str:
        if self._place >= len(self._text):
            raise _SyntaxProblemError(_END)
        return self._text[self._place]

    def _peek_inside(self) -> str:
        """The next character within a word, number or escape, which the end closes like a space."""
        return self._text[self._place : self._place + 1] or " "

    def _fail(self, context: str) -> None:
        char = self._peek_inside()
        shown = {"'": r"'\''", '"': "'\"'"}.get(char) or f"'{json.dumps(char)[1:-1]}'"
        if not char.isascii() and char.isprintable():
            shown = f"'{char}'"
        raise _SyntaxProblemError(f"invalid character {shown} {context}")

    def _skip_space(self) -> None:
        while self._place < len(self._text) and self._text[self._place] in _SPACE:
            self._place += 1

    def _value(self) -> None:
        self._skip_space()
        char = self._peek()
        if char == "{":
            self._object()
        elif char == "[":
            self._array()
        elif char == '"':
            self._string()
        elif char in "tfn":
            self._word({"t": "true", "f": "false", "n": "null"}[char])
        elif char == "-" or char in _DIGITS:
            self._number()
        else:
            self._fail("looking for beginning of value")

    def _object(self) -> None:
        self._place += 1
        self._skip_space()
        if self._peek() == "}":
            self._place += 1
            return
        while True:
            self._skip_space()
            if self._peek() != '"':
                self._fail("looking for beginning of object key string")
            self._string()
            self._skip_space()
            if self._peek() != ":":
                self._fail("after object key")
            self._place += 1
            self._value()
            if self._closes("}", "after object key:value pair"):
                return

    def _array(self) -> None:
        self._place += 1
        self._skip_space()
        if self._peek() == "]":
            self._place += 1
            return
        while True:
            self._value()
            if self._closes("]", "after array element"):
                return

    def _closes(self, bracket: str, context: str) -> bool:
        self._skip_space()
        char = self._peek()
        if char not in {",", bracket}:
            self._fail(context)
        self._place += 1
        return char == bracket

    def _string(self) -> None:
        self._place += 1
        while True:
            plain = _STRING.match(self._text, self._place)
            self._place = plain.end() if plain else self._place
            char = self._peek()
            if char == '"':
                self._place += 1
                return
            if char != "\\":
                self._fail("in string literal")
            self._escape()

    def _escape(self) -> None:
        self._place += 1
        char = self._peek_inside()
        if char not in 'bfnrt\\/"u':
            self._fail("in string escape code")
        self._place += 1
        for _ in range(4 if char == "u" else 0):
            if self._peek_inside() not in _HEX:
                self._fail(r"in \u hexadecimal character escape")
            self._place += 1

    def _word(self, word: str) -> None:
        for expected in word:
            if self._peek_inside() != expected:
                self._fail(f"in literal {word} (expecting '{expected}')")
            self._place += 1

    def _number(self) -> None:
        if self._peek_inside() == "-":
            self._place += 1
            if self._peek_inside() not in _DIGITS:
                self._fail("in numeric literal")
        if self._peek_inside() == "0":
            self._place += 1
        else:
            self._skip_digits()
        if self._text[self._place : self._place + 1] == ".":
            self._place += 1
            if self._peek_inside() not in _DIGITS:
                self._fail("after decimal point in numeric literal")
            self._skip_digits()
        if self._text[self._place : self._place + 1] in {"e", "E"}:
            self._place += 1
            if self._peek_inside() in "+-":
                self._place += 1
            if self._peek_inside() not in _DIGITS:
                self._fail("in exponent of numeric literal")
            self._skip_digits()

    def _skip_digits(self) -> None:
        while self._place < len(self._text) and self._text[self._place] in _DIGITS:
            self._place += 1
