"""YAML files as Kustomize reads them: split at `---` lines, yaml.v3's scalars, aliases expanded."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

import yaml
from yaml._yaml import CParser

from towline.errors import InputError, LimitError
from towline.render.kustomize.values import FLOW_BLANK, OddKey, Spelled, Value, resolve
from towline.text.yaml import Limits

_TAG: Final = "tag:yaml.org,2002:"
_SEPARATOR: Final = re.compile(r"\n---.*\n")
_COLON: Final = re.compile(r"(?<=[{\[, ])([\w./-]+:)(?=[}\],])")
LIMITS: Final = Limits(unique_keys=False)


class Reading:
    """What one text cost so far, shared by its documents."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.nodes = 0
        self.aliases = 0
        self.special = False
        self.scalars: dict[str, Any] = {}


def split_documents(text: str) -> list[str]:
    """The pieces of a stream, each with at most one document that counts.

    Raises:
        InputError: Something other than a comment follows a `---`.
    """
    pieces: list[str] = []
    start = 0
    for match in _SEPARATOR.finditer(text):
        rest = match.group()[4:].strip()
        if rest and not rest.startswith("#"):
            raise InputError(f"invalid document separator: {match.group().strip()}")
        pieces.append(text[start : match.start()] + "\n")
        start = match.end()
    return [*pieces, text[start:]]


