"""Carries out operations: the sync machine of the core on one side, the cluster on the other."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from towline.aio.clock import Clock, rfc3339
from towline.argo.application import Application, Operation, SyncOperation
from towline.argo.names import DELETION_APPROVED, MIGRATION_MANAGER
from towline.argo.pinned import Pinned, pinned_of
from towline.argo.status import Condition, ConditionType, Phase, ResultCode
from towline.controllers.application.apply import Applier, ApplyOptions
from towline.controllers.application.comparing import Comparer
from towline.controllers.application.draft import Draft
from towline.controllers.application.memory import Memory
from towline.controllers.application.ports import ClusterApi, EngineObserver, LiveCache
from towline.controllers.application.settings import EngineSettings
from towline.controllers.application.sources import SourceReader, comparison_error, target_error
from towline.controllers.application.windows import SyncGate
from towline.errors import InputError, TowlineError
from towline.gitops import operation as states
from towline.gitops import sync
from towline.gitops.compare import Comparison
from towline.gitops.hooks import DeletePolicy, delete_policies
from towline.gitops.migration import DEFAULT_SOURCE
from towline.gitops.options import switched_on
from towline.gitops.plan import PlanContext, build_tasks
from towline.gitops.projects import check_spec
from towline.gitops.status import with_history
from towline.gitops.tasks import Task, TaskKey, TaskResult
from towline.kube.refs import GroupKind

_log = logging.getLogger("towline.engine")


class _Run(msgspec.Struct, kw_only=True, eq=False):
    """One turn of an operation."""

    app: Application
    memory: Memory
    operation: Operation
    sync: SyncOperation
    options: ApplyOptions
    pinned: Pinned
    results: dict[TaskKey, TaskResult]
    resumed: bool


class Operator:
    """Runs the operation that an Application asks for, as far as it goes without waiting.

    Args:
        client: The API.
        cache: Live objects.
        sources: Manifests.
        comparer: Comparison.
        applier: Carries out tasks.
        observer: Is told of progress.
        clock: Time.
        settings: The engine's settings.
        namespace: The control namespace.
    """

    def __init__(
        self,
        *,
        client: ClusterApi,
        cache: LiveCache,
        sources: SourceReader,
        comparer: Comparer,
        applier: Applier,
        observer: EngineObserver,
        clock: Clock,
        settings: EngineSettings,
        namespace: str,
    ) -> None:
        self._client = client
        self._cache = cache
        self._sources = sources
        self._comparer = comparer
        self._applier = applier
        self._observer = observer
        self._clock = clock
        self._settings = settings
        self._namespace = namespace
        self._gate = SyncGate(clock)

    def begin(self, draft: Draft, operation: dict[str, Any], memory: Memory) -> None:
        """Notes an operation as begun; the caller writes the draft before anything is applied."""
        now = rfc3339(self._clock.now())
        draft.operation = operation
        draft.status["operationState"] = states.started(operation, now)
        memory.operation = now

    async def step(self, draft: Draft, memory: Memory) -> float | None:
        """Takes the operation as far as it goes now.

        Args:
            draft: The application; holds the outcome, of which the end is not written yet.
            memory: What is remembered of it.

        Returns:
            Seconds after which to look again although nothing changed; None when it has ended.
        """
        operation = draft.app.operation
        if operation is None:
            return None
        now = self._clock.now()
        if not draft.state or draft.state.get("phase") not in {"Running", "Terminating"}:
            self.begin(draft, draft.operation or {}, memory)
            await draft.write(self._client, self._cache, exclusive=True)
        wait = states.retry_due_in(draft.state, operation.retry, now)
        if wait is not None:
            if wait > 0:
                return wait
            draft.status["operationState"] = states.resumed(draft.state, operation.retry)
        pause = memory.wave_due - self._clock.monotonic()
        if pause > 0 and draft.state.get("phase") != Phase.TERMINATING.value:
            return pause
        if operation.sync is None:
            self._end(draft, Phase.ERROR, "Invalid operation request: no operation specified")
            return None
        if draft.state.get("phase") != Phase.TERMINATING.value:
            closed = await self._held_back(draft, operation)
            if closed:
                return min(closed, self._settings.operation_poll)
        try:
            run = await self._prepare(draft, memory, operation, operation.sync)
            comparison = await self._compare(run)
        except _UnfitError as error:
            return self._failed(draft, operation, Phase.ERROR, str(error))
        return await self._turn(draft, run, comparison)

    async def _held_back(self, draft: Draft, operation: Operation) -> float:
        """Seconds for which the project's sync windows hold the operation back; 0 for none."""
        message = "Sync operation blocked by sync window"
        try:
            project = self._comparer.project(draft.app)
            if project is None:
                return 0.0  # which the comparison complains of
            closed = self._gate.closed_for(
                draft.app,
                project,
                manual=not operation.initiated_by.automated,
                started=str(draft.state.get("startedAt") or ""),
            )
        except InputError as error:
            closed, message = self._settings.operation_poll, f"{message}: {error}"
        if closed and draft.state.get("message") != message:
            draft.status["operationState"] = {**draft.state, "message": message}
            await draft.write(self._client, self._cache)
        return closed

    async def _prepare(
        self, draft: Draft, memory: Memory, operation: Operation, sync_: SyncOperation
    ) -> _Run:
        app, state = draft.app, draft.state
        if sync_.manifests:
            raise _UnfitError("a sync of local manifests is not available in this installation")
        pinned = pinned_of(state.get("syncResult") or {})
        if pinned is None:
            wanted = states.asked_revisions(state)
            sources = _sources_of(app, state)
            try:
                pinned = await self._sources.pin(app, memory, sources, wanted, fresh=True)
            except TowlineError as error:
                text = target_error(error, len(app.sources))
                raise _UnfitError(f"ComparisonError: {text}") from error
        known_start = memory.operation == state.get("startedAt")
        memory.operation = str(state.get("startedAt") or "")
        if not known_start:
            _log.info("operation resumed app=%s revision=%s", app.qualified_name, pinned.text)
        return _Run(
            app=app,
            memory=memory,
            operation=operation,
            sync=sync_,
            options=_options(app, sync_, state),
            pinned=pinned,
            results=states.results_of(state),
            resumed=not known_start,
        )

    async def _compare(self, run: _Run) -> Comparison:
        """Compares at the operation's revision."""
        app = run.app
        try:
            project = self._comparer.project(app)
            problems = check_spec(app, project, control_namespace=self._namespace)
        except InputError as error:
            raise _UnfitError(f"{ConditionType.INVALID_SPEC_ERROR.value}: {error}") from error
        if problems or project is None:
            raise _UnfitError(_texts(problems))
        try:
            rendered = await self._sources.render(app, run.memory, run.pinned)
        except TowlineError as error:
            text = target_error(error, len(app.sources))
            raise _UnfitError(f"ComparisonError: {text}") from error
        try:
            targets = await self._comparer.targets(app, run.memory, rendered.result)
            comparison = await self._comparer.compare(app, run.memory, project, targets)
        except TowlineError as error:
            raise _UnfitError(f"ComparisonError: {comparison_error(error)}") from error
        except Exception as error:  # manifests come from strangers
            _log.exception("comparison broke app=%s", app.qualified_name)
            text = f"a manifest cannot be compared: {type(error).__name__}: {error}"
            raise _UnfitError(f"ComparisonError: {text}") from error
        shared = [c for c in comparison.conditions if c.type is ConditionType.SHARED_RESOURCE]
        if shared and switched_on("FailOnSharedResource", run.options.options):
            raise _UnfitError(f"Shared resource found: {', '.join(c.message for c in shared)}")
        return comparison

    async def _turn(self, draft: Draft, run: _Run, comparison: Comparison) -> float | None:
        if not run.results and not run.resumed:
            for revision in dict.fromkeys(run.pinned.revisions):
                self._observer.sync_started(run.app.qualified_name, revision, self._clock.now())
        while True:
            tasks = self._tasks(run, comparison)
            await self._release(tasks, run.options)
            if draft.state.get("phase") == Phase.TERMINATING.value:
                decision: sync.Decision = sync.terminate(tasks)
            else:
                only = switched_on("ApplyOutOfSyncOnly", run.options.options)
                decision = sync.decide(tasks, only_modified=only)
            if isinstance(decision, sync.RunWave):
                ran = await self._run_wave(decision.tasks, run)
                run.results |= {task.key: task.result for task in ran if task.result is not None}
                tasks = [task.with_result(run.results.get(task.key)) for task in tasks]
                decision = sync.Again("") if run.options.dry_run else sync.after_run(tasks, ran)
            self._note(draft, run, tasks, getattr(decision, "message", ""))
            if isinstance(decision, sync.Done):
                return await self._finish(draft, run, tasks, decision)
            await draft.write(self._client, self._cache)
            if isinstance(decision, sync.Wait):
                return self._settings.operation_poll
            if isinstance(decision, sync.Again) and decision.wave_follows:
                run.memory.wave_due = self._clock.monotonic() + self._settings.wave_delay
                if self._settings.wave_delay:
                    return self._settings.wave_delay
            comparison = await self._compare(run)

    def _tasks(self, run: _Run, comparison: Comparison) -> list[Task]:
        strategy = run.sync.sync_strategy
        started = dt.datetime.fromisoformat(run.memory.operation)
        project = self._comparer.project(run.app)

        def problem(gvk: Any, namespace: str, name: str) -> str:
            if project is None:
                return f"project {run.app.spec.project} does not exist"
            return self._comparer.forbidden(run.app, project, gvk, namespace, name)

        context = PlanContext(
            namespace=run.app.spec.destination.namespace,
            revision=run.pinned.first,
            started=int(started.timestamp()),
            options=run.options.options,
            selected=run.sync.resources,
            hooks=strategy.apply is None,
            namespace_metadata=run.app.spec.sync_policy.managed_namespace_metadata,
            find=self._comparer.find,
            known=lambda gvk: self._client.discovery.known(gvk) is not None,
            served=self._served,
            problem=problem,
            results=run.results,
        )
        tasks = build_tasks(comparison, context)
        if run.resumed:
            tasks = [_adopted(task, started) for task in tasks]
        tasks = sync.observe(tasks, lambda live: self._comparer.health(run.memory, live))
        run.results |= {task.key: task.result for task in tasks if task.result is not None}
        return tasks

    def _served(self, kind: GroupKind) -> str:
        found = self._client.discovery.known(kind)
        return found.version if found is not None else ""

    async def _run_wave(self, tasks: Sequence[Task], run: _Run) -> list[Task]:
        """Prunes, then applies group by group; a failed group does not stop the next one."""
        prunes = [task for task in tasks if task.prune]
        done = await _all(self._prune(task, run) for task in prunes)
        if any(task.pending for task in done):
            return done
        applied = [task for task in tasks if not task.prune]
        old = [task for task in applied if _replaces_old_hook(task)]
        if old and not run.options.dry_run:
            await _all(self._delete_hook(task, run.memory) for task in old)
            return done + old
        for _, group in itertools.groupby(applied, key=lambda task: task.gvk.kind):
            done += await _all(self._apply(task, run) for task in group)
        return done

    async def _apply(self, task: Task, run: _Run) -> Task:
        wanted = task
        if switched_on("RespectIgnoreDifferences", run.options.options):
            try:
                wanted = await self._comparer.respecting(run.app, task)
            except InputError as error:
                result = TaskResult(ResultCode.SYNC_FAILED, str(error), Phase.FAILED)
                return task.with_result(result)
        return task.with_result(await self._applier.apply(wanted, run.options))

    async def _prune(self, task: Task, run: _Run) -> Task:
        result = await self._applier.prune(task, run.options)
        if result is not None and result.message == "pruned" and task.live is not None:
            run.memory.deleted.add(task.live.uid)
        return task.with_result(result)

    async def _delete_hook(self, task: Task, memory: Memory) -> None:
        if task.live is not None:
            await self._applier.release(task.live)
            if not task.live.deletion_timestamp:
                await self._applier.delete(task.live)
            memory.deleted.add(task.live.uid)

    async def _release(self, tasks: Sequence[Task], options: ApplyOptions) -> None:
        for task in [] if options.dry_run else sync.completed_hooks(tasks):
            if task.live is not None:
                await self._applier.release(task.live)

    def _note(self, draft: Draft, run: _Run, tasks: Sequence[Task], message: str) -> None:
        result = states.sync_result(tasks, run.pinned)
        state = {**draft.state, "syncResult": result}
        draft.status["operationState"] = {**state, "message": message} if message else state

    async def _finish(
        self, draft: Draft, run: _Run, tasks: Sequence[Task], done: sync.Done
    ) -> float | None:
        for task in () if run.options.dry_run else done.delete:
            await self._delete_hook(task, run.memory)
        if draft.state.get("phase") == Phase.TERMINATING.value:
            self._note(draft, run, [_terminated(task) for task in tasks], "")
            self._end(draft, done.phase, done.message)
            return None
        if done.phase is not Phase.SUCCEEDED:
            return self._failed(draft, run.operation, done.phase, done.message)
        self._end(draft, done.phase, done.message)
        self._succeeded(draft, run, tasks)
        return None

    def _failed(
        self, draft: Draft, operation: Operation, phase: Phase, message: str
    ) -> float | None:
        if not states.may_retry(operation.retry, draft.state):
            self._end(draft, phase, message)
            return None
        now = self._clock.now()
        try:
            delay = states.retry_delay(operation.retry, int(draft.state.get("retryCount") or 0))
        except InputError as error:
            self._end(draft, Phase.ERROR, str(error))
            return None
        draft.status["operationState"] = states.retrying(
            draft.state, message, now, delay, rfc3339(now)
        )
        _log.warning("sync failed app=%s retry_in=%.1fs", draft.app.qualified_name, delay)
        return delay

    def _end(self, draft: Draft, phase: Phase, message: str) -> None:
        now = rfc3339(self._clock.now())
        draft.status["operationState"] = states.ended(draft.state, phase, message, now)
        draft.operation = None
        _log.info("operation ended app=%s phase=%s", draft.app.qualified_name, phase.value)

    def _succeeded(self, draft: Draft, run: _Run, tasks: Sequence[Task]) -> None:
        if run.options.dry_run:
            return
        now = self._clock.now()
        touched = tuple(t.key.object for t in tasks if t.result and t.result.status)
        for revision in dict.fromkeys(run.pinned.revisions):
            self._observer.synced(run.app.qualified_name, revision, now, touched)
        for key in run.memory.drifts:
            self._observer.healed(run.app.qualified_name, key, now)
        run.memory.drifts.clear()
        if run.sync.resources:
            return
        state = draft.state
        draft.status["history"] = with_history(
            draft.status.get("history") or [],
            pinned=run.pinned,
            started_at=str(state.get("startedAt") or ""),
            deployed_at=rfc3339(now),
            initiated_by=(state.get("operation") or {}).get("initiatedBy") or {},
            limit=run.app.spec.revision_history_limit,
        )


