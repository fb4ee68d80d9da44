"""Go's string literals: strconv.Quote and Unquote, and how fmt shows a character."""

from __future__ import annotations

import re
import unicodedata

_SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_PLAIN = re.compile(r"[ !#-\[\]-~]*\Z")
_DIGITS = {"x": 2, "u": 4, "U": 8}
_MAX_RUNE = 0x10FFFF


class LiteralSyntaxError(ValueError):
    """The text is no literal of Go."""


def is_printable(char: str) -> bool:
    """Whether Go's strconv.IsPrint holds: letters, marks, numbers, punctuation, symbols, space."""
    return char == " " or unicodedata.category(char)[0] in "LMNPS"


def _escape(char: str, quote: str, *, ascii_only: bool) -> str:
    code = ord(char)
    if char in (quote, "\\"):
        return "\\" + char
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x7F or not ascii_only:
        if is_printable(char):
            return char
        if char in _SHORT:
            return _SHORT[char]
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote(text: str, *, ascii_only: bool = False) -> str:
    """The text as a double-quoted Go literal (strconv.Quote, QuoteToASCII)."""
    if _PLAIN.match(text):
        return f'"{text}"'
    return '"' + "".join(_escape(char, '"', ascii_only=ascii_only) for char in text) + '"'


def quote_rune(code: int, *, ascii_only: bool = False) -> str:
    """The character as a single-quoted Go literal; U+FFFD when it is none."""
    char = rune(code)
    return "'" + _escape(char, "'", ascii_only=ascii_only) + "'"


def rune(code: int) -> str:
    """The character of a code point; U+FFFD for what is none."""
    if not 0 <= code <= _MAX_RUNE or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return chr(code)


def show_rune(char: str) -> str:
    """The character as `%#U` prints it: `U+0022 '"'`."""
    shown = f"U+{ord(char):04X}"
    return f"{shown} '{char}'" if is_printable(char) else shown


def unquote(literal: str) -> str:
    """The text that a quoted or raw Go string literal denotes.

    Bytes that are not UTF-8 (escaped by x and two digits) are kept as surrogate escapes.

    Raises:
        LiteralSyntaxError: It is not one.
    """
    if literal[0] == "`":
        return literal[1:-1].replace("\r", "")
    body = literal[1:-1]
    if "\\" not in body:
        return body
    parts: list[bytes] = []
    position = 0
    while position < len(body):
        mark = body.find("\\", position)
        if mark < 0:
            mark = len(body)
        parts.append(body[position:mark].encode("utf-8", "surrogateescape"))
        if mark == len(body):
            break
        value, position = _unescape(body, mark + 1, '"')
        parts.append(value)
    return b"".join(parts).decode("utf-8", "surrogateescape")


def unquote_rune(literal: str) -> int:
    """The code point that a character constant such as `'a'` denotes.

    Raises:
        LiteralSyntaxError: It is not one.
    """
    if len(literal) < 3:
        raise LiteralSyntaxError("invalid syntax")
    if literal[1] == "\\":
        value, end = _unescape(literal, 2, "'")
        octal_or_hex = literal[2] in "x01234567"
        code = value[0] if octal_or_hex else ord(value.decode())
    else:
        code, end = ord(literal[1]), 2
        if literal[1] == "'":
            raise LiteralSyntaxError("invalid syntax")
    if literal[end:] != "'":
        raise LiteralSyntaxError(f"malformed character constant: {literal}")
    return code


def _unescape(text: str, position: int, delimiter: str) -> tuple[bytes, int]:
    """The bytes of the escape whose letter is at the position, and where it ends."""
    if position >= len(text):
        raise LiteralSyntaxError("invalid syntax")
    letter = text[position]
    if letter in _ESCAPES and (letter not in "'\"" or letter == delimiter):
        return _ESCAPES[letter].encode(), position + 1
    if letter in _DIGITS:
        end = position + 1 + _DIGITS[letter]
        code = _number(text[position + 1 : end], _DIGITS[letter], 16)
        if letter == "x":
            return bytes([code]), end
        if code > _MAX_RUNE or 0xD800 <= code <= 0xDFFF:
            raise LiteralSyntaxError("invalid syntax")
        return chr(code).encode(), end
    end = position + 3
    code = _number(text[position:end], 3, 8)
    if code > 0xFF:
        raise LiteralSyntaxError("invalid syntax")
    return bytes([code]), end


def _number(digits: str, length: int, base: int) -> int:
    allowed = "01234567" if base == 8 else "0123456789abcdefABCDEF"
    if len(digits) != length or any(digit not in allowed for digit in digits):
        raise LiteralSyntaxError("invalid syntax")
    return int(digits, base)
