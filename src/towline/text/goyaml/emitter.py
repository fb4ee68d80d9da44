"""Writes values as sigs.k8s.io/yaml.Marshal does: block style, natural key order."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from towline.errors import InputError
from towline.text.goyaml.folding import WIDTH, fold
from towline.text.goyaml.json import NilList, UnsupportedTypeError, dump_json
from towline.text.goyaml.keys import ordered
from towline.text.goyaml.numbers import yaml_number
from towline.text.goyaml.output import LONG, Parts
from towline.text.goyaml.scalars import block, inline

_INT64_LEAST: Final = -(2**63)
_UINT64: Final = 2**64
_SIMPLE_KEY: Final = 128
_LONGEST_KEY: Final = 1024
_STEP: Final = "  "


def dump(value: Any) -> str:
    """The value as one YAML document, byte for byte what Helm and Kustomize print.

    The value goes through JSON first, so whole floats are written as integers.

    Args:
        value: What JSON can hold: dict with string keys, list, tuple, str, int, float, bool, None.

    Returns:
        The document without `---`, with its final line break.

    Raises:
        InputError: NaN, an infinity, control characters, or a type that JSON does not know.
        LimitError: The text is too long.
    """
    lines = Parts()
    try:
        if isinstance(value, dict) and value:
            _mapping(value, "", "", lines)
        elif isinstance(value, list | tuple) and value:
            _sequence(value, "", "", lines)
        else:
            lines.append(_scalar(value, 0, _STEP))
    except RecursionError as error:
        raise InputError("yaml: exceeded max depth") from error
    return "".join(lines)


def _mapping(value: dict[str, Any], head: str, pad: str, lines: Parts) -> None:
    """Writes a mapping that has entries.

    Args:
        value: The mapping.
        head: What stands before its first key on the same line: the pad, or dashes.
        pad: What stands before the other keys.
        lines: Where the lines go.
    """
    lines.check()
    inner = pad + _STEP
    for key in ordered(value):
        item = value[key]
        label = _label(key)
        if label is None:
            _complex_entry(key, item, head, pad, lines)
            head = pad
            continue
        if isinstance(item, str):
            text = inline(item)
            if len(item) > LONG:
                lines.add_long(len(item))
            before = f"{head}{label} "
            if text is None:
                lines.append(before + block(item, len(before), inner))
            elif len(before) + len(text) > WIDTH:
                lines.append(f"{before}{fold(text, len(before), inner)}\n")
            else:
                lines.append(f"{before}{text}\n")
        elif isinstance(item, dict) and item:
            lines.append(f"{head}{label}\n")
            _mapping(item, inner, inner, lines)
        elif isinstance(item, list | tuple) and item:
            lines.append(f"{head}{label}\n")
            _sequence(item, pad, pad, lines)
        else:
            lines.append(f"{head}{label} {_atom(item)}\n")
        head = pad


def _sequence(value: list[Any] | tuple[Any, ...], head: str, pad: str, lines: Parts) -> None:
    """Writes a sequence that has items; the arguments are those of a mapping."""
    lines.check()
    inner = pad + _STEP
    for item in value:
        _nested(item, head + "- ", inner, lines)
        head = pad


def _nested(item: Any, head: str, inner: str, lines: Parts) -> None:
    """Writes a value behind a dash or another indicator of two columns."""
    if isinstance(item, dict) and item:
        _mapping(item, head, inner, lines)
    elif isinstance(item, list | tuple) and item:
        _sequence(item, head, inner, lines)
    else:
        if isinstance(item, str) and len(item) > LONG:
            lines.add_long(len(item))
        lines.append(head + _scalar(item, len(head), inner))


def _complex_entry(key: str, item: Any, head: str, pad: str, lines: Parts) -> None:
    """Writes an entry whose key is too long or has line breaks: `? key` and `: value`."""
    inner = pad + _STEP
    head += "? "
    lines.append(head + _scalar(key, len(head), inner))
    _nested(item, pad + ": ", inner, lines)


def _scalar(value: Any, column: int, pad: str) -> str:
    """A scalar or an empty collection, with the line break after it."""
    if not isinstance(value, str):
        return _atom(value) + "\n"
    text = inline(value)
    return block(value, column, pad) if text is None else fold(text, column, pad) + "\n"


def _atom(value: Any) -> str:
    """A value that is neither text nor a collection with content."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        number = int(value)
        if _INT64_LEAST <= number < _UINT64:
            return str(number)
        value = float(number)
    if isinstance(value, float):
        try:
            return yaml_number(value)
        except ValueError as error:
            raise InputError(f"error marshaling into JSON: {error}") from error
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "null" if isinstance(value, NilList) else "[]"
    name = type(value).__name__
    raise UnsupportedTypeError(f"error marshaling into JSON: json: unsupported type: {name}")


@lru_cache(maxsize=8192)
def _label(key: str) -> str | None:
    """The key with its colon, or None when it cannot stand on one line."""
    if "\x85" in key or (len(key) > _SIMPLE_KEY and len(dump_json(key)) > _LONGEST_KEY):
        raise InputError("yaml: did not find expected ',' or '}'")
    text = inline(key)
    if text is None or "\r" in key or len(key.encode("utf-8", "replace")) > _SIMPLE_KEY:
        return None
    return text + ":"
