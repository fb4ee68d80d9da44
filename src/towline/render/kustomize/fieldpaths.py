"""Paths of replacements and variables: dotted names, list entries by index or `[key=value]`."""

from __future__ import annotations

import re
from typing import Any, Final

from towline.errors import InputError
from towline.render.kustomize.documents import Reading, read_document
from towline.render.kustomize.fieldspecs import split_path
from towline.render.kustomize.patterns import compiled
from towline.render.kustomize.values import Value, is_null, is_scalar, text_of

MISSING: Final[Any] = type("Missing", (), {"__repr__": lambda _: "MISSING"})()
_INDEXED: Final = re.compile(r"(.*)\[(\d+)\]\Z")


def dotted(path: str) -> tuple[str, ...]:
    """The parts of a path; dots within brackets do not count."""
    result: list[str] = []
    pieces = iter(split_path(path, "."))
    for piece in pieces:
        if not piece.startswith("[") or piece.endswith("]"):
            result.append(piece)
            continue
        bracketed = [piece]
        for more in pieces:
            bracketed.append(more)
            if more.endswith("]"):
                break
        text = ".".join(bracketed)
        result.append(text if "=" in text else text.strip("[]"))
    return tuple(result)


def with_indexes(parts: tuple[str, ...]) -> tuple[str, ...]:
    """`list[0]` taken apart into name and index."""
    result: list[str] = []
    for part in parts:
        match = _INDEXED.match(part)
        if match is None:
            result.append(part)
        else:
            result.extend(each for each in match.groups() if each)
    return tuple(result)


def is_entry(part: str) -> bool:
    """Whether the part names a list entry by a field."""
    return part.startswith("[") and part.endswith("]")


def entry_match(part: str) -> tuple[str, str]:
    """Field and value of `[field=value]`.

    Raises:
        InputError: There is no `=`.
    """
    field, equals, value = part.removesuffix("]").removeprefix("[").partition("=")
    if not equals:
        raise InputError("list path element must contain fieldName=fieldValue for element to match")
    return field, value


def lookup(value: Value, parts: tuple[str, ...]) -> Value:
    """The node at a path, or MISSING.

    Raises:
        InputError: A part does not fit the node that it is looked up in.
    """
    for part in (each.strip() for each in parts):
        if not part:
            continue
        value = _step(value, part)
        if value is MISSING:
            return MISSING
    return value


def _step(value: Value, part: str) -> Value:
    if part == "*":
        raise InputError("wildcard is not supported in PathGetter")
    if part == "-" or part.lstrip("-+").isdecimal():
        items = _items(value)
        index = -1 if part == "-" else int(part)
        if index < -1 or (index == -1 and part != "-"):
            raise InputError(f"array index {index} cannot be negative")
        return items[index] if items and index < len(items) else MISSING
    if is_entry(part):
        return _entry(_items(value), *entry_match(part))
    if is_null(value):
        return MISSING
    if not isinstance(value, dict):
        raise InputError("wrong node kind: expected MappingNode but got another")
    return value.get(part, MISSING)


def _items(value: Value) -> list[Value]:
    if is_null(value):
        return []
    if not isinstance(value, list):
        raise InputError("wrong node kind: expected SequenceNode but got another")
    return value


def _entry(items: list[Value], field: str, wanted: str) -> Value:
    for item in items:
        if not field:
            if is_scalar(item) and text_of(item) == wanted:
                return item
        elif isinstance(item, dict) and field in item and text_of(item[field]) == wanted:
            return item
    return MISSING


class Place:
    """A field of a private copy of an object, to be read and set.

    Attributes:
        made: Whether the field was made because it was missing.
    """

    __slots__ = ("_holder", "_key", "made")

    def __init__(self, holder: Any, key: Any, *, made: bool = False) -> None:
        self._holder = holder
        self._key = key
        self.made = made

    @property
    def value(self) -> Value:
        """What is there."""
        return self._holder[self._key]

    @value.setter
    def value(self, value: Value) -> None:
        self._holder[self._key] = value


class _Lost(Place):
    """A field of a copy that is thrown away."""

    __slots__ = ()

    @property
    def value(self) -> Value:
        return ""

    @value.setter
    def value(self, value: Value) -> None:
        del value


def places(root: Place, parts: tuple[str, ...], create: Value) -> list[Place]:
    """All fields that a path leads to; `*` and `[field=pattern]` may lead to several.

    Args:
        root: Where the path begins, in a private copy that may be changed.
        parts: The path.
        create: An empty value of the sort to make where a field is missing, or MISSING.

    Raises:
        InputError: A part does not fit the node that it is looked up in.
    """
    if not parts:
        return [root]
    part, rest = parts[0], parts[1:]
    value = root.value
    if part.isdecimal():
        return _indexed(value, int(part), rest, create)
    if is_entry(part):
        return _matching(value, part, rest, create)
    if part == "*":
        found = []
        for index in range(len(_items(value))):
            found.extend(places(Place(value, index), rest, create))
        return found
    return _named(value, part, rest, create)


def _made(rest: tuple[str, ...], create: Value) -> Value:
    following = rest[0] if rest else ""
    if is_entry(following) or following.isdecimal():
        return []
    if following:
        return {}
    return type(create)() if isinstance(create, dict | list) else ""


def _named(value: Value, part: str, rest: tuple[str, ...], create: Value) -> list[Place]:
    if is_null(value):
        return []
    if not isinstance(value, dict):
        raise InputError("wrong node kind: expected MappingNode but got another")
    made = part not in value
    if made:
        if create is MISSING:
            return []
        value[part] = _made(rest, create)
    elif rest and is_scalar(value[part]) and not is_null(value[part]):
        # The original searches the text as YAML, in a copy that nobody sees again.
        parsed = read_document(text_of(value[part]), Reading())
        return [_Lost([""], 0) for _ in places(Place([parsed], 0), rest, create)]
    return places(Place(value, part, made=made), rest, create)


def _indexed(value: Value, index: int, rest: tuple[str, ...], create: Value) -> list[Place]:
    items = _items(value)
    made = len(items) == index and create is not MISSING
    if made:
        items.append(_made(rest, create))
    if len(items) < index + 1:
        raise InputError(f"index {index} specified but only {len(items)} elements found")
    return places(Place(items, index, made=made), rest, create)


def _matching(value: Value, part: str, rest: tuple[str, ...], create: Value) -> list[Place]:
    field, pattern = entry_match(part)
    items = _items(value)
    expression = compiled(pattern)
    found: list[Place] = []
    for index, item in enumerate(items):
        if not field:
            if expression.matches(text_of(item).strip()):
                found.append(Place(items, index))
        elif (
            isinstance(item, dict)
            and field in item
            and expression.matches(text_of(item[field]).strip())
        ):
            found.extend(places(Place(items, index), rest, create))
    if found or create is MISSING:
        return found
    items.append({field: pattern} if field else pattern)
    return places(Place(items, len(items) - 1), rest if field else (), create)
