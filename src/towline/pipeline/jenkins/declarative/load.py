"""Reads `pipeline { }` into the model and reports everything that is wrong, at once. Pure."""

from __future__ import annotations

from towline.pipeline.jenkins.declarative.agents import read_agent
from towline.pipeline.jenkins.declarative.model import (
    POST_CONDITIONS,
    Agent,
    Axis,
    Matrix,
    PipelineModel,
    Problem,
    StageModel,
    Variable,
    When,
)
from towline.pipeline.jenkins.declarative.sections import (
    Reader,
    block_of,
    callee_name,
    constant,
    first_value,
)
from towline.text.groovy import tree
from towline.text.groovy.tree import Call, Closure, Node

_PIPELINE_SECTIONS = (
    "agent",
    "stages",
    "environment",
    "options",
    "parameters",
    "triggers",
    "tools",
    "libraries",
    "post",
)
_STAGE_SECTIONS = (
    "agent",
    "environment",
    "options",
    "tools",
    "input",
    "when",
    "failFast",
    "steps",
    "stages",
    "parallel",
    "matrix",
    "post",
)
_WORK = ("steps", "stages", "parallel", "matrix")
OPTIONS = frozenset(
    {
        "timeout",
        "retry",
        "timestamps",
        "ansiColor",
        "skipDefaultCheckout",
        "skipStagesAfterUnstable",
        "parallelsAlwaysFailFast",
        "buildDiscarder",
        "disableConcurrentBuilds",
        "preserveStashes",
        "quietPeriod",
        "disableResume",
        "disableRestartFromStage",
        "durabilityHint",
        "overrideIndexTriggers",
        "newContainerPerStage",
        "checkoutToSubdirectory",
        "rateLimitBuilds",
        "lock",
        "gitLabConnection",
        "githubProjectProperty",
    }
)
CONDITIONS = frozenset(
    {
        "branch",
        "buildingTag",
        "tag",
        "changeRequest",
        "changelog",
        "changeset",
        "environment",
        "equals",
        "expression",
        "triggeredBy",
        "isRestartedRun",
        "not",
        "allOf",
        "anyOf",
    }
)


def load_pipeline(block: Closure) -> tuple[PipelineModel, list[Problem]]:
    """The model of the block of `pipeline { }`, and all its problems in the order of the file."""
    loader = _Loader()
    model = loader.pipeline(block)
    return model, sorted(loader.problems, key=lambda problem: problem.at)


