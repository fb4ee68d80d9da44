"""Values of manifests as Kustomize sees them: JSON values, plus scalars whose spelling matters.

Kustomize edits YAML nodes and decodes them only at the end, so `~`, an empty value, `True`, `0755`
or a date keep their text on the way. Ordinary scalars are plain Python values here; the unusual
ones are `Spelled`. Everything is treated as immutable: an edit copies the path to it.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, Self, TypeAlias

from towline.errors import InputError

Value: TypeAlias = Any


class Spelled:
    """An unquoted scalar whose text is not the usual spelling of its value.

    Attributes:
        text: As written.
        value: What it decodes to: None, a bool, int, float, or the text of a date.
        null: Whether it counts as a null while the build runs.
    """

    __slots__ = ("null", "text", "value")

    def __init__(self, text: str, value: str | float | bool | None) -> None:
        self.text = text
        self.value = value
        self.null = value is None or not text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spelled) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Spelled({self.text!r})"


class OddKey(str):
    """A mapping key that YAML reads as something else than a string, such as `1` or `true`."""

    __slots__ = ()


class Shared(str):
    """A text that stands in several fields at once, as one node.

    The original puts the same node into every field that a label or annotation is added to, so a
    later change of one field changes all of them.

    Attributes:
        group: The same for all fields that share the node.
    """

    __slots__ = ("group",)
    group: object

    def __new__(cls, text: str, group: object) -> Self:
        """Makes one."""
        made = super().__new__(cls, text)
        made.group = group
        return made


BLANK: Final = Spelled("", None)
# An empty value within `{}` or `[]` is a null, but printed as an empty string.
FLOW_BLANK: Final = Spelled("", "")
_WORDS: Final[dict[str, Value]] = {
    "": BLANK,
    "null": None,
    "true": True,
    "false": False,
    **{word: Spelled(word, None) for word in ("~", "Null", "NULL")},
    **{word: Spelled(word, True) for word in ("True", "TRUE")},
    **{word: Spelled(word, False) for word in ("False", "FALSE")},
    **{word: Spelled(word, math.nan) for word in (".nan", ".NaN", ".NAN")},
    **{
        sign + word: Spelled(sign + word, -math.inf if sign == "-" else math.inf)
        for sign in ("", "+", "-")
        for word in (".inf", ".Inf", ".INF")
    },
}
_INTEGER: Final = re.compile(
    r"[-+]?(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))\Z"
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_FRACTION: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?\Z")
_DATE: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:(?:([Tt])(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[-+]\d{2}:\d{2}))"
    r"|(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?))?\Z"
)
_CANONICAL: Final = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_STARTS: Final = frozenset("+-.0123456789")
_LONGEST: Final = 400
_TAGS: Final = {int: "int", float: "float", bool: "bool"}
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def resolve(text: str) -> Value:
    """The value of an unquoted scalar by the rules of Go's yaml.v3, as Kustomize reads files.

    Unlike the older rules of the API tools, `yes`, `on` and `n` are text and dates are times.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS or len(text) > _LONGEST:
        return text
    if _CANONICAL.match(text):
        return int(text)
    if text[0] == ".":
        return _float(text.replace("_", ""), text) if _FRACTION.match(text) else text
    if len(text) > 7 and text[4:5] == "-" and (match := _DATE.match(text)):
        date = _date(match)
        if date:
            return Spelled(text, date)
    return _number(text)


def _number(text: str) -> Value:
    plain = text.replace("_", "")
    if match := _INTEGER.match(plain):
        base = match.lastgroup or "dec"
        value = int(match[base], _BASES[base]) * (-1 if plain[0] == "-" else 1)
        if -(2**63) <= value < 2**64:
            return value if str(value) == text else Spelled(text, value)
    return _float(plain, text) if _FLOAT.match(plain) else text


def _float(plain: str, text: str) -> Value:
    number = float(plain)
    if math.isinf(number):
        return text
    return number if repr(number) == text and not number.is_integer() else Spelled(text, number)


