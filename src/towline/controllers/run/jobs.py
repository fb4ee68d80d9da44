"""The `build job` step: starts another pipeline, once, and waits for it."""

from __future__ import annotations

import posixpath

from towline.controllers.run.parameters import complete
from towline.controllers.run.pipelines import PipelineRegister, key_of
from towline.controllers.run.scope import RunScope
from towline.errors import NotFoundError
from towline.pipeline.commands import BuildJob, JobResult, StepContext
from towline.pipeline.model import PipelineSpec
from towline.store import NewRun, Run


class Jobs:
    """Starts other pipelines for one run.

    Args:
        scope: The run.
        pipelines: Knows the others.
        page: Base URL of pages of runs; may be empty.
    """

    def __init__(self, scope: RunScope, pipelines: PipelineRegister, page: str) -> None:
        self._scope = scope
        self._pipelines = pipelines
        self._page = page

    async def run(self, command: BuildJob, context: StepContext) -> JobResult:
        """Starts the job (or finds the run that an earlier attempt of this step started).

        Raises:
            NotFoundError: There is no such job.
            InputError: A parameter has a value that is not allowed.
        """
        spec = self._find(command.job)
        parameters, unknown = complete(spec, command.parameters)
        for name in unknown:
            self._scope.log.line(
                f"WARNING: {spec.job_name} declares no parameter {name}: it is not passed on"
            )
        run = await self._scope.store.runs.create(
            NewRun(
                pipeline=key_of(spec),
                job=spec.job_name,
                trigger="upstream",
                parameters=parameters,
                key=f"step:{self._scope.run.id}:{context.step_id}",
                parent_run=self._scope.run.id,
                parent_step=context.step_id,
                cause=f"started by {self._scope.run.job} #{self._scope.run.number}",
            )
        )
        self._scope.log.line(f"Starting building: {run.job} #{run.number}")
        if not command.wait:
            return self._result(run, "")
        ended = await self._scope.store.runs.wait_finished(run.id)
        self._scope.log.line(f"Build {run.job} #{run.number} completed: {ended.result}")
        return self._result(ended, ended.result)

    def _find(self, job: str) -> PipelineSpec:
        folder = "/" + posixpath.dirname(self._scope.run.job)
        name = posixpath.normpath(posixpath.join(folder, job)).lstrip("/")
        spec = self._pipelines.by_job(self._scope.spec.namespace, name)
        if spec is None:
            known = ", ".join(sorted(self._pipelines.jobs(self._scope.spec.namespace)))
            raise NotFoundError(f"No item named {job} found", hint=f"known jobs: {known}")
        return spec

    def _result(self, run: Run, result: str) -> JobResult:
        url = f"{self._page}/runs/{run.id}" if self._page else ""
        return JobResult(job=run.job, number=run.number, result=result, url=url)
