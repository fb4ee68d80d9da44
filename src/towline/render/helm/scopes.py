"""What each template of a chart is given: its chart, its values, its subcharts.

All templates of a release live in one set, named by their paths, so that any of them can include
what another one defines.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

import msgspec

from towline.render.helm.capabilities import Capabilities
from towline.render.helm.chart import Chart
from towline.render.helm.files import Files
from towline.render.helm.objects import ChartObject, Values, Values4, chart_map
from towline.render.helm.values import Table


class Renderable(msgspec.Struct, frozen=True):
    """One template.

    Attributes:
        text: Its text.
        data: What it is given as `.`.
        base_path: `.Template.BasePath`.
    """

    text: str
    data: Values
    base_path: str


def renderables(
    chart: Chart, values: Table, release: Mapping[str, Any], capabilities: Capabilities, major: int
) -> dict[str, Renderable]:
    """All templates of a chart and its subcharts, with what each is given, by path."""
    kind = Values if major < 4 else Values4
    shared = {"Release": dict(release), "Capabilities": capabilities}
    found: dict[str, Renderable] = {}
    _collect(chart, kind(values), shared, found, kind)
    return found


def _collect(
    chart: Chart,
    values: Values,
    shared: Mapping[str, Any],
    found: dict[str, Renderable],
    kind: type[Values],
) -> Values:
    subcharts: dict[str, Any] = {}
    about: Any = (
        chart_map(chart.metadata, is_root=chart.is_root)
        if kind is Values4
        else ChartObject(chart.metadata, is_root=chart.is_root)
    )
    data = kind(
        {
            "Chart": about,
            "Files": Files({file.name: file.data for file in chart.files}),
            **shared,
            "Values": values,
            "Subcharts": subcharts,
        }
    )
    for subchart in chart.dependencies:
        inner = values.get(subchart.name)
        # The parent goes on seeing the very map that the subchart's templates may change.
        own = kind(inner) if isinstance(inner, dict) else kind()
        if isinstance(inner, dict):
            values[subchart.name] = own
        subcharts[subchart.name] = _collect(subchart, own, shared, found, kind)
    path = chart.full_path
    for file in chart.templates:
        if chart.is_library and not posixpath.basename(file.name).startswith("_"):
            continue
        text = file.data.decode("utf-8", "surrogateescape")
        name = posixpath.normpath(posixpath.join(path, file.name))
        found[name] = Renderable(text, data, posixpath.join(path, "templates"))
    return data


def render_order(name: str) -> tuple[int, str]:
    """Sorts templates as Helm parses and runs them, to be used in reverse."""
    return name.count("/"), name
