"""A run in progress: its result, environment, stages; the one door to the executor. Pure."""

from __future__ import annotations

from typing import Any

from towline.errors import TowlineError
from towline.pipeline.commands import Command, Executor, StageChanged, StepContext, StepFailed
from towline.pipeline.jenkins.context import RunContext, StageOutcome
from towline.pipeline.jenkins.failures import abort, thrown_from
from towline.pipeline.jenkins.results import Result, stage_status, worst
from towline.pipeline.jenkins.surroundings import Stage, Surroundings
from towline.text.groovy import ClosureValue, Site


class Session:
    """The mutable part of a run.

    Attributes:
        context: What the run was started with.
        executor: Carries out commands.
        result: Result so far; None while nothing went wrong.
        variables: `env.X = ...` assignments.
        checkout: `GIT_*` variables of the last checkout.
        secrets: All secret values that were bound so far.
        display_name: As the script set it.
        description: As the script set it.
        flat_stage: The stage opened by the old form `stage 'x'`, without a block.
        extra_parameters: Declared defaults for parameters that the run did not give.
    """

    def __init__(self, context: RunContext, executor: Executor) -> None:
        self.context = context
        self.executor = executor
        self.result: Result | None = None
        self.variables: dict[str, str] = {}
        self.checkout: dict[str, str] = {}
        self.secrets: set[str] = set()
        self.display_name = ""
        self.description = ""
        self.flat_stage: Stage | None = None
        self.extra_parameters: dict[str, str | bool] = {}
        self._stages: dict[str, StageOutcome] = {}
        self._built_in = _built_in(context)

    @property
    def outcomes(self) -> tuple[StageOutcome, ...]:
        """Stages so far, in the order of their start."""
        return tuple(self._stages.values())

    @property
    def current_result(self) -> Result:
        """The result so far, SUCCESS while nothing went wrong."""
        return self.result or "SUCCESS"

    @property
    def parameters(self) -> dict[str, str | bool]:
        """Parameters of the run: given ones over declared defaults."""
        return {**self.extra_parameters, **self.context.params}

    def worsen(self, result: Result) -> None:
        """Lets the result get worse, never better."""
        self.result = worst(self.current_result, result)

    # Environment

    def environment(self, state: Surroundings) -> dict[str, str]:
        """The whole environment of a scope."""
        merged: dict[str, str] = {**self._built_in, **self.checkout}
        merged |= {name: _as_text(value) for name, value in self.parameters.items()}
        merged |= self.variables
        stage = state.stage or self.flat_stage
        if stage is not None:
            merged["STAGE_NAME"] = stage.name
        for name, value in state.overlay.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
        return merged

    def variable(self, name: str, state: Surroundings) -> str | None:
        """One variable of a scope."""
        return self.environment(state).get(name)

    @property
    def workspace(self) -> str:
        """Absolute path of the workspace."""
        return self._built_in.get("WORKSPACE", "/workspace")

    # Stages

    def stage_changed(self, stage: Stage, status: str) -> None:
        """Tells the executor, and keeps the outcome."""
        self._stages[stage.stage_id] = StageOutcome(
            stage_id=stage.stage_id, name=stage.name, status=status, message=stage.message
        )
        self.executor.stage(
            StageChanged(
                stage_id=stage.stage_id, name=stage.name, status=status, message=stage.message
            )
        )

    def end_stage(self, stage: Stage) -> None:
        """Ends a stage with what happened in it."""
        self.stage_changed(stage, stage_status(stage.result))

    # Commands and log

    def step_context(self, site: Site, step_id: str) -> StepContext:
        """The context of a command that is called from a site."""
        state: Surroundings = site.state
        stage = state.stage or self.flat_stage
        return StepContext(
            step_id=step_id,
            stage="" if stage is None else stage.name,
            line=site.line,
            env=self.environment(state),
            cwd=state.cwd,
            container=state.container,
            secrets=frozenset(self.secrets),
        )

    async def execute(self, command: Command, site: Site) -> Any:
        """Carries out a command.

        Raises:
            Thrown: When it failed, in the shape that the script may catch.
        """
        context = self.step_context(site, site.state.ids.next())
        try:
            return await self.executor.execute(command, context)
        except StepFailed as error:
            raise thrown_from(error) from error
        except TowlineError as error:
            raise abort(str(error)) from error

    def log(self, text: str, site: Site) -> None:
        """Appends lines to the log."""
        self.executor.log(text, self.step_context(site, site.state.ids.prefix))

    async def call(
        self, body: ClosureValue, site: Site, state: Surroundings, *arguments: Any
    ) -> Any:
        """Runs a block of the script in the given surroundings."""
        return await site.interpreter.call(body, list(arguments), state, site.depth)


def _as_text(value: str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _built_in(context: RunContext) -> dict[str, str]:
    """Variables that every run has, unless the context says otherwise."""
    number, job = str(context.number), context.job
    known = {
        "BUILD_NUMBER": number,
        "BUILD_ID": number,
        "BUILD_DISPLAY_NAME": f"#{number}",
        "JOB_NAME": job,
        "JOB_BASE_NAME": job.rsplit("/", 1)[-1],
        "BUILD_TAG": f"jenkins-{job.replace('/', '-')}-{number}",
        "EXECUTOR_NUMBER": "0",
        "NODE_NAME": "built-in",
        "NODE_LABELS": "built-in",
        "CI": "true",
    }
    if context.url:
        known |= {"BUILD_URL": context.url, "RUN_DISPLAY_URL": context.url}
    if context.scm is not None and context.scm.branch:
        known["BRANCH_NAME"] = context.scm.branch
    known |= context.env
    if "WORKSPACE" in known:
        known.setdefault("WORKSPACE_TMP", f"{known['WORKSPACE']}@tmp")
    return known
