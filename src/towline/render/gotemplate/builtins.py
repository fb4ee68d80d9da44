"""The functions of text/template itself: comparison, index, slice, len, escapes, call.

Comparison follows Go's kinds: integers of any size and sign compare with each other, floats and
strings only among themselves; nil equals nil only.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote_plus

from towline.render.gotemplate.formatting import Formatter, Spec, sprint, text
from towline.render.gotemplate.functions import FunctionError
from towline.render.gotemplate.kinds import GoMap, GoObject, GoSlice, Uint8, kind_name, type_name
from towline.render.gotemplate.printf import sprint_all
from towline.render.gotemplate.quoting import is_printable

_SAME: Final = frozenset({str, bool, int, float})
_BAD_TYPE: Final = "invalid type for comparison"


def _comparison_kind(value: Any) -> str:
    """`bool`, `int`, `float`, `string`, or an empty string for what has no order."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
        case complex():
            return "complex"
    return ""


def eq(first: Any, second: Any) -> bool:
    """Whether two values are equal."""
    kind = type(first)
    if kind is type(second) and kind in _SAME:
        return bool(first == second)
    return _equal(first, second)


def eq_any(*values: Any) -> bool:
    """Whether the first value equals any of the others."""
    if len(values) == 1:
        raise FunctionError("missing argument for comparison")
    first = values[0]
    return any(eq(first, other) for other in values[1:])


def ne(first: Any, second: Any) -> bool:
    """Whether two values differ."""
    return not eq(first, second)


def _equal(first: Any, second: Any) -> bool:
    kind, other = _comparison_kind(first), _comparison_kind(second)
    if kind != other:
        if first is None or second is None:
            return False
        raise FunctionError(_incompatible(first, second))
    if kind:
        return bool(first == second)
    if first is None or second is None:
        return first is second
    if kind_name(first) != kind_name(second):
        shown = Formatter(Spec()).format(first, "s")
        raise FunctionError(
            f"non-comparable types {shown}: {type_name(first)}, "
            f"{type_name(second)}: {sprint(second)}"
        )
    if isinstance(second, GoObject):
        if second.go_type.startswith("*"):
            return first is second
        fields = [getattr(second, attribute) for attribute in second.go_fields.values()]
        if not any(isinstance(field, dict | list | bytes) for field in fields):
            return fields == [getattr(first, name) for name in first.go_fields.values()]
    shown = Formatter(Spec()).format(second, "s")
    raise FunctionError(f"non-comparable type {shown}: {type_name(second)}")


def _incompatible(first: Any, second: Any) -> str:
    return f"incompatible types for comparison: {type_name(first)} and {type_name(second)}"


def lt(first: Any, second: Any) -> bool:
    """Whether the first value is less than the second."""
    kind, other = _comparison_kind(first), _comparison_kind(second)
    if not kind or not other:
        raise FunctionError(_BAD_TYPE)
    if kind != other:
        raise FunctionError(_incompatible(first, second))
    if kind in {"bool", "complex"}:
        raise FunctionError(_BAD_TYPE)
    return bool(first < second)


def le(first: Any, second: Any) -> bool:
    """Whether the first value is at most the second."""
    return lt(first, second) or eq(first, second)


def gt(first: Any, second: Any) -> bool:
    """Whether the first value is greater than the second."""
    return not le(first, second)


def ge(first: Any, second: Any) -> bool:
    """Whether the first value is at least the second."""
    return not lt(first, second)


def length(value: Any, boxed: Any = False) -> int:
    """The number of entries, or of a string's bytes; `boxed` is that of `fields`."""
    match value:
        case str():
            return len(value) if value.isascii() else len(_encode(value))
        case dict() | list() | bytes():
            return len(value)
        case None if holds_interfaces(boxed):
            raise FunctionError("len of nil pointer")
        case None:
            raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    raise FunctionError(f"len of type {_indirect_type(value)}")


def _indirect_type(value: Any) -> str:
    return type_name(value).removeprefix("*")


