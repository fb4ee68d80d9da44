"""Compiled texts: parsed at once, each template in them compiled when it first runs.

A unit depends on its text and on the signature of the function set only, so units are shared by
sets, charts and renders (`UnitCache`), and may be kept across processes in a `UnitStore`:
`dump_unit` gives the code of the templates of a text that have run, `load_unit` takes it back and
spares lexing, parsing, generating and compiling. Whoever stores it must authenticate it (a MAC over
key and data): loading makes code of it.
"""

from __future__ import annotations

import hashlib
import marshal
from collections import OrderedDict
from importlib.util import MAGIC_NUMBER
from types import CodeType, FunctionType
from typing import Any, Final, Protocol

import msgspec

from towline.errors import LimitError
from towline.render.gotemplate.functionset import FunctionSet
from towline.render.gotemplate.generate import Source, generate
from towline.render.gotemplate.nodes import Node, is_empty
from towline.render.gotemplate.parser import parse

_FILE: Final = "<template>"
_TOO_DEEP: Final = "template nests too deeply to be compiled"


class Definition:
    """One template of a text.

    Attributes:
        unit: The text's unit.
        name: Its name; an empty string for the text itself.
        empty: Whether it is nothing but spaces and comments.
    """

    def __init__(
        self, unit: Unit, name: str, empty: bool, body: tuple[Node, ...] | CodeType | None
    ) -> None:
        self.unit = unit
        self.name = name
        self.empty = empty
        self._body = None if isinstance(body, CodeType) else body
        self._code = body if isinstance(body, CodeType) else None
        self._nodes: dict[int, Any] | None = None
        self._bound: tuple[dict[str, Any], FunctionType] | None = None

    def function(self, functions: FunctionSet) -> FunctionType:
        """The compiled function in the set's namespace.

        Raises:
            LimitError: It nests too deeply for the compiler.
        """
        bound = self._bound
        if bound is not None and bound[0] is functions.namespace:
            return bound[1]
        function = FunctionType(self.code(functions), functions.namespace)
        self._bound = (functions.namespace, function)
        return function

    def code(self, functions: FunctionSet) -> CodeType:
        """The compiled code.

        Raises:
            LimitError: It nests too deeply for the compiler.
        """
        if self._code is None:
            try:
                module = compile(self.source(functions), _FILE, "exec", dont_inherit=True)
            except (SyntaxError, RecursionError, MemoryError):
                raise LimitError(_TOO_DEEP) from None
            self._code = next(code for code in module.co_consts if isinstance(code, CodeType))
            self._body = None
            self.unit.changed = True
        return self._code

    @property
    def compiled(self) -> CodeType | None:
        """The code, as far as it was needed so far."""
        return self._code

    def source(self, functions: FunctionSet) -> str:
        """The generated source."""
        return self._generate(functions).code

    def _generate(self, functions: FunctionSet) -> Source:
        body = self._body
        if body is None:
            body = parse("", self.unit.text, functions.functions)[self.name]
        try:
            return generate(body, functions.functions, functions.overridden)
        except RecursionError:
            raise LimitError(_TOO_DEEP) from None

    def node(self, line: int, functions: FunctionSet) -> Any:
        """The node that a line of the generated source stands for; None when it marks none."""
        if self._nodes is None:
            source = self._generate(functions)
            self._nodes = {}
            for number, shown in enumerate(source.code.split("\n"), 1):
                head, _, mark = shown.rpartition("#")
                if head and mark.isdigit():
                    self._nodes[number] = source.nodes[int(mark)]
        return self._nodes.get(line)


class Unit:
    """All templates of one text.

    Attributes:
        text: The text.
        definitions: Its templates; the text itself has an empty name.
        changed: Whether it was parsed, or templates of it compiled, since it was stored.
        lasting: Whether it may be stored: not what values of a render have been put together to.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.definitions: dict[str, Definition] = {}
        self.changed = False
        self.lasting = False


class UnitStore(Protocol):
    """Keeps bytes by key, authenticated; it may forget any of them at any time."""

    def get(self, key: str) -> bytes | None:
        """The very bytes that were put, or None."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keeps the bytes."""
        ...


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    python: bytes
    signature: str
    text: str
    templates: dict[str, tuple[bool, bytes]]


