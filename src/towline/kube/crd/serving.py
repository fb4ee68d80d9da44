"""What stands beside the schema of a version: columns, subresources, selectable fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from towline.kube.cel.fieldpath import FieldPathError, field_path
from towline.kube.schema.fielderror import FieldError, duplicate, invalid, required, too_many

Raw = Mapping[str, Any]

MAX_SELECTABLE = 8
_COLUMN_TYPES = "boolean,date,integer,number,string"
_COLUMN_FORMATS = "byte,date,date-time,double,float,int32,int64,password"


def check_columns(columns: Iterable[Raw], path: str) -> Iterator[FieldError]:
    """What is wrong with printer columns."""
    for position, column in enumerate(columns):
        where = f"{path}[{position}]"
        if not column.get("name"):
            yield required(f"{where}.name")
        type_ = column.get("type")
        if not type_:
            yield required(f"{where}.type", f"must be one of {_COLUMN_TYPES}")
        elif type_ not in _COLUMN_TYPES.split(","):
            yield invalid(f"{where}.type", type_, f"must be one of {_COLUMN_TYPES}")
        format_ = column.get("format")
        if format_ and format_ not in _COLUMN_FORMATS.split(","):
            yield invalid(f"{where}.format", format_, f"must be one of {_COLUMN_FORMATS}")
        if not column.get("jsonPath"):
            yield required(f"{where}.JSONPath")
        else:
            yield from _simple_path(column["jsonPath"], f"{where}.JSONPath")


def _simple_path(text: str, path: str) -> Iterator[FieldError]:
    if not text.startswith("."):
        yield invalid(path, text, "must be a simple json path starting with .")


def check_subresources(subresources: Raw, path: str) -> Iterator[FieldError]:
    """What is wrong with the scale subresource."""
    scale = subresources.get("scale")
    if scale is None:
        return
    for key, root in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        value = scale.get(key) or ""
        where = f"{path}.scale.{key}"
        if not value:
            yield required(where)
        elif not value.startswith("."):
            yield from _simple_path(value, where)
        elif not value.startswith(f"{root}."):
            yield invalid(where, value, f"should be a json path under {root}")
    value = scale.get("labelSelectorPath") or ""
    where = f"{path}.scale.labelSelectorPath"
    if value and not value.startswith("."):
        yield from _simple_path(value, where)
    elif value and not value.startswith((".spec.", ".status.")):
        yield invalid(where, value, "should be a json path under either .spec or .status")


def check_selectable(fields: Iterable[Raw], schema: Raw, path: str) -> Iterator[FieldError]:
    """What is wrong with fields that lists can be filtered by."""
    seen: set[str] = set()
    for position, field in enumerate(fields):
        where = f"{path}[{position}].jsonPath"
        text = field.get("jsonPath") or ""
        if not text:
            yield required(where)
            continue
        try:
            found = _field_at(text, schema)
        except FieldPathError as error:
            yield invalid(where, text, f"is an invalid path: {error}")
            continue
        if text.startswith(".metadata"):
            yield invalid(where, text, "must not point to fields in metadata")
        if found.get("type") not in {"string", "boolean", "integer"}:
            yield invalid(
                where,
                text,
                "must point to a field of type string, boolean or integer. Enum string fields and"
                " strings with formats are allowed.",
            )
        if text in seen:
            yield duplicate(where, text)
        seen.add(text)
    if len(seen) > MAX_SELECTABLE:
        yield too_many(path, len(seen), MAX_SELECTABLE)


def _field_at(text: str, schema: Raw) -> Raw:
    if "[" in text:
        raise FieldPathError("array notation is not allowed")
    field_path(text, schema)
    found = schema
    for name in text.split(".")[1:]:
        found = (found.get("properties") or {}).get(name) or found["additionalProperties"]
    return found