def _encode(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def index(item: Any, *keys: Any) -> Any:
    """The entry under the keys, one after another; the zero value for a key that is absent."""
    if item is None:
        raise FunctionError("index of untyped nil")
    for key in keys:
        if item is None:
            raise FunctionError("index of nil pointer")
        if isinstance(item, dict):
            item = _map_entry(item, key)
        elif isinstance(item, list | str | bytes):
            item = _element(item, key)
        else:
            raise FunctionError(f"can't index item of type {_indirect_type(item)}")
    return item


def _map_entry(item: dict[str, Any], key: Any) -> Any:
    if key is None:
        raise FunctionError("value is nil; should be of type string")
    if not isinstance(key, str):
        raise FunctionError(f"value has type {type_name(key)}; should be string")
    if key in item:
        return item[key]
    return item.go_element if isinstance(item, GoMap) else None


def _element(item: list[Any] | str | bytes, key: Any) -> Any:
    sequence = _encode(item) if isinstance(item, str) else item
    at = _index_number(key, len(sequence))
    if at == len(sequence):
        kind = "string" if isinstance(item, str) else "slice"
        raise FunctionError(f"reflect: {kind} index out of range")
    return Uint8(sequence[at]) if isinstance(sequence, bytes) else sequence[at]


def _index_number(key: Any, capacity: int) -> int:
    if key is None:
        raise FunctionError("cannot index slice/array with nil")
    if isinstance(key, _Interface):
        raise FunctionError("cannot index slice/array with type interface {}")
    if not isinstance(key, int) or isinstance(key, bool):
        raise FunctionError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key <= capacity:
        raise FunctionError(f"index out of range: {int(key)}")
    return int(key)


class _Interface:
    """A bound of `slice` that was stored as an interface {}: Go does not look into it."""


def bound(value: Any, boxed: Any) -> Any:
    """A bound of `slice`, which Go refuses when it was stored as an interface {}."""
    return _Interface() if holds_interfaces(boxed) else value


def holds_interfaces(boxed: Any) -> bool:
    """Whether entries of what is given are interfaces; True stands for such a map or slice."""
    if isinstance(boxed, GoMap | GoSlice):
        return boxed.go_element_type == "interface {}"
    return boxed is True or isinstance(boxed, dict | list)


def slice_(item: Any, *bounds: Any) -> Any:
    """`item[a:b]`; a capacity as third bound is checked, as Go does, and has no further effect."""
    if item is None:
        raise FunctionError("slice of untyped nil")
    if len(bounds) > 3:
        raise FunctionError(f"too many slice indexes: {len(bounds)}")
    if not isinstance(item, str | list | bytes):
        raise FunctionError(f"can't slice item of type {_indirect_type(item)}")
    if isinstance(item, str) and len(bounds) == 3:
        raise FunctionError("cannot 3-index slice a string")
    sequence = _encode(item) if isinstance(item, str) else item
    numbers = [0, len(sequence)]
    for at, bound in enumerate(bounds):
        number = _index_number(bound, len(sequence))
        numbers[at : at + 1] = [number]
    for low, high in pairwise(numbers):
        if low > high:
            raise FunctionError(f"invalid slice index: {low} > {high}")
    part = sequence[numbers[0] : numbers[1]]
    if isinstance(item, str):
        return bytes(part).decode("utf-8", "surrogateescape")
    return type(item)(part) if isinstance(item, GoSlice) else part


_HTML: Final = str.maketrans(
    {'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"}
)
_JS: Final = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def _joined(values: tuple[Any, ...]) -> str:
    """The text that an escaping function gets: Sprint, with nil as an action prints it."""
    return sprint_all(
        *(
            text(item, addressed=False) if item is None or isinstance(item, GoObject) else item
            for item in values
        )
    )


def html(*values: Any) -> str:
    """The values as text, escaped for HTML."""
    return _joined(values).translate(_HTML)


def js(*values: Any) -> str:
    """The values as text, escaped for a JavaScript string."""
    return "".join(_js_char(char) for char in _joined(values))


def _js_char(char: str) -> str:
    if char in _JS:
        return _JS[char]
    if char < " ":
        return f"\\u00{ord(char):02X}"
    if char < "\x80" or is_printable(char):
        return char
    return f"\\u{ord(char):04X}"


def urlquery(*values: Any) -> str:
    """The values as text, escaped for the query of a URL."""
    return quote_plus(_encode(_joined(values)), safe="~")


def call(name: str | None, function: Any, *_arguments: Any) -> Any:
    """The function `call`: no value of a template is a function, so it always fails.

    Args:
        name: The operand as written; None when it came through the pipe.
        function: What should be called, perhaps with arguments.
    """
    if function is None:
        raise FunctionError("call of nil")
    if name is None:
        name = function if isinstance(function, str) else f"<{type_name(function)} Value>"
    raise FunctionError(f"non-function {name} of type {type_name(function)}")


def elements(value: Any) -> Any:
    """What a range with at most one variable goes over.

    Raises:
        FunctionError: The value is not one to iterate over.
    """
    kind = type(value)
    if kind is list:
        return value
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    if isinstance(value, list):
        return value
    if value is None:
        return ()
    if isinstance(value, int) and kind is not bool:
        return range(value) if kind is int else [kind(number) for number in range(value)]
    if isinstance(value, bytes):
        return [Uint8(byte) for byte in value]
    raise FunctionError(f"range can't iterate over {sprint(value)}")


def pairs(value: Any) -> Any:
    """What a range with two variables goes over: indexes or keys, and elements."""
    if isinstance(value, dict):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, int) and not isinstance(value, bool):
        raise FunctionError(f"can't use {sprint(value)} to iterate over more than one variable")
    return list(enumerate(elements(value)))
