r"""The grammar of `--set` and its relatives: `a.b[0]=1,c={x,y},d\\.e=text`.

One reader for all of them; they differ in what a value is:

    --set          true, false, null and integers are themselves, anything else is text
    --set-string   always text
    --set-json     a JSON value
    --set-file     the content of the named file
    --set-literal  everything to the end, without commas, braces and escapes
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from towline.render.gotemplate.kinds import Int64
from towline.render.helm.errors import ChartError

MAX_INDEX: Final = 65536
MAX_NESTING: Final = 30
_INTEGER: Final = re.compile(r"[+-]?[0-9]+\Z")
_INT64: Final = 2**63
_LONGEST: Final = 40

Table = dict[str, Any]


class _End(Exception):  # noqa: N818  # the end of the text is no error
    """The text is used up."""


class _Problem(Exception):  # noqa: N818  # internal; becomes a ChartError with its context
    """The text cannot be read."""


class _NotAList(Exception):  # noqa: N818  # internal: what follows is a single value
    """The value does not begin with a brace."""


def parse_set(text: str, into: Table) -> None:
    """Applies one `--set`; integers become int64.

    Raises:
        ChartError: The text is malformed.
    """
    _apply(_Reader(text, _typed), into)


def parse_set_string(text: str, into: Table) -> None:
    """Applies one `--set-string`.

    Raises:
        ChartError: The text is malformed.
    """
    _apply(_Reader(text, lambda value: value), into)


def parse_set_file(text: str, into: Table, read: Callable[[str], str]) -> None:
    """Applies one `--set-file`.

    Args:
        text: `key=path,...`.
        into: Values to change.
        read: Gives the content of a file.

    Raises:
        ChartError: The text is malformed.
    """
    _apply(_Reader(text, read), into)


def parse_set_json(text: str, into: Table) -> None:
    """Applies one `--set-json` of the form `key=json,...`; numbers become float64.

    Raises:
        ChartError: The text is malformed.
    """
    _apply(_JsonReader(text), into)


def parse_set_literal(text: str, into: Table) -> None:
    """Applies one `--set-literal`.

    Raises:
        ChartError: The text is malformed.
    """
    _apply(_LiteralReader(text), into)


def _apply(reader: _Reader, into: Table) -> None:
    try:
        while True:
            reader.key(into, 0)
    except _End:
        return
    except _Problem as error:
        raise ChartError(str(error)) from error


class _Reader:
    """Reads keys and values from one text."""

    key_stops = "=[,."

    def __init__(self, text: str, convert: Callable[[str], Any]) -> None:
        self._text = text
        self._at = 0
        self._convert = convert

    def key(self, data: Table, level: int) -> None:
        """Reads one key with its value into `data`.

        Raises:
            _End: There is nothing more to read; what was read is in `data`.
            _Problem: The text is malformed.
        """
        name, stop = self._until(self.key_stops)
        match stop:
            case "":
                if not name:
                    raise _End
                raise _Problem(f"key {_quoted(name)} has no value")
            case "[":
                self._indexed(data, name, level)
            case "=":
                self._assign(data, name)
            case ",":
                _put(data, name, "")
                raise _Problem(f"key {_quoted(name)} has no value (cannot end with ,)")
            case _:
                self._nested(data, name, level + 1)

    def _indexed(self, data: Table, name: str, level: int) -> None:
        index = self._index()
        held = data.get(name, [])
        if not isinstance(held, list):
            raise _Problem(f"unable to parse key: {_conversion(held, '[]interface {}')}")
        changed = held
        try:
            changed = self._item(held, index, level)
        finally:
            _put(data, name, changed)

    def _nested(self, data: Table, name: str, level: int) -> None:
        if level > MAX_NESTING:
            raise _Problem(
                "value name nested level is greater than maximum supported nested level of "
                f"{MAX_NESTING}"
            )
        inner = data.get(name, {})
        if not isinstance(inner, dict):
            raise _Problem(f"unable to parse key: {_conversion(inner, 'map[string]interface {}')}")
        try:
            self.key(inner, level)
        finally:
            if inner:
                _put(data, name, inner)
        if not inner:
            raise _Problem(f"key map {_quoted(name)} has no value")

    def _assign(self, data: Table, name: str) -> None:
        try:
            _put(data, name, self._list())
        except _End:
            _put(data, name, "")
            raise
        except _NotAList:
            _put(data, name, self._convert(self._until(",")[0]))

    def _item(self, items: list[Any], index: int, level: int) -> list[Any]:
        if index < 0:
            raise _Problem(f"negative {index} index not allowed")
        rest, stop = self._until("[.=")
        if rest:
            raise _Problem(f"unexpected data at end of array index: {_quoted(rest)}")
        match stop:
            case "":
                raise _End
            case "=":
                return _set_index(items, index, self._item_value())
            case "[":
                return self._item_of_item(items, index, level)
            case _:
                return self._key_of_item(items, index, level)

    def _item_value(self) -> Any:
        try:
            return self._list()
        except _End:
            return ""
        except _NotAList:
            return self._convert(self._until(",")[0])

    def _item_of_item(self, items: list[Any], index: int, level: int) -> list[Any]:
        inner_index = self._index()
        inner = items[index] if index < len(items) else None
        if inner is not None and not isinstance(inner, list):
            raise _Problem(f"unable to parse key: {_conversion(inner, '[]interface {}')}")
        return _set_index(items, index, self._item(inner or [], inner_index, level))

    def _key_of_item(self, items: list[Any], index: int, level: int) -> list[Any]:
        inner: Any = items[index] if index < len(items) else {}
        if not isinstance(inner, dict):
            inner = items[index] = {}
        self.key(inner, level)
        return _set_index(items, index, inner)

    def _index(self) -> int:
        text, stop = self._until("]")
        if not stop:
            raise _Problem("error parsing index: EOF")
        if len(text) > _LONGEST or not _INTEGER.match(text):
            raise _Problem(
                f"error parsing index: strconv.Atoi: parsing {_quoted(text)}: invalid syntax"
            )
        index = int(text)
        if not -_INT64 <= index < _INT64:
            raise _Problem(
                f"error parsing index: strconv.Atoi: parsing {_quoted(text)}: value out of range"
            )
        return index

    def _list(self) -> list[Any]:
        if self._at >= len(self._text):
            raise _End
        if self._text[self._at] != "{":
            raise _NotAList
        self._at += 1
        items: list[Any] = []
        while True:
            text, stop = self._until(",}")
            if not stop:
                raise _Problem("list must terminate with '}'")
            items.append(self._convert(text))
            if stop == "}":
                if self._text[self._at : self._at + 1] == ",":
                    self._at += 1
                return items

    def _until(self, stops: str) -> tuple[str, str]:
        """Text up to one of the characters, and that character, or an empty one at the end."""
        out: list[str] = []
        text, size = self._text, len(self._text)
        while self._at < size:
            char = text[self._at]
            self._at += 1
            if char in stops:
                return "".join(out), char
            if char == "\\":
                if self._at >= size:
                    break
                char = text[self._at]
                self._at += 1
            out.append(char)
        return "".join(out), ""


class _JsonReader(_Reader):
    """Values are JSON."""

    def __init__(self, text: str) -> None:
        super().__init__(text, lambda value: value)
        self._decoder = json.JSONDecoder(parse_int=float, parse_constant=_no_constant)

    def _assign(self, data: Table, name: str) -> None:
        _put(data, name, self._json())

    def _item_value(self) -> Any:
        return self._json()

    def _json(self) -> Any:
        if self._empty():
            return None
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
        except (ValueError, RecursionError) as error:
            raise _Problem(f"invalid JSON value: {error}") from error
        self._empty()
        return value

    def _empty(self) -> bool:
        """Skips blanks and one comma; whether nothing else was there."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == ",":
                self._at += 1
                return True
            if not char.isspace():
                return False
            self._at += 1
        return True


