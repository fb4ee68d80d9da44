"""YAML and JSON read as Go programs read them into untyped values: all numbers are floats."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from towline.errors import InputError
from towline.text.goyaml.jsonsyntax import json_problem
from towline.text.goyaml.problems import yaml_problem
from towline.text.yaml import Limits, load_first

_NUMBER: Final = re.compile(r"[ \t\r\n]*-?[0-9.eE+-]+[ \t\r\n]*\Z")
_LIMITS: Final = Limits(unique_keys=False, text_bytes=64 * 1024 * 1024)


def load(text: str) -> Any:
    """The first document of a YAML text, as sigs.k8s.io/yaml.Unmarshal reads it.

    Raises:
        InputError: It is no YAML, or not representable as JSON; the text is Go's.
    """
    try:
        document = load_first(text, limits=_LIMITS)
    except InputError as error:
        raise InputError(f"error converting YAML to JSON: {yaml_problem(error, text)}") from error
    return None if document is None else _with_floats(document.value)


def load_json(text: str) -> Any:
    """A JSON text, as encoding/json.Unmarshal reads it.

    Raises:
        InputError: It is no JSON; the text is Go's.
    """
    try:
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse)
    except RecursionError as error:
        raise InputError("exceeded max depth") from error
    except ValueError as error:
        problem = json_problem(text)
        if not problem and _NUMBER.match(text):
            return float(text)
        raise InputError(problem or str(error)) from error


def kind_problem(value: Any, wanted: str) -> str:
    """What Go says of a value of another kind than the one it decodes into."""
    match value:
        case str():
            found = "string"
        case bool():
            found = "bool"
        case float() | int():
            found = "number"
        case list():
            found = "array"
        case _:
            found = "object"
    return f"json: cannot unmarshal {found} into Go value of type {wanted}"


def _number(digits: str) -> float:
    value = float(digits)
    if abs(value) == float("inf"):
        raise ValueError(f"json: cannot unmarshal number {digits} into Go value of type float64")
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
