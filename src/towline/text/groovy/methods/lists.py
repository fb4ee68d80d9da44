"""Methods of lists (and of sets, which are lists without repetitions here). Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from towline.text.groovy.methods.sorting import sorted_items
from towline.text.groovy.methods.table import Code, Frame, Method, closure, integer
from towline.text.groovy.operators import binary, distinct, equals, is_case
from towline.text.groovy.values import (
    ClosureValue,
    Entry,
    map_key,
    script_error,
    to_text,
    truth,
)

_MAX_FLATTEN = 40


def _each(frame: Frame, items: list[Any], body: Any) -> Code:
    for item in list(items):
        yield frame.call(closure(body), item)
    return items


def _each_with_index(frame: Frame, items: list[Any], body: Any) -> Code:
    for index, item in enumerate(list(items)):
        yield frame.call(closure(body), item, index)
    return items


def _collect(frame: Frame, items: list[Any], body: Any = None) -> Code:
    found: list[Any] = []
    for item in list(items):
        value = item if body is None else (yield frame.call(closure(body), item))
        found.append(value)
    frame.meter.room_for_items(len(found))
    return found


def _collect_many(frame: Frame, items: list[Any], body: Any) -> Code:
    found: list[Any] = []
    for item in list(items):
        part = yield frame.call(closure(body), item)
        found += part if isinstance(part, list) else [part]
        frame.meter.room_for_items(len(found))
    return found


def _find(frame: Frame, items: list[Any], body: Any = None) -> Code:
    for item in list(items):
        if truth(item if body is None else (yield frame.call(closure(body), item))):
            return item
    return None


def _find_index(frame: Frame, items: list[Any], body: Any) -> Code:
    for index, item in enumerate(list(items)):
        if truth((yield frame.call(closure(body), item))):
            return index
    return -1


def _find_all(frame: Frame, items: list[Any], body: Any = None) -> Code:
    found = []
    for item in list(items):
        value = item if body is None else (yield frame.call(closure(body), item))
        if truth(value):
            found.append(item)
    return found


def _find_results(frame: Frame, items: list[Any], body: Any) -> Code:
    found = []
    for item in list(items):
        value = yield frame.call(closure(body), item)
        if value is not None:
            found.append(value)
    return found


def _any(frame: Frame, items: list[Any], body: Any = None) -> Code:
    for item in list(items):
        if truth(item if body is None else (yield frame.call(closure(body), item))):
            return True
    return False


def _every(frame: Frame, items: list[Any], body: Any = None) -> Code:
    for item in list(items):
        if not truth(item if body is None else (yield frame.call(closure(body), item))):
            return False
    return True


def _count(frame: Frame, items: list[Any], wanted: Any) -> Code:
    number = 0
    for item in list(items):
        if isinstance(wanted, ClosureValue):
            number += truth((yield frame.call(wanted, item)))
        else:
            number += equals(item, wanted, frame.meter)
    return number


def _split(frame: Frame, items: list[Any], body: Any) -> Code:
    yes: list[Any] = []
    no: list[Any] = []
    for item in list(items):
        (yes if truth((yield frame.call(closure(body), item))) else no).append(item)
    return [yes, no]


def _inject(frame: Frame, items: list[Any], *arguments: Any) -> Code:
    body = closure(arguments[-1])
    rest = list(items)
    if len(arguments) == 2:
        value = arguments[0]
    elif rest:
        value = rest.pop(0)
    else:
        raise script_error(
            "NoSuchElementException", "Cannot call inject() on an empty list without a start"
        )
    for item in rest:
        value = yield frame.call(body, value, item)
    return value


def _group_by(frame: Frame, items: list[Any], body: Any) -> Code:
    groups: dict[Any, list[Any]] = {}
    for item in list(items):
        key = yield frame.call(closure(body), item)
        groups.setdefault(map_key(key), []).append(item)
    return groups


def _count_by(frame: Frame, items: list[Any], body: Any) -> Code:
    groups: dict[Any, int] = {}
    for item in list(items):
        key = map_key((yield frame.call(closure(body), item)))
        groups[key] = groups.get(key, 0) + 1
    return groups


def _collect_entries(frame: Frame, items: list[Any], body: Any = None) -> Code:
    found: dict[Any, Any] = {}
    for item in list(items):
        put_entry(found, item if body is None else (yield frame.call(closure(body), item)))
    frame.meter.room_for_items(len(found))
    return found


def put_entry(found: dict[Any, Any], entry: Any) -> None:
    """Adds what a `collectEntries` closure returned: a pair, a map or an entry."""
    if isinstance(entry, dict):
        found.update(entry)
    elif isinstance(entry, list) and len(entry) == 2:
        found[map_key(entry[0])] = entry[1]
    elif isinstance(entry, Entry):
        found[map_key(entry.key)] = entry.value
    else:
        raise script_error("IllegalArgumentException", "collectEntries needs [key, value] or a map")


def _sort(frame: Frame, items: list[Any], *arguments: Any) -> Code:
    in_place = not (arguments and arguments[0] is False)
    by = arguments[-1] if arguments and isinstance(arguments[-1], ClosureValue) else None
    ordered = yield sorted_items(frame, items, by)
    if not in_place:
        return ordered
    items[:] = ordered
    return items


def _to_sorted(frame: Frame, items: list[Any], by: Any = None) -> Code:
    return (yield sorted_items(frame, items, None if by is None else closure(by)))


def _unique(frame: Frame, items: list[Any], *arguments: Any) -> Code:
    in_place = not (arguments and arguments[0] is False)
    by = arguments[-1] if arguments and isinstance(arguments[-1], ClosureValue) else None
    if by is None:
        found = distinct(items, frame.meter)
    else:
        keys: list[Any] = []
        found = []
        for item in list(items):
            key = yield frame.call(by, item)
            if not is_case(keys, key, frame.meter):
                keys.append(key)
                found.append(item)
    if not in_place:
        return found
    items[:] = found
    return items


def _extreme(index: int) -> Method:
    def apply(frame: Frame, items: list[Any], by: Any = None) -> Code:
        ordered = yield sorted_items(frame, items, None if by is None else closure(by))
        return ordered[index] if ordered else None

    return Method(apply, 0, 1)


def _sum(frame: Frame, items: list[Any], body: Any = None) -> Code:
    total = None
    for item in list(items):
        value = item if body is None else (yield frame.call(closure(body), item))
        total = value if total is None else binary("+", total, value, frame.meter)
    return total


def _join(frame: Frame, items: list[Any], separator: Any = "") -> str:
    glue = to_text(separator, frame.meter)
    texts: list[str] = []
    size = 0
    for item in items:
        texts.append(to_text(item, frame.meter))
        size += len(texts[-1]) + len(glue)
        frame.meter.require_text(size)
    return glue.join(texts)


def _flatten(frame: Frame, items: list[Any]) -> list[Any]:
    found: list[Any] = []
    stack = [iter(items)]
    while stack:
        for item in stack[-1]:
            frame.meter.charge()
            if isinstance(item, list):
                if len(stack) > _MAX_FLATTEN:
                    raise script_error("IllegalArgumentException", "the list is nested too deeply")
                stack.append(iter(item))
                break
            found.append(item)
        else:
            stack.pop()
        if len(found) > frame.meter.limits.items:
            frame.meter.room_for_items(len(found))
    frame.meter.room_for_items(len(found))
    return found


def _add(frame: Frame, items: list[Any], *arguments: Any) -> bool:
    frame.meter.room_for_items(len(items) + 1)
    if len(arguments) == 2:
        items.insert(integer(arguments[0]), arguments[1])
    else:
        items.append(arguments[0])
    return True


def _add_all(frame: Frame, items: list[Any], more: Any) -> bool:
    values = _as_list(more)
    frame.meter.room_for_items(len(items) + len(values))
    items += values
    return bool(values)


def _as_list(value: Any) -> list[Any]:
    """An argument that must be a list."""
    if isinstance(value, list):
        return value
    raise script_error("IllegalArgumentException", "expected a list")


def _remove(frame: Frame, items: list[Any], what: Any) -> Any:
    """An index for an integer, otherwise the first equal item."""
    if isinstance(what, int) and not isinstance(what, bool):
        return _remove_at(frame, items, what)
    for index, item in enumerate(items):
        if equals(item, what, frame.meter):
            del items[index]
            return True
    return False


def _remove_at(frame: Frame, items: list[Any], index: Any) -> Any:
    position = integer(index)
    if not 0 <= position < len(items):
        raise script_error("IndexOutOfBoundsException", f"Index: {position}, Size: {len(items)}")
    return items.pop(position)


def _remove_all(frame: Frame, items: list[Any], what: Any) -> Code:
    kept = []
    for item in list(items):
        if isinstance(what, ClosureValue):
            gone = truth((yield frame.call(what, item)))
        else:
            gone = is_case(what, item, frame.meter)
        if not gone:
            kept.append(item)
    changed = len(kept) != len(items)
    items[:] = kept
    return changed


def _index_of(frame: Frame, items: list[Any], wanted: Any) -> int:
    for index, item in enumerate(items):
        if equals(item, wanted, frame.meter):
            return index
    return -1


def _end(index: int) -> Method:
    def apply(frame: Frame, items: list[Any]) -> Any:
        if not items:
            raise script_error(
                "NoSuchElementException", "Cannot access an element of an empty list"
            )
        return items[index]

    return Method(apply)


def _pop(index: int) -> Method:
    def apply(frame: Frame, items: list[Any]) -> Any:
        if not items:
            raise script_error("NoSuchElementException", "Cannot pop() an empty list")
        return items.pop(index)

    return Method(apply)


def _get(frame: Frame, items: list[Any], index: Any) -> Any:
    position = integer(index)
    if not 0 <= position < len(items):
        raise script_error("IndexOutOfBoundsException", f"Index: {position}, Size: {len(items)}")
    return items[position]


def _combinations(frame: Frame, items: list[Any]) -> list[Any]:
    parts = [item if isinstance(item, list) else [item] for item in items]
    size = 1
    for part in parts:
        size *= len(part)
        frame.meter.room_for_items(size * (len(parts) + 1))
    return [list(choice) for choice in itertools.product(*parts)] if parts else []


def _transpose(frame: Frame, items: list[Any]) -> list[Any]:
    return [list(row) for row in zip(*map(_as_list, items), strict=False)]


def _collate(frame: Frame, items: list[Any], size: Any) -> list[Any]:
    width = integer(size)
    if width < 1:
        raise script_error("IllegalArgumentException", "the size must be above zero")
    return [items[start : start + width] for start in range(0, len(items), width)]


def _with_index(frame: Frame, items: list[Any], start: Any = 0) -> list[Any]:
    frame.meter.room_for_items(len(items))
    return [[item, index] for index, item in enumerate(items, integer(start))]


def _operator(symbol: str) -> Method:
    def apply(frame: Frame, items: list[Any], other: Any) -> Any:
        return binary(symbol, items, other, frame.meter)

    return Method(apply, 1, 1)


def _copy(function: Callable[[list[Any]], list[Any]]) -> Method:
    def apply(frame: Frame, items: list[Any]) -> list[Any]:
        frame.meter.room_for_items(len(items))
        return function(items)

    return Method(apply)


def _part(function: Callable[[list[Any], int], list[Any]]) -> Method:
    def apply(frame: Frame, items: list[Any], count: Any) -> list[Any]:
        frame.meter.room_for_items(len(items))
        return function(items, max(0, integer(count)))

    return Method(apply, 1, 1)


def _disjoint(frame: Frame, items: list[Any], other: Any) -> bool:
    return not any(is_case(other, item, frame.meter) for item in items)


def _contains_all(frame: Frame, items: list[Any], other: Any) -> bool:
    values = _as_list(other)
    return all(is_case(items, item, frame.meter) for item in values)


def _intersect(frame: Frame, items: list[Any], other: Any) -> list[Any]:
    values = _as_list(other)
    return [item for item in items if is_case(values, item, frame.meter)]


LIST: dict[str, Method] = {
    "size": Method(lambda frame, items: len(items)),
    "isEmpty": Method(lambda frame, items: not items),
    "toString": Method(lambda frame, items: to_text(items, frame.meter)),
    "each": Method(_each, 1, 1),
    "forEach": Method(_each, 1, 1),
    "eachWithIndex": Method(_each_with_index, 1, 1),
    "collect": Method(_collect, 0, 1),
    "collectMany": Method(_collect_many, 1, 1),
    "find": Method(_find, 0, 1),
    "findIndexOf": Method(_find_index, 1, 1),
    "findAll": Method(_find_all, 0, 1),
    "findResults": Method(_find_results, 1, 1),
    "grep": Method(lambda f, items, case: [i for i in items if is_case(case, i, f.meter)], 1, 1),
    "any": Method(_any, 0, 1),
    "every": Method(_every, 0, 1),
    "count": Method(_count, 1, 1),
    "split": Method(_split, 1, 1),
    "inject": Method(_inject, 1, 2),
    "groupBy": Method(_group_by, 1, 1),
    "countBy": Method(_count_by, 1, 1),
    "collectEntries": Method(_collect_entries, 0, 1),
    "sort": Method(_sort, 0, 2),
    "toSorted": Method(_to_sorted, 0, 1),
    "unique": Method(_unique, 0, 2),
    "toUnique": Method(lambda frame, items: distinct(items, frame.meter)),
    "toSet": Method(lambda frame, items: distinct(items, frame.meter)),
    "min": _extreme(0),
    "max": _extreme(-1),
    "sum": Method(_sum, 0, 1),
    "join": Method(_join, 0, 1),
    "flatten": Method(_flatten),
    "add": Method(_add, 1, 2),
    "addAll": Method(_add_all, 1, 1),
    "leftShift": _operator("<<"),
    "push": Method(lambda frame, items, item: _add(frame, items, 0, item), 1, 1),
    "pop": _pop(0),
    "removeLast": _pop(-1),
    "remove": Method(_remove, 1, 1),
    "removeAt": Method(_remove_at, 1, 1),
    "removeAll": Method(_remove_all, 1, 1),
    "clear": Method(lambda frame, items: items.clear()),
    "contains": Method(lambda frame, items, item: is_case(items, item, frame.meter), 1, 1),
    "containsAll": Method(_contains_all, 1, 1),
    "disjoint": Method(_disjoint, 1, 1),
    "intersect": Method(_intersect, 1, 1),
    "indexOf": Method(_index_of, 1, 1),
    "equals": _operator("=="),
    "plus": _operator("+"),
    "minus": _operator("-"),
    "first": _end(0),
    "head": _end(0),
    "last": _end(-1),
    "get": Method(_get, 1, 1),
    "getAt": Method(_get, 1, 1),
    "reverse": _copy(lambda items: items[::-1]),
    "toList": _copy(list),
    "asImmutable": _copy(list),
    "tail": _copy(lambda items: items[1:]),
    "init": _copy(lambda items: items[:-1]),
    "indices": _copy(lambda items: list(range(len(items)))),
    "take": _part(lambda items, count: items[:count]),
    "drop": _part(lambda items, count: items[count:]),
    "takeRight": _part(lambda items, count: items[len(items) - count :] if count else []),
    "dropRight": _part(lambda items, count: items[: max(0, len(items) - count)]),
    "collate": Method(_collate, 1, 1),
    "withIndex": Method(_with_index, 0, 1),
    "combinations": Method(_combinations),
    "transpose": Method(_transpose),
}
