"""Schemas as the validator uses them: keywords read and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from towline.render.helm.errors import ChartError
from towline.render.helm.schema.documents import (
    METASCHEMAS,
    Documents,
    Number,
    Place,
    escape,
    metaschema_draft,
)
from towline.render.helm.schema.equality import duplicates
from towline.render.helm.schema.problems import quote, quoted
from towline.text.re2 import Pattern, RegexError, compile_pattern

_TYPES: Final = ("null", "boolean", "number", "integer", "string", "array", "object")


@dataclass(slots=True, eq=False)
class Node:
    """One schema. Keywords that its draft does not know stay at their defaults.

    Attributes:
        place: Where it stands.
        draft: The draft by which it is read.
        always: What a schema that is `true` or `false` answers.
        prefix_items: Schemas of the first entries of an array.
        items: Schema of the entries behind those.
        sees_members: Whether it looks at every member of an object.
        sees_entries: Whether it looks at every entry of an array.
    """

    place: Place
    draft: int
    always: bool | None = None
    ref: Node | None = None
    recursive_ref: Node | None = None
    recursive_anchor: bool = False
    dynamic_ref: Node | None = None
    dynamic_anchor: str = ""
    dynamic_anchor_name: str = ""
    types: tuple[str, ...] = ()
    has_const: bool = False
    const: Any = None
    enum: list[Any] | None = None
    format: str = ""
    required: tuple[str, ...] = ()
    unique_items: bool = False
    pattern: Pattern | None = None
    properties: dict[str, Node] = field(default_factory=dict)
    pattern_properties: list[tuple[Pattern, Node]] = field(default_factory=list)
    dependencies: dict[str, Node | tuple[str, ...]] = field(default_factory=dict)
    prefix_items: list[Node] = field(default_factory=list)
    all_of: list[Node] = field(default_factory=list)
    any_of: list[Node] = field(default_factory=list)
    one_of: list[Node] = field(default_factory=list)
    additional_properties: Node | None = None
    property_names: Node | None = None
    items: Node | None = None
    contains: Node | None = None
    not_: Node | None = None
    if_: Node | None = None
    then: Node | None = None
    else_: Node | None = None
    unevaluated_items: Node | None = None
    unevaluated_properties: Node | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    min_contains: int | None = None
    max_contains: int | None = None
    minimum: Fraction | None = None
    maximum: Fraction | None = None
    exclusive_minimum: Fraction | None = None
    exclusive_maximum: Fraction | None = None
    multiple_of: Fraction | None = None
    bounded: bool = False
    sees_members: bool = False
    sees_entries: bool = False


_LENGTHS: Final = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "minProperties": "min_properties",
    "maxProperties": "max_properties",
    "minContains": "min_contains",
    "maxContains": "max_contains",
}
_NUMBERS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "multipleOf": "multiple_of",
}
# Keywords that hold one schema, with the draft that brought them.
_SINGLE: Final = {
    "not": ("not_", 4),
    "additionalProperties": ("additional_properties", 4),
    "contains": ("contains", 6),
    "propertyNames": ("property_names", 6),
    "if": ("if_", 7),
    "then": ("then", 7),
    "else": ("else_", 7),
    "unevaluatedItems": ("unevaluated_items", 2019),
    "unevaluatedProperties": ("unevaluated_properties", 2019),
}
_SEVERAL: Final = {"allOf": "all_of", "anyOf": "any_of", "oneOf": "one_of"}


class Nodes:
    """The schemas of some documents, built when they are first needed.

    Args:
        documents: Where they are.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._nodes: dict[Place, Node] = {}

    def at(self, place: Place) -> Node:
        """The schema at a place, with everything that it refers to.

        Raises:
            ChartError: Some keyword has a wrong value, or a reference leads nowhere.
        """
        known = self._nodes.get(place)
        if known is not None:
            return known
        schema = self._documents.at(place)
        node = self._nodes[place] = Node(place, self._documents.draft(place))
        if isinstance(schema, bool):
            node.always = schema
        elif isinstance(schema, dict):
            _Reading(self, self._documents, node, schema).read()
        else:
            raise _invalid(place, node.draft, "got no schema, want boolean or object")
        return node

    def resource(self, node: Node) -> Node:
        """The outermost schema of the document that a schema belongs to."""
        return self.at(Place(node.place.document))


