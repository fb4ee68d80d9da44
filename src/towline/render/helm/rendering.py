"""Runs a chart's templates with Helm's functions."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from towline.errors import LimitError
from towline.render.gotemplate.engine import Execution, TemplateSet
from towline.render.gotemplate.errors import ExecutionError, ParseError, TemplateError
from towline.render.gotemplate.functions import ANY, MAP, STRING, Function, FunctionError
from towline.render.gotemplate.functionset import FunctionSet
from towline.render.gotemplate.limits import Limits
from towline.render.gotemplate.quoting import quote
from towline.render.helm.capabilities import Capabilities
from towline.render.helm.chart import Chart
from towline.render.helm.failures import execution_problem, marked, parse_problem
from towline.render.helm.objects import Values, Values4
from towline.render.helm.scopes import render_order, renderables
from towline.render.helm.values import Table
from towline.render.sprig import Environment, functions

Lookup = Callable[[str, str, str, str], dict[str, Any]]
_ROOT: Final = "gotpl"
_NO_VALUE: Final = "<no value>"


class RenderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one chart may use.

    Attributes:
        output: Characters that all templates write.
        seconds: Wall clock for all of them.
        template: Bounds of a single one.
    """

    output: int = 64 * 1024 * 1024
    seconds: float = 60.0
    template: Limits = Limits()


class Engine:
    """Renders charts; made once, used often.

    Args:
        environment: Time and randomness for the functions that need them.
        major: Which Helm: 3 or 4.
        lookup: Asks a cluster; without one nothing is found.
        strict: Whether a value that is not there is an error.
        lint: Whether `required` and `fail` are passed over.
        clock: Seconds that only go forward; without one there is no time limit.
        limits: What one chart may use.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        major: int = 3,
        lookup: Lookup | None = None,
        strict: bool = False,
        lint: bool = False,
        clock: Callable[[], float] | None = None,
        limits: RenderLimits | None = None,
    ) -> None:
        self._major = major
        self._clock = clock
        self._limits = limits or RenderLimits()
        table = {
            **helm_functions(environment, major=major),
            "lookup": Function(lookup or no_cluster, (STRING, STRING, STRING, STRING), result=MAP),
            "required": Function(
                lambda message, value: _required(message, value, lint=lint), (STRING, ANY)
            ),
            "fail": Function(lambda message: _fail(message, lint=lint), (STRING,), result=STRING),
        }
        self._functions = FunctionSet(table, missing_key="error" if strict else "zero")
        name_functions = {**functions(environment)}
        self._name_functions = FunctionSet(name_functions, missing_key="default")

    def release_name(self, template: str) -> str:
        """The name that a `--name-template` gives.

        Raises:
            RenderError: The template is wrong.
        """
        templates = TemplateSet(self._name_functions, name="name-template", clock=self._clock)
        templates.parse("name-template", template)
        return templates.execute("name-template", None)

    def render(
        self,
        chart: Chart,
        values: Table,
        release: Mapping[str, Any],
        capabilities: Capabilities,
    ) -> dict[str, str]:
        """What each template writes, by its path; partials are left out.

        Args:
            chart: The chart, its dependencies processed.
            values: Its coalesced values; templates may change them.
            release: `.Release`.
            capabilities: `.Capabilities`.

        Raises:
            RenderError: A template cannot be read, or fails.
            LimitError: The templates write too much, or take too long.
        """
        found = renderables(chart, values, release, capabilities, self._major)
        names = sorted(found, key=render_order, reverse=True)
        templates = TemplateSet(
            self._functions, name=_ROOT, limits=self._limits.template, clock=self._clock
        )
        for name in names:
            try:
                templates.parse(name, found[name].text)
            except ParseError as error:
                raise parse_problem(name, error) from error
        budget = _Budget(self._limits, self._clock)
        written: dict[str, str] = {}
        for name in names:
            if posixpath.basename(name).startswith("_"):
                continue
            one = found[name]
            one.data["Template"] = (Values if self._major < 4 else Values4)(
                {"Name": name, "BasePath": one.base_path}
            )
            templates.limits = budget.left()
            try:
                text = templates.execute(name, one.data)
            except ExecutionError as error:
                raise execution_problem(name, error, major=self._major) from error
            budget.use(len(text))
            written[name] = text.replace(_NO_VALUE, "")
        return written


class _Budget:
    """What is left for the templates of one chart."""

    def __init__(self, limits: RenderLimits, clock: Callable[[], float] | None) -> None:
        self._limits = limits
        self._clock = clock
        self._deadline = clock() + limits.seconds if clock is not None else 0.0
        self._output = limits.output

    def left(self) -> Limits:
        """The bounds of the next template."""
        one = self._limits.template
        seconds = self._deadline - self._clock() if self._clock is not None else one.seconds
        if seconds <= 0:
            raise LimitError(f"rendering takes longer than {self._limits.seconds:g} s")
        return msgspec.structs.replace(
            one, output=min(one.output, self._output), seconds=min(one.seconds, seconds)
        )

    def use(self, length: int) -> None:
        """Counts what a template wrote."""
        self._output -= length
        if self._output < 0:
            raise LimitError(f"the templates write more than {self._limits.output} characters")


def no_cluster(api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
    """The `lookup` of a render without a cluster: nothing is there."""
    del api_version, kind, namespace, name
    return {}


def helm_functions(environment: Environment, *, major: int) -> dict[str, Function]:
    """All functions that templates of a chart may call, but those that know the render."""
    table = functions(environment, helm="v3" if major < 4 else "v4")
    table["include"] = Function(Execution.include, (STRING, ANY), result=STRING, context=True)
    table["tpl"] = Function(_tpl, (STRING, ANY), result=STRING, context=True)
    return table


def _tpl(execution: Execution, text: str, data: Any) -> str:
    """Runs a text as a template that knows all others; what it defines is gone afterwards."""
    templates = execution.templates.clone()
    outer = templates.lookup(_ROOT)
    try:
        templates.parse(_ROOT, text)
    except ParseError as error:
        raise FunctionError(f"cannot parse template {quote(text)}: {error.message}") from error
    if outer is not None and templates.lookup(_ROOT) is outer:
        # A text of definitions only prints nothing, and leaves the outer text its name.
        return ""
    try:
        result = execution.nested(templates).invoke(_ROOT, data)
    except TemplateError as error:
        problem = f"error during tpl function execution for {quote(text)}: {error.message}"
        raise FunctionError(problem) from error
    return result.replace(_NO_VALUE, "")


def _required(message: str, value: Any, *, lint: bool) -> Any:
    if value is None or (isinstance(value, str) and not value):
        if lint:
            return ""
        raise marked(message)
    return value


def _fail(message: str, *, lint: bool) -> str:
    if lint:
        return ""
    raise marked(message)