class _UnfitError(TowlineError):
    """The operation cannot go on; the text is its message."""


async def _all(steps: Any) -> list[Task]:
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(step) for step in steps]
    return [task.result() for task in running]


def _sources_of(app: Application, state: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The sources as written: the operation's own, else the application's."""
    wanted = (state.get("operation") or {}).get("sync") or {}
    if app.several:
        return tuple(wanted.get("sources") or app.raw_sources)
    return (wanted.get("source") or app.raw_source,)


def _options(app: Application, sync_: SyncOperation, state: dict[str, Any]) -> ApplyOptions:
    strategy = sync_.sync_strategy
    force = bool(
        (strategy.apply and strategy.apply.force) or (strategy.hook and strategy.hook.force)
    )
    approved = app.annotations.get(DELETION_APPROVED) or ""
    source = app.annotations.get(MIGRATION_MANAGER) or DEFAULT_SOURCE
    return ApplyOptions(
        options=frozenset(sync_.sync_options),
        prune=sync_.prune,
        dry_run=sync_.dry_run,
        force=force,
        deletion_approved=bool(approved) and approved >= str(state.get("startedAt") or ""),
        migrate_from="" if "ClientSideApplyMigration=false" in sync_.sync_options else source,
    )


def _adopted(task: Task, started: dt.datetime) -> Task:
    """After a crash: a hook created since the start was created by this very operation."""
    if not (task.hook and task.pending and task.live is not None):
        return task
    created = str((task.live.body().get("metadata") or {}).get("creationTimestamp") or "")
    if not created or dt.datetime.fromisoformat(created) < started:
        return task
    return task.with_result(TaskResult(ResultCode.SYNCED, "created", Phase.RUNNING))


def _terminated(task: Task) -> Task:
    if not (task.hook and task.running and task.result is not None):
        return task
    return task.with_result(TaskResult(task.result.status, "Terminated", Phase.FAILED))


def _replaces_old_hook(task: Task) -> bool:
    return (
        task.hook
        and task.live is not None
        and DeletePolicy.BEFORE_CREATION in delete_policies(task.annotations)
    )


def _texts(conditions: Sequence[Condition]) -> str:
    return "; ".join(f"{c.type.value}: {c.message}" for c in conditions)