class _Reading:
    """Reads the keywords of one schema."""

    def __init__(
        self, nodes: Nodes, documents: Documents, node: Node, schema: Mapping[str, Any]
    ) -> None:
        self._nodes = nodes
        self._documents = documents
        self._node = node
        self._schema = schema

    def read(self) -> None:
        node, schema = self._node, self._schema
        if not schema:
            node.always = True
            return
        self._references()
        if node.ref is not None and node.draft < 2019:
            return
        self._assertions()
        self._bounds()
        self._objects()
        self._arrays()
        for keyword, (name, since) in _SINGLE.items():
            if keyword in schema and node.draft >= since:
                setattr(node, name, self._sub(keyword))
        for keyword, name in _SEVERAL.items():
            if keyword in schema:
                setattr(node, name, self._list(keyword))
        node.sees_members = node.additional_properties is not None

    def _references(self) -> None:
        node = self._node
        node.ref = self._target("$ref")
        if node.draft == 2019:
            node.recursive_ref = self._target("$recursiveRef")
            node.recursive_anchor = self._schema.get("$recursiveAnchor") is True
        if node.draft >= 2020:
            node.dynamic_ref = self._target("$dynamicRef")
            fragment = str(self._schema.get("$dynamicRef", "")).partition("#")[2]
            node.dynamic_anchor_name = "" if fragment.startswith("/") else fragment
            node.dynamic_anchor = self._value("$dynamicAnchor", str, "string") or ""

    def _target(self, keyword: str) -> Node | None:
        reference = self._value(keyword, str, "string")
        if reference is None:
            return None
        if metaschema_draft(reference) is not None and "#/" not in reference:
            # A schema of a schema: any schema passes here.
            return _anything(self._node)
        return self._nodes.at(self._documents.resolve(reference, self._node.place))

    def _assertions(self) -> None:
        node, schema = self._node, self._schema
        node.types = self._types()
        if node.draft >= 6 and "const" in schema:
            node.has_const, node.const = True, schema["const"]
        node.enum = self._value("enum", list, "array")
        if node.enum is not None and node.draft < 2019 and (twice := duplicates(node.enum)):
            raise self._wrong("enum", f"items at {twice[0]} and {twice[1]} are equal")
        if node.draft < 2019:
            node.format = self._value("format", str, "string") or ""
        pattern = self._value("pattern", str, "string")
        node.pattern = None if pattern is None else self._regex(pattern, "pattern")
        node.required = self._texts("required")
        node.unique_items = bool(self._value("uniqueItems", bool, "boolean"))

    def _types(self) -> tuple[str, ...]:
        given = self._schema.get("type")
        names = [given] if isinstance(given, str) else given
        if names is None:
            return ()
        if not isinstance(names, list) or not names or any(name not in _TYPES for name in names):
            raise self._wrong("type", f"value must be one of {quoted(sorted(_TYPES))}")
        return tuple(name for name in _TYPES if name in names)

    def _bounds(self) -> None:
        node = self._node
        for keyword, name in _LENGTHS.items():
            number = self._value(keyword, Number, "integer")
            if number is None or (node.draft < 2019 and "Contains" in keyword):
                continue
            if number.value < 0 or number.value.denominator != 1:
                raise self._wrong(keyword, "got number, want integer of at least 0")
            setattr(node, name, int(number.value))
        for keyword, name in _NUMBERS.items():
            flag = self._schema.get(keyword)
            if isinstance(flag, bool) and node.draft == 4 and keyword.startswith("exclusive"):
                self._exclusive(name, exclusive=flag)
                continue
            number = self._value(keyword, Number, "number")
            if number is not None and getattr(node, name) is None:
                setattr(node, name, number.value)
        node.bounded = any(getattr(node, name) is not None for name in _NUMBERS.values())
        if node.multiple_of is not None and node.multiple_of <= Fraction(0):
            raise self._wrong("multipleOf", "exclusiveMinimum: want more than 0")

    def _exclusive(self, name: str, *, exclusive: bool) -> None:
        plain = name.removeprefix("exclusive_")
        if exclusive:
            setattr(self._node, name, getattr(self._node, plain))
            setattr(self._node, plain, None)

    def _objects(self) -> None:
        node = self._node
        node.properties = self._map("properties")
        node.pattern_properties = [
            (self._regex(name, "patternProperties"), schema)
            for name, schema in self._map("patternProperties").items()
        ]
        for name, item in (self._value("dependencies", dict, "object") or {}).items():
            if isinstance(item, list):
                node.dependencies[name] = self._strings(item, "dependencies")
            else:
                node.dependencies[name] = self._sub("dependencies", name)
        if node.draft >= 2019:
            node.dependencies |= self._map("dependentSchemas")
            for name, item in (self._value("dependentRequired", dict, "object") or {}).items():
                node.dependencies[name] = self._strings(item, "dependentRequired")

    def _arrays(self) -> None:
        node, schema = self._node, self._schema
        if node.draft >= 2020:
            node.prefix_items = self._list("prefixItems") if "prefixItems" in schema else []
            node.items = self._sub("items") if "items" in schema else None
        elif isinstance(schema.get("items"), list):
            node.prefix_items = self._list("items", empty=True)
            node.items = self._sub("additionalItems") if "additionalItems" in schema else None
        elif "items" in schema:
            node.items = self._sub("items")
        node.sees_entries = node.items is not None

    def _map(self, keyword: str) -> dict[str, Node]:
        schemas = self._value(keyword, dict, "object") or {}
        return {name: self._sub(keyword, name) for name in schemas}

    def _list(self, keyword: str, *, empty: bool = False) -> list[Node]:
        schemas = self._value(keyword, list, "array") or []
        if not schemas and not empty:
            raise self._wrong(keyword, "minItems: got 0, want 1")
        return [self._sub(keyword, str(index)) for index in range(len(schemas))]

    def _sub(self, *tokens: str) -> Node:
        place = self._node.place
        pointer = place.pointer + "".join(f"/{escape(token)}" for token in tokens)
        return self._nodes.at(Place(place.document, pointer))

    def _regex(self, pattern: str, keyword: str) -> Pattern:
        try:
            return compile_pattern(pattern)
        except RegexError as error:
            place = f"{self._node.place.document}#{self._node.place.pointer}/{keyword}"
            raise ChartError(f'invalid regex "{pattern}" at "{place}": {error}') from error

    def _texts(self, keyword: str) -> tuple[str, ...]:
        items = self._value(keyword, list, "array")
        return () if items is None else self._strings(items, keyword)

    def _strings(self, items: Any, keyword: str) -> tuple[str, ...]:
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self._wrong(keyword, "want array of strings")
        return tuple(items)

    def _value(self, keyword: str, kind: type, name: str) -> Any:
        value = self._schema.get(keyword)
        if value is None and keyword not in self._schema:
            return None
        if not isinstance(value, kind):
            raise self._wrong(keyword, f"want {name}")
        return value

    def _wrong(self, keyword: str, problem: str) -> ChartError:
        place = self._node.place
        pointer = f"{place.pointer}/{escape(keyword)}"
        return _invalid(Place(place.document, pointer), self._node.draft, problem)


def _anything(node: Node) -> Node:
    accepted = Node(node.place, node.draft)
    accepted.types = ("boolean", "object")
    return accepted


def _invalid(place: Place, draft: int, problem: str) -> ChartError:
    return ChartError(
        f'"{place.document}#" is not valid against metaschema: jsonschema validation failed with '
        f"'{METASCHEMAS[draft]}#'\n- at {quote(place.pointer)}: {problem}"
    )