class _LiteralReader(_Reader):
    """Keys without commas and escapes; the value is the rest of the text."""

    key_stops = "=[."

    def __init__(self, text: str) -> None:
        super().__init__(text, lambda value: value)

    def _assign(self, data: Table, name: str) -> None:
        _put(data, name, self._item_value())

    def _item_value(self) -> Any:
        value = self._text[self._at :]
        self._at = len(self._text)
        return value

    def _until(self, stops: str) -> tuple[str, str]:
        start = self._at
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char in stops:
                return self._text[start : self._at - 1], char
        return self._text[start:], ""


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid character in {name}")


def _put(data: Table, name: str, value: Any) -> None:
    if name:
        data[name] = value


def _set_index(items: list[Any], index: int, value: Any) -> list[Any]:
    if index > MAX_INDEX:
        raise _Problem(f"index of {index} is greater than maximum supported index of {MAX_INDEX}")
    result = items if index < len(items) else [*items, *[None] * (index + 1 - len(items))]
    result[index] = value
    return result


def _typed(text: str) -> Any:
    match text.lower():
        case "true":
            return True
        case "false":
            return False
        case "null":
            return None
        case "0":
            return Int64(0)
    if text and text[0] != "0" and len(text) <= _LONGEST and _INTEGER.match(text):
        number = int(text)
        if -_INT64 <= number < _INT64:
            return Int64(number)
    return text


def _conversion(value: Any, wanted: str) -> str:
    shown = {
        str: "string",
        bool: "bool",
        float: "float64",
        Int64: "int64",
        dict: "map[string]interface {}",
        list: "[]interface {}",
    }.get(type(value), "nil")
    return f"interface conversion: interface {{}} is {shown}, not {wanted}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
