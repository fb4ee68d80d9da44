"""Steps with blocks: stages, directories, environment, errors, time, parallel branches. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from towline.errors import TowlineError
from towline.pipeline.commands import Sleep, StepFailed
from towline.pipeline.durations import jenkins_seconds
from towline.pipeline.jenkins.arguments import StepCall
from towline.pipeline.jenkins.failures import (
    abort,
    describe,
    failure_of,
    interrupted,
    thrown_from,
)
from towline.pipeline.jenkins.paths import inside_workspace
from towline.pipeline.jenkins.results import Result, parse_result
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.table import Step, step
from towline.pipeline.jenkins.surroundings import Stage, Surroundings
from towline.text.groovy import ClosureValue, ExceptionValue, Site, Thrown, to_text, truth

_MAX_BRANCHES = 100
_MAX_RETRIES = 1_000
_LONGEST_PAUSE = 15.0


async def _block(session: Session, call: StepCall) -> Any:
    """A block that changes nothing: `node`, `script`, `timestamps` and their kin."""
    return await session.call(call.block(), call.site, call.site.state.inside())


async def _stage(session: Session, call: StepCall) -> Any:
    state: Surroundings = call.site.state
    ids = state.ids.child()
    stage = Stage(ids.prefix, call.text("name"))
    if call.body is None:
        session.log(f"[Pipeline] {{ ({stage.name})", call.site)
        end_flat_stage(session)
        session.flat_stage = stage
        session.stage_changed(stage, "running")
        return None
    body = call.body

    async def run() -> Any:
        return await session.call(body, call.site, state.inside(stage=stage, ids=ids))

    return await in_stage(session, call.site, stage, run)


async def in_stage(
    session: Session, site: Site, stage: Stage, run: Callable[[], Awaitable[Any]]
) -> Any:
    """Runs something as a stage: tells its begin and its end, whatever happens."""
    session.log(f"[Pipeline] {{ ({stage.name})", site)
    session.stage_changed(stage, "running")
    try:
        return await run()
    except Thrown as thrown:
        stage.worsen(failure_of(thrown.value).result, describe(thrown.value))
        raise
    except TowlineError as error:
        stage.worsen("FAILURE", str(error))
        raise
    except BaseException:
        stage.worsen("ABORTED", "interrupted")
        raise
    finally:
        session.end_stage(stage)


def end_flat_stage(session: Session) -> None:
    """Ends the stage of the old form, if there is one."""
    if session.flat_stage is not None:
        session.end_stage(session.flat_stage)
        session.flat_stage = None


async def _dir(session: Session, call: StepCall) -> Any:
    state: Surroundings = call.site.state
    cwd = inside_workspace(call.text("path"), state.cwd, session.workspace)
    return await session.call(call.block(), call.site, state.inside(cwd=cwd))


async def _with_env(session: Session, call: StepCall) -> Any:
    state: Surroundings = call.site.state
    entries = call.value("overrides")
    meter = call.site.interpreter.meter
    if not isinstance(entries, list):
        raise abort("withEnv needs a list: withEnv(['NAME=value'])")
    overlay = dict(state.overlay)
    present = session.environment(state)
    for entry in entries:
        name, sign, value = to_text(entry, meter).partition("=")
        if not sign or not name:
            raise abort(f"withEnv: '{name}' is not of the form NAME=value")
        variable, plus, _ = name.partition("+")
        if plus:
            before = overlay.get(variable) or present.get(variable)
            value = f"{value}:{before}" if before else value
        overlay[variable] = value if value or plus else None
    return await session.call(call.block(), call.site, state.inside(overlay=overlay))


# Errors


async def _catch_error(session: Session, call: StepCall) -> None:
    build = _result(call, "buildResult", "FAILURE")
    stage = _result(call, "stageResult", "SUCCESS")
    try:
        await session.call(call.block(), call.site, call.site.state.inside())
    except Thrown as thrown:
        catch = call.flag("catchInterruptions", default=True)
        _handle(session, call, thrown.value, build, stage, catch=catch, thrown=thrown)


def _handle(
    session: Session,
    call: StepCall,
    error: ExceptionValue,
    build: Result,
    stage: Result,
    *,
    catch: bool,
    thrown: Thrown,
) -> None:
    """What `catchError` does with an error; an interruption brings its own result."""
    failure = failure_of(error)
    if failure.interruption:
        if not catch and failure.actual:
            raise thrown
        build = stage = failure.result
    message = call.text("message")
    if message:
        session.log(message, call.site)
    session.log(f"ERROR: {describe(error)}", call.site)
    session.worsen(build)
    present = call.site.state.stage or session.flat_stage
    if present is not None:
        present.worsen(stage, message or describe(error))


def _result(call: StepCall, parameter: str, default: Result) -> Result:
    """A result argument; `null` is written as SUCCESS: leave it as it is."""
    if parameter not in call.values:
        return default
    value = call.values[parameter]
    if value is None:
        return "SUCCESS"
    result = parse_result(value)
    if result is None:
        raise abort(f"{call.name}: {parameter} '{value}' is not a result")
    return result


async def _warn_error(session: Session, call: StepCall) -> None:
    try:
        await session.call(call.block(), call.site, call.site.state.inside())
    except Thrown as thrown:
        catch = call.flag("catchInterruptions", default=True)
        _handle(session, call, thrown.value, "UNSTABLE", "UNSTABLE", catch=catch, thrown=thrown)


# Time


async def _timeout(session: Session, call: StepCall) -> Any:
    if call.flag("activity"):
        raise abort("timeout: 'activity' is not supported")
    try:
        seconds = jenkins_seconds(call.number("time"), call.text("unit", "MINUTES"))
    except ValueError as error:
        raise abort(f"timeout: {error}") from error
    body, state = call.block(), call.site.state.inside(unwinds=True)

    async def run() -> Any:
        return await session.call(body, call.site, state)

    return await with_timeout(session, call.site, seconds, run)


async def with_timeout(
    session: Session, site: Site, seconds: float, run: Callable[[], Awaitable[Any]]
) -> Any:
    """Runs something with a time-out; its interruption no longer interrupts further out."""
    if seconds <= 0:
        raise abort("timeout: the time must be above zero")
    session.log(f"Timeout set to expire in {seconds:g} s", site)
    try:
        return await session.executor.with_timeout(seconds, run)
    except StepFailed as error:
        message = error.message or "Timeout has been exceeded"
        failed = StepFailed(message, result=error.result, interruption=error.interruption)
        raise thrown_from(failed, actual=False) from error


async def _retry(session: Session, call: StepCall) -> Any:
    count = int(call.number("count"))
    if not 1 <= count <= _MAX_RETRIES:
        raise abort(f"retry: the count must be 1 to {_MAX_RETRIES}")
    body = call.block()

    async def run(state: Surroundings) -> Any:
        return await session.call(body, call.site, state)

    return await retry(session, call.site, count, run)


async def retry(
    session: Session, site: Site, count: int, run: Callable[[Surroundings], Awaitable[Any]]
) -> Any:
    """Runs something until it works, at most `count` times; real interruptions end it."""
    ids = site.state.ids.child()
    for attempt in range(1, count + 1):
        try:
            return await run(site.state.inside(ids=ids))
        except Thrown as thrown:
            if attempt == count or failure_of(thrown.value).actual:
                raise
            session.log(f"ERROR: {describe(thrown.value)}", site)
            session.log("Retrying", site)
    return None


async def _wait_until(session: Session, call: StepCall) -> None:
    body, ids = call.block(), call.site.state.ids.child()
    pause = 0.25
    while not truth(await session.call(body, call.site, call.site.state.inside(ids=ids))):
        session.log(f"Will try again after {pause:g} s", call.site)
        site = call.site.with_state(call.site.state.inside(ids=ids))
        await session.execute(Sleep(seconds=pause), site)
        pause = min(pause * 1.2, _LONGEST_PAUSE)


# Parallel branches


async def _parallel(session: Session, call: StepCall) -> dict[str, Any]:
    values = dict(call.values)
    fail_fast = truth(values.pop("failFast", False))
    branches: dict[str, ClosureValue] = {}
    for name, value in values.items():
        if not isinstance(value, ClosureValue):
            raise abort(f"parallel: the branch '{name}' is not a block")
        branches[name] = value
    ids = call.site.state.ids.child()

    def branch(name: str) -> Callable[[], Awaitable[Any]]:
        outer: Surroundings = call.site.state
        state = outer.inside(ids=ids.child(), unwinds=fail_fast or outer.unwinds)

        async def run() -> Any:
            return await session.call(branches[name], call.site, state)

        return run

    names = list(branches)
    bodies = [branch(name) for name in names]
    return await in_parallel(session, names, bodies, fail_fast=fail_fast)


async def in_parallel(
    session: Session,
    names: list[str],
    branches: list[Callable[[], Awaitable[Any]]],
    *,
    fail_fast: bool,
) -> dict[str, Any]:
    """Runs branches at once; raises the most severe of their errors after all have ended."""
    if not branches:
        return {}
    if len(branches) > _MAX_BRANCHES:
        raise abort(f"parallel: more than {_MAX_BRANCHES} branches")
    values = await session.executor.parallel(branches, fail_fast=fail_fast)
    errors = [value for value in values if isinstance(value, BaseException)]
    for error in errors:
        if isinstance(error, Exception) and not isinstance(error, Thrown | StepFailed):
            raise error
    failed = [_as_thrown(error) for error in errors]
    if failed:
        raise min(failed, key=_severity)
    return dict(zip(names, values, strict=True))


def _as_thrown(error: BaseException) -> Thrown:
    """A branch's error; one that was cancelled by failFast is an interruption."""
    if isinstance(error, Thrown):
        return error
    if isinstance(error, StepFailed):
        return thrown_from(error)
    return interrupted("Failed in another branch", "ABORTED", actual=False)