def _date(match: re.Match[str]) -> str:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return ""
    if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
        return ""
    clock = match.group(5, 6, 7) if match[4] else match.group(10, 11, 12)
    hour, minute, second = (int(part or 0) for part in clock)
    if hour > 23 or minute > 59 or second > 59:
        return ""
    fraction = ((match[8] or match[13] or "").rstrip("0")).rstrip(".")[:10]
    zone = match[9] or "Z"
    zone = "Z" if zone[1:] == "00:00" else zone
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"


def text_of(value: Value) -> str:
    """The text of a scalar's node; collections have none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Spelled):
        return value.text
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    return "" if isinstance(value, dict | list) else str(value)


def is_null(value: Value) -> bool:
    """Whether the node is a null, however it is written."""
    return value is None or (isinstance(value, Spelled) and value.null)


def is_empty(value: Value) -> bool:
    """Whether the node is a null or a collection without entries."""
    return is_null(value) or (isinstance(value, dict | list) and not value)


def is_scalar(value: Value) -> bool:
    """Whether the node is a scalar, nulls included."""
    return not isinstance(value, dict | list)


def respelled(old: Value, text: str) -> Value:
    """The scalar after its text was replaced: quoted ones stay strings, others are read anew."""
    if isinstance(old, str) and not isinstance(resolve(old), str):
        return text
    return resolve(text)


def retagged(old: Value, text: str) -> Value:
    """The scalar after its text was replaced and its type kept.

    Raises:
        InputError: The text is not of that type.
    """
    if isinstance(old, str):
        return text
    new = resolve(text)
    plain, before = (each.value if isinstance(each, Spelled) else each for each in (new, old))
    if is_null(old):
        fits = is_null(new)
    else:
        fits = type(plain) is type(before) or (type(before) is float and type(plain) is int)
    if not fits:
        kind = "null" if is_null(old) else _TAGS.get(type(before), "timestamp")
        given = "null" if is_null(new) else _TAGS.get(type(plain), "str")
        raise InputError(f"yaml: cannot decode !!{given} `{text}` as a !!{kind}")
    return new


def checked_key(key: str) -> str:
    """A key as it is added to a mapping without quotes."""
    return key if isinstance(resolve(key), str) and key != "<<" else OddKey(key)


def set_everywhere(value: Value, changes: dict[int, tuple[object, Value]]) -> Value:
    """The value with changed nodes set in all fields that share them.

    Args:
        value: An object.
        changes: By the identity of a group: the group and its new value.
    """
    if isinstance(value, dict):
        items = {key: set_everywhere(item, changes) for key, item in value.items()}
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        entries = [set_everywhere(item, changes) for item in value]
        changed = any(new is not old for new, old in zip(entries, value, strict=True))
        return entries if changed else value
    if type(value) is Shared and id(value.group) in changes:
        new = changes[id(value.group)][1]
        return Shared(new, value.group) if isinstance(new, str) else new
    return value


def decoded(value: Value) -> Value:
    """The value as it is decoded without being printed before."""
    if isinstance(value, dict):
        return {key: decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return None if value is FLOW_BLANK else value


def finished(value: Value) -> Value:
    """The value with every spelling resolved to what JSON holds.

    Raises:
        InputError: A nested mapping has a key that is no string, or a number has no JSON form.
    """
    if not isinstance(value, dict):
        return _finished(value)
    return {str(key): _finished(item) for key, item in value.items()}


def _finished(value: Value) -> Value:
    if type(value) is dict:
        for key in value:
            if isinstance(key, OddKey):
                raise InputError(
                    "json: unsupported type: map[interface {}]interface {}", field=str(key)
                )
        return {key: _finished(item) for key, item in value.items()}
    if type(value) is list:
        return [_finished(item) for item in value]
    if type(value) is Shared:
        return str(value)
    return _scalar(value) if isinstance(value, Spelled) else value


def _scalar(spelled: Spelled) -> Value:
    value = spelled.value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"json: unsupported value: {spelled.text}")
        whole = int(value) if value.is_integer() else None
        return whole if whole is not None and -(2**63) <= whole < 2**64 else value
    return value
