"""YAML and JSON as Go decodes them into structs and into `map[string]interface {}`.

Go goes from YAML to JSON to the value, so a number in a chart's values is always a float64, while a
number where a text is expected becomes that text. Errors have Go's wording.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from towline.errors import InputError
from towline.render.helm.errors import ChartError
from towline.text.goyaml.numbers import shortest
from towline.text.goyaml.problems import yaml_problem
from towline.text.yaml import Limits, load_first

T = TypeVar("T")

_LIMITS: Final = Limits(unique_keys=False)
_CONVERTING: Final = "error converting YAML to JSON: "
_DECODING: Final = "error unmarshaling JSON: while decoding JSON: "


def load_value(text: str) -> Any:
    """The first YAML document as Go's `interface {}`: every number is a float64.

    Raises:
        ChartError: With the message of Go's YAML package.
    """
    return with_floats(load_raw(text))


def load_raw(text: str) -> Any:
    """The first YAML document with numbers as they are written.

    Raises:
        ChartError: With the message of Go's YAML package.
    """
    try:
        document = load_first(text, limits=_LIMITS)
    except InputError as error:
        raise ChartError(_CONVERTING + yaml_problem(error, text)) from error
    return document.value if document is not None else None


def load_mapping(text: str) -> dict[str, Any]:
    """A YAML text as `map[string]interface {}`; nothing gives an empty one.

    Raises:
        ChartError: It is not YAML, or not a mapping.
    """
    value = load_value(text)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mismatch(value, "value of type map[string]interface {}")
    return value


def load_struct(text: str, type_name: str) -> dict[str, Any]:
    """A YAML text that is to fill a struct, with numbers as they are written.

    Raises:
        ChartError: It is not YAML, or not a mapping.
    """
    value = load_raw(text)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mismatch(value, f"value of type {type_name}")
    return value


def with_floats(value: Any) -> Any:
    """The value with every whole number as a float64."""
    if isinstance(value, dict):
        return {key: with_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_floats(item) for item in value]
    if type(value) is int:
        return float(value)
    return value


def field_named(key: str, names: Iterable[str]) -> str:
    """Which of a struct's JSON fields a key fills: an exact match, else one but for case."""
    folded = ""
    for name in names:
        if name == key:
            return name
        if not folded and name.lower() == key.lower():
            folded = name
    return folded


def text_of(value: Any, field: str) -> str:
    """A value where a string is expected; null is the empty string.

    Raises:
        ChartError: It is a collection.
    """
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _float32(value)
    raise _mismatch(value, f"struct field {field} of type string")


def flag_of(value: Any, field: str) -> bool:
    """A value where a bool is expected; null is false.

    Raises:
        ChartError: It is something else.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _mismatch(value, f"struct field {field} of type bool")


def texts_of(value: Any, field: str) -> list[str] | None:
    """A value where a list of strings is expected.

    Raises:
        ChartError: It is something else.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise _mismatch(value, f"struct field {field} of type []string")
    return [text_of(item, field) for item in value]


def items_of(value: Any, field: str) -> list[Any]:
    """A value where a list is expected; null is an empty one.

    Raises:
        ChartError: It is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mismatch(value, f"struct field {field} of type []interface {{}}")
    return [with_floats(item) for item in value]


def text_map_of(value: Any, field: str, *, keyed: bool = False) -> dict[str, str] | None:
    """A value where a map of strings is expected; `keyed` errors name the key, as Helm 4 does.

    Raises:
        ChartError: It is something else.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _mismatch(value, f"struct field {field} of type map[string]string")
    return {key: text_of(item, f"{field}.{key}" if keyed else field) for key, item in value.items()}


def mapping_of(value: Any, field: str, type_name: str) -> dict[str, Any]:
    """A value where a struct is expected; null is an empty one.

    Raises:
        ChartError: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mismatch(value, f"struct field {field} of type {type_name}")
    return value


def structs_of(
    value: Any, field: str, type_name: str, read: Callable[[dict[str, Any], str], T]
) -> list[T | None] | None:
    """A value where a list of pointers to structs is expected; null entries stay.

    Raises:
        ChartError: It is something else.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise _mismatch(value, f"struct field {field} of type []*{type_name}")
    result: list[T | None] = []
    for item in value:
        if item is not None and not isinstance(item, dict):
            raise _mismatch(item, f"struct field {field} of type {type_name}")
        result.append(None if item is None else read(item, field))
    return result


def _mismatch(value: Any, target: str) -> ChartError:
    return ChartError(f"{_DECODING}json: cannot unmarshal {_json_type(value)} into Go {target}")


def _json_type(value: Any) -> str:
    match value:
        case dict():
            return "object"
        case list():
            return "array"
        case str():
            return "string"
        case bool():
            return "bool"
    return "number"


def _float32(value: float) -> str:
    """The shortest digits that give the same 32-bit float, which is how Go makes texts of them."""
    try:
        single = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return "-Inf" if value < 0 else "+Inf"
    for digits in range(1, 10):
        candidate = float(f"{value:.{digits}g}")
        try:
            if struct.unpack("<f", struct.pack("<f", candidate))[0] == single:
                return shortest(candidate)
        except OverflowError:
            continue
    return shortest(single)
