"""Builds Python values from the event stream of libyaml, by Go's rules, within bounds.

Text in, documents out. Every error is an InputError that names file, line and column.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NoReturn, Protocol, cast

import msgspec
import yaml
from yaml._yaml import CParser

from towline.errors import InputError
from towline.text.yaml.limits import Limits
from towline.text.yaml.scalars import NotJsonError, key_text, resolve_plain, resolve_tagged

_TAG: Final = "tag:yaml.org,2002:"
_CORE_TAGS: Final[dict[str, Literal["bool", "int", "float", "null"]]] = {
    _TAG + "bool": "bool",
    _TAG + "int": "int",
    _TAG + "float": "float",
    _TAG + "null": "null",
}
_DEFAULT_LIMITS: Final = Limits()


class Document(msgspec.Struct, frozen=True):
    """One document of a YAML stream.

    Attributes:
        value: What JSON can hold; keys are strings.
        line: 1-based line of its first value.
    """

    value: Any
    line: int


class _Mark(Protocol):
    line: int
    column: int


def load_documents(
    text: str, *, file: str = "", limits: Limits = _DEFAULT_LIMITS
) -> list[Document]:
    """Reads all documents of a stream.

    Args:
        text: The YAML text; a byte order mark at its start is skipped.
        file: Path for error messages.
        limits: Bounds.

    Raises:
        InputError: The text is not YAML, not representable as JSON, or beyond a bound.
    """
    return list(_builder(text, file, limits).documents())


def load_first(text: str, *, file: str = "", limits: Limits = _DEFAULT_LIMITS) -> Document | None:
    """Reads the first document of a stream, whatever follows it; None when there is none.

    The arguments are those of `load_documents`.

    Raises:
        InputError: The document is not YAML, not representable as JSON, or beyond a bound.
    """
    return next(_builder(text, file, limits).documents(), None)


def _builder(text: str, file: str, limits: Limits) -> _Builder:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.text_bytes:
        raise InputError(
            f"YAML of {size} bytes is longer than the limit of {limits.text_bytes}", file=file
        )
    return _Builder(text.removeprefix("\ufeff"), file, limits)


class _Builder:
    """One pass over the events of one text."""

    def __init__(self, text: str, file: str, limits: Limits) -> None:
        self._text = text
        self._file = file
        self._limits = limits
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open_anchors: set[str] = set()
        self._nodes = 0
        self._aliases = 0
        self._scalars: dict[str, Any] = {}

    def documents(self) -> Iterator[Document]:
        try:
            parser = CParser(self._text)
            self._get: Callable[[], Any] = parser.get_event
            yield from self._stream()
        except yaml.MarkedYAMLError as error:
            self._fail_syntax(error)
        except yaml.YAMLError as error:
            raise InputError(f"{error}".replace("\n", " "), file=self._file) from error
        except UnicodeEncodeError as error:
            raise InputError("invalid Unicode in the text", file=self._file) from error

    def _stream(self) -> Iterator[Document]:
        while not isinstance(event := self._get(), yaml.StreamEndEvent):
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            self._anchors.clear()
            first = self._get()
            value = self._node(first, 0)
            self._get()  # the end of the document, and with it what is wrong with that
            yield Document(value, first.start_mark.line + 1)

    def _node(self, event: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            self._fail(event.start_mark, f"more than {self._limits.nodes} values")
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
            return value
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth >= self._limits.depth:
            self._fail(event.start_mark, f"nested deeper than {self._limits.depth} levels")
        return self._collection(event, depth)

    def _collection(self, event: Any, depth: int) -> Any:
        anchor, before = event.anchor, self._nodes
        if anchor:
            self._open_anchors.add(anchor)
        value: Any
        if isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(depth)
        else:
            value = []
            while not isinstance(item := self._get(), yaml.SequenceEndEvent):
                value.append(self._node(item, depth + 1))
        if anchor:
            self._open_anchors.discard(anchor)
            self._anchors[anchor] = (value, self._nodes - before + 1)
        return value

    def _mapping(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own: set[str] = set()
        while not isinstance(event := self._get(), yaml.MappingEndEvent):
            if _is_merge_key(event):
                self._merge(result, self._get(), depth)
                continue
            key = self._key(event, depth)
            if key in own and self._limits.unique_keys:
                self._fail(event.start_mark, f"key {key!r} is given twice in one mapping", key)
            own.add(key)
            result[key] = self._node(self._get(), depth + 1)
        return result

    def _key(self, event: Any, depth: int) -> str:
        value = self._node(event, depth)
        if isinstance(value, dict | list):
            self._fail(event.start_mark, "a collection cannot be a key")
        try:
            return key_text(value)
        except ValueError as error:
            self._fail(event.start_mark, str(error))

    def _merge(self, result: dict[str, Any], event: Any, depth: int) -> None:
        value = self._node(event, depth + 1)
        # Earlier mappings of a merge list take precedence, so they are laid down last.
        for part in reversed(value) if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                self._fail(
                    event.start_mark,
                    "map merge requires map or sequence of maps as the value",
                )
            result.update(part)

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name in self._open_anchors:
            self._fail(event.start_mark, f"anchor {name!r} value contains itself")
        if name not in self._anchors:
            self._fail(event.start_mark, f"unknown anchor {name!r} referenced")
        value, size = self._anchors[name]
        self._aliases += 1
        self._nodes += size - 1
        if self._aliases > self._limits.aliases or self._nodes > self._limits.nodes:
            self._fail(event.start_mark, "document contains excessive aliasing")
        return _copy(value)

    def _scalar(self, event: Any) -> Any:
        plain, quoted = event.implicit
        text = cast("str", event.value)
        if plain and event.tag is None:
            if text in self._scalars:
                return self._scalars[text]
            try:
                value = self._scalars[text] = resolve_plain(text)
            except NotJsonError as error:
                self._fail(event.start_mark, str(error))
            return value
        return text if quoted or event.tag is None else self._tagged(event, text)

    def _tagged(self, event: Any, text: str) -> Any:
        try:
            if event.tag in _CORE_TAGS:
                return resolve_tagged(text, _CORE_TAGS[event.tag])
            if event.tag == _TAG + "binary":
                raw = base64.b64decode("".join(text.split()), validate=True)
                return raw.decode("utf-8", "replace")
        except (ValueError, binascii.Error) as error:
            self._fail(event.start_mark, str(error))
        return text

    def _fail(self, mark: _Mark, problem: str, field: str = "") -> NoReturn:
        raise InputError(
            problem,
            file=self._file,
            line=mark.line + 1,
            column=mark.column + 1,
            field=field,
        )

    def _fail_syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        mark = error.problem_mark or error.context_mark
        # At the end of the text libyaml points behind the last line, which nobody can look at.
        last = max(1, len(self._text.splitlines()))
        line = min(mark.line + 1, last) if mark else 0
        raise InputError(
            str(error.problem or error.context),
            file=self._file,
            line=line,
            column=mark.column + 1 if mark and mark.line < last else 0,
        ) from error


def _is_merge_key(event: Any) -> bool:
    if not isinstance(event, yaml.ScalarEvent) or event.value != "<<":
        return False
    return event.tag == _TAG + "merge" or (event.tag is None and bool(event.implicit[0]))


def _copy(value: Any) -> Any:
    """A private copy, so that no two places of a document share a mutable value."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
