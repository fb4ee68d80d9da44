"""Tokens of the Groovy subset. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from towline.text.groovy.tree import Position

Kind = Literal["name", "number", "string", "interpolated", "operator", "newline", "end"]

# Longest first: the lexer takes the first that fits.
OPERATORS = (
    "<=>", "==~", "===", "!==", "**=", "..<", "...",
    "?.", "*.", ".&", ".@", "?:", "=~", "==", "!=", "<=", ">=", "&&", "||", "++", "--", "+=", "-=",
    "*=", "/=", "%=", "<<", ">>", "->", "..", "**", "::",
    "+", "-", "*", "/", "%", "<", ">", "=", "!", "?", ":", ".", ",", ";", "(", ")", "[", "]", "{",
    "}", "@", "&", "|", "^", "~",
)  # fmt: skip

KEYWORDS = frozenset(
    {
        "as", "assert", "break", "case", "catch", "class", "continue", "def", "default", "do",
        "else", "enum", "extends", "false", "final", "finally", "for", "if", "import", "in",
        "instanceof", "interface", "new", "null", "package", "return", "super", "switch", "this",
        "throw", "throws", "trait", "true", "try", "void", "while",
    }
)  # fmt: skip


class Token(msgspec.Struct, frozen=True):
    """A token.

    Attributes:
        kind: What it is.
        value: Name or operator text, number, string, or the parts of an interpolated string
            (texts, and tuples of tokens for `${...}`).
        at: Where it begins.
        spaced: Whether a blank stands before it.
        offset: Characters from the start of the file.
    """

    kind: Kind
    value: Any
    at: Position
    spaced: bool
    offset: int

    def is_operator(self, *texts: str) -> bool:
        """Whether it is one of these operators."""
        return self.kind == "operator" and self.value in texts

    def is_keyword(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind == "name" and self.value in words

    def describe(self) -> str:
        """What a message calls it."""
        if self.kind == "end":
            return "end of file"
        if self.kind == "newline":
            return "end of line"
        if self.kind in {"string", "interpolated"}:
            return "a string"
        return f"'{self.value}'"
