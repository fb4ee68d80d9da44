"""`build job:`: starts another pipeline and takes over its result. Pure."""

from __future__ import annotations

import posixpath

from towline.pipeline.commands import BuildJob, JobResult
from towline.pipeline.jenkins.arguments import StepCall
from towline.pipeline.jenkins.failures import abort, interrupted
from towline.pipeline.jenkins.objects import RunObject
from towline.pipeline.jenkins.results import parse_result
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.table import Step, step
from towline.text.groovy import to_text


async def _build(session: Session, call: StepCall) -> RunObject | None:
    job = resolve_job(session, call.text("job"))
    parameters = _parameters(session, call, job)
    wait = call.flag("wait", default=True)
    command = BuildJob(job=job, parameters=parameters, wait=wait)
    done: JobResult = await session.execute(command, call.site)
    if not wait:
        return None
    result = parse_result(done.result) or "FAILURE"
    session.log(f"{done.job} #{done.number} completed: {result}", call.site)
    if result != "SUCCESS" and call.flag("propagate", default=True):
        message = f"{done.job} #{done.number} completed with status {result}"
        raise interrupted(message, result, actual=False)
    return RunObject(done.job, done.number, result, done.url)


def resolve_job(session: Session, name: str) -> str:
    """The full name of a job, given relative to the folder of the present one.

    Raises:
        Thrown: When the known jobs do not have it.
    """
    folder = posixpath.dirname(session.context.job)
    full = posixpath.normpath(posixpath.join("/", folder, name)).lstrip("/")
    jobs = session.context.jobs
    if jobs is None:
        return full
    for candidate in (full, name):
        if candidate in jobs:
            return candidate
    raise abort(f"No item named {name} found")


def _parameters(session: Session, call: StepCall, job: str) -> dict[str, str]:
    given = call.value("parameters", [])
    if not isinstance(given, list):
        raise abort("build: 'parameters' must be a list")
    known = None if session.context.jobs is None else session.context.jobs.get(job)
    values: dict[str, str] = {}
    meter = call.site.interpreter.meter
    for item in given:
        if not isinstance(item, dict) or "name" not in item:
            raise abort("build: each parameter needs a name: string(name: 'X', value: 'y')")
        name = to_text(item["name"], meter)
        if known is not None and name not in known:
            session.log(f"build: {job} has no parameter '{name}'; it is dropped", call.site)
            continue
        value = item.get("value")
        values[name] = "" if value is None else to_text(value, meter)
    return values


JOBS: dict[str, Step] = {
    "build": step(
        _build,
        "job",
        "parameters",
        "wait",
        "propagate",
        "quietPeriod",
        "waitForStart",
        required=("job",),
    ),
}
