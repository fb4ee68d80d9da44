"""Methods of maps. Closures with one parameter get an entry, those with two key and value. Pure."""

from __future__ import annotations

from typing import Any

from towline.text.groovy.methods.lists import put_entry
from towline.text.groovy.methods.sorting import sorted_items
from towline.text.groovy.methods.table import Code, Frame, Method, closure
from towline.text.groovy.operators import binary, equals
from towline.text.groovy.values import Entry, map_key, script_error, to_text, truth

Map = dict[Any, Any]


def _entries(items: Map) -> list[Entry]:
    return [Entry(key, value) for key, value in items.items()]


def _apply(frame: Frame, body: Any, entry: Entry) -> Code:
    call = closure(body)
    if call.arity >= 2:
        return frame.call(call, entry.key, entry.value)
    return frame.call(call, entry)


def _each(frame: Frame, items: Map, body: Any) -> Code:
    for entry in _entries(items):
        yield _apply(frame, body, entry)
    return items


def _each_with_index(frame: Frame, items: Map, body: Any) -> Code:
    for index, entry in enumerate(_entries(items)):
        if closure(body).arity >= 3:
            yield frame.call(body, entry.key, entry.value, index)
        else:
            yield frame.call(body, entry, index)
    return items


def _collect(frame: Frame, items: Map, body: Any) -> Code:
    found = []
    for entry in _entries(items):
        value = yield _apply(frame, body, entry)
        found.append(value)
    return found


def _collect_entries(frame: Frame, items: Map, body: Any) -> Code:
    found: Map = {}
    for entry in _entries(items):
        put_entry(found, (yield _apply(frame, body, entry)))
    return found


def _find(frame: Frame, items: Map, body: Any) -> Code:
    for entry in _entries(items):
        if truth((yield _apply(frame, body, entry))):
            return entry
    return None


def _find_all(frame: Frame, items: Map, body: Any) -> Code:
    found: Map = {}
    for entry in _entries(items):
        if truth((yield _apply(frame, body, entry))):
            found[entry.key] = entry.value
    return found


def _any(frame: Frame, items: Map, body: Any) -> Code:
    for entry in _entries(items):
        if truth((yield _apply(frame, body, entry))):
            return True
    return False


def _every(frame: Frame, items: Map, body: Any) -> Code:
    for entry in _entries(items):
        if not truth((yield _apply(frame, body, entry))):
            return False
    return True


def _count(frame: Frame, items: Map, body: Any) -> Code:
    number = 0
    for entry in _entries(items):
        number += truth((yield _apply(frame, body, entry)))
    return number


def _sort(frame: Frame, items: Map, by: Any = None) -> Code:
    if by is None:
        keys = yield sorted_items(frame, list(items), None)
        return {key: items[key] for key in keys}
    ordered = yield sorted_items(frame, list(_entries(items)), closure(by))
    return {entry.key: entry.value for entry in ordered}


def _group_by(frame: Frame, items: Map, body: Any) -> Code:
    groups: dict[Any, Map] = {}
    for entry in _entries(items):
        key = map_key((yield _apply(frame, body, entry)))
        groups.setdefault(key, {})[entry.key] = entry.value
    return groups


def _inject(frame: Frame, items: Map, value: Any, body: Any) -> Code:
    for entry in _entries(items):
        if closure(body).arity >= 3:
            value = yield frame.call(body, value, entry.key, entry.value)
        else:
            value = yield frame.call(body, value, entry)
    return value


def _put(frame: Frame, items: Map, key: Any, value: Any) -> Any:
    frame.meter.room_for_items(len(items) + 1)
    before = items.get(map_key(key))
    items[map_key(key)] = value
    return before


def _put_if_absent(frame: Frame, items: Map, key: Any, value: Any) -> Any:
    before = items.get(map_key(key))
    if before is None:
        _put(frame, items, key, value)
    return before


def _get(frame: Frame, items: Map, key: Any, default: Any = None) -> Any:
    """With a default the entry is added when it is absent, as Groovy does."""
    name = map_key(key)
    if name not in items and default is not None:
        _put(frame, items, name, default)
    return items.get(name)


def _put_all(frame: Frame, items: Map, more: Any) -> None:
    if not isinstance(more, dict):
        raise script_error("IllegalArgumentException", "expected a map")
    frame.meter.room_for_items(len(items) + len(more))
    items.update(more)


def _remove(frame: Frame, items: Map, key: Any) -> Any:
    return items.pop(map_key(key), None)


def _sub_map(frame: Frame, items: Map, keys: Any) -> Map:
    wanted = keys if isinstance(keys, list) else [keys]
    return {key: items[key] for key in map(map_key, wanted) if key in items}


def _contains_value(frame: Frame, items: Map, value: Any) -> bool:
    return any(equals(item, value, frame.meter) for item in items.values())


def _plus(frame: Frame, items: Map, other: Any) -> Any:
    return binary("+", items, other, frame.meter)


MAP: dict[str, Method] = {
    "size": Method(lambda frame, items: len(items)),
    "isEmpty": Method(lambda frame, items: not items),
    "toString": Method(lambda frame, items: to_text(items, frame.meter)),
    "get": Method(_get, 1, 2),
    "getAt": Method(_get, 1, 1),
    "getOrDefault": Method(lambda f, items, key, other: items.get(map_key(key), other), 2, 2),
    "put": Method(_put, 2, 2),
    "putAt": Method(_put, 2, 2),
    "putIfAbsent": Method(_put_if_absent, 2, 2),
    "putAll": Method(_put_all, 1, 1),
    "remove": Method(_remove, 1, 1),
    "clear": Method(lambda frame, items: items.clear()),
    "containsKey": Method(lambda frame, items, key: map_key(key) in items, 1, 1),
    "containsValue": Method(_contains_value, 1, 1),
    "keySet": Method(lambda frame, items: list(items)),
    "values": Method(lambda frame, items: list(items.values())),
    "entrySet": Method(lambda frame, items: _entries(items)),
    "subMap": Method(_sub_map, 1, 1),
    "plus": Method(_plus, 1, 1),
    "equals": Method(lambda frame, items, other: equals(items, other, frame.meter), 1, 1),
    "each": Method(_each, 1, 1),
    "forEach": Method(_each, 1, 1),
    "eachWithIndex": Method(_each_with_index, 1, 1),
    "collect": Method(_collect, 1, 1),
    "collectEntries": Method(_collect_entries, 1, 1),
    "find": Method(_find, 1, 1),
    "findAll": Method(_find_all, 1, 1),
    "any": Method(_any, 1, 1),
    "every": Method(_every, 1, 1),
    "count": Method(_count, 1, 1),
    "sort": Method(_sort, 0, 1),
    "groupBy": Method(_group_by, 1, 1),
    "inject": Method(_inject, 2, 2),
}
