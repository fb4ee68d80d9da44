"""Patterns: `matches`, `find`, `findAll`. Pure."""

from __future__ import annotations

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.patterns import Pattern, PatternError, compiled

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload


def _pattern(text: str, prefix: str) -> Pattern:
    try:
        return compiled(text)
    except PatternError as error:
        raise EvaluationError(f"{prefix}{error}") from None


@_overload("matches", "(string, string) -> bool", "string.(string) -> bool", cost=costs.matching)
def _matches(text: str, pattern: str) -> bool:
    return _pattern(pattern, "").matches(text)


@_overload("find", "string.(string) -> string", cost=costs.matching)
def _find(text: str, pattern: str) -> str:
    return _pattern(pattern, "Illegal regex: ").find(text)


@_overload(
    "findAll",
    "string.(string) -> list(string)",
    "string.(string, int) -> list(string)",
    cost=costs.matching,
)
def _find_all(text: str, pattern: str, count: int = -1) -> list[str]:
    return _pattern(pattern, "Illegal regex: ").find_all(text, count)
