"""Decodes the protobuf bodies that typed Kubernetes clients send by default.

The body is an envelope (`k8s`, a zero byte, a `runtime.Unknown` message) around one object. Field
numbers and JSON names come from the packaged table. Pure; input is untrusted: lengths and depth are
checked, unknown fields are skipped. Encoding is not needed: answers are JSON.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from towline.errors import InputError
from towline.kube.refs import GroupVersionKind, split_api_version
from towline.kube.schema.catalog import load_catalog, read_data
from towline.kube.schema.process import normalize
from towline.kube.status import ApiError

MAGIC = b"k8s\x00"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
MAX_DEPTH = 64

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
_UNKNOWN = "io.k8s.apimachinery.pkg.runtime"

Field = tuple[str, str, str]
Message = dict[int, Field]
Wire = tuple[int, int, Any]


class _MalformedError(Exception):
    """The bytes are no such message."""


def decode(body: bytes) -> dict[str, Any]:
    """The object as JSON would carry it, with apiVersion and kind.

    Raises:
        ApiError: BadRequest when the body is malformed or its kind unknown.
    """
    try:
        return _decode_envelope(body)
    except _MalformedError as error:
        raise ApiError(f"unable to decode protobuf body: {error}", reason="BadRequest") from None


def _decode_envelope(body: bytes) -> dict[str, Any]:
    if not body.startswith(MAGIC):
        raise _MalformedError("the envelope's magic number is missing")
    api_version = kind = content_type = ""
    raw = b""
    for number, _, value in _fields(memoryview(body)[len(MAGIC) :]):
        match number:
            case 1:
                api_version, kind = _type_meta(value)
            case 2:
                raw = bytes(_bytes(value))
            case 4:
                content_type = _text(value)
    typed = {"apiVersion": api_version, "kind": kind}
    if content_type == "application/json":
        return {**typed, **_json(raw)}
    name = _message_of(api_version, kind)
    if name is None:
        text = f'no kind "{kind}" is registered for version "{api_version}" in the protobuf table'
        raise _MalformedError(text)
    obj = {**typed, **_decode(memoryview(raw), name, 0)}
    definitions = load_catalog().definitions
    if name not in definitions.names():
        return obj
    try:
        # Encoders write zero values of plain fields; the schema knows which of them mean nothing.
        clean: dict[str, Any] = normalize(obj, definitions.node(name))
    except InputError as error:
        raise _MalformedError(error.message) from None
    return clean


def _type_meta(value: Any) -> tuple[str, str]:
    found = {number: _text(below) for number, _, below in _fields(_bytes(value))}
    return found.get(1, ""), found.get(2, "")


def _message_of(api_version: str, kind: str) -> str | None:
    """The message's full name; options and lists live beside the kinds or in the meta package."""
    group, version = split_api_version(api_version)
    table = _table()
    info = load_catalog().kind(GroupVersionKind(group, version, kind))
    if info is not None:
        return info.definition
    package = _packages().get((group, version))
    for candidate in (f"{package}.{kind}", f"{_META}.{kind}"):
        if candidate in table:
            return candidate
    return None


@lru_cache(maxsize=1)
def _table() -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(read_data("protobuf"), type=dict[str, msgspec.Raw])


@lru_cache(maxsize=1024)
def _message(name: str) -> Message:
    packed = _table().get(name)
    return {} if packed is None else msgspec.json.decode(packed, type=Message)


@lru_cache(maxsize=1)
def _packages() -> dict[tuple[str, str], str]:
    return {
        (kind.gvk.group, kind.gvk.version): kind.definition.rpartition(".")[0]
        for kind in load_catalog().kinds()
    }


