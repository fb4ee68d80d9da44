"""Writes values as goyaml.v3 does with an indent of 2: lists are indented, nothing is folded."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any, Final

from towline.errors import InputError
from towline.text.gotime import Moment, format_moment
from towline.text.gotime.layout import RFC3339_NANO
from towline.text.goyaml.json import UnsupportedTypeError
from towline.text.goyaml.keys import compare_keys_v3
from towline.text.goyaml.numbers import shortest
from towline.text.goyaml.output import LONG, Parts
from towline.text.goyaml.scalars import block, double_quoted, inline

_STEP: Final = "  "
_BREAK: Final = re.compile("[\n\r\x85\u2028\u2029]")
_CONTROL: Final = re.compile("[\x7f-\x9f\ufffe\uffff]")
_SIMPLE_KEY: Final = 128
_NEVER_FOLD: Final = -(2**31)
_NOT_FINITE: Final = {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}
_ORDER: Final[Callable[[str], Any]] = cmp_to_key(compare_keys_v3)


def dump_pretty(value: Any) -> str:
    """The value as one YAML document in the style of `toYamlPretty`.

    Args:
        value: What JSON can hold, and moments.

    Raises:
        InputError: A type that JSON does not know, or nested too deeply.
        LimitError: The text is too long.
    """
    lines = Parts()
    try:
        _node(value, "", "", lines)
    except RecursionError as error:
        raise InputError("yaml: exceeded max depth") from error
    return "".join(lines)


def _node(value: Any, head: str, pad: str, lines: Parts) -> None:
    """Writes a value behind `head`, which ends in an indicator; `pad` begins its other lines."""
    lines.check()
    if isinstance(value, dict) and value:
        for key in sorted(value, key=_ORDER):
            _entry(key, value[key], head, pad, lines)
            head = pad
    elif isinstance(value, list | tuple) and value:
        for item in value:
            _node(item, head + "- ", pad + _STEP, lines)
            head = pad
    else:
        lines.append(head + _counted(value, pad or _STEP, lines))


def _entry(key: str, value: Any, head: str, pad: str, lines: Parts) -> None:
    inner = pad + _STEP
    label = _inline(key)
    if label is None or _BREAK.search(key) or len(key.encode("utf-8", "replace")) > _SIMPLE_KEY:
        lines.append(f"{head}? {_scalar(key, inner)}")
        _node(value, f"{pad}: ", inner, lines)
    elif isinstance(value, dict | list | tuple) and value:
        lines.append(f"{head}{label}:\n")
        _node(value, inner, inner, lines)
    else:
        lines.append(f"{head}{label}: {_counted(value, inner, lines)}")


def _counted(value: Any, pad: str, lines: Parts) -> str:
    if isinstance(value, str) and len(value) > LONG:
        lines.add_long(len(value))
    return _scalar(value, pad)


def _inline(text: str) -> str | None:
    """Without a way through JSON, control characters are no trouble."""
    return double_quoted(text) if _CONTROL.search(text) else inline(text)


def _scalar(value: Any, pad: str) -> str:
    if isinstance(value, str):
        text = _inline(value)
        return block(value, _NEVER_FOLD, pad, tabs=True) if text is None else text + "\n"
    if value is None:
        return "null\n"
    if isinstance(value, bool):
        return "true\n" if value else "false\n"
    if isinstance(value, int):
        return f"{int(value)}\n"
    if isinstance(value, float):
        text = shortest(value)
        return _NOT_FINITE.get(text, text) + "\n"
    if isinstance(value, dict):
        return "{}\n"
    if isinstance(value, list | tuple):
        return "[]\n"
    if isinstance(value, Moment):
        return format_moment(value, RFC3339_NANO) + "\n"
    raise UnsupportedTypeError(f"cannot marshal type: {type(value).__name__}")
