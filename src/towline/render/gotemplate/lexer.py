"""Tokens of a template.

Text outside of actions is found with `str.find`. Inside, one regular expression takes the next
token in the usual case; the rest of this module takes what it does not match: numbers, characters
outside ASCII, and errors. An error is a token too: the parser meets it where it stands, after what
comes before.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, TypeAlias

from towline.render.gotemplate.quoting import is_printable, quote, show_rune

# Kind, position in characters, text (of an error its message), whether spaces come before it.
# Kinds: text {{ }} = := | ( ) , string raw rune number complex dot field variable identifier bool
# char error eof, and the keywords.
Token: TypeAlias = tuple[str, int, str, bool]

_CONTROL: Final = ("block", "break", "continue", "define", "else", "end", "if", "range")
KEYWORDS: Final = frozenset((*_CONTROL, "nil", "template", "with"))
_SPACES: Final = " \t\r\n"
_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?:
      (\.[A-Za-z_]\w*) (?=[ \t\r\n.,|:)(]|\}\})      # 1 field
    | ([A-Za-z_]\w*)   (?=[ \t\r\n.,|:)(]|\}\})      # 2 identifier or keyword
    | (\$\w*)          (?=[ \t\r\n.,|:)(]|\}\})      # 3 variable
    | ("(?:[^"\\\n]|\\[^\n])*")                      # 4 string
    | (:=|[|()=,])                                   # 5 symbol
    | (-?\}\})                                       # 6 right delimiter
    | (\.)             (?=[ \t\r\n,|:)(]|\}\})       # 7 dot
    | (`[^`]*`)                                      # 8 raw string
    | (-?[0-9]+)       (?=[ \t\r\n)|]|\}\})          # 9 number
    )""",
    re.VERBOSE | re.ASCII,
)
_KINDS: Final = ("", "field", "", "variable", "string", "", "}}", "dot", "raw", "number")
_WORDS: Final = {word: word for word in KEYWORDS} | {"true": "bool", "false": "bool"}
_SPACE = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"\w*", re.ASCII)
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_NUMBER = re.compile(
    r"""[+-]?(?:
          0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?
        | 0[oO][0-7_]*(?:\.[0-7_]*)?
        | 0[bB][01_]*(?:\.[01_]*)?
        | [0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?
        )i?""",
    re.VERBOSE,
)
_TERMINATORS = frozenset(" \t\r\n.,|:)(")


def describe(token: Token) -> str:
    """The token as error messages show it."""
    kind, _, value, _ = token
    if kind in {"eof", "error"}:
        return value
    if kind in KEYWORDS or kind == "dot":
        return f"<{value}>"
    if len(value.encode("utf-8", "surrogateescape")) > 10:
        return quote(value[:10]) + "..."
    return quote(value)


