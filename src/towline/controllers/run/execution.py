"""One run from its pipeline file to its result."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from towline.aio.clock import Clock
from towline.controllers.run.checkouts import Checkouts
from towline.controllers.run.containers import Containers, stopped
from towline.controllers.run.credentials import Credentials
from towline.controllers.run.effects import Effects
from towline.controllers.run.executor import RunExecutor
from towline.controllers.run.files import Files
from towline.controllers.run.images import Images
from towline.controllers.run.interruption import Interruption
from towline.controllers.run.jobs import Jobs
from towline.controllers.run.log import RunLog
from towline.controllers.run.parameters import secret_values, typed
from towline.controllers.run.pipelines import PipelineRegister
from towline.controllers.run.ports import GitPort, KubeObjects
from towline.controllers.run.scope import RunScope
from towline.controllers.run.settings import RunSettings
from towline.controllers.run.shell import Shell
from towline.controllers.run.stages import StageRecorder
from towline.controllers.run.workspace import Workspace
from towline.errors import InputError, TowlineError, TransientError
from towline.oci import Mirrors, RegistryClient
from towline.pipeline.jenkins.context import PreviousRun, RunContext, RunOutcome, ScmFacts
from towline.pipeline.jenkins.results import parse_result
from towline.pipeline.jenkins.run import run_jenkinsfile
from towline.pipeline.lint import Finding, lint
from towline.pipeline.model import PipelineSpec
from towline.sandbox import BaseImages, Builder, Confinement, reap
from towline.sandbox.process import COOKIE
from towline.store import Run, Store
from towline.text.groovy import parse

T = TypeVar("T")

_FETCH_ATTEMPTS = 4
_CAUSES = {
    "push": ("SCMTriggerCause",),
    "poll": ("SCMTriggerCause",),
    "upstream": ("UpstreamCause",),
    "manual": ("UserIdCause",),
}
_log = logging.getLogger("towline.runs")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunPorts:
    """What runs act upon.

    Attributes:
        store: Records.
        pipelines: The Pipelines of the cluster.
        client: The Kubernetes API, for Secrets.
        git: Repositories.
        builder: Builds and runs images.
        bases: Provides base images.
        confinement: What scripts on the host run in.
        mirrors: Where image references really lead.
        registry: Asks registries.
        clock: Time.
        settings: About this installation.
    """

    store: Store
    pipelines: PipelineRegister
    client: KubeObjects
    git: GitPort
    builder: Builder
    bases: BaseImages
    confinement: Confinement
    mirrors: Mirrors
    registry: RegistryClient
    clock: Clock
    settings: RunSettings


async def carry_out(
    ports: RunPorts, spec: PipelineSpec, queued: Run, interruption: Interruption
) -> tuple[str, str]:
    """Carries a run out; returns its result and, when it failed, why.

    A run that was interrupted by a crash starts again on a clean workspace; effects that were
    recorded and still hold are not repeated.
    """
    log = RunLog(ports.store.logs, queued.id)
    run = await ports.store.runs.start(queued.id)
    if ports.confinement.refusal:
        log.line(f"steps are not confined: {ports.confinement.refusal}")
    log.line(_headline(run))
    log.add_secrets(secret_values(spec, run.parameters))
    workspace = Workspace(ports.settings.workspaces / run.id, run.job.rpartition("/")[2] or "job")
    try:
        async with asyncio.timeout(spec.timeout_seconds):
            result, error = await _attempt(
                ports, spec, run, _Surroundings(log, workspace, interruption)
            )
    except TimeoutError:
        result, error = "ABORTED", f"the run took longer than {spec.timeout}"
    except TowlineError as failure:
        result, error = "FAILURE", log.mask(str(failure))
    finally:
        reap(f"{COOKIE}_RUN={run.id}")
        await asyncio.shield(asyncio.to_thread(workspace.delete))
    if error:
        log.line(f"ERROR: {error}")
    log.line(f"Finished: {result}")
    return result, error


@dataclasses.dataclass(frozen=True, slots=True)
class _Surroundings:
    log: RunLog
    workspace: Workspace
    interruption: Interruption


async def _attempt(
    ports: RunPorts, spec: PipelineSpec, run: Run, around: _Surroundings
) -> tuple[str, str]:
    log, workspace = around.log, around.workspace
    await ports.store.stages.clear(run.id)
    run = await _pinned(ports, spec, run)
    source = await _pipeline_file(ports, spec, run)
    findings = lint(source, spec.source.file, jobs=ports.pipelines.jobs(spec.namespace))
    for finding in findings:
        log.line(_shown(spec.source.file, finding))
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        return "FAILURE", _shown(spec.source.file, errors[0])
    script = parse(source, spec.source.file)
    await asyncio.to_thread(workspace.create)
    workspace.install_git(
        job=run.job, number=run.number, key=run.id, aliases=ports.settings.git_aliases
    )
    scope = RunScope(
        run=run,
        origin=await _origin(ports.store, run),
        spec=spec,
        workspace=workspace,
        log=log,
        store=ports.store,
        clock=ports.clock,
        instance=ports.settings.instance,
    )
    context = await _context(ports, scope)
    stages = StageRecorder(ports.store.stages, run.id, log)
    executor, containers = _executor(ports, scope, stages, around.interruption)
    outcome: RunOutcome | TowlineError
    async with asyncio.TaskGroup() as group:
        group.create_task(stages.record())
        try:
            outcome = await run_jenkinsfile(script, context, executor)
        except TowlineError as error:
            outcome = error  # raised outside, where no group wraps it
        finally:
            await stopped(containers)
            stages.end()
    if isinstance(outcome, TowlineError):
        raise outcome
    return outcome.result, log.mask(outcome.error)


def _executor(
    ports: RunPorts, scope: RunScope, stages: StageRecorder, interruption: Interruption
) -> tuple[RunExecutor, Containers]:
    credentials = Credentials(ports.client, scope.spec)
    images = Images(
        scope,
        builder=ports.builder,
        bases=ports.bases,
        mirrors=ports.mirrors,
        registry=ports.registry,
        credentials=credentials,
        effects=Effects(ports.store.steps, scope.run.id),
    )
    containers = Containers(scope, ports.builder, images)
    executor = RunExecutor(
        scope,
        shell=Shell(scope, containers, ports.confinement),
        checkouts=Checkouts(scope, ports.git, credentials),
        images=images,
        containers=containers,
        jobs=Jobs(scope, ports.pipelines, ports.settings.page),
        credentials=credentials,
        files=Files(scope.workspace, ports.settings.artifacts / scope.run.id),
        stages=stages,
        interruption=interruption,
    )
    return executor, containers


async def _pinned(ports: RunPorts, spec: PipelineSpec, run: Run) -> Run:
    """The run with its commit: what it was created for, or the branch's head at its first start."""
    if run.commit:
        return run
    revision = run.ref or _branch_of(spec)
    commit = await _retried(ports, lambda: ports.git.resolve(spec.source.repo_url, revision))
    ref = run.ref
    if not ref:
        branch = revision if revision != "HEAD" else ""
        branch = branch or await ports.git.default_branch(spec.source.repo_url)
        ref = f"refs/heads/{branch}" if branch else ""
    return await ports.store.runs.pin(run.id, ref, commit)


