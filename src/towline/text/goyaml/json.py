"""JSON text as Go's encoding/json prints it: sorted keys, its float format, its escapes."""

from __future__ import annotations

import re
from typing import Any, Final

from towline.errors import InputError
from towline.text.goyaml.numbers import json_number
from towline.text.goyaml.output import LONG, Parts

_SPECIAL: Final = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_PLAIN_SPECIAL: Final = re.compile('[\x00-\x1f"\\\\\u2028\u2029\ud800-\udfff]')
_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


class NilList(list[Any]):
    """An empty list that a Go program would hold as nil: it is written as null."""

    __slots__ = ()


class UnsupportedTypeError(InputError):
    """A value of a type that JSON does not know."""


def dump_json(value: Any, *, indent: str = "", markup: bool = True) -> str:
    """The value as encoding/json.Marshal prints it, without a final line break.

    Args:
        value: What JSON can hold.
        indent: What each level is indented by; nothing for one line.
        markup: Whether `<`, `>` and `&` are escaped, as Go does unless told otherwise.

    Raises:
        InputError: NaN, an infinity, or a type that JSON does not know.
        LimitError: The text is too long.
    """
    out = Parts()
    special = _SPECIAL if markup else _PLAIN_SPECIAL
    try:
        _Writer(out, special, indent).value(value, "\n" if indent else "")
    except RecursionError as error:
        raise InputError("json: nested too deeply") from error
    return "".join(out)


class _Writer:
    """One pass over one value."""

    def __init__(self, parts: Parts, special: re.Pattern[str], indent: str) -> None:
        self._parts = parts
        self._put = parts.append
        self._special = special
        self._indent = indent

    def value(self, value: Any, line: str) -> None:
        """Writes one value; `line` is the line break and padding of what surrounds it."""
        if isinstance(value, str):
            if len(value) > LONG:
                self._parts.add_long(len(value))
            self._put(f'"{self._special.sub(_escape, value)}"')
        elif isinstance(value, dict):
            self._mapping(value, line)
        elif isinstance(value, list | tuple):
            self._sequence(value, line)
        else:
            self._put(_atom(value))

    def _mapping(self, value: dict[str, Any], line: str) -> None:
        if not value:
            self._put("{}")
            return
        self._parts.check()
        inner = line + self._indent
        colon = ": " if self._indent else ":"
        start = "{" + inner
        for key in sorted(value):
            item = value[key]
            label = f'{start}"{self._special.sub(_escape, key)}"{colon}'
            if isinstance(item, str):
                if len(item) > LONG:
                    self._parts.add_long(len(item))
                self._put(f'{label}"{self._special.sub(_escape, item)}"')
            else:
                self._put(label)
                self.value(item, inner)
            start = "," + inner
        self._put(line + "}")

    def _sequence(self, value: list[Any] | tuple[Any, ...], line: str) -> None:
        if not value:
            self._put("null" if isinstance(value, NilList) else "[]")
            return
        self._parts.check()
        inner = line + self._indent
        start = "[" + inner
        for item in value:
            self._put(start)
            self.value(item, inner)
            start = "," + inner
        self._put(line + "]")


def _atom(value: Any) -> str:
    """A value that is neither text nor a collection."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value)
    raise UnsupportedTypeError(f"json: unsupported type: {type(value).__name__}")


def _number(value: float) -> str:
    try:
        return json_number(value)
    except ValueError as error:
        raise InputError(str(error)) from error


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if "\ud800" <= char <= "\udfff":
        return "\\ufffd"
    return _ESCAPES.get(char) or f"\\u{ord(char):04x}"
