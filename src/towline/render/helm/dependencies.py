"""Which subcharts stay, under which names, and what parents import from their values."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

from towline.render.helm.chart import Chart
from towline.render.helm.errors import ChartError
from towline.render.helm.metadata import Dependency
from towline.render.helm.values import (
    Coalescing,
    Table,
    copy_values,
    missing,
    path_value,
    table,
)
from towline.render.helm.versions import satisfies

_log = logging.getLogger("towline.helm")


def check_dependencies(chart: Chart, *, major: int) -> None:
    """Sees that every subchart that Chart.yaml names is in `charts/`.

    Raises:
        ChartError: Some are missing.
    """
    absent = missing_dependencies(chart)
    if not absent:
        return
    found = f"found in Chart.yaml, but missing in charts/ directory: {', '.join(absent)}"
    if major < 4:
        raise ChartError(
            "An error occurred while checking for chart dependencies. You may need to run "
            f"`helm dependency build` to fetch missing dependencies: {found}"
        )
    raise ChartError(
        "an error occurred while checking for chart dependencies. You may need to run "
        f"'helm dependency build' to fetch missing dependencies: {found}"
    )


def missing_dependencies(chart: Chart) -> list[str]:
    """Names of subcharts that Chart.yaml asks for and `charts/` does not hold."""
    there = {subchart.name for subchart in chart.dependencies}
    return [
        dependency.name
        for dependency in chart.metadata.dependencies or ()
        if dependency is not None and dependency.name not in there
    ]


class DependencyProcessing:
    """The rules of one version of Helm.

    Args:
        major: 3 or 4.
    """

    def __init__(self, major: int) -> None:
        self._major = major
        self._coalescing = Coalescing(major)

    def process(self, chart: Chart, values: Table) -> None:
        """Drops disabled subcharts, renames aliases, and imports values; changes the chart.

        Raises:
            ChartError: The values of a subchart are not a map.
        """
        self._enable(chart, values, "")
        self._import(chart)

    def _enable(self, chart: Chart, values: Table, path: str) -> None:
        if chart.metadata.dependencies is None:
            return
        wanted = [entry for entry in chart.metadata.dependencies if entry is not None]
        chart.set_dependencies([*self._unlisted(chart, wanted), *self._listed(chart, wanted)])
        for dependency in wanted:
            dependency.enabled = True
        current = self._coalescing.coalesce(chart, values)
        _switch_by_tags(wanted, current)
        _switch_by_conditions(wanted, current, path)
        disabled = {dependency.name for dependency in wanted if not dependency.enabled}
        kept = [subchart for subchart in chart.dependencies if subchart.name not in disabled]
        for subchart in kept:
            self._enable(subchart, current, f"{path}{subchart.name}.")
        named = [dependency for dependency in wanted if dependency.name not in disabled]
        chart.metadata.dependencies = [*named] or None
        chart.set_dependencies(kept)

    def _unlisted(self, chart: Chart, wanted: Sequence[Dependency]) -> list[Chart]:
        """Charts that lie in `charts/` without being asked for."""
        return [
            subchart
            for subchart in chart.dependencies
            if not any(
                subchart.name == dependency.name
                and satisfies(subchart.metadata.version, dependency.version, self._major)
                for dependency in wanted
            )
        ]

    def _listed(self, chart: Chart, wanted: Sequence[Dependency]) -> list[Chart]:
        """A chart for each dependency, under its alias."""
        found = []
        for dependency in wanted:
            subchart = self._aliased(chart.dependencies, dependency)
            if subchart is not None:
                found.append(subchart)
            dependency.name = dependency.alias or dependency.name
        return found

    def _aliased(self, charts: Sequence[Chart], dependency: Dependency) -> Chart | None:
        for chart in charts:
            if chart.name != dependency.name:
                continue
            if not satisfies(chart.metadata.version, dependency.version, self._major):
                continue
            found = copy.copy(chart)
            found.metadata = chart.metadata.copied()
            if self._major > 3:
                self._separate(found)
            found.metadata.name = dependency.alias or found.metadata.name
            return found
        return None

    def _separate(self, chart: Chart) -> None:
        """Gives a chart subcharts of its own; in Helm 3 all aliases of a chart share them."""
        if chart.metadata.dependencies is not None:
            chart.metadata.dependencies = [copy.copy(it) for it in chart.metadata.dependencies]
        chart.set_dependencies([copy.copy(subchart) for subchart in chart.dependencies])

    def _import(self, chart: Chart) -> None:
        for subchart in chart.dependencies:
            self._import(subchart)
        if chart.metadata.dependencies is None:
            return
        current = self._coalescing.merge(chart, {})
        imported: Table = {}
        for dependency in chart.metadata.dependencies:
            if dependency is None:
                continue
            for entry in dependency.import_values:
                part = _imported(current, dependency.name, entry)
                if part is not None:
                    imported = self._coalescing.tables(imported, part, merge=True)
            # Imported once: in Helm 3 the aliases of a chart share what that chart imports.
            dependency.import_values = []
        chart.values = self._coalescing.tables(copy_values(current), imported, merge=True)


def _imported(values: Table, subchart: str, entry: Any) -> Table | None:
    if isinstance(entry, dict):
        child, parent = (_as_text(entry.get(name)) for name in ("child", "parent"))
    elif isinstance(entry, str):
        child, parent = f"exports.{entry}", "."
    else:
        return None
    found = table(values, f"{subchart}.{child}")
    if found is None:
        _log.debug("import-values finds no table chart=%s path=%s", subchart, child)
        return None
    if parent != ".":
        for part in reversed(parent.split(".")):
            found = {part: found}
    return found


def _as_text(value: Any) -> str:
    return "<nil>" if value is None else str(value)


def _switch_by_tags(dependencies: Sequence[Dependency], values: Table) -> None:
    tags = table(values, "tags")
    if tags is None:
        return
    for dependency in dependencies:
        states = {tags[tag] for tag in dependency.tags if isinstance(tags.get(tag), bool)}
        dependency.enabled = True in states or False not in states


def _switch_by_conditions(dependencies: Sequence[Dependency], values: Table, path: str) -> None:
    for dependency in dependencies:
        for condition in dependency.condition.strip().split(","):
            if not condition:
                continue
            value = path_value(values, path + condition)
            if isinstance(value, bool):
                dependency.enabled = value
                break
            if not missing(value):
                _log.debug("condition is not a bool chart=%s path=%s", dependency.name, condition)
