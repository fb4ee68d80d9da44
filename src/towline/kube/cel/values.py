"""Values of expressions.

Booleans, strings, bytes, doubles and null are Python's own; an int is a Python int, a uint is a
`UInt`; lists are sequences and maps are mappings, so that values which convert their items when
they are asked for (see `objects`) take part. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import total_ordering
from typing import Any

import msgspec

from towline.kube.cel import types
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.types import CelType

Value = Any
"""A value of an expression."""

NANO = 1_000_000_000
MIN_SECONDS, MAX_SECONDS = -62_135_596_800, 253_402_300_799


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


@total_ordering
class Timestamp(msgspec.Struct, frozen=True, eq=False):
    """A moment, in nanoseconds since 1970-01-01T00:00:00Z.

    Attributes:
        nanos: When.
        offset: Minutes east of Greenwich that it is written with; does not count when comparing.
    """

    nanos: int
    offset: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.nanos == other.nanos

    def __lt__(self, other: Timestamp) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)


class Duration(msgspec.Struct, frozen=True, order=True):
    """A span of time in nanoseconds."""

    nanos: int


class Optional(msgspec.Struct, frozen=True):
    """A value that may be absent."""

    present: bool
    value: Value = None


NONE = Optional(present=False)


class TypeValue(msgspec.Struct, frozen=True):
    """A type as a value; only its name counts."""

    name: str


class HostValue:
    """A value of the host such as an IP address: its type has a name and it knows equality."""

    TYPE: CelType


class Opaque(msgspec.Struct, frozen=True):
    """Data without a declared type: it can only be compared."""

    data: Any


def some(value: Value) -> Optional:
    """A present optional."""
    return Optional(present=True, value=value)


def type_name(value: Value) -> str:
    """The name of a value's type, as `type()` and messages give it."""
    known = _NAMES.get(type(value))
    if known is not None:
        return known
    if isinstance(value, HostValue):
        return value.TYPE.name
    if isinstance(value, Mapping):
        return "map"
    return "list" if is_list(value) else "unknown"


_NAMES: Mapping[type, str] = {
    type(None): "null_type",
    bool: "bool",
    UInt: "uint",
    int: "int",
    float: "double",
    str: "string",
    bytes: "bytes",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    Optional: "optional_type",
    TypeValue: "type",
}


def is_list(value: Value) -> bool:
    """Whether a value is a list."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def is_a(value: Value, type_: CelType) -> bool:
    """Whether a value belongs to a type; of lists, every item is looked at."""
    kind = type_.kind
    if kind in {"dyn", "param", "error"}:
        return True
    if kind == "list":
        inside = type_.params[0]
        return is_list(value) and (
            inside.kind in {"dyn", "param"} or all(is_a(item, inside) for item in value)
        )
    if kind in {"map", "object"}:
        return isinstance(value, Mapping)
    return type_name(value) == _RUNTIME_NAMES.get(kind, type_.name)


_RUNTIME_NAMES = {
    "null": "null_type",
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
}


def checked_int(value: int) -> int:
    """The value when it fits an int.

    Raises:
        EvaluationError: It does not.
    """
    if -(2**63) <= value < 2**63:
        return value
    raise EvaluationError("integer overflow")


def checked_uint(value: int) -> UInt:
    """The value when it fits a uint.

    Raises:
        EvaluationError: It does not.
    """
    if 0 <= value < 2**64:
        return UInt(value)
    raise EvaluationError("unsigned integer overflow")


def checked_timestamp(nanos: int, offset: int = 0) -> Timestamp:
    """The moment when it lies in the years 1 to 9999.

    Raises:
        EvaluationError: It does not.
    """
    if MIN_SECONDS <= nanos // NANO <= MAX_SECONDS:
        return Timestamp(nanos, offset)
    raise EvaluationError("timestamp overflow")


def checked_duration(nanos: int) -> Duration:
    """The span when its nanoseconds fit 64 bits.

    Raises:
        EvaluationError: They do not.
    """
    if -(2**63) <= nanos < 2**63:
        return Duration(nanos)
    raise EvaluationError("duration overflow")


# --- equality ------------------------------------------------------------------------------------


def equal(one: Value, two: Value) -> bool:
    """Equality across all types: numbers by value, everything else only within its type."""
    kind = type(one)
    if kind is type(two) and kind in _SIMPLE:
        return bool(one == two)
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, (int, float)):
        return isinstance(two, (int, float)) and one == two
    if isinstance(one, Mapping):
        return _comparable(one, isinstance(two, Mapping)) and _equal_maps(one, two)
    if is_list(one):
        return _comparable(one, is_list(two)) and _equal_lists(one, two)
    if isinstance(one, Optional) and isinstance(two, Optional):
        return one.present == two.present and equal(one.value, two.value)
    if isinstance(one, Opaque) or isinstance(two, Opaque):
        return bool(_data(one) == _data(two))
    same: bool = one == two
    return type_name(one) == type_name(two) and same


class Typed:
    """Containers of data with a schema: comparing them with another type is an error."""


def _comparable(one: Value, alike: bool) -> bool:
    if not alike and isinstance(one, Typed):
        raise EvaluationError("no such overload")
    return alike


_SIMPLE = frozenset({str, int, bytes, type(None), float})


def _data(value: Value) -> Any:
    return value.data if isinstance(value, Opaque) else value


def _equal_maps(one: Mapping[Value, Value], two: Mapping[Value, Value]) -> bool:
    if len(one) != len(two):
        return False
    return all(key in two and equal(one[key], two[key]) for key in one)


def _equal_lists(one: Sequence[Value], two: Sequence[Value]) -> bool:
    unordered = getattr(one, "equals_unordered", None) or getattr(two, "equals_unordered", None)
    if unordered is not None:
        other = two if getattr(one, "equals_unordered", None) else one
        return bool(unordered(other))
    return len(one) == len(two) and all(equal(a, b) for a, b in zip(one, two, strict=True))


def contains(items: Sequence[Value], wanted: Value) -> bool:
    """Whether a list has an item that equals the value."""
    return any(equal(item, wanted) for item in items)


KNOWN_TYPES: Mapping[str, TypeValue] = {
    "bool": TypeValue("bool"),
    "int": TypeValue("int"),
    "uint": TypeValue("uint"),
    "double": TypeValue("double"),
    "string": TypeValue("string"),
    "bytes": TypeValue("bytes"),
    "list": TypeValue("list"),
    "map": TypeValue("map"),
    "type": TypeValue("type"),
    "null_type": TypeValue("null_type"),
    "optional_type": TypeValue("optional_type"),
    "google.protobuf.Timestamp": TypeValue("google.protobuf.Timestamp"),
    "google.protobuf.Duration": TypeValue("google.protobuf.Duration"),
}

TYPE_NAMES: Mapping[str, CelType] = {
    "bool": types.BOOL,
    "int": types.INT,
    "uint": types.UINT,
    "double": types.DOUBLE,
    "string": types.STRING,
    "bytes": types.BYTES,
    "list": types.list_of(types.DYN),
    "map": types.map_of(types.DYN, types.DYN),
    "type": types.TYPE,
    "null_type": types.NULL,
    "optional_type": types.optional_of(types.DYN),
    "google.protobuf.Timestamp": types.TIMESTAMP,
    "google.protobuf.Duration": types.DURATION,
}
"""Names of types that expressions may use as values."""
