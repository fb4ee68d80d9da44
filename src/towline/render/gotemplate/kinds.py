"""Go's kinds of values as Python values: what templates see and functions take and return.

| Go                          | Python                                              |
|-----------------------------|-----------------------------------------------------|
| nil (untyped)               | `None`                                              |
| bool, string                | `bool`, `str`                                       |
| int                         | `int` (exactly)                                     |
| int32, int64, uint8, uint64 | `Int32`, `Int64`, `Uint8`, `Uint64`: subclasses     |
| float64                     | `float`                                             |
| map[string]interface {}     | `dict`                                              |
| []interface {}              | `list`                                              |
| []byte                      | `bytes`                                             |
| []string                    | `StringList`; other slices: subclasses of `GoSlice` |
| map[string]string           | `StringMap`; other maps: subclasses of `GoMap`      |
| structs, pointers to them   | subclasses of `GoObject`                            |

Numbers out of YAML and JSON are `float`; `--set` gives `Int64`; a literal in a template is `int` or
`float`. A template reaches only what a type declares: the entries of maps, and the fields and
methods that `GoObject` (or a map or slice type) lists. Python attributes stay out of reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from towline.render.gotemplate.functions import Function


class Int32(int):
    """Go's int32 (rune)."""

    __slots__ = ()


class Int64(int):
    """Go's int64."""

    __slots__ = ()


class Uint8(int):
    """Go's uint8 (byte)."""

    __slots__ = ()


class Uint64(int):
    """Go's uint64."""

    __slots__ = ()


class GoValue:
    """What a declared Go type tells the engine; mixed into the classes below.

    Attributes:
        go_type: The type as `%T` prints it: `*semver.Version`, `[]string`, `time.Month`.
        go_fields: Exported fields in Go's order: Go name to the Python attribute that holds it.
        go_methods: Exported methods; their `Function.call` takes the receiver first, and
            `Function.params` leaves it out.
        go_layout: All fields as fmt prints them, where these are not the exported ones.
    """

    __slots__ = ()
    go_type: ClassVar[str] = ""
    go_fields: ClassVar[Mapping[str, str]] = {}
    go_methods: ClassVar[Mapping[str, Function]] = {}
    go_layout: ClassVar[Mapping[str, str]] = {}

    def go_string(self) -> str | None:
        """What the type's `String()` or `Error()` method returns; None when it has none."""
        return None

    def go_addressed_string(self) -> str | None:
        """What such a method of the type's pointer returns; only actions see those, not fmt."""
        return None


class GoObject(GoValue):
    """A struct, or a pointer to one when `go_type` starts with an asterisk."""

    __slots__ = ()


class GoNumber(GoValue, int):
    """A named integer type, such as time.Month.

    Attributes:
        go_kind: Its kind: `int`, `int64`, ...
    """

    go_kind: ClassVar[str] = "int"


class GoSlice(GoValue, list[Any]):
    """A slice that is not []interface {}.

    Attributes:
        go_element: The zero value of its elements.
        go_element_type: Their type as Go prints it.
    """

    __slots__ = ()
    go_element: ClassVar[Any] = None
    go_element_type: ClassVar[str] = "interface {}"


class GoMap(GoValue, dict[str, Any]):
    """A map with string keys that is not map[string]interface {}, or has a name or methods.

    Attributes:
        go_element: The zero value of its elements.
        go_element_type: Their type as Go prints it.
        go_plain: Whether only the name differs from map[string]interface {}.
    """

    __slots__ = ()
    go_element: ClassVar[Any] = None
    go_element_type: ClassVar[str] = "interface {}"
    go_plain: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        cls.go_plain = cls.go_element_type == "interface {}" and not cls.go_methods


class StringList(GoSlice):
    """[]string."""

    __slots__ = ()
    go_type: ClassVar[str] = "[]string"
    go_element: ClassVar[Any] = ""
    go_element_type: ClassVar[str] = "string"


class StringMap(GoMap):
    """map[string]string."""

    __slots__ = ()
    go_type: ClassVar[str] = "map[string]string"
    go_element: ClassVar[Any] = ""
    go_element_type: ClassVar[str] = "string"


_TYPES: Final[dict[type, tuple[str, str]]] = {
    type(None): ("invalid", "<nil>"),
    bool: ("bool", "bool"),
    str: ("string", "string"),
    int: ("int", "int"),
    Int32: ("int32", "int32"),
    Int64: ("int64", "int64"),
    Uint8: ("uint8", "uint8"),
    Uint64: ("uint64", "uint64"),
    float: ("float64", "float64"),
    dict: ("map", "map[string]interface {}"),
    list: ("slice", "[]interface {}"),
    bytes: ("slice", "[]uint8"),
    complex: ("complex128", "complex128"),  # literals only
}


def kind_name(value: Any) -> str:
    """The value's kind as reflect.Kind prints it: `invalid` for nil, `map`, `slice`, `ptr`.

    Raises:
        TypeError: The value is of no declared kind; no such value may reach a template.
    """
    known = _TYPES.get(type(value))
    if known is not None:
        return known[0]
    match value:
        case GoNumber():
            return value.go_kind
        case GoMap() | dict():
            return "map"
        case GoSlice() | list():
            return "slice"
        case GoObject():
            return "ptr" if value.go_type.startswith("*") else "struct"
    raise TypeError(f"{type(value).__name__} is not a value of a template")


def type_name(value: Any) -> str:
    """The value's type as `%T` prints it; `<nil>` for nil.

    Raises:
        TypeError: The value is of no declared kind.
    """
    known = _TYPES.get(type(value))
    if known is not None:
        return known[1]
    if isinstance(value, GoValue):
        return value.go_type
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list):
        return "[]interface {}"
    raise TypeError(f"{type(value).__name__} is not a value of a template")


def wrap_int64(value: int) -> Int64:
    """The integer reduced to 64 bits as Go's overflowing arithmetic does."""
    return Int64((value + 0x8000000000000000) % 0x10000000000000000 - 0x8000000000000000)


def wrap_int(value: int) -> int:
    """Like `wrap_int64`, as Go's int (64 bits)."""
    return (value + 0x8000000000000000) % 0x10000000000000000 - 0x8000000000000000
