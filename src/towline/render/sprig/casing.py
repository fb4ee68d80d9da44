"""Letters in upper and lower case, and words joined in one style or another.

Each character is mapped on its own, as Go does: `ß` has no upper-case form.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from towline.render.sprig.words import Kind, split_words

_CONNECTORS: Final = frozenset("-_")
_SPACE: Final = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B)
}
_LOOSE: Final = frozenset([Kind.CONNECTOR, Kind.PUNCTUATION])
_DOTTED_I: Final = "\u0130"


def upper(text: str) -> str:
    """The text in upper case."""
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def lower(text: str) -> str:
    """The text in lower case."""
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def title(text: str) -> str:
    """The text with the first letter of each word in title case."""
    result = []
    before = " "
    for char in text:
        result.append(_title(char) if _separates(before) else char)
        before = char
    return "".join(result)


def untitle(text: str) -> str:
    """The text with the first letter of each word in lower case."""
    result = []
    first = True
    for char in text:
        if char in _SPACE:
            first = True
        elif first:
            char = _lower(char)  # noqa: PLW2901 - the character that is kept
            first = False
        result.append(char)
    return "".join(result)


def swap(text: str) -> str:
    """The text with upper and lower case exchanged."""
    result = []
    first = True
    for char in text:
        kind = unicodedata.category(char)
        if kind in {"Lu", "Lt"}:
            result.append(_lower(char))
            first = False
        elif kind == "Ll":
            result.append(_title(char) if first else _upper(char))
            first = False
        else:
            result.append(char)
            first = char in _SPACE
    return "".join(result)


def pascal(text: str) -> str:
    """Words joined with capitals: `http_server` becomes `HttpServer`."""
    start = 0
    while start < len(text) and _connects(text[start]):
        start += 1
    leading, rest = text[:start], text[start:]
    if not rest:
        # The original writes the last one twice.
        return leading + leading[-1:]
    result = [leading]
    current = rest[0]
    folding = _is_upper(current)
    current = _upper(current)
    for following in rest[1:]:
        before, current = current, following
        if _connects(current) and _connects(before):
            result.append(before)
            continue
        if _connects(before):
            folding = _is_upper(current)
            current = _upper(current)
            continue
        if folding:
            if _is_upper(current):
                current = _lower(current)
            else:
                folding = False
        result.append(before)
    return "".join([*result, current])


def snake(text: str) -> str:
    """Words joined by underscores: `HTTPServer` becomes `http_server`."""
    return _joined(text, "_")


def kebab(text: str) -> str:
    """Words joined by hyphens: `HTTPServer` becomes `http-server`."""
    return _joined(text, "-")


def _joined(text: str, connector: str) -> str:
    """The words in lower case; a number stays with what it belongs to (`bld4_floor_3rd`)."""
    return _Joiner(split_words(text), connector).join()


class _Joiner:
    """Writes words one after the other, with a connector where the style wants one."""

    def __init__(self, words: list[tuple[Kind, str]], connector: str) -> None:
        self._words = words
        self._connector = connector
        self._place = 0
        self._parts: list[str] = []

    def join(self) -> str:
        while self._place < len(self._words):
            written = self._kind()
            self._put()
            if self._place == len(self._words):
                break
            if written is Kind.NUMBER:
                self._put_run()
            elif written not in _LOOSE:
                self._connect_word()
        return "".join(self._parts)

    def _kind(self, ahead: int = 0) -> Kind:
        place = self._place + ahead
        return self._words[place][0] if place < len(self._words) else Kind.NONE

    def _put(self) -> None:
        self._parts.append(_word(*self._words[self._place], self._connector))
        self._place += 1

    def _put_run(self) -> None:
        """Small letters and numbers that follow belong together."""
        while self._kind() in {Kind.LETTERS, Kind.NUMBER}:
            self._put()
        self._connect()

    def _connect(self) -> None:
        if self._kind() is not Kind.NONE and self._kind() not in _LOOSE:
            self._parts.append(self._connector)

    def _connect_word(self) -> None:
        if self._kind() is not Kind.NUMBER:
            self._connect()
        elif self._kind(1) is Kind.LETTERS:
            # Letters behind a number make it a word of its own: `http_2xx`.
            self._parts.append(self._connector)
            self._put_run()
        elif self._kind(1) is not Kind.NONE:
            self._put()
            self._connect()


def _word(kind: Kind, word: str, connector: str) -> str:
    if kind is Kind.CONNECTOR:
        return connector * len(word)
    return lower(word) if kind is Kind.UPPER else word


def _connects(char: str) -> bool:
    return char in _CONNECTORS or char in _SPACE


def _separates(char: str) -> bool:
    """Whether a word ends here: at any sign of ASCII but the underscore, else at spaces."""
    if char.isascii():
        return not (char.isalnum() or char == "_")
    return not unicodedata.category(char).startswith(("L", "Nd")) and char in _SPACE


def _is_upper(char: str) -> bool:
    return unicodedata.category(char) == "Lu"


def _upper(char: str) -> str:
    mapped = char.upper()
    return mapped if len(mapped) == 1 else char


def _lower(char: str) -> str:
    mapped = "i" if char == _DOTTED_I else char.lower()
    return mapped if len(mapped) == 1 else char


def _title(char: str) -> str:
    mapped = char.title()
    return mapped if len(mapped) == 1 else _upper(char)
