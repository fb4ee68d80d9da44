"""Conversions between types: `int`, `uint`, `double`, `string`, `bytes`, `bool`. Pure."""

from __future__ import annotations

import math

from towline.kube.cel import costs
from towline.kube.cel.formats import show_duration
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.moments import read_duration, read_timestamp, show_timestamp
from towline.kube.cel.numbers import general, read_float, read_int
from towline.kube.cel.values import (
    NANO,
    Duration,
    Timestamp,
    UInt,
    Value,
    checked_duration,
    checked_int,
    checked_timestamp,
    checked_uint,
)

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload


def _failed(from_: str, to: str) -> EvaluationError:
    return EvaluationError(f"type conversion error from '{from_}' to '{to}'")


@_overload("bool", "(bool) -> bool")
@_overload("int", "(int) -> int")
@_overload("uint", "(uint) -> uint")
@_overload("double", "(double) -> double")
@_overload("string", "(string) -> string")
@_overload("bytes", "(bytes) -> bytes")
@_overload("timestamp", "(timestamp) -> timestamp")
@_overload("duration", "(duration) -> duration")
def _same(value: Value) -> Value:
    return value


_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@_overload("bool", "(string) -> bool")
def _bool(text: str) -> bool:
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise _failed("string", "bool")


@_overload("bytes", "(string) -> bytes", cost=costs.traversal)
def _bytes(text: str) -> bytes:
    return text.encode()


@_overload("double", "(int) -> double", "(uint) -> double")
def _double(value: int) -> float:
    return float(value)


@_overload("double", "(string) -> double")
def _double_of_text(text: str) -> float:
    try:
        return read_float(text)
    except ValueError:
        raise _failed("string", "double") from None


@_overload("int", "(uint) -> int")
def _int_of_uint(value: int) -> int:
    return checked_int(int(value))


@_overload("int", "(double) -> int")
def _int_of_double(value: float) -> int:
    if not math.isfinite(value) or not -(2.0**63) < value < 2.0**63:
        raise EvaluationError("integer overflow")
    return int(value)


@_overload("int", "(string) -> int")
def _int_of_text(text: str) -> int:
    try:
        value = read_int(text)
    except ValueError:
        raise _failed("string", "int") from None
    if not -(2**63) <= value < 2**63:
        raise _failed("string", "int")
    return value


@_overload("int", "(timestamp) -> int")
def _int_of_timestamp(moment: Timestamp) -> int:
    return moment.nanos // NANO


@_overload("int", "(duration) -> int")
def _int_of_duration(span: Duration) -> int:
    return span.nanos


@_overload("uint", "(int) -> uint")
def _uint_of_int(value: int) -> UInt:
    return checked_uint(value)


@_overload("uint", "(double) -> uint")
def _uint_of_double(value: float) -> UInt:
    if not math.isfinite(value) or not 0 <= value < 2.0**64:
        raise EvaluationError("unsigned integer overflow")
    return UInt(int(value))


@_overload("uint", "(string) -> uint")
def _uint_of_text(text: str) -> UInt:
    if not text.isascii() or not text.isdigit() or len(text) > 40 or int(text) >= 2**64:
        raise _failed("string", "uint")
    return UInt(int(text))


@_overload("string", "(bool) -> string")
def _string_of_bool(value: bool) -> str:
    return "true" if value else "false"


@_overload("string", "(bytes) -> string", cost=costs.traversal)
def _string_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None


@_overload("string", "(int) -> string", "(uint) -> string")
def _string_of_int(value: int) -> str:
    return str(int(value))


@_overload("string", "(double) -> string")
def _string_of_double(value: float) -> str:
    return general(value)


@_overload("string", "(timestamp) -> string")
def _string_of_timestamp(moment: Timestamp) -> str:
    return show_timestamp(moment)


@_overload("string", "(duration) -> string")
def _string_of_duration(span: Duration) -> str:
    return show_duration(span)


@_overload("timestamp", "(int) -> timestamp")
def _timestamp_of_int(seconds: int) -> Timestamp:
    return checked_timestamp(seconds * NANO)


@_overload("timestamp", "(string) -> timestamp")
def _timestamp_of_text(text: str) -> Timestamp:
    try:
        return read_timestamp(text)
    except ValueError:
        raise _failed("string", "google.protobuf.Timestamp") from None


@_overload("duration", "(int) -> duration")
def _duration_of_int(nanos: int) -> Duration:
    return checked_duration(nanos)


@_overload("duration", "(string) -> duration")
def _duration_of_text(text: str) -> Duration:
    try:
        return read_duration(text)
    except ValueError:
        raise _failed("string", "google.protobuf.Duration") from None
