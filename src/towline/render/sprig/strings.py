"""Sprig's string functions. Lengths and offsets count bytes, as Go's do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from towline.render.gotemplate.formatting import sprint
from towline.render.gotemplate.functions import (
    ANY,
    BOOL,
    INT,
    STRING,
    STRING_MAP,
    STRINGS,
    Function,
    FunctionError,
    GoType,
    check_size,
)
from towline.render.gotemplate.kinds import StringList, StringMap
from towline.render.gotemplate.quoting import quote as quote_text
from towline.render.sprig import casing
from towline.render.sprig.abbreviation import abbreviate, abbreviate_both
from towline.render.sprig.conversion import string_of, strings_of, to_bytes, to_text
from towline.render.sprig.wrapping import wrap

SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_SPACE_BYTES: Final = b"\t\n\v\f\r \x85\xa0"
_SPACES: Final = re.compile(f"[{SPACE}]")


def truncate(length: int, text: str) -> str:
    """The first bytes of a text, or with a negative length the last ones."""
    if text.isascii():
        size = len(text)
        if length >= 0:
            return text[:length]
        return text[size + length :] if size + length > 0 else text
    data = to_bytes(text)
    if length >= 0:
        return to_text(data[:length])
    return to_text(data[length:]) if len(data) + length > 0 else text


def substring(start: int, end: int, text: str) -> str:
    """The bytes from start up to end.

    Raises:
        FunctionError: The bounds are outside of the text.
    """
    data = to_bytes(text)
    if start < 0:
        if end < 0:
            raise FunctionError(f"runtime error: slice bounds out of range [:{end}]")
        if end > len(data):
            raise FunctionError(
                f"runtime error: slice bounds out of range [:{end}] with length {len(data)}"
            )
        return to_text(data[:end])
    if end < 0 or end > len(data):
        end = len(data)
    if start > end:
        raise FunctionError(f"runtime error: slice bounds out of range [{start}:{end}]")
    return to_text(data[start:end])


def repeat(count: int, text: str) -> str:
    """The text so many times.

    Raises:
        FunctionError: The count is negative.
    """
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    check_size(count * len(text))
    return text * count


def quote(*values: Any) -> str:
    """The values that are not nil between double quotes."""
    return " ".join(quote_text(string_of(value)) for value in values if value is not None)


def single_quote(*values: Any) -> str:
    """The values that are not nil between single quotes, with nothing escaped."""
    return " ".join(f"'{sprint(value)}'" for value in values if value is not None)


def cat(*values: Any) -> str:
    """The values that are not nil with spaces between."""
    return " ".join(sprint(value) for value in values if value is not None)


def indent(spaces: int, text: str) -> str:
    """The text with each line moved to the right.

    Raises:
        FunctionError: The count is negative.
    """
    if spaces < 0:
        raise FunctionError("strings: negative Repeat count")
    check_size(len(text) + spaces * (text.count("\n") + 1))
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def nindent(spaces: int, text: str) -> str:
    """Like `indent`, on a new line."""
    return "\n" + indent(spaces, text)


def replace(old: str, new: str, text: str) -> str:
    """The text with each `old` replaced."""
    check_size(len(text) + len(new) * (text.count(old) if len(new) > len(old) else 0))
    return text.replace(old, new)


def split_list(separator: str, text: str) -> StringList:
    """The parts between separators; without a separator the characters."""
    return StringList(text.split(separator) if separator else text)


def split(separator: str, text: str) -> StringMap:
    """The parts between separators under the keys `_0`, `_1`, ..."""
    return _numbered(split_list(separator, text))


def split_some(separator: str, count: int, text: str) -> StringMap:
    """Like `split`, with at most so many parts unless the count is negative."""
    if count == 0:
        return StringMap()
    if count < 0:
        return split(separator, text)
    if separator:
        return _numbered(text.split(separator, count - 1))
    head = list(text[: count - 1])
    return _numbered([*head, text[count - 1 :]] if len(text) >= count else list(text))


def join(separator: str, values: Any) -> str:
    """The elements of a list as strings, joined."""
    parts = strings_of(values)
    check_size(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def sort_alpha(values: Any) -> StringList:
    """The elements of a list as strings, in byte order."""
    if not isinstance(values, list | bytes):
        return StringList([string_of(values)])
    return StringList(sorted(strings_of(values), key=to_bytes))


def no_space(text: str) -> str:
    """The text without white space."""
    if text.isascii():
        return _SPACES.sub("", text)
    data = to_bytes(text)
    kept = bytes(byte for byte in data if byte not in _SPACE_BYTES)
    # The original goes through the text byte by byte, and takes each for a character.
    return text if len(kept) == len(data) else kept.decode("latin-1")


def initials(text: str) -> str:
    """The first letter of each word."""
    data = to_bytes(text).decode("latin-1")
    return "".join(word[0] for word in _SPACES.split(data) if word)


def plural(one: str, many: str, count: int) -> str:
    """`one` for a count of 1, else `many`."""
    return one if count == 1 else many


def _numbered(parts: list[str]) -> StringMap:
    return StringMap({f"_{index}": part for index, part in enumerate(parts)})


def _of(call: Callable[..., Any], *params: GoType, result: GoType = STRING) -> Function:
    return Function(call, params, result=result)


def functions() -> Mapping[str, Function]:
    """The string functions by name."""
    trim_all = _of(lambda cut, text: text.strip(cut), STRING, STRING)
    return {
        "abbrev": _of(abbreviate, INT, STRING),
        "abbrevboth": _of(abbreviate_both, INT, INT, STRING),
        "trunc": _of(truncate, INT, STRING),
        "trim": _of(lambda text: text.strip(SPACE), STRING),
        "upper": _of(casing.upper, STRING),
        "lower": _of(casing.lower, STRING),
        "title": _of(casing.title, STRING),
        "untitle": _of(casing.untitle, STRING),
        "swapcase": _of(casing.swap, STRING),
        "camelcase": _of(casing.pascal, STRING),
        "snakecase": _of(casing.snake, STRING),
        "kebabcase": _of(casing.kebab, STRING),
        "substr": _of(substring, INT, INT, STRING),
        "repeat": _of(repeat, INT, STRING),
        "trimall": trim_all,
        "trimAll": trim_all,
        "trimSuffix": _of(lambda end, text: text.removesuffix(end), STRING, STRING),
        "trimPrefix": _of(lambda start, text: text.removeprefix(start), STRING, STRING),
        "nospace": _of(no_space, STRING),
        "initials": _of(initials, STRING),
        "wrap": _of(lambda width, text: wrap(text, width, "\n", break_words=False), INT, STRING),
        "wrapWith": _of(
            lambda width, end, text: wrap(text, width, end, break_words=True), INT, STRING, STRING
        ),
        "contains": _of(lambda part, text: part in text, STRING, STRING, result=BOOL),
        "hasPrefix": _of(lambda part, text: text.startswith(part), STRING, STRING, result=BOOL),
        "hasSuffix": _of(lambda part, text: text.endswith(part), STRING, STRING, result=BOOL),
        "quote": Function(quote, rest=ANY, result=STRING),
        "squote": Function(single_quote, rest=ANY, result=STRING),
        "cat": Function(cat, rest=ANY, result=STRING),
        "indent": _of(indent, INT, STRING),
        "nindent": _of(nindent, INT, STRING),
        "replace": _of(replace, STRING, STRING, STRING),
        "plural": _of(plural, STRING, STRING, INT),
        "toString": _of(string_of, ANY),
        "toStrings": _of(lambda value: StringList(strings_of(value)), ANY, result=STRINGS),
        "split": _of(split, STRING, STRING, result=STRING_MAP),
        "splitList": _of(split_list, STRING, STRING, result=STRINGS),
        "splitn": _of(split_some, STRING, INT, STRING, result=STRING_MAP),
        "join": _of(join, STRING, ANY),
        "sortAlpha": _of(sort_alpha, ANY, result=STRINGS),
    }
