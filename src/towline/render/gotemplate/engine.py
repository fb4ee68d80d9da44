"""Sets of templates and their execution.

    functions = FunctionSet({...}, missing_key="zero")          # once
    templates = TemplateSet(functions, name="gotpl")
    templates.parse("chart/templates/_helpers.tpl", text)
    templates.execute("chart/templates/web.yaml", data)

A function with `context=True` gets the running `Execution`: `include` calls `execution.include`,
`tpl` clones `execution.templates`, parses into the clone and runs it with `execution.nested`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

from towline.errors import LimitError
from towline.render.gotemplate.errors import (
    CallError,
    EvaluationError,
    ExecutionError,
    ParseError,
    TemplateError,
)
from towline.render.gotemplate.fields import MissingKey
from towline.render.gotemplate.functions import MAX_LENGTH, Function, FunctionError
from towline.render.gotemplate.functionset import FunctionSet
from towline.render.gotemplate.limits import Budget, Limits, Pieces
from towline.render.gotemplate.nodes import Call, Command
from towline.render.gotemplate.quoting import quote
from towline.render.gotemplate.units import Definition, UnitCache

_FRAMES_PER_TEMPLATE: Final = 8  # Python frames that a template within a template takes, at most
_FRAMES_BESIDE: Final = 2000
SHARED_UNITS: Final = UnitCache()
"""The units of this process, bounded."""


class Template:
    """A template of a set.

    Attributes:
        name: Its name.
        file: Name of the text that defines it.
        definition: Its body.
    """

    __slots__ = ("definition", "file", "name")

    def __init__(self, name: str, file: str, definition: Definition) -> None:
        self.name = name
        self.file = file
        self.definition = definition

    def place(self, position: int) -> str:
        """`file:line:column` of a character of the text; the column counts bytes from 0."""
        before = self.definition.unit.text[:position]
        start = before.rfind("\n") + 1
        column = len(before[start:].encode("utf-8", "surrogateescape"))
        return f"{self.file}:{before.count(chr(10)) + 1}:{column}"


class TemplateSet:
    """Templates that know each other.

    Args:
        functions: What they may call. Pass a `FunctionSet` to use it for many sets.
        name: Name of the set's root, for errors about templates that do not exist.
        missing_key: What a map's missing key gives, when `functions` is no `FunctionSet`.
        limits: What one execution may use.
        clock: Seconds that only go forward; without one there is no time limit.
        units: Where compiled texts are kept; a cache of the process by default.
    """

    def __init__(
        self,
        functions: FunctionSet | Mapping[str, Function],
        *,
        name: str = "gotpl",
        missing_key: MissingKey = "default",
        limits: Limits | None = None,
        clock: Callable[[], float] | None = None,
        units: UnitCache | None = None,
    ) -> None:
        if not isinstance(functions, FunctionSet):
            functions = FunctionSet(functions, missing_key=missing_key)
        self.functions = functions
        self.name = name
        self.limits = limits if limits is not None else Limits()
        self.clock = clock
        self.units = units if units is not None else SHARED_UNITS
        self._lasting = True
        self._templates: dict[str, Template] = {}

    def parse(self, name: str, text: str) -> None:
        """Add the template and all that its text defines.

        A definition replaces an older one of its name unless it is nothing but spaces and comments.

        Raises:
            ParseError: The text is no template; the set is as before.
        """
        unit = self.units.get(name, text, self.functions, lasting=self._lasting)
        definitions = dict(unit.definitions)
        main = definitions.pop("")
        same = definitions.get(name)
        if same is None or same.empty:
            definitions[name] = main
        elif not main.empty:
            line = text.count("\n") + 1
            raise ParseError(
                f"template: {name}:{line}: template: multiple definition of template {quote(name)}"
            )
        for defined, definition in definitions.items():
            if not definition.empty or defined not in self._templates:
                self._templates[defined] = Template(defined, name, definition)

    def lookup(self, name: str) -> Template | None:
        """The template of the name; None when there is none."""
        return self._templates.get(name)

    def names(self) -> list[str]:
        """Names of all templates, sorted."""
        return sorted(self._templates)

    def clone(self) -> TemplateSet:
        """A copy; what is parsed into it does not change this set."""
        copy = TemplateSet(
            self.functions,
            name=self.name,
            limits=self.limits,
            clock=self.clock,
            units=self.units,
        )
        copy._templates = dict(self._templates)
        copy._lasting = False  # what comes now is made of values
        return copy

    def execute(self, name: str, data: Any, *, host: Any = None) -> str:
        """What the template prints for the data.

        Args:
            name: The template's name.
            data: The dot; a value as `kinds` says.
            host: Whatever functions with `context` want to find at `execution.host`.

        Raises:
            ExecutionError: It fails; the message is Go's.
            LimitError: It exceeds the limits.
        """
        execution = Execution(self, Budget(self.limits, self.clock), host)
        with _deep_stack(self.limits.depth):
            return execution.invoke(name, data)


class Execution:
    """A running template and those that it runs.

    Attributes:
        templates: The set in whose names `include` looks.
        budget: What is left of the limits.
        host: What `TemplateSet.execute` was given.
    """

    __slots__ = ("budget", "host", "templates")

    def __init__(self, templates: TemplateSet, budget: Budget, host: Any) -> None:
        self.templates = templates
        self.budget = budget
        self.host = host

    def nested(self, templates: TemplateSet) -> Execution:
        """An execution in another set, such as a clone, that uses up the same limits."""
        return Execution(templates, self.budget, self.host)

    def include(self, name: str, data: Any) -> str:
        """Helm's include: `invoke`, with its bound on nested includes of one name.

        Raises:
            FunctionError: There is no such template, or it nests in itself too often.
            ExecutionError: It fails.
            LimitError: The limits are exceeded.
        """
        counts = self.budget.includes
        count = counts.get(name, 0)
        if count > self.budget.limits.same_name:
            raise FunctionError(
                f"rendering template has a nested reference name: {name}: "
                "unable to execute template"
            )
        counts[name] = count + 1
        try:
            return self.invoke(name, data)
        finally:
            counts[name] -= 1

    def invoke(self, name: str, data: Any) -> str:
        """What a template of the set prints for the data.

        Raises:
            ExecutionError: There is no such template, or it fails.
            LimitError: The limits are exceeded.
        """
        template = self.templates.lookup(name)
        if template is None:
            raise ExecutionError(
                f"template: no template {quote(name)} associated with "
                f"template {quote(self.templates.name)}"
            )
        if type(data) in {str, list} and len(data) > MAX_LENGTH:
            raise LimitError("the data of a template is too long")
        pieces = Pieces()
        self.run(template, pieces.append, data)
        return self.budget.join(pieces)

    def find(self, name: str) -> Template:
        """The template that an action names.

        Raises:
            EvaluationError: There is none.
        """
        template = self.templates.lookup(name)
        if template is None:
            raise EvaluationError(f"template {quote(name)} not defined")
        return template

    def run(self, template: Template, output: Callable[[str], None], data: Any) -> None:
        """Run the template, handing each piece that it prints to `output`.

        Raises:
            ExecutionError: It fails.
            LimitError: The limits are exceeded.
        """
        budget = self.budget
        budget.step()
        budget.depth += 1
        if budget.depth > budget.limits.depth:
            raise LimitError(f"exceeded maximum template depth ({budget.limits.depth})")
        function = template.definition.function(self.templates.functions)
        try:
            function(self, output, data)
        except (EvaluationError, CallError, FunctionError, TemplateError) as error:
            raise self._located(template, error) from None
        except RecursionError:
            raise LimitError("templates nest too deeply") from None
        finally:
            budget.depth -= 1

    def _located(self, template: Template, error: Exception) -> Exception:
        """The error with the place in the template that raised it."""
        functions = self.templates.functions
        code = template.definition.code(functions)
        node = template.definition.node(_line(error.__traceback__, code), functions)
        if isinstance(error, TemplateError) and isinstance(node, Call):
            return error
        message = str(error)
        if isinstance(error, CallError):
            message = f"error calling {error.name}: {message}"
        elif isinstance(error, TemplateError | FunctionError):
            called = node.operands[0] if isinstance(node, Command) else node
            message = f"error calling {called}: {message}"
        place = template.place(node.position)
        return ExecutionError(
            f"template: {place}: executing {quote(template.name)} at <{node}>: {message}"
        )


def _line(trace: TracebackType | None, code: Any) -> int:
    """The line of the generated source on which the frame of the code stands."""
    while trace is not None and trace.tb_frame.f_code is not code:
        trace = trace.tb_next
    return trace.tb_lineno if trace is not None else 0


@contextmanager
def _deep_stack(depth: int) -> Iterator[None]:
    """Room for that many templates within templates on the interpreter's stack of frames.

    Compiled templates and the engine are Python functions that call each other without C frames in
    between, so that the depth costs memory only; `Limits.depth` bounds it.
    """
    before = sys.getrecursionlimit()
    wanted = depth * _FRAMES_PER_TEMPLATE + _FRAMES_BESIDE
    if wanted <= before:
        yield
        return
    sys.setrecursionlimit(wanted)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