def read_document(text: str, reading: Reading) -> Value:
    """The first document of a text; None when there is none or it is null.

    Args:
        text: YAML.
        reading: Bounds and counters; `special` is set when a value is not plain JSON.

    Raises:
        InputError: The text is not YAML.
        LimitError: A bound is reached.
    """
    try:
        return _first(text, reading)
    except yaml.MarkedYAMLError as error:
        raise InputError(f"yaml: {_where(error)}{error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise InputError(f"yaml: {error}".replace("\n", " ")) from error


def yaml_place(error: InputError) -> str:
    """The start of Go's message for an error of the YAML reader."""
    cause = error.__cause__
    if isinstance(cause, yaml.MarkedYAMLError):
        return f"yaml: {_where(cause)}"
    return f"yaml: line {error.line}: "


def _first(text: str, reading: Reading) -> Value:
    try:
        return _Builder(text, reading).first(CParser(text).get_event)
    except yaml.scanner.ScannerError as error:
        # To Go's reader a colon before a bracket is part of the text, as in `{key:}`.
        if error.problem != "found unexpected ':'":
            raise
        quoted = _COLON.sub(r'"\1"', text)
    return _Builder(quoted, reading).first(CParser(quoted).get_event)


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.context_mark
    if mark is None or not mark.line:
        mark = error.problem_mark
    if mark is None or not mark.line:
        return ""
    return f"line {mark.line + isinstance(error, yaml.scanner.ScannerError)}: "


class _Builder:
    """One pass over libyaml's events of one document."""

    def __init__(self, text: str, reading: Reading) -> None:
        self._text = text
        self._has_slashes = "\\/" in text
        self._reading = reading
        self._limits = reading.limits
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._open: set[str] = set()
        self._flow = 0

    def first(self, get: Callable[[], Any]) -> Value:
        self._get = get
        while not isinstance(event := self._get(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                value = self._node(self._get(), 0)
                self._get()
                return value
        return None

    def _node(self, event: Any, depth: int) -> Value:
        self._reading.nodes += 1
        if self._reading.nodes > self._limits.nodes:
            self._over(f"more than {self._limits.nodes} values", event)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
            return value
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth >= self._limits.depth:
            self._over(f"nested deeper than {self._limits.depth} levels", event)
        anchor, before = event.anchor, self._reading.nodes
        if anchor:
            self._open.add(anchor)
        self._flow += bool(event.flow_style)
        value = self._collection(event, depth)
        self._flow -= bool(event.flow_style)
        if anchor:
            self._open.discard(anchor)
            self._anchors[anchor] = (value, self._reading.nodes - before + 1)
        return value

    def _collection(self, event: Any, depth: int) -> Value:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(depth)
        items = []
        while not isinstance(item := self._get(), yaml.SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Value]:
        own: dict[str, Value] = {}
        merged: list[dict[str, Value]] | None = None
        while not isinstance(event := self._get(), yaml.MappingEndEvent):
            key = self._key(event, depth)
            value = self._node(self._get(), depth + 1)
            if key == "<<" and _is_plain(event):
                if merged is not None:
                    self._fail("duplicate merge key", event)
                merged = self._merged(value, event)
            elif key in own:
                self._fail(f'mapping key "{key}" already defined', event)
            else:
                own[key] = value
        if merged is None:
            return own
        result: dict[str, Value] = {}
        for part in [*merged, own]:
            result.update(part)
        return result

    def _merged(self, value: Value, event: Any) -> list[dict[str, Value]]:
        # Later mappings of the list give way to earlier ones, and all of them to the own keys.
        parts = value[::-1] if isinstance(value, list) else [value]
        for part in parts:
            if not isinstance(part, dict):
                self._fail("map merge requires map or sequence of maps as the value", event)
        return parts

    def _key(self, event: Any, depth: int) -> str:
        if isinstance(event, yaml.ScalarEvent) and not _is_plain(event):
            return str(self._scalar(event))
        value = self._node(event, depth)
        if isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            self._fail("a collection cannot be a key", event)
        self._reading.special = True
        return OddKey(event.value if isinstance(event, yaml.ScalarEvent) else str(value))

    def _alias(self, event: Any) -> Value:
        name = event.anchor
        if name in self._open:
            self._fail(f"anchor '{name}' value contains itself", event)
        if name not in self._anchors:
            self._fail(f"unknown anchor '{name}' referenced", event)
        value, size = self._anchors[name]
        self._reading.aliases += 1
        self._reading.nodes += size - 1
        limits = self._limits
        if self._reading.aliases > limits.aliases or self._reading.nodes > limits.nodes:
            self._over("document contains excessive aliasing", event)
        return value

    def _scalar(self, event: Any) -> Value:
        text: str = event.value
        if event.tag is None:
            if not event.implicit[0]:
                if self._has_slashes and event.style == '"':
                    self._refuse_slash(event)
                return text
            known = self._reading.scalars
            if text in known:
                value = known[text]
            else:
                value = known[text] = resolve(text)
            if type(value) is Spelled:
                self._reading.special = True
                if self._flow:
                    return _in_flow(value)
            return value
        return self._tagged(event.tag, text, event)

    def _refuse_slash(self, event: Any) -> None:
        """Go's reader does not know the escape of a slash."""
        raw = self._text[event.start_mark.index : event.end_mark.index]
        if "\\/" in raw.replace("\\\\", ""):
            raise InputError("yaml: found unknown escape character")

    def _tagged(self, tag: str, text: str, event: Any) -> Value:
        if tag == _TAG + "binary":
            try:
                return base64.b64decode("".join(text.split()), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                self._fail("!!binary value contains invalid base64 data", event)
        if tag == _TAG + "timestamp":
            self._reading.special = True
            return resolve(text)
        kinds = {"int": int, "float": float, "bool": bool, "null": type(None)}
        kind = kinds.get(tag.removeprefix(_TAG))
        if kind is None:
            return text
        value = resolve(text)
        plain = value.value if isinstance(value, Spelled) else value
        if type(plain) is not kind and not (kind is float and type(plain) is int):
            self._fail(f"cannot decode !!str `{text}` as a !!{tag.removeprefix(_TAG)}", event)
        self._reading.special |= isinstance(value, Spelled)
        return value

    def _fail(self, problem: str, event: Any) -> NoReturn:
        raise InputError(f"yaml: line {event.start_mark.line + 1}: {problem}")

    def _over(self, problem: str, event: Any) -> NoReturn:
        raise LimitError(f"yaml: line {event.start_mark.line + 1}: {problem}")


def _in_flow(value: Spelled) -> Value:
    """What the scalar is once it was printed within brackets and read again."""
    if not value.text:
        return FLOW_BLANK
    return value.text if ":" in value.text else value


def _is_plain(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.tag is None and bool(event.implicit[0])
