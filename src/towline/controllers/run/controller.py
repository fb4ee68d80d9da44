"""The run controller: starts queued runs, resumes interrupted ones, records how they end."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping

from towline.controllers.run.execution import RunPorts, carry_out
from towline.controllers.run.interruption import Interruption
from towline.controllers.run.parameters import complete
from towline.controllers.run.pipelines import key_of
from towline.controllers.run.schedule import Plan, plan
from towline.controllers.run.status import StatusWriter
from towline.errors import InputError, NotFoundError, TowlineError
from towline.pipeline.model import PipelineSpec
from towline.store import NewRun, Run

_RECHECK_SECONDS = 30.0
_log = logging.getLogger("towline.runs")


class RunController:
    """Carries runs out, in order of their numbers and within each pipeline's limit.

    Args:
        ports: What runs act upon.
    """

    def __init__(self, ports: RunPorts) -> None:
        self._ports = ports
        self._status = StatusWriter(ports.client, ports.store, ports.pipelines, ports.clock)
        self._active: dict[str, tuple[asyncio.Task[None], Interruption]] = {}
        self._unwanted: set[str] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Works until cancelled; runs that this interrupts are resumed at the next start."""
        await self._ports.pipelines.synced()
        self._forget_old_workspaces()
        unsubscribe = self._ports.pipelines.subscribe(self._pipelines_changed)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._status.run())
                self._wake.set()
                while True:
                    await self._woken()
                    await self._reconcile(group)
        finally:
            unsubscribe()

    async def request(self, pipeline: str, parameters: Mapping[str, str], *, user: str) -> Run:
        """Queues a run that a person asks for.

        Args:
            pipeline: Name, `NAMESPACE/NAME` or job name.
            parameters: Values by name; others have their default.
            user: Who asks.

        Raises:
            NotFoundError: There is no such pipeline.
            InputError: A parameter is not declared, or its value is not allowed.
        """
        spec = self.find(pipeline)
        values, unknown = complete(spec, parameters)
        if unknown:
            raise InputError("is not declared", field=f"parameters.{unknown[0]}")
        return await self._ports.store.runs.create(
            NewRun(
                pipeline=key_of(spec),
                job=spec.job_name,
                trigger="manual",
                parameters=values,
                cause=f"started by {user}",
            )
        )

    def find(self, pipeline: str) -> PipelineSpec:
        """The pipeline with that name, key or job name.

        Raises:
            NotFoundError: There is none.
        """
        for spec in self._ports.pipelines.all():
            if pipeline in {spec.name, key_of(spec), spec.job_name}:
                return spec
        raise NotFoundError(f"there is no pipeline {pipeline}")

    async def _listen(self) -> None:
        async for kind, _ in self._ports.store.changes.subscribe():
            if kind == "run":
                self._wake.set()

    def _pipelines_changed(self) -> None:
        self._wake.set()
        self._status.all_dirty()

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(_RECHECK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass  # the safety net: looks without having been told
        self._wake.clear()

    async def _reconcile(self, group: asyncio.TaskGroup) -> None:
        specs = {key_of(spec): spec for spec in self._ports.pipelines.all()}
        malformed = {f"{space}/{name}" for space, name in self._ports.pipelines.malformed()}
        try:
            runs = await self._ports.store.runs.open_runs()
            decided = plan(
                [run for run in runs if run.pipeline not in malformed], {*self._active}, specs
            )
            await self._apply(decided, specs, group)
        except TowlineError as error:
            _log.warning("runs cannot be scheduled error=%s", error)
        except Exception:  # noqa: BLE001  # one look; the runs in progress belong to this task
            _log.exception("runs cannot be scheduled")

    async def _apply(
        self, decided: Plan, specs: Mapping[str, PipelineSpec], group: asyncio.TaskGroup
    ) -> None:
        for run, reason in decided.drop:
            await self._ports.store.runs.finish(run.id, "ABORTED", error=reason)
            self._ports.store.logs.append(run.id, f"{reason}\n".encode())
            self._status.dirty(run.pipeline)
        for run_id in decided.interrupt:
            self._interrupt(run_id)
        for run in decided.start:
            interruption = Interruption()
            work = self._supervise(specs[run.pipeline], run, interruption)
            self._active[run.id] = (group.create_task(work, name=run.id), interruption)

    def _interrupt(self, run_id: str) -> None:
        """Lets the pipeline clean up; one that has not begun its steps is stopped at once."""
        task, interruption = self._active[run_id]
        if interruption.requested:
            return
        if not interruption.request():
            self._unwanted.add(run_id)
            task.cancel()

    async def _supervise(self, spec: PipelineSpec, run: Run, interruption: Interruption) -> None:
        _log.info("run starts job=%s number=%d", run.job, run.number)
        self._status.dirty(run.pipeline)
        try:
            result, error = await self._outcome(spec, run, interruption)
            await self._ports.store.runs.finish(run.id, result, error=error)
            await self._forget_old_runs(spec, run)
        except TowlineError as failure:
            # Its end is not on record: the next look resumes it, and finds its effects done.
            _log.warning("run's end not stored id=%s error=%s", run.id, failure)
            return
        finally:
            # Only now: a run that is neither active nor finished would be taken for interrupted.
            self._active.pop(run.id, None)
            self._unwanted.discard(run.id)
            self._wake.set()
        self._status.dirty(run.pipeline)
        _log.info("run ended job=%s number=%d result=%s", run.job, run.number, result)

    async def _outcome(
        self, spec: PipelineSpec, run: Run, interruption: Interruption
    ) -> tuple[str, str]:
        try:
            return await carry_out(self._ports, spec, run, interruption)
        except asyncio.CancelledError:
            if run.id not in self._unwanted:
                raise
            return "ABORTED", "stopped by request"
        except Exception as failure:  # noqa: BLE001  # the supervised unit: one run
            _log.exception("run failed unexpectedly job=%s number=%d", run.job, run.number)
            return "FAILURE", f"internal error: {type(failure).__name__}"

    async def _forget_old_runs(self, spec: PipelineSpec, run: Run) -> None:
        for old in await self._ports.store.runs.prune(run.pipeline, spec.retention.runs):
            self._ports.store.logs.remove(old)
            shutil.rmtree(self._ports.settings.artifacts / old, ignore_errors=True)

    def _forget_old_workspaces(self) -> None:
        """A run that was interrupted starts on a clean workspace: nothing there is needed."""
        folder = self._ports.settings.workspaces
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in folder.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
