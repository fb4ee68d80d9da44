"""How goyaml.v2 writes a string: plain, single-quoted, double-quoted or as a literal block.

The decision follows libyaml's scalar analysis plus Go's reader: what would read back as something
else than this string is quoted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from towline.errors import InputError
from towline.text.goyaml.dates import is_timestamp
from towline.text.goyaml.folding import fold

_WORDS: Final = frozenset(
    {"", "~"}
    | {"y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO"}
    | {"true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL"}
    | {"on", "On", "ON", "off", "Off", "OFF", ".nan", ".NaN", ".NAN"}
    | {sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")}
)
# `<<` and `=` are no words of the reader's table by their first sign, so they stay plain.
_LETTERS: Final = re.compile(r"[A-Za-z$(/_\\^;<=](?:[!-9;-~]|:(?!\Z))*\Z")
_UNPRINTABLE: Final = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]", re.UNICODE)
_BREAK: Final = re.compile("[\n\u2028\u2029]")
_BREAK_SPACE: Final = re.compile("[\n\u2028\u2029] ")
_SPACE_BREAK: Final = re.compile(" [\n\u2028\u2029]")
_SEPARATOR: Final = re.compile("[\u2028\u2029]")
_LINE_START: Final = re.compile("(?:^|[\n\u2028\u2029])(?=[^\n\u2028\u2029])")
_BARE: Final = frozenset(["", "\u2028", "\u2029"])
_EDGES: Final = frozenset(" \n\u2028\u2029")
_FIRST: Final = frozenset("#,[]{}&*!|>'\"%@`")
_INNER: Final = re.compile("(?:(?<=[ \u2028\u2029\n])#|:(?: |\\Z))")
_ESCAPED: Final = re.compile(
    '[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]|["\\\\]'
)
_ANY: Final = re.compile(r"[\s\S]")
_ESCAPES: Final = {
    "\0": "\\0",
    "\x07": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\xa0": "\\_",
    "\u2028": "\\L",
    "\u2029": "\\P",
}
_INTEGER: Final = re.compile(
    r"[-+]?(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))\Z"
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_GO_FLOAT: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?\Z")
_BASE60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_LEAST: Final = f"-{2**63}"
_REFUSED: Final = re.compile("[\x7f-\x84\x86-\x9f\ufffe\uffff]")
_FOLDED: Final = re.compile(" *\x85[ \x85]*")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CACHED: Final = 200


def inline(text: str) -> str | None:
    """The text as a scalar on one line, or None when it wants a block or depends on its place."""
    return _cached(text) if len(text) <= _CACHED else _inline(text)


def double_quoted(text: str) -> str:
    """The text between double quotes, with escapes."""
    # The emitter looks for a byte order mark at the start only, and then escapes every character.
    escaped = _ANY if text[:1] == "\ufeff" else _ESCAPED
    return f'"{escaped.sub(_escape, text)}"'


def block(text: str, column: int, pad: str, *, tabs: bool = False) -> str:
    """A text with line breaks, with the break that ends it.

    A literal block, or quoted where a block cannot hold it.

    Args:
        text: The string.
        column: How many characters stand before it on its line.
        pad: The spaces before each of its lines.
        tabs: Whether a literal block may hold tabs.
    """
    text = _readable(text)
    shown = text.replace("\t", "") if tabs and "\n" in text else text
    spaced = bool(_SPACE_BREAK.search(text) or _UNPRINTABLE.search(shown))
    if "\n" not in text:
        spaced = spaced or bool(_BREAK_SPACE.search(text)) or not _BREAK.search(text)
        if not spaced:
            return _single(text, column, pad) + "\n"
    if spaced or text[-1] == " ":
        return fold(double_quoted(text), column, pad) + "\n"
    hint = "2" if text[0] in _EDGES else ""
    chomp, end = "", ""
    if not _BREAK.match(text[-1]):
        chomp, end = "-", "\n"
    elif len(text) == 1 or _BREAK.match(text[-2]):
        chomp = "+"
    return f"|{hint}{chomp}\n{_indented(text, pad)}{end}"


def _readable(text: str) -> str:
    """The text as it comes through JSON into YAML.

    Raises:
        InputError: It holds control characters that YAML refuses.
    """
    if _REFUSED.search(text):
        raise InputError("yaml: control characters are not allowed")
    if "\x85" in text:
        # A raw next-line character inside quotes is a line break to the reader, and is folded.
        text = _FOLDED.sub(lambda match: "\n" * (match[0].count("\x85") - 1) or " ", text)
    return _SURROGATE.sub("\ufffd", text)


def _indented(text: str, pad: str) -> str:
    """Each line that is not empty behind the pad."""
    if text.isascii() or not _SEPARATOR.search(text):
        return "\n".join([pad + line if line else line for line in text.split("\n")])
    return _LINE_START.sub(lambda match: match[0] + pad, text)


def _single(text: str, column: int, pad: str) -> str:
    """Single quotes around Unicode line separators, which are kept and indented after."""
    first, *others = re.split("(?<=[\u2028\u2029])", text.replace("'", "''"))
    lines = [fold(first, column, pad)]
    lines += [fold(line if line in _BARE else pad + line, min(column, 0), pad) for line in others]
    return "'" + "".join(lines) + "'"


def _inline(text: str) -> str | None:
    if _LETTERS.match(text):
        return f'"{text}"' if text in _WORDS else text
    if _BREAK.search(text):
        return None
    if _UNPRINTABLE.search(text):
        text = _readable(text)
        if "\n" in text:
            return None
    if _UNPRINTABLE.search(text) or _reads_as_other(text):
        return double_quoted(text)
    if _plain_allowed(text):
        return text
    return "'" + text.replace("'", "''") + "'"


_cached = lru_cache(maxsize=16384)(_inline)


def _plain_allowed(text: str) -> bool:
    first = text[0]
    if first in _FIRST or first == " " or text[-1] == " " or text[:3] in {"---", "..."}:
        return False
    if first in "?-" and text[1:2] in {"", " "}:
        return False
    return _INNER.search(text) is None


def _reads_as_other(text: str) -> bool:
    """Whether Go's reader takes the plain text for a number, a word or a date."""
    if text in _WORDS:
        return True
    first = text[0]
    if first == ".":
        return bool(_GO_FLOAT.match(text)) and _finite(text)
    if first not in "+-0123456789":
        return False
    plain = text.replace("_", "")
    if match := _INTEGER.match(plain):
        value = int(match[match.lastgroup or "dec"], _BASES[match.lastgroup or "dec"])
        if value < 2**63 or (value < 2**64 and plain[0] not in "+-") or text == _LEAST:
            return True
    if _FLOAT.match(plain) and _finite(plain):
        return True
    return bool(_BASE60.match(text)) or is_timestamp(text)


def _finite(text: str) -> bool:
    return abs(float(text)) != float("inf")


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if known := _ESCAPES.get(char):
        return known
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
