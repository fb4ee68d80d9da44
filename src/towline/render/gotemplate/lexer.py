"""Tokens of a template.

Text outside of actions is found with `str.find`; inside, one regular expression per kind of token.
An error is a token too: the parser meets it where it stands, after what comes before.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from towline.render.gotemplate.quoting import is_printable, quote, show_rune

KEYWORDS: Final = frozenset(
    {
        "block",
        "break",
        "continue",
        "define",
        "else",
        "end",
        "if",
        "range",
        "nil",
        "template",
        "with",
    }
)
_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"\w*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_RAW = re.compile(r"`[^`]*`")
_NUMBER = re.compile(
    r"""[+-]?(?:
          0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?
        | 0[oO][0-7_]*(?:\.[0-7_]*)?
        | 0[bB][01_]*(?:\.[01_]*)?
        | [0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?
        )i?""",
    re.VERBOSE,
)
_SYMBOLS = {"=": "=", "|": "|"}
_TERMINATORS = frozenset(" \t\r\n.,|:)(")


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: `text`, `{{`, `}}`, `space`, `=`, `:=`, `|`, `(`, `)`, `string`, `raw`, `rune`,
            `number`, `complex`, `dot`, `field`, `variable`, `identifier`, `bool`, `char`, `error`,
            `eof`, or a keyword itself.
        position: Where it starts, in characters.
        value: Its text; the message of an error.
    """

    kind: str
    position: int
    value: str

    def describe(self) -> str:
        """The token as error messages show it."""
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.value
        if self.kind in KEYWORDS or self.kind == "dot":
            return f"<{self.value}>"
        if len(self.value.encode("utf-8", "surrogateescape")) > 10:
            return quote(self.value[:10]) + "..."
        return quote(self.value)


class _LexicalError(Exception):
    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.token = Token("error", position, message)


def tokenize(text: str) -> list[Token]:
    """All tokens of a template; the last one is `eof` or `error`. Never raises."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.depth = 0

    def run(self) -> list[Token]:
        position = 0
        try:
            while position >= 0:
                position = self._text(position)
        except _LexicalError as error:
            self.tokens.append(error.token)
        return self.tokens

    def _text(self, start: int) -> int:
        """Scan text and the action or comment after it; where to go on, or -1 at the end."""
        text = self.text
        mark = text.find("{{", start)
        if mark < 0:
            if start < len(text):
                self.tokens.append(Token("text", start, text[start:]))
            self.tokens.append(Token("eof", len(text), "EOF"))
            return -1
        inner = mark + 2
        trim = text.startswith("-", inner) and text[inner + 1 : inner + 2] in _SPACES
        trim = trim and inner + 1 < len(text)
        piece = text[start:mark]
        if trim:
            piece = piece.rstrip(_SPACES)
        if piece:
            self.tokens.append(Token("text", start, piece))
        after = inner + 2 if trim else inner
        if text.startswith("/*", after):
            return self._comment(after)
        self.tokens.append(Token("{{", mark, "{{"))
        self.depth = 0
        return self._action(after)

    def _comment(self, start: int) -> int:
        end = self.text.find("*/", start + 2)
        if end < 0:
            raise _LexicalError(start, "unclosed comment")
        delimiter = self._right_delimiter(end + 2)
        if delimiter is None:
            raise _LexicalError(start, "comment ends before closing delimiter")
        return delimiter[1]

    def _right_delimiter(self, position: int) -> tuple[int, int] | None:
        """Where the `}}` at the position starts and where the text after it goes on."""
        text = self.text
        if text.startswith("}}", position):
            return position, position + 2
        if text.startswith("-}}", position + 1) and text[position] in _SPACES:
            spaces = _SPACE.match(text, position + 4)
            return position + 2, spaces.end() if spaces else position + 4
        return None

    def _action(self, position: int) -> int:
        """Scan an action's tokens up to and with its right delimiter."""
        while True:
            delimiter = self._right_delimiter(position)
            if delimiter is not None:
                if self.depth:
                    raise _LexicalError(position, "unclosed left paren")
                self.tokens.append(Token("}}", delimiter[0], "}}"))
                return delimiter[1]
            position = self._token(position)

    def _token(self, position: int) -> int:
        text = self.text
        char = text[position : position + 1]
        if char == "":
            raise _LexicalError(position, "unclosed action")
        if char in _SPACES:
            return self._spaces(position)
        if char == "$":
            return self._word(position, "variable")
        if char == ".":
            if not ("0" <= text[position + 1 : position + 2] <= "9"):
                return self._word(position, "field")
            return self._number(position)
        if char in "+-0123456789":
            return self._number(position)
        if _is_alphanumeric(char):
            return self._word(position, "identifier")
        return self._mark(position, char)

    def _mark(self, position: int, char: str) -> int:
        """Scan a literal in quotes or a symbol."""
        text = self.text
        if char == '"':
            return self._quoted(_STRING, position, "string", "unterminated quoted string")
        if char == "`":
            return self._quoted(_RAW, position, "raw", "unterminated raw quoted string")
        if char == "'":
            return self._quoted(_CHARACTER, position, "rune", "unterminated character constant")
        if char == ":":
            if not text.startswith(":=", position):
                raise _LexicalError(position, "expected :=")
            return self._emit(":=", position, position + 2)
        if char == "(":
            self.depth += 1
            return self._emit("(", position, position + 1)
        if char == ")":
            self.depth -= 1
            if self.depth < 0:
                raise _LexicalError(position, "unexpected right paren")
            return self._emit(")", position, position + 1)
        if char < "\x7f" and is_printable(char):
            return self._emit(_SYMBOLS.get(char, "char"), position, position + 1)
        shown = show_rune(char)
        raise _LexicalError(position, f"unrecognized character in action: {shown}")

    def _emit(self, kind: str, start: int, end: int) -> int:
        self.tokens.append(Token(kind, start, self.text[start:end]))
        return end

    def _spaces(self, position: int) -> int:
        match = _SPACE.match(self.text, position)
        end = match.end() if match else position + 1
        if self.text.startswith("-}}", end):
            end -= 1  # the last space belongs to the trim marker
            if end == position:
                return position
        return self._emit("space", position, end)

    def _quoted(self, pattern: re.Pattern[str], position: int, kind: str, message: str) -> int:
        match = pattern.match(self.text, position)
        if match is None:
            raise _LexicalError(position, message)
        return self._emit(kind, position, match.end())

    def _word(self, start: int, kind: str) -> int:
        """Scan a field, a variable, an identifier or a keyword."""
        text = self.text
        first = start if kind == "identifier" else start + 1
        match = _WORD.match(text, first)
        end = match.end() if match else first
        if not text[first:end].isascii():
            end = first
            while end < len(text) and _is_alphanumeric(text[end]):
                end += 1
        following = text[end : end + 1]
        if following not in _TERMINATORS and following and not text.startswith("}}", end):
            raise _LexicalError(start, f"bad character {show_rune(following)}")
        if kind == "identifier":
            word = text[start:end]
            if word in KEYWORDS:
                kind = word
            elif word in {"true", "false"}:
                kind = "bool"
        elif kind == "field" and end == first:
            kind = "dot"
        return self._emit(kind, start, end)

    def _number(self, start: int) -> int:
        end = self._scan_number(start, start)
        if self.text[end : end + 1] in {"+", "-"}:
            end = self._scan_number(start, end)
            if self.text[end - 1] != "i":
                raise _LexicalError(start, f"bad number syntax: {quote(self.text[start:end])}")
            return self._emit("complex", start, end)
        return self._emit("number", start, end)

    def _scan_number(self, start: int, position: int) -> int:
        match = _NUMBER.match(self.text, position)
        end = match.end() if match else position
        if end < len(self.text) and _is_alphanumeric(self.text[end]):
            bad = quote(self.text[start : end + 1])
            raise _LexicalError(start, f"bad number syntax: {bad}")
        return end


def _is_alphanumeric(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char == "_"
    category = unicodedata.category(char)
    return category[0] == "L" or category == "Nd"
