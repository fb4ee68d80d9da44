"""Runs a parsed Jenkinsfile against an executor, from its first step to its result. Pure."""

from __future__ import annotations

import msgspec

from towline.errors import LimitError
from towline.pipeline.commands import Executor, StepContext
from towline.pipeline.jenkins.context import RunContext, RunOutcome
from towline.pipeline.jenkins.failures import describe, failure_of
from towline.pipeline.jenkins.host import JenkinsHost
from towline.pipeline.jenkins.results import Result
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.flow import end_flat_stage
from towline.pipeline.jenkins.surroundings import StepIds, Surroundings
from towline.pipeline.masking import Masker
from towline.text.groovy import Interpreter, Script, Thrown


async def run_jenkinsfile(script: Script, context: RunContext, executor: Executor) -> RunOutcome:
    """Runs a pipeline file.

    A step that fails is an exception which the file may catch; what it does not catch is the run's
    result. Aborting by a person: let the command in flight raise `StepFailed(interruption=True,
    result="ABORTED")`, so that `finally` and `post` still run. Cancelling the task stops at once:
    only what blocks hold (containers, credential files) is released, by further commands.

    Args:
        script: The file, parsed by `towline.text.groovy.parse`.
        context: What the run knows when it starts.
        executor: Carries out commands.

    Returns:
        Result, error (masked) and stages.
    """
    session = Session(context, executor)
    interpreter = Interpreter(script, JenkinsHost(session), context.limits)
    state = Surroundings(ids=StepIds(""))
    error = ""
    try:
        await interpreter.run(state)
    except Thrown as thrown:
        result = failure_of(thrown.value).result
        place = f"{script.file}:{thrown.value.line}: " if thrown.value.line else ""
        error = _fail(session, state, result, describe(thrown.value), place)
    except LimitError as limit:
        error = _fail(session, state, "FAILURE", str(limit), f"{script.file}: ")
    finally:
        end_flat_stage(session)
    masker = Masker(session.secrets)
    stages = tuple(
        msgspec.structs.replace(stage, message=masker.mask(stage.message))
        for stage in session.outcomes
    )
    return RunOutcome(
        result=session.current_result,
        error=error,
        stages=stages,
        display_name=session.display_name,
        description=session.description,
        variables=dict(session.variables),
    )


def _fail(session: Session, state: Surroundings, result: Result, message: str, place: str) -> str:
    """Takes note of the error that ended the run, and logs it with its place."""
    masked = Masker(session.secrets).mask(message)
    session.worsen(result)
    if session.flat_stage is not None:
        session.flat_stage.worsen(result, masked)
    context = StepContext(
        step_id="",
        stage="",
        line=0,
        env=session.environment(state),
        secrets=frozenset(session.secrets),
    )
    session.executor.log(f"ERROR: {place}{masked}", context)
    return masked
