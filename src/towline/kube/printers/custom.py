"""Table columns of custom resources: simple paths into the object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from towline.kube.printers.cells import Moment, Obj, age, name_of

_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_STEP = re.compile(
    r"""\.([A-Za-z0-9_\-\\./]*?[A-Za-z0-9_\-])(?=[.\[]|$)      # .field, dots escaped by backslash
      | \[\?\(@\.([\w.\-]+)\s*==\s*["']([^"']*)["']\)\]        # [?(@.type=="Ready")]
      | \[['"]([^'"]+)['"]\]                                   # ['field']
      | \[(-?\d+|\*)\]                                         # [0] or [*]
    """,
    re.VERBOSE,
)


def custom_columns(given: Sequence[Obj]) -> list[Obj]:
    """Column definitions: the name, then the printer columns, or the age when there are none."""
    found = [
        {
            "name": "Name",
            "type": "string",
            "format": "name",
            "description": "",
            "priority": 0,
        }
    ]
    for column in given or (_AGE,):
        found.append(  # noqa: PERF401  # a comprehension of this dictionary reads worse
            {
                "name": column.get("name", ""),
                "type": column.get("type", "string"),
                "format": column.get("format", ""),
                "description": column.get("description", ""),
                "priority": column.get("priority", 0),
            }
        )
    return found


def custom_cells(obj: Obj, given: Sequence[Obj], now: Moment) -> list[Any]:
    """The cells of one custom object; null where the path finds nothing of the column's type."""
    cells: list[Any] = [name_of(obj)]
    for column in given or (_AGE,):
        found = find(obj, str(column.get("jsonPath", "")))
        cells.append(_cell(found, str(column.get("type", "string")), now))
    return cells


def _cell(found: list[Any], type_: str, now: Moment) -> Any:
    if not found or (len(found) == 1 and found[0] is None):
        return None
    value = found[0]
    match type_:
        case "date":
            return age(value, now)
        case "integer":
            return int(value) if _is_number(value) else None
        case "number":
            return float(value) if _is_number(value) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case _:
            return " ".join(_text(item) for item in found)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def find(obj: Any, path: str) -> list[Any]:
    """The values at a simple JSON path such as `.status.conditions[?(@.type=="Ready")].status`."""
    values = [obj]
    position = 0
    path = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    while position < len(path) and values:
        match = _STEP.match(path, position)
        if match is None:
            return []
        position = match.end()
        values = [found for value in values for found in _step(value, match)]
    return values


def _step(value: Any, match: re.Match[str]) -> list[Any]:
    field = match[1].replace("\\.", ".") if match[1] else match[4]
    if field is not None:
        return [value[field]] if isinstance(value, dict) and field in value else []
    items = value if isinstance(value, list) else []
    if match[2] is not None:
        return [item for item in items if _text(_nested(item, match[2])) == match[3]]
    if match[5] == "*":
        return list(value.values()) if isinstance(value, dict) else list(items)
    index = int(match[5])
    return [items[index]] if -len(items) <= index < len(items) else []


def _nested(item: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(item, dict):
            return None
        item = item.get(key)
    return item
