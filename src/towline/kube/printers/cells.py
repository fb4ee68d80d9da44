"""What printers share: columns, ages, lists cut short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

Obj = dict[str, Any]
Moment = datetime | None
NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        name: Header.
        type: `string`, `integer`, `boolean`, `date`.
        priority: 0 always shown, 1 in the wide view only.
        format: `name` for the column that names the object.
    """

    name: str
    type: str = "string"
    priority: int = 0
    format: str = ""

    def definition(self) -> Obj:
        """As the API gives it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": "",
            "priority": self.priority,
        }


class Printer(NamedTuple):
    """How one kind is printed.

    Attributes:
        columns: Its columns.
        cells: The cells of one object at a moment.
    """

    columns: Sequence[Column]
    cells: Callable[[Obj, Moment], list[Any]]


NAME = Column("Name", format="name")
AGE = Column("Age")


def column_list(text: str) -> tuple[Column, ...]:
    """Columns from a compact text: `Name, Ready:integer, IP+` (`+` marks the wide view)."""
    found = []
    for part in text.split(","):
        name, _, type_ = part.strip().partition(":")
        wide = name.endswith("+")
        name = name.rstrip("+")
        form = "name" if name == "Name" else ""
        found.append(Column(name, type_ or "string", int(wide), form))
    return tuple(found)


def moment_of(text: Any) -> Moment:
    """An RFC 3339 time; None when it is absent or malformed."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def age(since: Any, now: Moment) -> str:
    """How long ago a time was, as people read it; `<unknown>` without one."""
    start = moment_of(since)
    if start is None or now is None:
        return UNKNOWN
    return human_duration((now - start).total_seconds())


def human_duration(total: float) -> str:
    """A duration in seconds with two to three significant digits: `5m30s`, `3d4h`."""
    seconds = int(total)
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    years = days // 365
    steps: list[tuple[bool, str]] = [
        (seconds < 120, f"{seconds}s"),
        (minutes < 10, _two(minutes, "m", seconds % 60, "s")),
        (minutes < 180, f"{minutes}m"),
        (hours < 8, _two(hours, "h", minutes % 60, "m")),
        (hours < 48, f"{hours}h"),
        (days < 8, _two(days, "d", hours % 24, "h")),
        (days < 730, f"{days}d"),
        (days < 2920, _two(years, "y", days % 365, "d")),
    ]
    return next((text for fits, text in steps if fits), f"{years}y")


def _two(major: int, unit: str, minor: int, small: str) -> str:
    return f"{major}{unit}{minor}{small}" if minor else f"{major}{unit}"


def get(obj: Any, *path: str) -> Any:
    """A nested value, or None."""
    for key in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(key)
    return obj


def name_of(obj: Obj) -> str:
    """The object's name."""
    return str(get(obj, "metadata", "name") or "")


def age_of(obj: Obj, now: Moment) -> str:
    """How long the object exists."""
    return age(get(obj, "metadata", "creationTimestamp"), now)


def number(value: Any) -> int:
    """A count; absent is zero."""
    return value if isinstance(value, int) else 0


def shortened(items: Iterable[str], limit: int = 3, *, more: str = " + {} more...") -> str:
    """The first items, comma-separated, and how many follow; `<none>` for none."""
    found = list(items)
    if not found:
        return NONE
    text = ",".join(found[:limit])
    return text + more.format(len(found) - limit) if len(found) > limit else text


def labels_text(labels: Any) -> str:
    """A label map as `a=b,c=d`; `<none>` when empty."""
    if not labels:
        return NONE
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def selector_text(selector: Any) -> str:
    """A label selector as text; `<none>` when empty."""
    if not selector:
        return NONE
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression.get("key"), expression.get("operator")
        values = ",".join(expression.get("values") or ())
        texts = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": f"{key}",
            "DoesNotExist": f"!{key}",
        }
        parts.append(texts.get(str(operator), ""))
    return ",".join(parts) or NONE


def containers_cells(spec: Any) -> list[Any]:
    """Names and images of a pod spec's containers."""
    containers = get(spec, "containers") or ()
    return [
        ",".join(str(c.get("name", "")) for c in containers),
        ",".join(str(c.get("image", "")) for c in containers),
    ]
