"""What is wrong with an expression: compile-time issues with their place, and run-time errors.

InputError
|- CompileError      the expression is malformed or ill-typed; carries every issue
TowlineError
|- EvaluationError   the expression has no value for this input
LimitError
'- CostExceededError the evaluation used up its budget
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from towline.errors import InputError, LimitError, TowlineError

_DOT, _CARET = ".", "^"
_WIDE_DOT, _WIDE_CARET = "\uff0e", "\uff3e"


class Issue(msgspec.Struct, frozen=True):
    """One thing that is wrong with an expression.

    Attributes:
        offset: Where in the text, in code points; -1 for the whole expression.
        message: What is wrong.
    """

    offset: int
    message: str


class CompileError(InputError):
    """An expression cannot be used.

    Attributes:
        issues: Everything that is wrong, in the order of the text.
    """

    def __init__(self, source: str, issues: Iterable[Issue]) -> None:
        self.issues = tuple(sorted(issues, key=lambda issue: issue.offset))
        super().__init__("\n".join(display(source, issue) for issue in self.issues))


class EvaluationError(TowlineError):
    """An expression has no value for this input, such as after a division by zero."""


class CostExceededError(LimitError):
    """An evaluation cost more than it may."""


def place(source: str, offset: int) -> tuple[int, int]:
    """Line (from 1) and column (from 0) of a place; -1, -1 for the whole expression."""
    if offset < 0:
        return -1, -1
    before = source[:offset]
    line = before.count("\n") + 1
    return line, offset - (before.rfind("\n") + 1)


def display(source: str, issue: Issue) -> str:
    """The issue as cel-go prints it: place, message, the line, and a mark below it."""
    line, column = place(source, issue.offset)
    head = f"ERROR: <input>:{line}:{column + 1}: {issue.message}"
    if line < 0:
        return head
    text = source.split("\n")[line - 1].replace("\t", " ")
    dots = "".join(_DOT if ord(char) < 128 else _WIDE_DOT for char in text[:column])
    wide = column < len(text) and ord(text[column]) >= 128
    return f"{head}\n | {text}\n | {dots}{_WIDE_CARET if wide else _CARET}"
