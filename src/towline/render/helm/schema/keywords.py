"""Keywords that look at one value alone: types, sizes, texts, numbers, equality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from towline.render.helm.schema.equality import duplicates, equal, exact, type_of
from towline.render.helm.schema.formats import problem_with
from towline.render.helm.schema.nodes import Node
from towline.render.helm.schema.problems import display, grouped, quote, quoted


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
    if node.unique_items and (twice := duplicates(value)):
        texts.append(f"items at {twice[0]} and {twice[1]} are equal")
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
    failed: list[tuple[str, Fraction]] = []
    if node.minimum is not None and got < node.minimum:
        failed.append(("minimum", node.minimum))
    if node.maximum is not None and got > node.maximum:
        failed.append(("maximum", node.maximum))
    if node.exclusive_minimum is not None and got <= node.exclusive_minimum:
        failed.append(("exclusiveMinimum", node.exclusive_minimum))
    if node.exclusive_maximum is not None and got >= node.exclusive_maximum:
        failed.append(("exclusiveMaximum", node.exclusive_maximum))
    if node.multiple_of is not None and (got / node.multiple_of).denominator != 1:
        failed.append(("multipleOf", node.multiple_of))
    return [f"{name}: got {grouped(got)}, want {grouped(want)}" for name, want in failed]