class _LexicalError(Exception):
    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.token: Token = ("error", position, message, True)


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
                self.tokens.append(("text", start, text[start:], False))
            self.tokens.append(("eof", len(text), "EOF", True))
            return -1
        inner = mark + 2
        trim = text[inner : inner + 1] == "-" and text[inner + 1 : inner + 2] in _SPACES
        trim = trim and inner + 1 < len(text)
        piece = text[start:mark]
        if trim:
            piece = piece.rstrip(_SPACES)
        if piece:
            self.tokens.append(("text", start, piece, False))
        after = inner + 2 if trim else inner
        if text.startswith("/*", after):
            return self._comment(after)
        self.tokens.append(("{{", mark, "{{", False))
        return self._action(after)

    def _comment(self, start: int) -> int:
        end = self.text.find("*/", start + 2)
        if end < 0:
            raise _LexicalError(start, "unclosed comment")
        end += 2
        if self.text.startswith("}}", end):
            return end + 2
        if self.text.startswith("-}}", end + 1) and self.text[end] in _SPACES:
            return self._skip(end + 4)
        raise _LexicalError(start, "comment ends before closing delimiter")

    def _skip(self, position: int) -> int:
        match = _SPACE.match(self.text, position)
        return match.end() if match else position

    def _action(self, position: int) -> int:
        """Scan an action's tokens up to and with its right delimiter; where text goes on."""
        text, append, match = self.text, self.tokens.append, _TOKEN.match
        self.depth = 0
        while True:
            found = match(text, position)
            if found is None:
                position = self._rare(position)
                continue
            group = found.lastindex or 0
            value = found[group]
            end = found.end()
            start = end - len(value)
            spaced = start != position
            if group == 2:
                append((_WORDS.get(value, "identifier"), start, value, spaced))
            elif group == 5:
                if value in {"(", ")"}:
                    self._parenthesis(value, start)
                append((value, start, value, spaced))
            elif group == 6:
                if value == "}}" or spaced:
                    return self._right_delimiter(value, start)
                end = self._number(start)
            else:
                append((_KINDS[group], start, value, spaced))
            position = end

    def _right_delimiter(self, value: str, start: int) -> int:
        if self.depth:
            raise _LexicalError(start, "unclosed left paren")
        self.tokens.append(("}}", start, "}}", True))
        return start + 2 if value == "}}" else self._skip(start + 3)

    def _parenthesis(self, value: str, start: int) -> None:
        self.depth += 1 if value == "(" else -1
        if self.depth < 0:
            raise _LexicalError(start, "unexpected right paren")

    def _rare(self, before: int) -> int:
        """Scan a token that the regular expression does not know; where it ends."""
        position = self._skip(before)
        char = self.text[position : position + 1]
        if char == "":
            raise _LexicalError(position, "unclosed action")
        following = self.text[position + 1 : position + 2]
        if char == "$":
            return self._word(position, "variable", before)
        if char == "." and following and not "0" <= following <= "9":
            return self._word(position, "field", before)
        if char in "+-.0123456789":
            return self._number(position)
        if _is_alphanumeric(char):
            return self._word(position, "identifier", before)
        return self._mark(position, char, before)

    def _mark(self, position: int, char: str, before: int) -> int:
        """Scan a character constant, or find what is wrong with a literal or symbol."""
        unterminated = {
            '"': "unterminated quoted string",
            "`": "unterminated raw quoted string",
            "'": "unterminated character constant",
        }
        match = _CHARACTER.match(self.text, position)
        if match is not None:
            return self._emit("rune", position, match.end(), before)
        if char in unterminated:
            raise _LexicalError(position, unterminated[char])
        if char == ":":
            raise _LexicalError(position, "expected :=")
        if char < "\x7f" and is_printable(char):
            return self._emit("char", position, position + 1, before)
        shown = show_rune(char)
        raise _LexicalError(position, f"unrecognized character in action: {shown}")

    def _emit(self, kind: str, start: int, end: int, before: int) -> int:
        self.tokens.append((kind, start, self.text[start:end], start != before))
        return end

    def _word(self, start: int, kind: str, before: int) -> int:
        """Scan a field, variable or word with characters outside ASCII, or find what is wrong."""
        text = self.text
        first = start if kind == "identifier" else start + 1
        end = first
        while end < len(text) and _is_alphanumeric(text[end]):
            end += 1
        following = text[end : end + 1]
        if following and following not in _TERMINATORS and not text.startswith("}}", end):
            raise _LexicalError(start, f"bad character {show_rune(following)}")
        if kind == "identifier":
            kind = _WORDS.get(text[start:end], kind)
        elif kind == "field" and end == first:
            kind = "dot"
        return self._emit(kind, start, end, before)

    def _number(self, start: int) -> int:
        end = self._scan_number(start, start)
        spaced = start - 1
        if self.text[end : end + 1] in {"+", "-"}:
            end = self._scan_number(start, end)
            if self.text[end - 1] != "i":
                raise _LexicalError(start, f"bad number syntax: {quote(self.text[start:end])}")
            return self._emit("complex", start, end, self._before(spaced))
        return self._emit("number", start, end, self._before(spaced))

    def _before(self, position: int) -> int:
        """Where the spaces start that end at the position; after it when there are none."""
        return position if self.text[position] in _SPACES else position + 1

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
