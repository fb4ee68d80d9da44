"""TOML as the BurntSushi library of Go prints and reads it, for maps that JSON can hold. Pure."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time
from typing import Any, Final

from towline.errors import InputError
from towline.text.gotime import Moment, format_moment
from towline.text.gotime.civil import days_of
from towline.text.gotime.layout import RFC3339_NANO
from towline.text.goyaml.numbers import fixed

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_STEP: Final = "  "
_SHORT: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    "\x00": "\\u0000",
}
_ESCAPED: Final = re.compile('[\x00-\x1f"\\\\\x7f]')
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_DEEPEST: Final = 200
_LAYOUTS: Final = {
    "datetime-local": "2006-01-02T15:04:05.999999999",
    "date-local": "2006-01-02",
    "time-local": "15:04:05.999999999",
}
_DAY: Final = 86_400


def dump(value: Any) -> str:
    """The value as TOML: plain keys first, then tables, each sorted; nil entries are left out.

    Args:
        value: A map of what JSON can hold, and moments; other values are written as they would
            stand behind a key.

    Raises:
        InputError: A list with a nil in it, or a list of maps without a key.
    """
    if value is None:
        raise InputError("toml: top-level values must be Go maps or structs")
    writer = _Writer()
    writer.encode((), value)
    return "".join(writer.parts)


def load(text: str) -> dict[str, Any]:
    """The map of a TOML text; dates and times are moments in zones named as the library does.

    Raises:
        InputError: It is no TOML.
    """
    try:
        return {
            key: _plain(item) for key, item in tomllib.loads(text.replace("\r\n", "\n")).items()
        }
    except tomllib.TOMLDecodeError as error:
        raise _located(str(error)) from error
    except RecursionError as error:
        raise InputError("toml: nested too deeply") from error


class _Writer:
    """One pass over one value."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def encode(self, key: tuple[str, ...], value: Any) -> None:
        """Writes the value under a key: an entry, a table or an array of tables."""
        if len(key) > _DEEPEST:
            raise InputError("toml: nested too deeply")
        if isinstance(value, dict):
            if len(key) == 1:
                self._break()
            if key:
                self.parts += (_indent(key), f"[{_dotted(key)}]")
                self._break()
            self._entries(key, value)
        elif _is_table_array(value):
            if not key:
                raise InputError("top-level array of tables has no key")
            for item in value:
                self._break()
                self.parts += (_indent(key), f"[[{_dotted(key)}]]")
                self._break()
                self._entries(key, item)
        elif key:
            self.parts.append(f"{_indent(key)}{_key(key[-1])} = {_element(value)}")
            self._break()
        else:
            self.parts.append(_element(value))

    def _entries(self, key: tuple[str, ...], value: dict[str, Any]) -> None:
        for name in _ordered(value):
            if value[name] is not None:
                self.encode((*key, name), value[name])

    def _break(self) -> None:
        if self.parts:
            self.parts.append("\n")


def _ordered(value: dict[str, Any]) -> list[str]:
    """The keys with plain values, then those of tables."""
    tables = {name: _is_table(item) for name, item in value.items()}
    return sorted(value, key=lambda name: (tables[name], name.encode("utf-8", "replace")))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or _is_table_array(value)


def _is_table_array(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    if any(item is None for item in value):
        raise InputError("toml: cannot encode array with nil element")
    # A list further down may hold a nil as well, and that is found out here.
    for item in value:
        _is_table_array(item)
    return all(isinstance(item, dict) for item in value)


def _element(value: Any, depth: int = 0) -> str:
    if depth > _DEEPEST:
        raise InputError("toml: nested too deeply")
    match value:
        case str():
            return f'"{_ESCAPED.sub(_escape, value)}"'
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return _float(value)
        case list() | tuple():
            return f"[{', '.join(_element(item, depth + 1) for item in value)}]"
        case dict():
            return _inline_table(value, depth)
        case Moment():
            return format_moment(value, _LAYOUTS.get(value.zone, RFC3339_NANO))
    raise InputError(f"unexpected type: {type(value).__name__}")


def _inline_table(value: dict[str, Any], depth: int) -> str:
    names = _ordered(value)
    tables = sum(_is_table(value[name]) for name in names)
    plain, sub = names[: len(names) - tables], names[len(names) - tables :]
    parts: list[str] = []
    for group, more in ((plain, bool(sub)), (sub, False)):
        for index, name in enumerate(group):
            if value[name] is None:
                continue
            comma = ", " if more or index + 1 < len(group) else ""
            parts.append(f"{_key(name)} = {_element(value[name], depth + 1)}{comma}")
    return "{" + "".join(parts) + "}"


def _float(value: float) -> str:
    if value != value:  # noqa: PLR0124 - not a number
        return "nan"
    if abs(value) == float("inf"):
        return "inf" if value > 0 else "-inf"
    text = fixed(value)
    return text if "." in text else f"{text}.0"


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


def _key(name: str) -> str:
    return name if _BARE.match(name) else f'"{_ESCAPED.sub(_escape, name)}"'


def _dotted(key: tuple[str, ...]) -> str:
    return ".".join(map(_key, key))


def _indent(key: tuple[str, ...]) -> str:
    return _STEP * (len(key) - 1)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _moment(value) if isinstance(value, datetime | date | time) else value


def _moment(value: datetime | date | time) -> Moment:
    if isinstance(value, time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return Moment(
            days_of(0, 1, 1) * _DAY + seconds, value.microsecond * 1000, 0, "time-local", ""
        )
    seconds = days_of(value.year, value.month, value.day) * _DAY
    if not isinstance(value, datetime):
        return Moment(seconds, 0, 0, "date-local", "")
    seconds += (value.hour * 60 + value.minute) * 60 + value.second
    ahead = value.utcoffset()
    if ahead is None:
        return Moment(seconds, value.microsecond * 1000, 0, "datetime-local", "")
    offset = int(ahead.total_seconds())
    zone = "" if offset else "UTC"
    return Moment(seconds - offset, value.microsecond * 1000, offset, zone, zone)


def _located(message: str) -> InputError:
    place = _PLACE.search(message)
    problem = _PLACE.sub("", message)
    line = int(place[1]) if place and place[1] else 0
    where = f"line {line}: " if line else ""
    return InputError(f"toml: {where}{problem}", line=line)