class _Loader(Reader):
    def pipeline(self, block: Closure) -> PipelineModel:
        found = self.sections(block, "pipeline", _PIPELINE_SECTIONS)
        for name in ("agent", "stages"):
            if name not in found:
                self.report(block.at, f"'pipeline' needs the section '{name}'")
        for name in ("tools", "libraries"):
            if name in found:
                self._unsupported_section(found[name])
        agent = self.agent(found.get("agent")) or Agent("any")
        return PipelineModel(
            agent=agent,
            environment=self.environment(found.get("environment")),
            options=self.options(found.get("options")),
            parameters=self.parameters(found.get("parameters")),
            stages=self.stages(found.get("stages"), depth=0),
            post=self.post(found.get("post")),
        )

    def _unsupported_section(self, call: Call) -> None:
        hints = {
            "tools": "use an image that has the tool: agent { docker 'maven:3-jdk-17' }",
            "libraries": "copy the functions into the file",
            "input": "runs do not wait for people",
        }
        name = callee_name(call)
        self.report(call.at, f"the section '{name}' is not supported", hints[name])

    def agent(self, call: Call | None) -> Agent | None:
        return None if call is None else read_agent(self, call)

    # Stages

    def stages(self, call: Call | None, depth: int) -> tuple[StageModel, ...]:
        block = None if call is None else self.block(call)
        if call is None or block is None:
            return ()
        where = callee_name(call)
        found: list[StageModel] = []
        names: dict[object, int] = {}
        for item in self.calls(block, where):
            if callee_name(item) != "stage":
                self.report(item.at, f"only stage('...') {{ }} is allowed inside '{where}'")
                continue
            name = constant(first_value(item))
            if name is not None and name in names:
                message = f"the stage '{name}' is there twice (first: line {names[name]})"
                self.report(item.at, message)
            names.setdefault(name, item.at.line)
            found.append(self.stage(item, depth, parallel=where == "parallel"))
        return tuple(found)

    def stage(self, call: Call, depth: int, *, parallel: bool = False) -> StageModel:
        name = first_value(call)
        if name is None:
            self.report(call.at, "a stage needs a name: stage('Build') { ... }")
        block = self.block(call)
        found = {} if block is None else self.sections(block, "stage", _STAGE_SECTIONS)
        if block is not None:
            self._one_kind_of_work(call, found, nested_parallel=parallel)
        return self._stage_of(call, name or tree.Literal(call.at, "?"), found, depth)

    def _stage_of(self, call: Call, name: Node, found: dict[str, Call], depth: int) -> StageModel:
        for section in ("tools", "input"):
            if section in found:
                self._unsupported_section(found[section])
        return StageModel(
            at=call.at,
            name=name,
            agent=self.agent(found.get("agent")),
            environment=self.environment(found.get("environment")),
            when=self.when(found.get("when")),
            options=self.options(found.get("options")),
            steps=self.steps(found.get("steps")),
            stages=self.stages(found.get("stages"), depth + 1),
            parallel=self.stages(found.get("parallel"), depth + 1),
            matrix=self.matrix(found.get("matrix"), name, depth + 1),
            fail_fast=self._fail_fast(found),
            post=self.post(found.get("post")),
        )

    def _fail_fast(self, found: dict[str, Call]) -> bool:
        call = found.get("failFast")
        return call is not None and constant(first_value(call)) is True

    def _one_kind_of_work(
        self, call: Call, found: dict[str, Call], *, nested_parallel: bool
    ) -> None:
        kinds = [name for name in _WORK if name in found]
        if not kinds:
            self.report(call.at, "a stage needs one of: steps, stages, parallel, matrix")
        elif len(kinds) > 1:
            self.report(found[kinds[1]].at, f"a stage has '{kinds[0]}' or '{kinds[1]}', not both")
        if nested_parallel and {"parallel", "matrix"} & set(kinds):
            self.report(call.at, "parallel stages cannot be inside parallel stages")

    def matrix(self, call: Call | None, name: Node, depth: int) -> Matrix | None:
        block = None if call is None else self.block(call)
        if call is None or block is None:
            return None
        own = ("axes", "excludes")
        rest = tuple(section for section in _STAGE_SECTIONS if section not in _WORK)
        found = self.sections(block, "matrix", (*own, *rest, "stages"))
        for section in ("axes", "stages"):
            if section not in found:
                self.report(call.at, f"'matrix' needs the section '{section}'")
        cell = {section: item for section, item in found.items() if section not in own}
        return Matrix(
            self._axes(found.get("axes")),
            self._excludes(found.get("excludes")),
            self._stage_of(call, name, cell, depth),
        )

    def _axes(self, call: Call | None) -> tuple[Axis, ...]:
        block = None if call is None else self.block(call)
        if block is None:
            return ()
        found = (self.axis(item) for item in self.calls(block, "axes"))
        return tuple(axis for axis in found if axis is not None)

    def _excludes(self, call: Call | None) -> tuple[tuple[Axis, ...], ...]:
        block = None if call is None else self.block(call)
        if block is None:
            return ()
        return tuple(self._axes(item) for item in self.calls(block, "excludes"))

    def axis(self, call: Call) -> Axis | None:
        block = block_of(call)
        if callee_name(call) != "axis" or block is None:
            self.report(call.at, "expected axis { name '...'; values '...' }")
            return None
        found = self.sections(block, "axis", ("name", "values", "notValues"))
        values = found.get("values") or found.get("notValues")
        name = constant(first_value(found["name"])) if "name" in found else None
        if not isinstance(name, str) or values is None:
            self.report(call.at, "an axis needs 'name' and 'values'")
            return None
        texts = tuple(str(constant(node)) for node in values.arguments)
        return Axis(name, texts, "notValues" in found)

    # Other sections

    def environment(self, call: Call | None) -> tuple[Variable, ...]:
        block = None if call is None else self.block(call)
        if block is None:
            return ()
        found: dict[str, Variable] = {}
        for statement in block.body.statements:
            variable = _variable(statement)
            if variable is None:
                self.report(statement.at, "environment takes lines of the form NAME = 'value'")
            elif variable.name in found:
                self.report(variable.at, f"the variable '{variable.name}' is there twice")
            else:
                found[variable.name] = variable
        return tuple(found.values())

    def options(self, call: Call | None) -> tuple[Call, ...]:
        block = None if call is None else self.block(call)
        if block is None:
            return ()
        found = tuple(self.calls(block, "options"))
        for item in found:
            if callee_name(item) not in OPTIONS:
                self.report(item.at, f"unknown option '{callee_name(item)}'")
        return found

    def parameters(self, call: Call | None) -> tuple[Call, ...]:
        block = None if call is None else self.block(call)
        if block is None:
            return ()
        known = {"string", "text", "booleanParam", "choice", "password", "credentials"}
        found = tuple(self.calls(block, "parameters"))
        for item in found:
            if callee_name(item) not in known:
                self.report(item.at, f"unknown kind of parameter '{callee_name(item)}'")
        return found

    def when(self, call: Call | None) -> When | None:
        block = None if call is None else self.block(call)
        if block is None:
            return None
        conditions: list[Call] = []
        before_agent = False
        for item in self.calls(block, "when"):
            name = callee_name(item)
            if name in {"beforeAgent", "beforeInput", "beforeOptions"}:
                value = constant(first_value(item)) is True
                before_agent = before_agent or (name != "beforeInput" and value)
            else:
                self._condition(item)
                conditions.append(item)
        return When(tuple(conditions), before_agent)

    def _condition(self, call: Call) -> None:
        name = callee_name(call)
        if name not in CONDITIONS:
            self.report(call.at, f"unknown condition '{name}' in 'when'")
        if name in {"not", "allOf", "anyOf"}:
            block = self.block(call)
            inner = [] if block is None else list(self.calls(block, name))
            if name == "not" and len(inner) > 1:
                self.report(call.at, "'not' takes one condition", "use not { anyOf { ... } }")
            for item in inner:
                self._condition(item)

    def post(self, call: Call | None) -> dict[str, Closure]:
        block = None if call is None else self.block(call)
        if block is None:
            return {}
        found: dict[str, Closure] = {}
        for name, item in self.sections(block, "post", POST_CONDITIONS).items():
            steps = self.steps(item)
            if steps is not None:
                found[name] = steps
        return found

    def steps(self, call: Call | None) -> Closure | None:
        """A block of steps: only calls of steps; code belongs into script { }."""
        block = None if call is None else self.block(call)
        if block is None:
            return None
        self._only_steps(block)
        return block

    def _only_steps(self, block: Closure) -> None:
        for statement in block.body.statements:
            node = statement.expression if isinstance(statement, tree.ExpressionStatement) else None
            if not (isinstance(node, Call) and isinstance(node.callee, tree.Name)):
                what = _code_name(statement)
                self.report(statement.at, f"{what} is not a step", "wrap it in script { ... }")
                continue
            if node.callee.name == "stage":
                hint = "is a brace missing or doubled?"
                message = "a stage cannot be inside the steps of another stage"
                self.report(node.at, message, hint)
            inner = block_of(node)
            if inner is not None and node.callee.name != "script":
                self._only_steps(inner)


def _code_name(statement: Node) -> str:
    node = statement.expression if isinstance(statement, tree.ExpressionStatement) else statement
    match node:
        case tree.Assign():
            return "an assignment"
        case Call():
            return "a method call"
        case tree.Declaration():
            return "a declaration"
        case tree.Name():
            return f"'{node.name}'"
    return f"'{type(node).__name__.lower()}'"


def _variable(statement: Node) -> Variable | None:
    node = statement.expression if isinstance(statement, tree.ExpressionStatement) else None
    if isinstance(node, tree.Assign) and isinstance(node.target, tree.Name) and not node.operator:
        return Variable(node.target.at, node.target.name, node.value)
    return None
