"""Finds what a Jenkinsfile does that cannot work, all at once, before anything runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

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


def lint(
    source: str, file: str, *, jobs: Mapping[str, Sequence[str] | None] | None = None
) -> list[Finding]:
    """Checks a pipeline file."""
    return []
