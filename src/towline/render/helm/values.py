"""How values are laid over each other: defaults, parents, globals, files; and how null removes.

The rules are those of Helm's `coalesce`: `destination` wins over `source`, maps are merged,
anything else is replaced. *Merging* keeps nulls (dependencies are still to be processed),
*coalescing* lets a null remove the default of the same name. Helm 4 also drops nulls that come from
defaults.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from towline.render.helm.chart import Chart
from towline.render.helm.errors import ChartError

GLOBAL: Final = "global"
_log = logging.getLogger("towline.helm")

Table = dict[str, Any]


def copy_values(value: Any) -> Any:
    """A deep copy of maps and lists."""
    if isinstance(value, dict):
        return {key: copy_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_values(item) for item in value]
    return value


def merge_maps(first: Table, second: Table) -> Table:
    """Two maps in a new one; the second wins, also with null. How `-f` files add up."""
    result = dict(first)
    for key, value in second.items():
        before = result.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            result[key] = merge_maps(before, value)
        else:
            result[key] = value
    return result


class Coalescing:
    """The rules of one version of Helm.

    Args:
        major: 3 or 4.
    """

    def __init__(self, major: int) -> None:
        self._cleans = major > 3

    def coalesce(self, chart: Chart, values: Table) -> Table:
        """The chart's values with `values` laid over its defaults and those of its subcharts.

        Raises:
            ChartError: A subchart's values are not a map.
        """
        return self._chart(chart, copy_values(values), merge=False)

    def merge(self, chart: Chart, values: Table) -> Table:
        """Like `coalesce`, but nulls stay.

        Raises:
            ChartError: A subchart's values are not a map.
        """
        return self._chart(chart, copy_values(values), merge=True)

    def _chart(self, chart: Chart, values: Table, *, merge: bool) -> Table:
        self._defaults(chart, values, merge=merge)
        for subchart in chart.dependencies:
            own = values.setdefault(subchart.name, {})
            if not isinstance(own, dict):
                shown = _go_bool_verb(own)
                raise ChartError(f"type mismatch on {subchart.name}: {shown}")
            self._globals(own, values)
            values[subchart.name] = self._chart(subchart, own, merge=merge)
        return values

    def _defaults(self, chart: Chart, values: Table, *, merge: bool) -> None:
        subcharts = {subchart.name for subchart in chart.dependencies}
        for key, default in copy_values(chart.values or {}).items():
            if key not in values:
                self._adopt(values, key, default, merge=merge)
                continue
            value = values[key]
            if value is None and not merge:
                del values[key]
            elif isinstance(value, dict):
                if isinstance(default, dict):
                    keeps_null = merge or key in subcharts
                    if self._cleans and not keeps_null:
                        _drop_nulls(default)
                    self.tables(value, default, merge=keeps_null)
                elif default is not None:
                    _log.debug("value skipped, not a table chart=%s key=%s", chart.name, key)

    def _adopt(self, values: Table, key: str, default: Any, *, merge: bool) -> None:
        if self._cleans and not merge:
            if default is None:
                return
            if isinstance(default, dict):
                _drop_nulls(default)
        values[key] = default

    def _globals(self, destination: Table, source: Table) -> None:
        """Copies globals down into a subchart's values, where its own ones give way."""
        own = destination.get(GLOBAL, {})
        given = source.get(GLOBAL, {})
        if not isinstance(own, dict) or not isinstance(given, dict):
            _log.debug("globals skipped, not a table")
            return
        for key, value in given.items():
            before = own.get(key)
            if isinstance(value, dict):
                # The top level only is copied: deeper maps are shared between the charts.
                table = dict(value)
                if isinstance(before, dict):
                    self.tables(table, before, merge=True)
                if key not in own or isinstance(before, dict):
                    own[key] = table
            elif not isinstance(before, dict):
                own[key] = value
        destination[GLOBAL] = own

    def tables(self, destination: Table, source: Table, *, merge: bool) -> Table:
        """Merges `source` into `destination`, which wins; both may be changed."""
        if self._cleans:
            return self._tables4(destination, source, merge=merge)
        for key, value in source.items():
            if key not in destination:
                destination[key] = value
            elif destination[key] is None and not merge:
                del destination[key]
            else:
                self._nested(destination[key], value, merge=merge)
        return destination

    def _tables4(self, destination: Table, source: Table, *, merge: bool) -> Table:
        defaulted = {key for key, value in source.items() if value is not None}
        source.update({key: None for key, value in destination.items() if value is None})
        for key, value in source.items():
            if key not in destination:
                destination[key] = value
            elif destination[key] is None and not merge and key in defaulted:
                del destination[key]
            else:
                self._nested(destination[key], value, merge=merge)
        return destination

    def _nested(self, before: Any, value: Any, *, merge: bool) -> None:
        if isinstance(value, dict) and isinstance(before, dict):
            self.tables(before, value, merge=merge)


def table(values: Table, path: str) -> Table | None:
    """The map at a dotted path, or None."""
    at: Any = values
    for part in path.split("."):
        at = at.get(part)
        if not isinstance(at, dict):
            return None
    return at if isinstance(at, dict) else None


_MISSING: Final = object()


def path_value(values: Table, path: str) -> Any:
    """The value at a dotted path unless it is a map; `missing()` tells its absence."""
    parent, _, key = path.rpartition(".")
    at = table(values, parent) if parent else values
    if at is None or isinstance(value := at.get(key, _MISSING), dict):
        return _MISSING
    return value


def missing(value: Any) -> bool:
    """Whether `path_value` found nothing."""
    return value is _MISSING


def _drop_nulls(values: Table) -> None:
    for key in list(values):
        value = values[key]
        if value is None:
            del values[key]
        elif isinstance(value, dict):
            _drop_nulls(value)


def _go_bool_verb(value: Any) -> str:
    """The value as Go's `%t` prints it, which suits booleans only."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "%!t(<nil>)"
        case str():
            return f"%!t(string={value})"
        case list():
            return f"[{' '.join(_go_bool_verb(item) for item in value)}]"
        case float():
            return f"%!t(float64={value:g})"
    return f"%!t({type(value).__name__.lower()}={value})"
