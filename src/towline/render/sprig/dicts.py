"""Sprig's functions on maps. Changes are made in place, as in Go, and seen by all holders."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from towline.errors import LimitError
from towline.render.gotemplate.functions import (
    ANY,
    BOOL,
    LIST,
    MAP,
    STRING,
    STRINGS,
    Function,
    FunctionError,
)
from towline.render.gotemplate.kinds import GoValue, StringList, type_name
from towline.render.sprig.conversion import string_of
from towline.render.sprig.merging import merge_into
from towline.render.sprig.work import Work

_DIG_LEAST: Final = 3


def new_dict(*pairs: Any) -> dict[str, Any]:
    """A map of keys and values by turns; a last key without a value gets an empty string."""
    result: dict[str, Any] = {}
    for index in range(0, len(pairs), 2):
        result[string_of(pairs[index])] = pairs[index + 1] if index + 1 < len(pairs) else ""
    return result


def set_key(target: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The map with the key set."""
    target[key] = value
    return target


def unset_key(target: dict[str, Any], key: str) -> dict[str, Any]:
    """The map without the key."""
    target.pop(key, None)
    return target


def pluck(key: str, *maps: dict[str, Any]) -> list[Any]:
    """The values of one key in those maps that have it."""
    return [item[key] for item in maps if key in item]


def keys(*maps: dict[str, Any]) -> StringList:
    """The keys of the maps. Go gives them in random order; here they are sorted for each map."""
    return StringList([key for item in maps for key in sorted(item)])


def values(source: dict[str, Any]) -> list[Any]:
    """The values of a map, in the order of `keys`."""
    return [source[key] for key in sorted(source)]


def pick(source: dict[str, Any], *names: str) -> dict[str, Any]:
    """A map of these keys alone."""
    return {name: source[name] for name in names if name in source}


def omit(source: dict[str, Any], *names: str) -> dict[str, Any]:
    """A map without these keys."""
    return {key: value for key, value in source.items() if key not in names}


def merge(target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """The first map with what it lacks, or has empty, taken from the others."""
    for source in sources:
        merge_into(target, source, overwrite=False)
    return target


def merge_overwrite(target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """The first map with the entries of the others laid over it."""
    for source in sources:
        merge_into(target, source, overwrite=True)
    return target


def deep_copy(value: Any) -> Any:
    """A copy that shares nothing with the value.

    Raises:
        FunctionError: The value is nil.
        LimitError: It is too large, or nests too deeply.
    """
    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    try:
        return _copied(value, Work())
    except RecursionError as error:
        raise LimitError("copied values nest too deeply") from error


def _copied(value: Any, work: Work) -> Any:
    if isinstance(value, dict):
        work.spend(len(value))
        return _like(value, {key: _copied(item, work) for key, item in value.items()})
    if isinstance(value, list):
        work.spend(len(value))
        return _like(value, [_copied(item, work) for item in value])
    return value


def dig(*arguments: Any) -> Any:
    """The value under a path of keys, or the last but one argument where the path ends early.

    Raises:
        FunctionError: Too few arguments, or something on the way that is not a map.
    """
    if len(arguments) < _DIG_LEAST:
        raise FunctionError("dig needs at least three arguments")
    *path, default, current = arguments
    _assert_type(current, dict)
    for key in path:
        _assert_type(key, str)
    for index, key in enumerate(path):
        if key not in current:
            return default
        current = current[key]
        if index + 1 < len(path):
            _assert_type(current, dict)
    return current


def _assert_type(value: Any, kind: type) -> None:
    """Go's type assertion, which named map types do not pass."""
    if type(value) is kind:
        return
    found = "nil" if value is None else type_name(value)
    wanted = "string" if kind is str else "map[string]interface {}"
    raise FunctionError(f"interface conversion: interface {{}} is {found}, not {wanted}")


def _like(value: Any, copied: Any) -> Any:
    """The copy with the declared type of the original."""
    if not isinstance(value, GoValue):
        return copied
    result = copy.copy(value)
    if isinstance(result, dict):
        result.update(copied)
    elif isinstance(result, list):
        result[:] = copied
    return result


def functions() -> Mapping[str, Function]:
    """The functions on maps by name."""
    merging = Function(merge, (MAP,), rest=MAP)
    overwriting = Function(merge_overwrite, (MAP,), rest=MAP)
    copying = Function(deep_copy, (ANY,))
    return {
        "dict": Function(new_dict, rest=ANY, result=MAP),
        "get": Function(lambda source, key: source.get(key, ""), (MAP, STRING)),
        "set": Function(set_key, (MAP, STRING, ANY), result=MAP),
        "unset": Function(unset_key, (MAP, STRING), result=MAP),
        "hasKey": Function(lambda source, key: key in source, (MAP, STRING), result=BOOL),
        "pluck": Function(pluck, (STRING,), rest=MAP, result=LIST),
        "keys": Function(keys, rest=MAP, result=STRINGS),
        "values": Function(values, (MAP,), result=LIST),
        "pick": Function(pick, (MAP,), rest=STRING, result=MAP),
        "omit": Function(omit, (MAP,), rest=STRING, result=MAP),
        "merge": merging,
        "mustMerge": merging,
        "mergeOverwrite": overwriting,
        "mustMergeOverwrite": overwriting,
        "deepCopy": copying,
        "mustDeepCopy": copying,
        "dig": Function(dig, rest=ANY),
    }
