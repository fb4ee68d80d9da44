"""From YAML to records, with the strictness and the messages of Go's JSON decoder."""

from __future__ import annotations

import re
import types
from functools import lru_cache
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from towline.errors import InputError
from towline.render.kustomize.documents import LIMITS
from towline.text.yaml import load_documents

_T = TypeVar("_T", bound=msgspec.Struct)
_GO_TYPES: Final = {"str": "string", "bool": "bool", "int": "int64", "array": "[]string"}
_GIVEN: Final = {
    "int": "number",
    "float": "number",
    "str": "string",
    "bool": "bool",
    "array": "array",
    "object": "object",
    "null": "null",
}
_MISMATCH: Final = re.compile(r"Expected `([^`]+)`, got `(\w+)`(?: - at `\$\.?([^`]*)`)?")


def read_yaml(text: str, file: str) -> Any:
    """The first document of a text by the rules of the API tools.

    Raises:
        InputError: The text is not YAML.
    """
    documents = load_documents(text, file=file, limits=LIMITS)
    return documents[0].value if documents else None


def to_record(value: Any, record: type[_T], *, strict: bool, file: str = "") -> _T:
    """A record from a decoded value.

    Args:
        value: The value; null is an empty record.
        record: Which record.
        strict: Whether unknown fields are errors and scalars must have the right type; else
            unknown ones are left out and scalars become text where text is wanted.
        file: Where the value comes from.

    Raises:
        InputError: A field is unknown or of another type; the message names it.
    """
    shaped = _shaped(value if value is not None else {}, record, strict, file)
    try:
        return msgspec.convert(shaped, record, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(error, record, file) from error


def _shaped(value: Any, wanted: Any, strict: bool, file: str) -> Any:
    """The value with nulls left out, field names in their spelling and scalars converted."""
    wanted = _without_none(wanted)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _shaped_record(value, wanted, strict, file)
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in {list, tuple} and isinstance(value, list):
        zero = "" if arguments[0] is str else {}
        return [
            _shaped(zero if item is None else item, arguments[0], strict, file) for item in value
        ]
    if origin is dict and isinstance(value, dict):
        if arguments[1] is Any:
            return value
        return {
            key: _shaped("" if item is None else item, arguments[1], strict, file)
            for key, item in value.items()
        }
    if wanted is str and not strict and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else f"{value}"
    return value


def _shaped_record(value: Any, wanted: type[msgspec.Struct], strict: bool, file: str) -> Any:
    if not isinstance(value, dict):
        return value
    exact, folded = _fields(wanted)
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in exact else folded.get(key.lower())
        if name is None:
            if strict:
                raise InputError(f'json: unknown field "{key}"', file=file)
            continue
        if item is not None:
            result[name] = _shaped(item, exact[name], strict, file)
    return result


@lru_cache(maxsize=128)
def _fields(record: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, str]]:
    hints = get_type_hints(record)
    fields = msgspec.structs.fields(record)
    exact = {field.encode_name: hints[field.name] for field in fields}
    return exact, {name.lower(): name for name in exact}


def _without_none(wanted: Any) -> Any:
    if get_origin(wanted) in {types.UnionType, Union}:
        return next(each for each in get_args(wanted) if each is not type(None))
    return wanted


def _explained(error: msgspec.ValidationError, record: type, file: str) -> InputError:
    match = _MISMATCH.match(str(error))
    if match is None:
        return InputError(f"json: {error}", file=file)
    wanted = match[1].split(" |")[0]
    field = re.sub(r"\[[^\]]*\]", "", match[3] or "").strip(".")
    holder = _holder(record, field.split("."))
    return InputError(
        f"json: cannot unmarshal {_GIVEN.get(match[2], match[2])} into Go struct field "
        f"{holder}.{field} of type {_GO_TYPES.get(wanted, wanted)}",
        file=file,
        field=match[3] or "",
    )


def _holder(record: Any, path: list[str]) -> str:
    """Name of the record that the last field of a path belongs to."""
    name: str = record.__name__
    for field in path:
        wanted = _without_none(_fields(record)[0].get(field))
        if get_origin(wanted) in {list, tuple}:
            wanted = get_args(wanted)[0]
        if not (isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)):
            break
        record, name = wanted, wanted.__name__
    return name
