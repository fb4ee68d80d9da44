"""Texts: searching, cutting, replacing, joining. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.numbers import ESCAPES
from towline.kube.cel.values import Value

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
# White space as Go's unicode.IsSpace has it.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


@_overload("contains", "string.(string) -> bool", cost=costs.product)
def _contains(text: str, part: str) -> bool:
    return part in text


@_overload("startsWith", "string.(string) -> bool", cost=costs.traversal)
def _starts_with(text: str, part: str) -> bool:
    return text.startswith(part)


@_overload("endsWith", "string.(string) -> bool", cost=costs.traversal)
def _ends_with(text: str, part: str) -> bool:
    return text.endswith(part)


@_overload("charAt", "string.(int) -> string")
def _char_at(text: str, position: int) -> str:
    if not 0 <= position <= len(text):
        raise EvaluationError(f"index out of range: {position}")
    return text[position : position + 1]


@_overload("indexOf", "string.(string) -> int", "string.(string, int) -> int", cost=costs.items)
def _index_of(text: str, part: str, start: int | None = None) -> int:
    if not part:
        return start or 0
    if start is not None and not 0 <= start < len(text):
        raise EvaluationError(f"index out of range: {start}")
    return text.find(part, start or 0)


@_overload("lastIndexOf", "string.(string) -> int", "string.(string, int) -> int", cost=costs.items)
def _last_index_of(text: str, part: str, start: int | None = None) -> int:
    if start is None:
        return text.rfind(part)
    if not part:
        return start
    if not 0 <= start < len(text):
        raise EvaluationError(f"index out of range: {start}")
    return text.rfind(part, 0, start + len(part))


@_overload("lowerAscii", "string.() -> string", cost=costs.traversal)
def _lower(text: str) -> str:
    return text.translate(_LOWER)


@_overload("upperAscii", "string.() -> string", cost=costs.traversal)
def _upper(text: str) -> str:
    return text.translate(_UPPER)


@_overload(
    "replace",
    "string.(string, string) -> string",
    "string.(string, string, int) -> string",
    cost=costs.twice,
)
def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, max(count, -1))


@_overload(
    "split",
    "string.(string) -> list(string)",
    "string.(string, int) -> list(string)",
    cost=costs.twice,
)
def _split(text: str, separator: str, count: int = -1) -> list[str]:
    if count == 0:
        return []
    if not separator:
        parts = list(text)
        return (
            parts
            if count < 0 or len(parts) <= count
            else [
                *parts[: count - 1],
                "".join(parts[count - 1 :]),
            ]
        )
    return text.split(separator, count - 1 if count > 0 else -1)


@_overload(
    "substring", "string.(int) -> string", "string.(int, int) -> string", cost=costs.traversal
)
def _substring(text: str, start: int, end: int | None = None) -> str:
    if end is not None and start > end:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    if not 0 <= start <= len(text):
        raise EvaluationError(f"index out of range: {start}")
    if end is not None and not 0 <= end <= len(text):
        raise EvaluationError(f"index out of range: {end}")
    return text[start:end]


@_overload("trim", "string.() -> string", cost=costs.traversal)
def _trim(text: str) -> str:
    return text.strip(_SPACE)


@_overload("join", "list(string).() -> string", "list(string).(string) -> string", cost=costs.items)
def _join(items: Sequence[Value], separator: str = "") -> str:
    for item in items:
        if not isinstance(item, str):
            raise EvaluationError(f"join: invalid input: {item}")
    return separator.join(items)


@_overload("strings.quote", "(string) -> string", cost=costs.traversal)
def _quote(text: str) -> str:
    return '"' + "".join(ESCAPES.get(char, char) for char in text) + '"'
