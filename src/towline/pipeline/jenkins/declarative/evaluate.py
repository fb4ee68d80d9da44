"""Runs a declarative pipeline: agents, environments, options, stages, post. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from towline.pipeline.jenkins.declarative.load import load_pipeline
from towline.pipeline.jenkins.declarative.model import (
    Agent,
    Axis,
    Matrix,
    PipelineModel,
    StageModel,
)
from towline.pipeline.jenkins.declarative.post import run_post
from towline.pipeline.jenkins.declarative.sections import callee_name, first_value, named
from towline.pipeline.jenkins.declarative.surround import Blocks
from towline.pipeline.jenkins.declarative.when import Conditions
from towline.pipeline.jenkins.failures import abort, describe, failure_of
from towline.pipeline.jenkins.results import Result, worst
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.accepted import declare_parameters, describe_value
from towline.pipeline.jenkins.steps.flow import in_parallel, in_stage
from towline.pipeline.jenkins.steps.scm import checkout
from towline.pipeline.jenkins.surroundings import Stage, StepIds, Surroundings
from towline.text.groovy import Arguments, ClosureValue, Site, Thrown, tree
from towline.text.groovy.execute import is_cancellation
from towline.text.groovy.tree import Call, Closure

_MAX_CELLS = 256


async def run_declarative(session: Session, body: ClosureValue, site: Site) -> None:
    """Runs the block of `pipeline { }`.

    Raises:
        Thrown: With the first problem when the block is not valid, or with the failure.
    """
    if not isinstance(body.code, Closure):
        raise abort("pipeline needs a block: pipeline { ... }")
    model, problems = load_pipeline(body.code)
    if problems:
        first = problems[0]
        raise abort(f"line {first.at.line}: {first.message}")
    await _Run(session, model, body).pipeline(site)


class _Run:
    def __init__(self, session: Session, model: PipelineModel, body: ClosureValue) -> None:
        self.session = session
        self.model = model
        self.blocks = Blocks(session, body)
        self.skip: str = ""
        self.checked_out = False

    # The whole pipeline

    async def pipeline(self, site: Site) -> None:
        await self._declare_parameters(site)
        error: Thrown | None = None
        inner = site
        try:
            async with (
                self.blocks.agent(self.model.agent, site, self._checkout) as placed,
                self.blocks.environment(self.model.environment, placed) as inner,
            ):
                error = await self._stages_and_post(inner)
        except Thrown as thrown:
            error = thrown
            if self.model.post and inner is site:
                self.session.worsen(failure_of(thrown.value).result)
                await self._post_of_pipeline(site)
        if error is not None:
            raise error

    async def _stages_and_post(self, site: Site) -> Thrown | None:
        """Runs the stages under the options, then the actions after them; returns the failure."""
        error: Thrown | None = None
        try:
            await self.blocks.options(self.model.options, site, self._all_stages)
        except Thrown as thrown:
            error = thrown
            self.session.worsen(failure_of(thrown.value).result)
        failed = await self._post_of_pipeline(site)
        return error or failed

    async def _all_stages(self, site: Site) -> None:
        await self._sequence(self.model.stages, site)

    async def _post_of_pipeline(self, site: Site) -> Thrown | None:
        if not self.model.post:
            return None
        stage = Stage(site.state.ids.child().prefix, "Declarative: Post Actions")
        failed: list[Thrown] = []

        async def run() -> None:
            inside = site.with_state(site.state.inside(stage=stage))
            result = self.session.current_result
            problem = await run_post(self.session, self.blocks, self.model.post, result, inside)
            if problem is not None:
                failed.append(problem)
                stage.worsen("FAILURE", describe(problem.value))

        await in_stage(self.session, site, stage, run)
        return failed[0] if failed else None

    async def _declare_parameters(self, site: Site) -> None:
        declared = [await self._described(call, site) for call in self.model.parameters]
        declare_parameters(self.session, declared)

    async def _described(self, call: Call, site: Site) -> dict[str, Any]:
        values = {name: await self.blocks.value(node, site) for name, node in named(call).items()}
        unnamed = first_value(call)
        positional = [] if unnamed is None else [await self.blocks.value(unnamed, site)]
        return describe_value(callee_name(call), Arguments(positional, values))

    async def _checkout(self, site: Site) -> None:
        """The automatic checkout, in a stage of its own the first time."""
        if self.session.context.scm is None or self._option("skipDefaultCheckout"):
            return
        if self.checked_out:
            return
        self.checked_out = True
        stage = Stage(site.state.ids.child().prefix, "Declarative: Checkout SCM")
        inside = site.with_state(site.state.inside(stage=stage))

        async def run() -> None:
            await checkout(self.session, inside)

        await in_stage(self.session, site, stage, run)

    def _option(self, name: str) -> bool:
        return any(callee_name(option) == name for option in self.model.options)

    # Stages

    async def _sequence(self, stages: tuple[StageModel, ...], site: Site) -> None:
        """Runs stages in order; after a failure the others are skipped, with the reason."""
        error: Thrown | None = None
        for model in stages:
            if error is not None or self.skip:
                await self._skipped(model, site, self.skip or "skipped due to earlier failure(s)")
                continue
            try:
                await self._stage(model, site)
            except Thrown as thrown:
                error = thrown
                self.session.worsen(failure_of(thrown.value).result)
        if error is not None:
            raise error

    async def _skipped(self, model: StageModel, site: Site, why: str) -> None:
        name = await self.blocks.text(model.name, site)
        stage = Stage(site.state.ids.child().prefix, name)
        self.session.log(f'Stage "{name}" {why}', site)
        stage.worsen("NOT_BUILT", why)
        self.session.end_stage(stage)
        for inner in (*model.stages, *model.parallel):
            await self._skipped(inner, site, why)

    async def _stage(
        self, model: StageModel, site: Site, variables: dict[str, str] | None = None
    ) -> None:
        name = await self.blocks.text(model.name, site)
        ids = site.state.ids.child()
        stage = Stage(ids.prefix, name)
        overlay = site.state.with_variables(variables or {})
        inside = site.with_state(site.state.inside(ids=ids, stage=stage, overlay=overlay))
        await in_stage(self.session, inside, stage, lambda: self._stage_body(model, stage, inside))
        if stage.result == "UNSTABLE" and self._option("skipStagesAfterUnstable"):
            self.skip = "skipped due to earlier stage(s) marking the build as unstable"

    async def _stage_body(self, model: StageModel, stage: Stage, site: Site) -> None:
        """Condition, options, agent, environment, work and post, in their order."""

        async def placed(inner: Site) -> None:
            agent = model.agent or Agent("any")
            async with self.blocks.agent(agent, inner, self._stage_checkout(model)) as at:
                if early or await self._wanted(model, stage, at):
                    async with self.blocks.environment(model.environment, at) as final:
                        await self._work_and_post(model, stage, final)

        early = model.when is not None and model.when.before_agent
        if early and not await self._wanted(model, stage, site):
            return
        await self.blocks.options(model.options, site, placed)

    def _stage_checkout(self, model: StageModel) -> Callable[[Site], Awaitable[None]]:
        async def nothing(site: Site) -> None:
            return None

        own = model.agent is not None and model.agent.kind != "none"
        return self._checkout if own and self.model.agent.kind == "none" else nothing

    async def _wanted(self, model: StageModel, stage: Stage, site: Site) -> bool:
        if model.when is None:
            return True
        conditions = Conditions(
            self.session,
            site.state,
            lambda node: self.blocks.value(node, site),
            lambda block: self.blocks.run(block, site),
        )
        if await conditions.all(model.when.conditions):
            return True
        self.session.log(f'Stage "{stage.name}" skipped due to when conditional', site)
        stage.worsen("NOT_BUILT", "skipped due to when conditional")
        for inner in (*model.stages, *model.parallel):
            await self._skipped(inner, site, "skipped due to when conditional")
        return False

    async def _work_and_post(self, model: StageModel, stage: Stage, site: Site) -> None:
        error: Thrown | None = None
        try:
            await self._work(model, site)
        except Thrown as thrown:
            error = thrown
            stage.worsen(failure_of(thrown.value).result, describe(thrown.value))
        except BaseException as stop:
            # A time-out outside of this stage has expired: its actions still run.
            if is_cancellation(stop) and site.state.unwinds and model.post:
                stage.worsen("ABORTED", "interrupted")
                await run_post(self.session, self.blocks, model.post, "ABORTED", site)
            raise
        if model.post:
            result = _stage_result(self.session, stage, error)
            problem = await run_post(self.session, self.blocks, model.post, result, site)
            error = error or problem
        if error is not None:
            raise error

    async def _work(self, model: StageModel, site: Site) -> None:
        fail_fast = model.fail_fast or self._option("parallelsAlwaysFailFast")
        if model.matrix is not None:
            await self._matrix(model.matrix, site, fail_fast=fail_fast)
        elif model.steps is not None:
            await self.blocks.run(model.steps, site)
        elif model.parallel:
            await self._parallel(model, site, fail_fast=fail_fast)
        else:
            await self._sequence(model.stages, site)

    # Branches

    async def _parallel(self, model: StageModel, site: Site, *, fail_fast: bool) -> None:
        ids = site.state.ids.child()
        names = [await self.blocks.text(stage.name, site) for stage in model.parallel]
        branches = [
            self._branch(stage, site, ids, {}, unwinds=fail_fast) for stage in model.parallel
        ]
        await in_parallel(self.session, names, branches, fail_fast=fail_fast)

    def _branch(
        self,
        model: StageModel,
        site: Site,
        ids: StepIds,
        variables: dict[str, str],
        *,
        unwinds: bool,
    ) -> Callable[[], Awaitable[None]]:
        state: Surroundings = site.state
        inside = state.inside(ids=ids.child(), unwinds=unwinds or state.unwinds)

        async def run() -> None:
            await self._stage(model, site.with_state(inside), variables)

        return run

    async def _matrix(self, matrix: Matrix, site: Site, *, fail_fast: bool) -> None:
        cells = _cells(matrix)
        if len(cells) > _MAX_CELLS:
            raise abort(f"a matrix of more than {_MAX_CELLS} cells")
        ids = site.state.ids.child()
        names = [_cell_name(cell) for cell in cells]
        branches = []
        for name, cell in zip(names, cells, strict=True):
            literal = tree.Literal(matrix.cell.at, name)
            model = msgspec.structs.replace(matrix.cell, name=literal)
            branches.append(self._branch(model, site, ids, cell, unwinds=fail_fast))
        await in_parallel(self.session, names, branches, fail_fast=fail_fast)


def _stage_result(session: Session, stage: Stage, error: Thrown | None) -> Result:
    """The status that the actions after a stage look at."""
    result = worst(session.current_result, stage.result)
    return result if error is None else worst(result, failure_of(error.value).result)


def _cells(matrix: Matrix) -> list[dict[str, str]]:
    """Combinations of the axes' values that no exclusion matches."""
    size = 1
    for axis in matrix.axes:
        size *= len(axis.values)
    if size > _MAX_CELLS * 4:
        raise abort(f"a matrix of {size} cells")
    names = [axis.name for axis in matrix.axes]
    products = itertools.product(*(axis.values for axis in matrix.axes))
    cells = [dict(zip(names, values, strict=True)) for values in products]
    return [cell for cell in cells if not any(_excluded(cell, rule) for rule in matrix.excludes)]


def _excluded(cell: dict[str, str], rule: tuple[Axis, ...]) -> bool:
    return all((cell.get(axis.name) in axis.values) != axis.negated for axis in rule)


def _cell_name(cell: dict[str, str]) -> str:
    return "Matrix - " + ", ".join(f"{name} = '{value}'" for name, value in cell.items())
