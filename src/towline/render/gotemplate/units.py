"""Compiled texts: parsed at once, each template in them compiled when it first runs.

A unit depends on its text and on the signature of the function set only, so units are shared by
sets, charts and renders (`UnitCache`), and may be kept on disk: `dump_unit` gives the generated
source of all templates of a text, `load_unit` takes it back and spares lexing, parsing and
generating. Whoever stores it must authenticate it (a MAC over signature, text digest and data):
loading runs it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from types import CodeType, FunctionType
from typing import Any, Final

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

    def __init__(self, unit: Unit, name: str, empty: bool, body: tuple[Node, ...] | str) -> None:
        self.unit = unit
        self.name = name
        self.empty = empty
        self._body: tuple[Node, ...] | str | None = body
        self._code: CodeType | None = None
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
        return self._code

    def source(self, functions: FunctionSet) -> str:
        """The generated source."""
        if isinstance(self._body, str):
            return self._body
        return self._generate(functions).code

    def _generate(self, functions: FunctionSet) -> Source:
        body = self._body
        if body is None or isinstance(body, str):
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
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.definitions: dict[str, Definition] = {}


class _Stored(msgspec.Struct, frozen=True):
    signature: str
    text: str
    templates: dict[str, tuple[bool, str]]


def dump_unit(unit: Unit, functions: FunctionSet) -> bytes:
    """The unit in a form to be kept: the generated source of all its templates, as JSON.

    Raises:
        LimitError: A template nests too deeply for the compiler.
    """
    templates = {
        name: (definition.empty, definition.source(functions))
        for name, definition in unit.definitions.items()
    }
    digest = hashlib.sha256(unit.text.encode("utf-8", "surrogateescape")).hexdigest()
    return msgspec.json.encode(
        _Stored(signature=functions.signature, text=digest, templates=templates)
    )


def load_unit(data: bytes, text: str, functions: FunctionSet) -> Unit | None:
    """The unit that `dump_unit` gave; None when it is of another text or function set.

    The caller has authenticated the data: it becomes code.
    """
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except msgspec.DecodeError:
        return None
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    if stored.signature != functions.signature or stored.text != digest:
        return None
    unit = Unit(text)
    for name, (empty, source) in stored.templates.items():
        unit.definitions[name] = Definition(unit, name, empty, source)
    return unit


class UnitCache:
    """Units by text and function signature; the least recently used ones go first.

    Args:
        characters: How much template text may be kept; with its code it takes about ten times
            as much memory.
    """

    def __init__(self, characters: int = 8 * 1024 * 1024) -> None:
        self._left = characters
        self._units: OrderedDict[tuple[str, str], Unit] = OrderedDict()

    def get(self, name: str, text: str, functions: FunctionSet) -> Unit:
        """The text's unit.

        Args:
            name: The template's name, for errors.
            text: Its text.
            functions: What it may call.

        Raises:
            ParseError: The text is no template.
        """
        key = (functions.signature, text)
        unit = self._units.get(key)
        if unit is None:
            unit = compile_unit(name, text, functions)
            self.put(unit, functions)
        else:
            self._units.move_to_end(key)
        return unit

    def put(self, unit: Unit, functions: FunctionSet) -> None:
        """Keep a unit, such as one that was loaded."""
        self._units[(functions.signature, unit.text)] = unit
        self._left -= len(unit.text) + 500
        while self._left < 0 and len(self._units) > 1:
            _, oldest = self._units.popitem(last=False)
            self._left += len(oldest.text) + 500


def compile_unit(name: str, text: str, functions: FunctionSet) -> Unit:
    """The unit of a text.

    Raises:
        ParseError: The text is no template; `name` is in the message.
    """
    unit = Unit(text)
    for defined, body in parse(name, text, functions.functions).items():
        unit.definitions[defined] = Definition(unit, defined, is_empty(body), body)
    return unit
