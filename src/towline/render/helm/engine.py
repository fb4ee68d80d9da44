"""Renders the templates of a chart and its subcharts.

All templates of a release live in one set, named by their paths, so that any of them can include
what another one defines.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from towline.render.gotemplate.errors import ExecutionError, ParseError
from towline.render.gotemplate.functions import FunctionError
from towline.render.helm.capabilities import Capabilities
from towline.render.helm.chart import Chart
from towline.render.helm.errors import RenderError
from towline.render.helm.files import Files
from towline.render.helm.objects import ChartObject, Values, Values4, chart_map
from towline.render.helm.values import Table

Lookup = Callable[[str, str, str, str], dict[str, Any]]
_WARN_START: Final = "HELM_ERR_START"
_WARN_END: Final = "HELM_ERR_END"
_WARNING: Final = re.compile(f"{_WARN_START}(.*){_WARN_END}", re.DOTALL)
_NO_VALUE: Final = "<no value>"


def no_cluster(api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
    """The `lookup` of a render without a cluster: nothing is there."""
    del api_version, kind, namespace, name
    return {}


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


def required(message: str, value: Any, *, lint: bool = False) -> Any:
    """Helm's `required`."""
    if value is None or (isinstance(value, str) and not value):
        if lint:
            return ""
        raise FunctionError(f"{_WARN_START}{message}{_WARN_END}")
    return value


def fail(message: str, *, lint: bool = False) -> str:
    """Helm's `fail`."""
    if lint:
        return ""
    raise FunctionError(f"{_WARN_START}{message}{_WARN_END}")


def render_order(name: str) -> tuple[int, str]:
    """Sorts templates as Helm parses and runs them, to be used in reverse."""
    return name.count("/"), name


def parse_problem(name: str, error: ParseError) -> RenderError:
    """Helm's shorter text for a template that cannot be read."""
    tokens = error.message.split(": ")
    if len(tokens) == 1:
        return RenderError(f"parse error in ({name}): {error.message}")
    return RenderError(f"parse error at ({tokens[1]}): {tokens[-1]}")


def execution_problem(name: str, error: ExecutionError, *, major: int) -> RenderError:
    """Helm's text for a template that failed: the message alone when the template gave one."""
    text = error.message
    tokens = text.split(": ", 2)
    if len(tokens) != 3:
        return RenderError(f"execution error in ({name}): {text}")
    warning = _WARNING.search(tokens[2])
    if warning is not None:
        return RenderError(f"execution error at ({tokens[1]}): {warning[1]}")
    return RenderError(text if major < 4 else _traced(text))


_CALL: Final = re.compile(r"error calling [^:]*: (.*)", re.DOTALL)


def _traced(text: str) -> str:
    """Helm 4's layout of an error: each place on lines of its own, outermost first."""
    lines: list[str] = []
    rest = text
    while True:
        if rest.startswith("template: no template "):
            lines.append(rest)
            break
        place = _place(rest)
        if place is None:
            return text
        location, executing, message = place
        said = message.partition(" template:")[0]
        lines += [location, f"  {executing}", f"    {said}"]
        call = _CALL.match(message)
        if call is None:
            break
        rest = call[1]
    return "\n".join(lines).strip()


def _place(text: str) -> tuple[str, str, str] | None:
    """Location, what was executed, and the message of one level of an error."""
    location, found, after = text.removeprefix("template: ").partition(': executing "')
    if not found or not text.startswith("template: "):
        return None
    function, found, after = after.partition('" at <')
    if not found:
        return None
    node, found, message = after.partition(">: ")
    return (location, f'executing "{function}" at <{node}>:', message) if found else None