def dump_unit(unit: Unit, signature: str) -> bytes:
    """The unit in a form to be kept: the code of its templates that have run.

    Args:
        unit: The unit.
        signature: That of the function set which it was compiled for.
    """
    templates = {
        name: (each.empty, marshal.dumps(each.compiled) if each.compiled else b"")
        for name, each in unit.definitions.items()
    }
    stored = _Stored(MAGIC_NUMBER, signature, _digest(unit.text), templates)
    return msgspec.msgpack.encode(stored)


def load_unit(data: bytes, text: str, signature: str) -> Unit | None:
    """The unit that `dump_unit` gave; None when it is of another text, set or interpreter.

    The caller has authenticated the data: it becomes code.
    """
    try:
        stored = msgspec.msgpack.decode(data, type=_Stored)
    except msgspec.DecodeError:
        return None
    if (stored.python, stored.signature) != (MAGIC_NUMBER, signature):
        return None
    if stored.text != _digest(text):
        return None
    unit = Unit(text)
    try:
        for name, (empty, code) in stored.templates.items():
            body = marshal.loads(code) if code else None  # noqa: S302  # authenticated
            unit.definitions[name] = Definition(unit, name, empty, body)
    except (ValueError, EOFError, TypeError):
        return None
    return unit


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class UnitCache:
    """Units by text and function signature; the least recently used ones go first.

    Args:
        characters: How much template text may be kept; with its code it takes about ten times
            as much memory.
    """

    def __init__(self, characters: int = 8 * 1024 * 1024) -> None:
        self._left = characters
        self._units: OrderedDict[tuple[str, str], Unit] = OrderedDict()
        self._store: UnitStore | None = None

    def keep_in(self, store: UnitStore | None) -> None:
        """From now on looks for units in a store, and `save` puts new ones there."""
        self._store = store

    def get(self, name: str, text: str, functions: FunctionSet, *, lasting: bool = True) -> Unit:
        """The text's unit.

        Args:
            name: The template's name, for errors.
            text: Its text.
            functions: What it may call.
            lasting: Whether it is worth storing, and free of values that were given in confidence.

        Raises:
            ParseError: The text is no template.
        """
        key = (functions.signature, text)
        unit = self._units.get(key)
        if unit is None:
            unit = self._stored(text, functions.signature) if lasting else None
            if unit is None:
                unit = compile_unit(name, text, functions)
                unit.changed = True
            self.put(unit, functions)
        else:
            self._units.move_to_end(key)
        unit.lasting = unit.lasting or lasting
        return unit

    def put(self, unit: Unit, functions: FunctionSet) -> None:
        """Keep a unit, such as one that was loaded."""
        self._units[functions.signature, unit.text] = unit
        self._left -= len(unit.text) + 500
        while self._left < 0 and len(self._units) > 1:
            _, oldest = self._units.popitem(last=False)
            self._left += len(oldest.text) + 500

    def save(self) -> int:
        """Puts what was compiled since the last time into the store; returns how many units."""
        saved = 0
        for (signature, text), unit in self._units.items():
            if unit.changed and unit.lasting and self._store is not None:
                self._store.put(_key(signature, text), dump_unit(unit, signature))
                saved += 1
            unit.changed = False
        return saved

    def skip(self) -> None:
        """What was compiled since the last time will not be stored."""
        for unit in self._units.values():
            unit.changed = False

    def _stored(self, text: str, signature: str) -> Unit | None:
        data = self._store.get(_key(signature, text)) if self._store is not None else None
        return load_unit(data, text, signature) if data is not None else None


def _key(signature: str, text: str) -> str:
    return f"{MAGIC_NUMBER.hex()} {signature} {_digest(text)}"


def compile_unit(name: str, text: str, functions: FunctionSet) -> Unit:
    """The unit of a text.

    Raises:
        ParseError: The text is no template; `name` is in the message.
    """
    unit = Unit(text)
    for defined, body in parse(name, text, functions.functions).items():
        unit.definitions[defined] = Definition(unit, defined, is_empty(body), body)
    return unit
