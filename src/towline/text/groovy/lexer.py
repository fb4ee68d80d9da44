"""Text to tokens: positions, strings of all kinds, newline rules, brackets that must match. Pure.

A newline is a token only where it can end a statement: at the top and directly inside braces.
Brackets are matched here, so that a missing brace is reported with the line that opened it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from decimal import Decimal

from towline.errors import InputError
from towline.text.groovy.tokens import KEYWORDS, OPERATORS, Token
from towline.text.groovy.tree import Position

MAX_SOURCE = 1024 * 1024
_MAX_STRING_NESTING = 8
_NAME = re.compile(r"[^\W\d]\w*|\$\w[\w$]*")
_PLACEHOLDER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F]+[lLgGiI]?"
    r"|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?[lLgGiIdDfF]?"
)
_UNICODE = re.compile(r"\\u+([0-9a-fA-F]{4})")
_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f",
    "\\": "\\", "'": "'", '"': '"', "$": "$",
}  # fmt: skip
_CLOSERS = {")": "(", "]": "[", "}": "{"}
_QUOTES = ('"""', "'''", '"', "'")
# A slash behind one of these is a division, otherwise it opens a string.
_VALUE_KINDS = frozenset({"name", "number", "string", "interpolated"})
_VALUE_KEYWORDS = frozenset({"this", "super", "true", "false", "null"})


class _Opened:
    """A bracket that waits for its partner."""

    __slots__ = ("at", "indent", "text")

    def __init__(self, text: str, at: Position, indent: int) -> None:
        self.text, self.at, self.indent = text, at, indent


def tokenize(source: str, file: str) -> list[Token]:
    """The tokens of a file, ended by one of kind `end`.

    Raises:
        InputError: With file, line and column, when the text is not the language.
    """
    if len(source) > MAX_SOURCE:
        raise InputError(f"is longer than {MAX_SOURCE} characters", file=file)
    return _Lexer(source, file).run()


