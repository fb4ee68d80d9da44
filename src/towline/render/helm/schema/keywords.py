"""Keywords that look at one value alone: types, sizes, texts, numbers, equality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from towline.render.helm.schema.documents import Number
from towline.render.helm.schema.formats import problem_with
from towline.render.helm.schema.nodes import Node
from towline.render.helm.schema.problems import display, grouped, quote, quoted


def type_of(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
    return "number"


def final_problem(node: Node, value: Any) -> str:
    """Keywords that end the look at a value when they fail."""
    kind = type_of(value)
    if node.types and kind not in node.types:
        whole = kind == "number" and "integer" in node.types and float(value).is_integer()
        if not whole:
            return f"got {kind}, want {' or '.join(node.types)}"
    if node.has_const and not equal(value, node.const):
        if isinstance(node.const, dict | list):
            return "'const' failed"
        return f"value must be {display(node.const)}"
    if node.enum is not None and not any(equal(value, item) for item in node.enum):
        if any(isinstance(item, dict | list) for item in node.enum):
            return "'enum' failed"
        one_of = "one of " if len(node.enum) != 1 else ""
        return f"value must be {one_of}{', '.join(display(item) for item in node.enum)}"
    if node.format:
        problem = problem_with(node.format, value)
        if problem:
            return f"{display(value)} is not valid {node.format}: {problem}"
    return ""


def size_problems(node: Node, value: Mapping[str, Any]) -> list[str]:
    """What is wrong with the members of an object, apart from their values."""
    texts = _bounds("Properties", len(value), node.min_properties, node.max_properties)
    lacking = [name for name in node.required if name not in value]
    if lacking:
        word = "property" if len(lacking) == 1 else "properties"
        texts.append(f"missing {word} {quoted(lacking)}")
    return texts


def length_problems(node: Node, value: Sequence[Any]) -> list[str]:
    """What is wrong with the entries of an array, apart from their values."""
    texts = _bounds("Items", len(value), node.min_items, node.max_items)
    if node.unique_items:
        for second in range(1, len(value)):
            for first in range(second):
                if equal(value[second], value[first]):
                    return [*texts, f"items at {first} and {second} are equal"]
    return texts


def _bounds(what: str, got: int, least: int | None, most: int | None) -> list[str]:
    texts = []
    if least is not None and got < least:
        texts.append(f"min{what}: got {got:,}, want {least:,}")
    if most is not None and got > most:
        texts.append(f"max{what}: got {got:,}, want {most:,}")
    return texts


def text_problems(node: Node, value: str) -> list[str]:
    """What is wrong with a text."""
    texts = _bounds("Length", len(value), node.min_length, node.max_length)
    if node.pattern is not None and not node.pattern.matches(value):
        texts.append(f"{quote(value)} does not match pattern {quote(node.pattern.text)}")
    return texts


def number_problems(node: Node, value: float) -> list[str]:
    """What is wrong with a number."""
    if not node.bounded:
        return []
    got = exact(value)
    failed = (
        ("minimum", node.minimum, node.minimum is not None and got < node.minimum),
        ("maximum", node.maximum, node.maximum is not None and got > node.maximum),
        (
            "exclusiveMinimum",
            node.exclusive_minimum,
            node.exclusive_minimum is not None and got <= node.exclusive_minimum,
        ),
        (
            "exclusiveMaximum",
            node.exclusive_maximum,
            node.exclusive_maximum is not None and got >= node.exclusive_maximum,
        ),
        (
            "multipleOf",
            node.multiple_of,
            node.multiple_of is not None and (got / node.multiple_of).denominator != 1,
        ),
    )
    return [
        f"{name}: got {grouped(got)}, want {grouped(want)}"
        for name, want, wrong in failed
        if wrong and want is not None
    ]


def exact(value: float | Number) -> Fraction:
    """A number as its shortest digits say."""
    if isinstance(value, Number):
        return value.value
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(int(value))


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same; numbers compare by value."""
    if type_of(left) != type_of(right):
        return False
    match left:
        case dict():
            return left.keys() == right.keys() and all(
                equal(item, right[key]) for key, item in left.items()
            )
        case list():
            return len(left) == len(right) and all(map(equal, left, right))
        case None | bool() | str():
            return bool(left == right)
    return exact(left) == exact(right)
