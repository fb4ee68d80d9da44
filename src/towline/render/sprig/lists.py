"""Sprig's functions on lists. Each gives a new list, except that a slice keeps its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from towline.render.gotemplate.functions import (
    ANY,
    BOOL,
    INT,
    LIST,
    Function,
    FunctionError,
    check_size,
)
from towline.render.gotemplate.kinds import GoSlice
from towline.render.sprig.conversion import deep_equal, elements, is_empty, to_integer
from towline.text.goyaml import NilList


class ListOfLists(GoSlice):
    """[][]interface {}."""

    __slots__ = ()
    go_type: ClassVar[str] = "[][]interface {}"
    go_element: ClassVar[Any] = []
    go_element_type: ClassVar[str] = "[]interface {}"


def append(values: Any, value: Any) -> list[Any]:
    """The list with one more element at its end."""
    return [*elements(values, "Cannot push on type"), value]


def prepend(values: Any, value: Any) -> list[Any]:
    """The list with one more element at its beginning."""
    return [value, *elements(values, "Cannot prepend on type")]


def first(values: Any) -> Any:
    """The first element, or nil."""
    return next(iter(elements(values, "Cannot find first on type")), None)


def last(values: Any) -> Any:
    """The last element, or nil."""
    items = elements(values, "Cannot find last on type")
    return items[-1] if items else None


def rest(values: Any) -> list[Any]:
    """All elements but the first."""
    items = elements(values, "Cannot find rest on type")
    return items[1:] if items else NilList()


def initial(values: Any) -> list[Any]:
    """All elements but the last."""
    items = elements(values, "Cannot find initial on type")
    return items[:-1] if items else NilList()


def reverse(values: Any) -> list[Any]:
    """The elements in opposite order."""
    return list(reversed(elements(values, "Cannot find reverse on type")))


def compact(values: Any) -> list[Any]:
    """The elements that are not empty."""
    items = elements(values, "Cannot compact on type")
    return [item for item in items if not is_empty(item)]


def unique(values: Any) -> list[Any]:
    """The elements without those that came before."""
    result: list[Any] = []
    seen: set[tuple[type, Any]] = set()
    for item in elements(values, "Cannot find uniq on type"):
        if isinstance(item, str | int):
            key = (type(item), item)
            if key not in seen:
                seen.add(key)
                result.append(item)
        elif not _contains(result, item):
            result.append(item)
    return result


def without(values: Any, *omitted: Any) -> list[Any]:
    """The elements that equal none of the others given."""
    items = elements(values, "Cannot find without on type")
    return [item for item in items if not _contains(omitted, item)]


def has(value: Any, values: Any) -> bool:
    """Whether the list has an equal element of the same type."""
    if values is None:
        return False
    return _contains(elements(values, "Cannot find has on type"), value)


def cut(values: Any, *bounds: Any) -> Any:
    """The elements from the first bound up to the second; nil of an empty list.

    Raises:
        FunctionError: The bounds are outside of the list.
    """
    length = len(elements(values, "list should be type of slice or array but"))
    if not length:
        return None
    start = to_integer(bounds[0]) if bounds else 0
    end = to_integer(bounds[1]) if len(bounds) > 1 else length
    if not 0 <= start <= end <= length:
        raise FunctionError("reflect.Value.Slice: slice index out of bounds")
    return type(values)(values[start:end])


def concat(*lists: Any) -> list[Any]:
    """The elements of all lists."""
    result: list[Any] = []
    for values in lists:
        try:
            result += elements(values, "Cannot concat type")
        except FunctionError as error:
            text = str(error)
            raise FunctionError(f"{text} as list" if "concat" in text else text) from error
        check_size(len(result))
    return result or NilList()


def chunk(size: int, values: Any) -> ListOfLists:
    """The elements in lists of this size; the last one may be shorter.

    Raises:
        FunctionError: The size is zero, or negative and the arithmetic does not end in nothing.
    """
    items = elements(values, "Cannot chunk type")
    if size <= 0:
        count = (len(items) - 1) // size + 1 if size else -1
        if count < 0 or not items:
            raise FunctionError("runtime error: makeslice: len out of range")
        return ListOfLists([list(items)][:count])
    return ListOfLists([items[at : at + size] for at in range(0, len(items), size)])


def _contains(values: Any, value: Any) -> bool:
    return any(deep_equal(value, item) for item in values)


def functions() -> Mapping[str, Function]:
    """The functions on lists by name, each with its `must` form."""
    new_list = Function(lambda *items: list(items), rest=ANY, result=LIST)
    appending = Function(append, (ANY, ANY), result=LIST)
    table: dict[str, Function] = {
        "list": new_list,
        "tuple": new_list,
        "concat": Function(concat, rest=ANY),
        "push": appending,
        "mustPush": appending,
    }
    for name, function in {
        "append": appending,
        "prepend": Function(prepend, (ANY, ANY), result=LIST),
        "first": Function(first, (ANY,)),
        "last": Function(last, (ANY,)),
        "rest": Function(rest, (ANY,), result=LIST),
        "initial": Function(initial, (ANY,), result=LIST),
        "reverse": Function(reverse, (ANY,), result=LIST),
        "compact": Function(compact, (ANY,), result=LIST),
        "uniq": Function(unique, (ANY,), result=LIST),
        "without": Function(without, (ANY,), rest=ANY, result=LIST),
        "has": Function(has, (ANY, ANY), result=BOOL),
        "slice": Function(cut, (ANY,), rest=ANY),
        "chunk": Function(chunk, (INT, ANY)),
    }.items():
        table[name] = table[f"must{name[0].upper()}{name[1:]}"] = function
    return table
