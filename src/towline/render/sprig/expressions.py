"""Sprig's functions with regular expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from towline.render.gotemplate.functions import (
    BOOL,
    INT,
    STRING,
    STRINGS,
    Function,
    FunctionError,
    GoType,
)
from towline.render.gotemplate.kinds import StringList
from towline.render.gotemplate.quoting import quote
from towline.text.goyaml import NilList
from towline.text.re2 import Pattern, RegexError, compile_pattern, quote_meta

Body = Callable[..., Any]


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern matches; never when it is wrong."""
    try:
        return compile_pattern(pattern).matches(text)
    except RegexError:
        return False


class NilStrings(StringList, NilList):
    """[]string(nil): what is found when nothing is."""

    __slots__ = ()


def _strings(found: list[str]) -> StringList:
    return StringList(found) if found else NilStrings()


def _compiled(pattern: str) -> Pattern:
    try:
        return compile_pattern(pattern)
    except RegexError as error:
        raise FunctionError(error.message) from error


def _compiled_or_panic(pattern: str) -> Pattern:
    try:
        return compile_pattern(pattern)
    except RegexError as error:
        shown = quote(pattern) if "`" in pattern else f"`{pattern}`"
        raise FunctionError(f"regexp: Compile({shown}): {error.message}") from error


def _operations(compiled: Callable[[str], Pattern]) -> dict[str, tuple[Body, GoType, GoType]]:
    """The functions that come in two forms: body, third parameter, result."""
    return {
        "FindAll": (
            lambda pattern, text, limit: _strings(compiled(pattern).find_all(text, limit)),
            INT,
            STRINGS,
        ),
        "Split": (
            lambda pattern, text, limit: _strings(compiled(pattern).split(text, limit)),
            INT,
            STRINGS,
        ),
        "ReplaceAll": (
            lambda pattern, text, new: compiled(pattern).replace(text, new),
            STRING,
            STRING,
        ),
        "ReplaceAllLiteral": (
            lambda pattern, text, new: compiled(pattern).replace_literal(text, new),
            STRING,
            STRING,
        ),
    }


def functions() -> Mapping[str, Function]:
    """The functions with regular expressions by name."""
    table = {
        "regexMatch": Function(matches, (STRING, STRING), result=BOOL),
        "mustRegexMatch": Function(
            lambda pattern, text: _compiled(pattern).matches(text), (STRING, STRING), result=BOOL
        ),
        "regexQuoteMeta": Function(quote_meta, (STRING,), result=STRING),
    }
    for prefix, compiled in (("regex", _compiled_or_panic), ("mustRegex", _compiled)):
        table[f"{prefix}Find"] = _find(compiled)
        for name, (body, third, result) in _operations(compiled).items():
            table[prefix + name] = Function(body, (STRING, STRING, third), result=result)
    return table


def _find(compiled: Callable[[str], Pattern]) -> Function:
    return Function(
        lambda pattern, text: compiled(pattern).find(text), (STRING, STRING), result=STRING
    )