class _Lexer:
    def __init__(self, source: str, file: str) -> None:
        self.source = source
        self.file = file
        self.index = 0
        self.opened: list[_Opened] = []
        self.suspect: tuple[Position, Position] | None = None
        self.nesting = 0
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", source))]

    def run(self) -> list[Token]:
        if self.source.startswith("\ufeff"):
            self.index = 1
        if self.source.startswith("#!", self.index):
            self._skip_line()
        tokens = self._tokens(inside_string=False)
        if self.opened:
            last = self.opened[-1]
            raise self._error_at(last.at, f"'{last.text}' is never closed", self._brace_hint())
        tokens.append(Token("end", "", self._position(self.index), False, self.index))
        return tokens

    def _tokens(self, *, inside_string: bool) -> list[Token]:
        """Tokens to the end of the file, or to the brace that ends a `${...}`."""
        tokens: list[Token] = []
        depth = len(self.opened)
        while True:
            spaced = self._skip_blanks()
            if self.index >= len(self.source):
                return tokens
            if inside_string and len(self.opened) == depth and self._here("}"):
                return tokens
            token = self._token(tokens[-1] if tokens else None, spaced)
            if token is not None:
                tokens.append(token)

    def _token(self, previous: Token | None, spaced: bool) -> Token | None:
        start, char = self.index, self.source[self.index]
        at = self._position(start)
        if char == "\n":
            self.index += 1
            ends = not self.opened or self.opened[-1].text == "{"
            return Token("newline", "\n", at, spaced, start) if ends else None
        if match := _NAME.match(self.source, start):
            self.index = match.end()
            return Token("name", match.group(), at, spaced, start)
        if char.isdigit() and (match := _NUMBER.match(self.source, start)):
            return self._number(match, at, spaced)
        for quote in _QUOTES:
            if self._here(quote):
                return self._string(quote, at, spaced)
        if char == "/" and self._opens_slashy(previous, spaced):
            return self._string("/", at, spaced)
        if self._here("$/"):
            raise self._error("dollar-slashy strings are not supported", "use '''...'''")
        return self._operator(at, spaced)

    def _operator(self, at: Position, spaced: bool) -> Token:
        start = self.index
        for text in OPERATORS:
            if self._here(text):
                self.index += len(text)
                self._match_brackets(text, at)
                return Token("operator", text, at, spaced, start)
        raise self._error(f"unexpected character {self.source[start]!r}")

    def _number(self, match: re.Match[str], at: Position, spaced: bool) -> Token:
        start, text = self.index, match.group()
        self.index = match.end()
        if len(text) > 40:
            raise self._error_at(at, "the number is too long")
        digits = text.replace("_", "")
        if digits[:2].lower() == "0x":
            return Token("number", int(digits.rstrip("lLgGiI"), 16), at, spaced, start)
        plain = digits.rstrip("lLgGiIdDfF")
        decimal = not plain.isdigit() or digits[-1] in "dDfF"
        if decimal and abs(Decimal(plain).adjusted()) > 300:
            raise self._error_at(at, "the number is too large or too small")
        value: object = Decimal(plain) if decimal else int(plain)
        return Token("number", value, at, spaced, start)

    # Brackets

    def _match_brackets(self, text: str, at: Position) -> None:
        if text in {"(", "[", "{"}:
            self.opened.append(_Opened(text, at, self._indent(at)))
            if len(self.opened) > 1000:
                raise self._error_at(at, "too many brackets inside each other")
        elif text in _CLOSERS:
            if not self.opened:
                raise self._error_at(at, f"'{text}' closes nothing", self._brace_hint())
            last = self.opened.pop()
            if last.text != _CLOSERS[text]:
                message = f"'{last.text}' of line {last.at.line} is still open at '{text}'"
                raise self._error_at(at, message, self._brace_hint())
            first_on_line = at.column - 1 == self._indent(at)
            if text == "}" and first_on_line and last.indent != self._indent(at):
                self.suspect = self.suspect or (last.at, at)

    def _indent(self, at: Position) -> int:
        start = self.line_starts[at.line - 1]
        line = self.source[
            start : self.line_starts[at.line] if at.line < len(self.line_starts) else None
        ]
        return len(line) - len(line.lstrip(" \t"))

    def _brace_hint(self) -> str:
        if self.suspect is None:
            return ""
        opened, closed = self.suspect
        return (
            f"by the indentation, '{{' of line {opened.line} should not be closed"
            f" by '}}' of line {closed.line}"
        )

    # Strings

    def _opens_slashy(self, previous: Token | None, spaced: bool) -> bool:
        """Whether a slash begins a string: where a value may begin and the line ends it."""
        rest = self.source[self.index + 1 : self.index + 2]
        if previous is None or previous.kind == "newline":
            return False
        if previous.kind == "name" and previous.value not in KEYWORDS - _VALUE_KEYWORDS:
            line_end = self.source.find("\n", self.index)
            line = self.source[self.index + 1 : None if line_end < 0 else line_end]
            return spaced and not rest.isspace() and rest != "=" and "/" in line
        if previous.kind in _VALUE_KINDS:
            return previous.kind == "name"
        return not previous.is_operator(")", "]", "}", "++", "--")

    def _string(self, quote: str, at: Position, spaced: bool) -> Token:
        start = self.index
        self.index += len(quote)
        interpolates = quote in {'"', '"""', "/"}
        parts: list[str | tuple[Token, ...]] = []
        text: list[str] = []
        while not self._here(quote):
            if self.index >= len(self.source):
                raise self._error_at(at, "the string is never closed")
            char = self.source[self.index]
            if char == "\n" and len(quote) == 1 and quote != "/":
                raise self._error_at(at, "the string is not closed on its line", "use '''...'''")
            if char == "\\":
                text.append(self._slashy_escape() if quote == "/" else self._escape())
            elif char == "$" and interpolates and (part := self._placeholder(quote)) is not None:
                parts += ["".join(text), part]
                text = []
            else:
                text.append(char)
                self.index += 1
        self.index += len(quote)
        if not parts:
            return Token("string", "".join(text), at, spaced, start)
        parts.append("".join(text))
        return Token("interpolated", tuple(parts), at, spaced, start)

    def _escape(self) -> str:
        source, start = self.source, self.index
        char = source[start + 1 : start + 2]
        if char in _ESCAPES:
            self.index += 2
            return _ESCAPES[char]
        if char == "\n":
            self.index += 2
            return ""
        if source.startswith("\r\n", start + 1):
            self.index += 3
            return ""
        if match := _UNICODE.match(source, start):
            self.index = match.end()
            return self._character(match)
        raise self._error(f"unknown escape '\\{char}' in a string", "write \\\\ for a backslash")

    def _character(self, match: re.Match[str]) -> str:
        """The character of a code escape; two halves of a surrogate pair make one."""
        code = int(match.group(1), 16)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)
        second = _UNICODE.match(self.source, self.index)
        low = int(second.group(1), 16) if second else 0
        if second is None or code >= 0xDC00 or not 0xDC00 <= low <= 0xDFFF:
            raise self._error("half of a surrogate pair in a string")
        self.index = second.end()
        return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))

    def _slashy_escape(self) -> str:
        if self.source.startswith("\\/", self.index):
            self.index += 2
            return "/"
        self.index += 1
        return "\\"

    def _placeholder(self, quote: str) -> tuple[Token, ...] | None:
        """Tokens of `${...}` or `$name.name`; None for a dollar that stands for itself."""
        dollar = self.index
        if self.source.startswith("${", dollar):
            return self._embedded()
        match = _PLACEHOLDER.match(self.source, dollar + 1)
        if match is None:
            if quote == "/":
                return None
            raise self._error("'$' needs a name or braces behind it", "write \\$ for a dollar")
        self.index = match.end()
        tokens: list[Token] = []
        offset = dollar + 1
        for word in match.group().split("."):
            at = self._position(offset)
            if tokens:
                tokens.append(Token("operator", ".", at, False, offset))
            tokens.append(Token("name", word, at, False, offset))
            offset += len(word) + 1
        return tuple(tokens)

    def _embedded(self) -> tuple[Token, ...]:
        at = self._position(self.index)
        self.nesting += 1
        if self.nesting > _MAX_STRING_NESTING:
            raise self._error_at(at, "strings are nested too deeply")
        self.index += 2
        # Newlines inside `${...}` end nothing: the outer brackets are set aside, a '(' stands in.
        saved, self.opened = self.opened, [_Opened("(", at, 0)]
        tokens = self._tokens(inside_string=True)
        if self.index >= len(self.source):
            raise self._error_at(at, "'${' is never closed")
        self.opened = saved
        self.nesting -= 1
        self.index += 1
        return tuple(tokens)

    # Blanks and places

    def _skip_blanks(self) -> bool:
        """Skips blanks, comments and escaped line ends; whether there were any."""
        start, source = self.index, self.source
        while self.index < len(source):
            if source[self.index] in " \t\r\f\u00a0":
                self.index += 1
            elif self._here("//"):
                self._skip_line()
            elif self._here("/*"):
                end = source.find("*/", self.index + 2)
                if end < 0:
                    raise self._error("the comment is never closed")
                self.index = end + 2
            elif self._here("\\\n"):
                self.index += 2
            elif self._here("\\\r\n"):
                self.index += 3
            else:
                break
        return self.index > start

    def _skip_line(self) -> None:
        end = self.source.find("\n", self.index)
        self.index = len(self.source) if end < 0 else end

    def _here(self, text: str) -> bool:
        return self.source.startswith(text, self.index)

    def _position(self, offset: int) -> Position:
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def _error(self, message: str, hint: str = "") -> InputError:
        return self._error_at(self._position(self.index), message, hint)

    def _error_at(self, at: Position, message: str, hint: str = "") -> InputError:
        return InputError(message, file=self.file, line=at.line, column=at.column, hint=hint)
