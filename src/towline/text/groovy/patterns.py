"""Patterns and matchers as scripts hold them: `~/x/` and `text =~ /x/`. Pure."""

from __future__ import annotations

import itertools
from typing import Any

from towline.text.groovy import regex
from towline.text.groovy.limits import Meter
from towline.text.groovy.values import Arguments, HostObject, Site, script_error, to_text


class PatternValue(HostObject):
    """A regular expression made by `~`."""

    type_name = "Pattern"

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def text(self) -> str:
        """The expression."""
        return self.pattern

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`matcher(text)`, `pattern()`."""
        meter = site.interpreter.meter
        if method == "matcher" and len(arguments.positional) == 1:
            return MatcherValue(self.pattern, to_text(arguments.positional[0], meter), meter)
        if method == "pattern":
            return self.pattern
        return await super().call(method, arguments, site)


def pattern_text(value: Any, meter: Meter) -> str:
    """The regular expression that a value stands for."""
    return value.pattern if isinstance(value, PatternValue) else to_text(value, meter)


class MatcherValue(HostObject):
    """The matches of an expression in a text; all are looked up at once, so it never changes.

    `find()` moves on from match to match, as scripts expect in `while (m.find())`.
    """

    type_name = "Matcher"

    def __init__(self, pattern: str, text: str, meter: Meter) -> None:
        self._pattern, self._text, self._meter = pattern, text, meter
        self._matches: list[regex.Match] | None = None
        self._current: regex.Match | None = None
        self._next = 0

    def text(self) -> str:
        """The expression that it looks for."""
        return f"java.util.regex.Matcher[pattern={self._pattern}]"

    def is_true(self) -> bool:
        """Groovy truth: whether there is a match."""
        return bool(self.matches())

    def matches(self) -> list[regex.Match]:
        """All matches, looked up on first use."""
        if self._matches is None:
            found: list[regex.Match] = []
            for match in regex.find_all(self._pattern, self._text, self._meter):
                found.append(match)
                self._meter.room_for_items(len(found))
            self._matches = found
        return self._matches

    def item(self, index: int) -> Any:
        """`m[index]`: the text of a match, or a list of it and its groups."""
        matches = self.matches()
        if not -len(matches) <= index < len(matches):
            raise script_error("IndexOutOfBoundsException", f"index is out of range: {index}")
        return _shape(matches[index])

    def items(self) -> list[Any]:
        """All matches in the shape of `item`."""
        return [_shape(match) for match in self.matches()]

    def get(self, name: str, site: Site) -> Any:
        """`count`, `groupCount`."""
        if name == "count":
            return len(self.matches())
        if name == "groupCount":
            return self._group_count()
        return super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """The usual methods of a Java matcher."""
        match method:
            case "find":
                return self._find()
            case "matches":
                self._current = regex.full_match(self._pattern, self._text, self._meter)
                return self._current is not None
            case "group":
                return self._group(arguments.positional)
            case "groupCount" | "getCount":
                return self._group_count() if method == "groupCount" else len(self.matches())
            case "replaceAll" if len(arguments.positional) == 1:
                replacement = to_text(arguments.positional[0], self._meter)
                return replace(self._text, self._pattern, replacement, self._meter)
        return await super().call(method, arguments, site)

    def _find(self) -> bool:
        matches = self.matches()
        if self._next >= len(matches):
            self._current = None
            return False
        self._current = matches[self._next]
        self._next += 1
        return True

    def _group_count(self) -> int:
        matches = self.matches()
        return matches[0].group_count if matches else 0

    def _group(self, positional: list[Any]) -> str | None:
        match = self._current
        if match is None:
            raise script_error("IllegalStateException", "No match found")
        wanted = positional[0] if positional else 0
        number = match.names.get(wanted, -1) if isinstance(wanted, str) else wanted
        if not isinstance(number, int) or not 0 <= number <= match.group_count:
            raise script_error("IndexOutOfBoundsException", f"No group {wanted}")
        return match.group(number)


def _shape(match: regex.Match) -> Any:
    if match.group_count == 0:
        return match.group()
    return [match.group(number) for number in range(match.group_count + 1)]


def replace(
    text: str, pattern: str, replacement: str, meter: Meter, count: int | None = None
) -> str:
    """`replaceAll` and `replaceFirst`: `$1` and `${name}` are groups, a backslash quotes."""
    pieces: list[str] = []
    position = size = 0
    for match in itertools.islice(regex.find_all(pattern, text, meter), count):
        piece = text[position : match.start] + expand(replacement, match, meter)
        pieces.append(piece)
        size += len(piece)
        meter.require_text(size)
        position = match.end
    pieces.append(text[position:])
    meter.room_for_text(size + len(pieces[-1]))
    return "".join(pieces)


def expand(replacement: str, match: regex.Match, meter: Meter) -> str:
    """A replacement with its groups filled in."""
    if "$" not in replacement and "\\" not in replacement:
        return replacement
    pieces: list[str] = []
    index = size = 0
    while index < len(replacement):
        char = replacement[index]
        index += 1
        if char == "\\" and index < len(replacement):
            pieces.append(replacement[index])
            index += 1
        elif char == "$":
            text, index = _group_text(replacement, index, match)
            pieces.append(text)
            size += len(text)
            meter.require_text(size)
        else:
            pieces.append(char)
    return "".join(pieces)


def _group_text(replacement: str, index: int, match: regex.Match) -> tuple[str, int]:
    number = -1
    if replacement.startswith("{", index):
        end = replacement.find("}", index)
        number = match.names.get(replacement[index + 1 : max(end, 0)], -1)
        index = end + 1
    elif replacement[index : index + 1].isdigit():
        number = int(replacement[index])
        index += 1
    if not 0 <= number <= match.group_count:
        raise script_error("IllegalArgumentException", "Illegal group reference in a replacement")
    return match.group(number) or "", index
