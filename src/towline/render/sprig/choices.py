"""Sprig's defaults and questions about values: `default`, `ternary`, `kindOf`, ..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from towline.render.gotemplate.functions import (
    ANY,
    BOOL,
    STRING,
    Function,
    FunctionError,
)
from towline.render.gotemplate.kinds import kind_name, type_name
from towline.render.sprig.conversion import deep_equal, is_empty


def default(fallback: Any, *given: Any) -> Any:
    """The value that is given, or the fallback when it is empty."""
    return fallback if not given or is_empty(given[0]) else given[0]


def coalesce(*values: Any) -> Any:
    """The first value that is not empty, or nil."""
    return next((value for value in values if not is_empty(value)), None)


def fail(message: str) -> NoReturn:
    """Stops the rendering.

    Raises:
        FunctionError: Always, with the message.
    """
    raise FunctionError(message)


def required(message: str, value: Any) -> Any:
    """The value, which must not be nil or an empty string.

    Raises:
        FunctionError: It is.
    """
    if value is None or value == "":
        raise FunctionError(message)
    return value


def _is_like(wanted: str, value: Any) -> bool:
    found = type_name(value)
    return found in {wanted, f"*{wanted}"}


def functions() -> Mapping[str, Function]:
    """The functions of this module by name."""
    return {
        "default": Function(default, (ANY,), rest=ANY),
        "empty": Function(is_empty, (ANY,), result=BOOL),
        "coalesce": Function(coalesce, rest=ANY),
        "all": Function(lambda *values: not any(map(is_empty, values)), rest=ANY, result=BOOL),
        "any": Function(lambda *values: not all(map(is_empty, values)), rest=ANY, result=BOOL),
        "ternary": Function(lambda yes, no, condition: yes if condition else no, (ANY, ANY, BOOL)),
        "fail": Function(fail, (STRING,), result=STRING),
        "required": Function(required, (STRING, ANY)),
        "typeOf": Function(type_name, (ANY,), result=STRING),
        "typeIs": Function(
            lambda wanted, value: type_name(value) == wanted, (STRING, ANY), result=BOOL
        ),
        "typeIsLike": Function(_is_like, (STRING, ANY), result=BOOL),
        "kindOf": Function(kind_name, (ANY,), result=STRING),
        "kindIs": Function(
            lambda wanted, value: kind_name(value) == wanted, (STRING, ANY), result=BOOL
        ),
        "deepEqual": Function(deep_equal, (ANY, ANY), result=BOOL),
        "hello": Function(lambda: "Hello!", result=STRING),
    }