# --- wire format ---------------------------------------------------------------------------------


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(view) or shift > 63:
            raise _MalformedError("truncated or oversized number")
        byte = view[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, position
        shift += 7


def _fields(view: memoryview) -> Iterator[Wire]:
    """(field number, wire type, value) of one message."""
    position = 0
    end = len(view)
    while position < end:
        tag, position = _varint(view, position)
        number, wire = tag >> 3, tag & 7
        value: Any
        match wire:
            case 0:
                value, position = _varint(view, position)
            case 2:
                length, position = _varint(view, position)
                if length > end - position:
                    raise _MalformedError("truncated field")
                value = view[position : position + length]
                position += length
            case 1 | 5:
                width = 8 if wire == 1 else 4
                if width > end - position:
                    raise _MalformedError("truncated field")
                value = view[position : position + width]
                position += width
            case _:
                raise _MalformedError(f"unsupported wire type {wire}")
        yield number, wire, value


def _bytes(value: Any) -> memoryview:
    if not isinstance(value, memoryview):
        raise _MalformedError("a field has the wrong wire type")
    return value


def _text(value: Any) -> str:
    try:
        return str(_bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise _MalformedError("a text is not UTF-8") from None


def _integer(value: Any) -> int:
    if not isinstance(value, int):
        raise _MalformedError("a field has the wrong wire type")
    return value - 2**64 if value >= 2**63 else value


def _json(raw: bytes) -> Any:
    if not raw:
        return {}
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise _MalformedError(f"embedded JSON: {error}") from None


# --- messages ------------------------------------------------------------------------------------


def _decode(view: memoryview, name: str, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise _MalformedError("nested too deeply")
    fields = _message(name)
    out: dict[str, Any] = {}
    for number, _, value in _fields(view):
        field = fields.get(number)
        if field is None:
            continue
        json_name, type_, mode = field
        match mode:
            case "r":
                out.setdefault(json_name, []).append(_value(value, type_, depth))
            case "m":
                key, below = _entry(_bytes(value), type_, depth)
                out.setdefault(json_name, {})[key] = below
            case "i":
                out.update(_decode(_bytes(value), type_, depth + 1))
            case _:
                out[json_name] = _value(value, type_, depth)
    return out


def _entry(view: memoryview, type_: str, depth: int) -> tuple[str, Any]:
    key, found = "", None
    for number, _, value in _fields(view):
        if number == 1:
            key = _text(value)
        elif number == 2:
            found = value
    if found is None:
        empty = memoryview(b"")
        found = 0 if type_ in {"bool", "int32", "int64"} else empty
    return key, _value(found, type_, depth)


def _value(value: Any, type_: str, depth: int) -> Any:
    match type_:
        case "string":
            return _text(value)
        case "int32" | "int64" | "uint32" | "uint64":
            return _integer(value)
        case "bool":
            return bool(_integer(value))
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "double":
            return _double(_bytes(value))
    special = _SPECIAL.get(type_)
    if special is not None:
        return special(_bytes(value), depth)
    return _decode(_bytes(value), type_, depth + 1)


def _double(view: memoryview) -> float:
    if len(view) != 8:
        raise _MalformedError("a number has the wrong width")
    number: float = struct.unpack("<d", view)[0]
    return number


def _moment(view: memoryview) -> datetime | None:
    found = {number: _integer(value) for number, _, value in _fields(view)}
    if not found.get(1) and not found.get(2):
        return None
    try:
        whole = datetime.fromtimestamp(0, UTC) + timedelta(seconds=found.get(1, 0))
        return whole + timedelta(microseconds=found.get(2, 0) // 1000)
    except (OverflowError, ValueError):
        raise _MalformedError("a time is out of range") from None


def _stamp(moment: datetime, precision: str) -> str:
    # Years have four digits, those of the first thousand as well.
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _time(view: memoryview, _depth: int) -> str | None:
    moment = _moment(view)
    return _stamp(moment, "seconds") if moment else None


def _micro_time(view: memoryview, _depth: int) -> str | None:
    moment = _moment(view)
    return _stamp(moment, "microseconds") if moment else None


def _quantity(view: memoryview, _depth: int) -> str:
    return next((_text(value) for number, _, value in _fields(view) if number == 1), "0")


def _int_or_string(view: memoryview, _depth: int) -> int | str:
    kind, number, text = 0, 0, ""
    for field, _, value in _fields(view):
        match field:
            case 1:
                kind = _integer(value)
            case 2:
                number = _integer(value)
            case 3:
                text = _text(value)
    return text if kind == 1 else number


def _raw(view: memoryview, _depth: int) -> Any:
    return next((_json(bytes(_bytes(v))) for number, _, v in _fields(view) if number == 1), {})


def _texts(view: memoryview, _depth: int) -> list[str]:
    return [_text(value) for number, _, value in _fields(view) if number == 1]


def _props_or_bool(view: memoryview, depth: int) -> Any:
    allows = False
    for number, _, value in _fields(view):
        if number == 2:
            return _decode(_bytes(value), f"{_CRD}.JSONSchemaProps", depth + 1)
        if number == 1:
            allows = bool(_integer(value))
    return allows


def _props_or_array(view: memoryview, depth: int) -> Any:
    many: list[Any] = []
    for number, _, value in _fields(view):
        decoded = _decode(_bytes(value), f"{_CRD}.JSONSchemaProps", depth + 1)
        if number == 1:
            return decoded
        many.append(decoded)
    return many


def _props_or_texts(view: memoryview, depth: int) -> Any:
    many: list[str] = []
    for number, _, value in _fields(view):
        if number == 1:
            return _decode(_bytes(value), f"{_CRD}.JSONSchemaProps", depth + 1)
        many.append(_text(value))
    return many


_SPECIAL: dict[str, Callable[[memoryview, int], Any]] = {
    f"{_META}.Time": _time,
    f"{_META}.MicroTime": _micro_time,
    f"{_META}.Timestamp": _time,
    f"{_META}.FieldsV1": _raw,
    f"{_META}.Verbs": _texts,
    f"{_UNKNOWN}.RawExtension": _raw,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _quantity,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    "io.k8s.api.authentication.v1.ExtraValue": _texts,
    "io.k8s.api.authorization.v1.ExtraValue": _texts,
    f"{_CRD}.JSON": _raw,
    f"{_CRD}.JSONSchemaPropsOrBool": _props_or_bool,
    f"{_CRD}.JSONSchemaPropsOrArray": _props_or_array,
    f"{_CRD}.JSONSchemaPropsOrStringArray": _props_or_texts,
}
