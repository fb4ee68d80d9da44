"""What Go says of mapping keys that JSON cannot have: collections, and null."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import yaml
from yaml._yaml import CParser

from towline.text.goyaml.gosyntax import go_syntax
from towline.text.yaml.scalars import NotJsonError, resolve_plain


def key_problem(text: str) -> str:
    """Go's complaint about the first such key of a text that is sound otherwise, or nothing."""
    reader = _Reader(text)
    try:
        reader.read()
    except _RefusedError as refused:
        return f"yaml: invalid map key: {go_syntax(refused.key)}"
    except (yaml.YAMLError, UnicodeEncodeError):
        return ""
    if reader.null_value is _ABSENT:
        return ""
    shown = go_syntax(reader.null_value, "<nil>")
    return f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}"


class _RefusedError(Exception):
    def __init__(self, key: Any) -> None:
        super().__init__()
        self.key = key


class _Absent(msgspec.Struct, frozen=True):
    """No null key was met."""


_ABSENT: Final = _Absent()
_FRACTION: Final = re.compile(r"[-+0-9_]*[.eE][-+0-9_.eE]*\Z")


class _Reader:
    """Builds values as Go does, key by key."""

    def __init__(self, text: str) -> None:
        self._get = CParser(text.removeprefix("\ufeff")).get_event
        self._anchors: dict[str, Any] = {}
        self.null_value: Any = _ABSENT

    def read(self) -> None:
        while not isinstance(event := self._get(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self._node(self._get())
                return

    def _node(self, event: Any) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._anchors.get(str(event.anchor))
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(item := self._get(), yaml.SequenceEndEvent):
                value.append(self._node(item))
        else:
            value = self._mapping()
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _mapping(self) -> dict[tuple[str, Any], Any]:
        """Entries by type and value of their keys, since Python takes 1 and true for the same."""
        entries: dict[tuple[str, Any], Any] = {}
        while not isinstance(event := self._get(), yaml.MappingEndEvent):
            key = self._node(event)
            if isinstance(key, list | dict):
                raise _RefusedError(key)
            value = self._node(self._get())
            if key is None and self.null_value is _ABSENT:
                self.null_value = value
            entries[type(key).__name__, key] = value
        return entries


def _scalar(event: Any) -> Any:
    if not event.implicit[0] or event.tag is not None:
        return event.value
    try:
        value = resolve_plain(event.value)
        return float(value) if type(value) is int and _FRACTION.match(event.value) else value
    except NotJsonError:
        return float(event.value.replace(".", "").lower())