def _severity(thrown: Thrown) -> int:
    """Lower is worse: real errors, plain failures, interruptions."""
    if failure_of(thrown.value).interruption:
        return 2
    return 1 if thrown.value.type_name == "AbortException" else 0


async def _container(session: Session, call: StepCall) -> Any:
    session.log("container: runs in the present workspace, without a pod", call.site)
    return await session.call(call.block(), call.site, call.site.state.inside())


async def _lock(session: Session, call: StepCall) -> Any:
    session.log("lock: runs of one pipeline wait for each other; other locks do nothing", call.site)
    return await session.call(call.block(), call.site, call.site.state.inside())


def _plain_block(*parameters: str, quiet: bool = False) -> Step:
    return step(_block, *parameters, body="yes", lenient=True, quiet=quiet)


FLOW: dict[str, Step] = {
    "node": _plain_block("label"),
    "script": _plain_block(quiet=True),
    "timestamps": _plain_block(),
    "ansiColor": _plain_block("colorMapName"),
    "wrap": _plain_block("delegate"),
    "ws": step(_dir, "path", "dir", required=("path",), body="yes"),
    "dir": step(_dir, "path", required=("path",), body="yes"),
    "stage": step(_stage, "name", "concurrency", required=("name",), body="maybe"),
    "container": step(_container, "name", "shell", body="yes"),
    "lock": step(_lock, "resource", body="yes", lenient=True),
    "withEnv": step(_with_env, "overrides", required=("overrides",), body="yes"),
    "catchError": step(
        _catch_error,
        "message",
        "buildResult",
        "stageResult",
        "catchInterruptions",
        body="yes",
    ),
    "warnError": step(_warn_error, "message", "catchInterruptions", body="yes"),
    "timeout": step(_timeout, "time", "unit", "activity", required=("time",), body="yes"),
    "retry": step(_retry, "count", "conditions", required=("count",), body="yes"),
    "waitUntil": step(_wait_until, "initialRecurrencePeriod", "quiet", body="yes"),
    "parallel": step(_parallel, lenient=True),
}
