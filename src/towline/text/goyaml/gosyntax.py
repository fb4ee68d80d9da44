"""Untyped YAML values in Go syntax, as fmt's `%#v` prints them."""

from __future__ import annotations

import json
from typing import Any, Final

from towline.text.goyaml.numbers import shortest

_MAP: Final = "map[interface {}]interface {}"
_LIST: Final = "[]interface {}"
# fmt sorts keys by their types' addresses first; a linker lays the basic types out in this order.
_RANKS: Final = {"NoneType": 0, "str": 1, "int": 2, "float": 3, "bool": 4}


def go_syntax(value: Any, nothing: str = "interface {}(nil)") -> str:
    """The value in Go syntax.

    Args:
        value: Scalars, lists, and dicts from pairs of a key's type name and the key to values.
        nothing: How null is written: within collections it has a type.
    """
    match value:
        case None:
            return nothing
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return shortest(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"{_LIST}{{{', '.join(map(go_syntax, value))}}}"
    ordered = sorted(value.items(), key=lambda entry: (_RANKS[entry[0][0]], entry[0][1] or 0))
    shown = (f"{go_syntax(key)}:{go_syntax(item)}" for (_, key), item in ordered)
    return f"{_MAP}{{{', '.join(shown)}}}"