def _branch_of(spec: PipelineSpec) -> str:
    """The first branch that is named plainly, else the repository's default."""
    plain = (name for name in spec.source.branches if not any(char in name for char in "*?"))
    return next(plain, "HEAD")


async def _pipeline_file(ports: RunPorts, spec: PipelineSpec, run: Run) -> str:
    tree = await _retried(ports, lambda: ports.git.tree(spec.source.repo_url, run.commit))
    data = tree.read(spec.source.file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", file=spec.source.file) from error


async def _retried(ports: RunPorts, ask: Callable[[], Awaitable[T]]) -> T:
    """Asks the repository, again when it does not answer."""
    for attempt in range(1, _FETCH_ATTEMPTS):
        try:
            return await ask()
        except TransientError as error:
            delay = error.retry_after or 0.5 * 2**attempt
            _log.info("repository does not answer retry_in=%.1fs error=%s", delay, error)
            await ports.clock.sleep(delay)
    return await ask()


async def _origin(store: Store, run: Run) -> str:
    """The commit at the head of the chain of runs."""
    for _ in range(32):
        parent = await store.runs.get(run.parent_run) if run.parent_run else None
        if parent is None:
            break
        run = parent
    return run.commit


async def _context(ports: RunPorts, scope: RunScope) -> RunContext:
    run, spec = scope.run, scope.spec
    before = await ports.store.runs.last_finished(run.pipeline, run.number)
    previous = None
    if before is not None:
        result = parse_result(before.result) or "FAILURE"
        previous = PreviousRun(number=before.number, result=result)
    page = ports.settings.page
    url = f"{page}/runs/{run.id}" if page else ""
    return RunContext(
        job=run.job,
        number=run.number,
        env={**_environment(ports.settings, scope, url), **spec.environment},
        params=typed(spec, run.parameters),
        scm=ScmFacts(
            url=spec.source.repo_url,
            branch=run.ref.removeprefix("refs/heads/"),
            commit=run.commit,
        ),
        previous=previous,
        jobs=ports.pipelines.jobs(spec.namespace),
        causes=_CAUSES.get(run.trigger, ()),
        start_millis=int(ports.clock.now().timestamp() * 1000),
        url=url,
    )


def _environment(settings: RunSettings, scope: RunScope, url: str) -> Mapping[str, str]:
    page = settings.page or "http://localhost"
    return {
        **settings.environment,
        "PATH": f"{scope.workspace.programs}:{settings.path}",
        "HOME": str(scope.workspace.script_home),
        "TMPDIR": str(scope.workspace.temporary),
        "WORKSPACE": str(scope.workspace.root),
        "WORKSPACE_TMP": str(scope.workspace.temporary),
        "LANG": "C.UTF-8",
        "JENKINS_URL": f"{page}/",
        "JENKINS_HOME": str(scope.workspace.folder),
        "JOB_URL": f"{page}/pipelines/{scope.spec.name}",
        "BUILD_URL": url or f"{page}/",
        "NODE_NAME": "built-in",
        "NODE_LABELS": "built-in",
        "EXECUTOR_NUMBER": "0",
    }


def _headline(run: Run) -> str:
    cause = f" ({run.cause})" if run.cause else ""
    again = "Resumed after an interruption: " if run.attempts > 1 else ""
    return f"{again}{run.job} #{run.number}, trigger {run.trigger}{cause}"


def _shown(file: str, finding: Finding) -> str:
    hint = f" ({finding.hint})" if finding.hint else ""
    place = f"{file}:{finding.line}:{finding.column}"
    return f"{place}: {finding.severity}: {finding.message}{hint}"
