"""Remarks about a pipeline file. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from towline.text.groovy.tree import Position

Severity = Literal["error", "warning", "info"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One remark about a pipeline file.

    Attributes:
        line: 1-based line.
        column: 1-based column.
        severity: A file with an error never starts.
        message: What is wrong.
        hint: What to write instead, or an empty string.
    """

    line: int
    column: int
    severity: Severity
    message: str
    hint: str = ""


class Findings:
    """Collects remarks; each is kept once."""

    def __init__(self) -> None:
        self._found: set[Finding] = set()

    def add(self, severity: Severity, at: Position, message: str, hint: str = "") -> None:
        """Adds a remark."""
        self._found.add(
            Finding(line=at.line, column=at.column, severity=severity, message=message, hint=hint)
        )

    def error(self, at: Position, message: str, hint: str = "") -> None:
        """Adds an error: the file will not start."""
        self.add("error", at, message, hint)

    def warning(self, at: Position, message: str, hint: str = "") -> None:
        """Adds a warning."""
        self.add("warning", at, message, hint)

    def sorted(self) -> list[Finding]:
        """All remarks in the order of the file."""
        return sorted(self._found)
