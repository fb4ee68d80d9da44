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
    words = split_words(text)
    result: list[str] = []
    index = 0

    def kind(place: int) -> Kind:
        return words[place][0] if place < len(words) else Kind.NONE

    def put(place: int) -> None:
        if place < len(words):
            result.append(_word(*words[place], connector))

    def put_run(place: int) -> int:
        while kind(place) in {Kind.LETTERS, Kind.NUMBER}:
            put(place)
            place += 1
        return place

    while index < len(words):
        current = kind(index)
        put(index)
        index += 1
        if index >= len(words):
            break
        if current is Kind.NUMBER:
            index = put_run(index)
            if kind(index) not in {Kind.NONE, Kind.PUNCTUATION, Kind.CONNECTOR}:
                result.append(connector)
        elif current in {Kind.CONNECTOR, Kind.PUNCTUATION}:
            continue
        elif kind(index) is not Kind.NUMBER:
            if kind(index) not in {Kind.CONNECTOR, Kind.PUNCTUATION}:
                result.append(connector)
        elif index + 1 >= len(words):
            continue
        elif kind(index + 1) is not Kind.LETTERS:
            put(index)
            index += 1
            if kind(index) not in {Kind.CONNECTOR, Kind.PUNCTUATION}:
                result.append(connector)
        else:
            result.append(connector)
            index = put_run(index)
            if kind(index) not in {Kind.NONE, Kind.CONNECTOR, Kind.PUNCTUATION}:
                result.append(connector)
    return "".join(result)


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
