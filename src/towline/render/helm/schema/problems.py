"""Findings: a tree, and the text that Helm prints for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from towline.render.helm.schema.documents import Number, escape
from towline.text.goyaml.numbers import fixed, shortest


@dataclass(slots=True)
class Problem:
    """One finding.

    Attributes:
        path: Where in the values.
        text: What is wrong.
        causes: What led to it.
        group: Whether it merely holds several findings about one value.
        transparent: Whether it is not shown when it has a single cause (a `$ref`).
    """

    path: tuple[str, ...]
    text: str
    causes: list[Problem] = field(default_factory=list)
    group: bool = False
    transparent: bool = False

    @property
    def members(self) -> list[Problem]:
        """The findings of a group, or the finding itself."""
        return self.causes if self.group else [self]


def shown(problems: Iterable[Problem]) -> str:
    """All findings as lines that begin with `- at '/path': `."""
    lines: list[str] = []
    for problem in problems:
        _show(problem, 0, lines)
    return "\n".join(lines)


def _show(problem: Problem, depth: int, lines: list[str]) -> None:
    if not (problem.transparent and len(problem.causes) == 1):
        lines.append(f"{'  ' * depth}- at {quote(pointer(problem.path))}: {problem.text}")
        depth += 1
    for cause in problem.causes:
        _show(cause, depth, lines)


def pointer(path: Iterable[str]) -> str:
    """A path as a JSON pointer."""
    return "".join(f"/{escape(token)}" for token in path)


def quote(text: str) -> str:
    """A text in single quotes, escaped as Go does it."""
    inner = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"')
    return "'" + inner.replace("'", "\\'") + "'"


def quoted(texts: Sequence[str]) -> str:
    """Several texts in quotes."""
    return ", ".join(map(quote, texts))


def display(value: Any) -> str:
    """A plain value of the schema or of the values."""
    match value:
        case str():
            return quote(value)
        case dict() | list():
            return "value"
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case Number():
            return value.text
        case float():
            return _general(value)
    return str(value)


def grouped(value: float | Fraction) -> str:
    """A number as English text writes it: `65,535`."""
    text = fixed(float(value))
    sign = "-" if text.startswith("-") else ""
    whole, point, fraction = text.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


def _general(value: float) -> str:
    return fixed(value) if value == 0 or 1e-4 <= abs(value) < 1e21 else shortest(value)
