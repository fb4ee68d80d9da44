"""The sync machine: tasks in, the next thing to do out.

`decide` looks at the tasks with the results so far and says what is next; `after_run` looks at
them again when a wave was applied. Whoever drives it carries decisions out, attaches results and
asks again. Nothing is remembered between turns but the results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from towline.argo.status import HealthCode, Phase, ResultCode
from towline.gitops.health import Health
from towline.gitops.hooks import DeletePolicy, SyncPhase, delete_policies
from towline.gitops.live import LiveObject
from towline.gitops.tasks import Task, TaskResult

Assess = Callable[[LiveObject], Health | None]


class RunWave(msgspec.Struct, frozen=True, eq=False):
    """Apply, prune or run these tasks, all of one phase and wave."""

    tasks: tuple[Task, ...]


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do until a live object changes."""

    message: str


class Again(msgspec.Struct, frozen=True):
    """Ask again: at once, or after a pause when another wave is to come."""

    message: str
    wave_follows: bool = False


class Done(msgspec.Struct, frozen=True, eq=False):
    """The operation has ended; these hook objects are to be deleted."""

    phase: Phase
    message: str
    delete: tuple[Task, ...] = ()


Decision: TypeAlias = RunWave | Wait | Again | Done


def observe(tasks: Sequence[Task], assess: Assess) -> list[Task]:
    """Brings running tasks up to date with their live objects.

    Args:
        tasks: Tasks with results so far.
        assess: Health of a live object, None for kinds without a rule.
    """
    return [_observed(task, assess) if task.running else task for task in tasks]


def decide(tasks: Sequence[Task], *, only_modified: bool = False) -> Decision:
    """The next thing to do.

    Args:
        tasks: All tasks in order, brought up to date by `observe`.
        only_modified: Leave out objects that are as they should be (ApplyOutOfSyncOnly).
    """
    if problems := [task.problem for task in tasks if task.problem]:
        text = "one or more synchronization tasks are not valid"
        return Done(Phase.FAILED, f"{text}: {'; '.join(dict.fromkeys(problems))}")
    main = [task for task in tasks if task.key.phase is not SyncPhase.SYNC_FAIL]
    running = [task for task in main if task.running]
    multi_step = len({(task.key.phase, task.wave) for task in main}) > 1
    if running and (multi_step or any(task.hook for task in running)):
        lost = [task for task in running if task.live is None]
        return _lost(tasks, lost) if lost else Wait(_waiting(running))
    if ending := [t for t in main if t.prune and t.result and _still_ending(t)]:
        return Wait(f"waiting for deletion of {_names(ending, 'resources')}")
    if any(task.failed for task in main):
        return _fail(tasks, "one or more synchronization tasks completed unsuccessfully")
    pending = [
        t for t in main if t.pending and (t.modified or t.hook or t.prune or not only_modified)
    ]
    if not pending:
        return _succeed(tasks, "successfully synced (no more tasks)")
    first = (pending[0].key.phase, pending[0].wave)
    return RunWave(tuple(t for t in pending if (t.key.phase, t.wave) == first))


def after_run(tasks: Sequence[Task], ran: Sequence[Task]) -> Decision:
    """What follows a wave.

    Args:
        tasks: All tasks with their results, those of the wave included.
        ran: The tasks of the wave with their results; one without a result was put off.
    """
    main = [task for task in tasks if task.key.phase is not SyncPhase.SYNC_FAIL]
    if any(task.failed for task in ran):
        if any(task.running for task in main):
            return Again("one or more objects failed to apply")
        return _fail(tasks, "one or more objects failed to apply")
    if put_off := [task for task in ran if task.pending]:
        reason = "pruning confirmation of" if put_off[0].prune else "deletion of hook"
        return Wait(f"waiting for {reason} {_names(put_off, 'resources')}")
    left = any(task.pending for task in main)
    if not left and not any(task.hook for task in ran):
        return _succeed(tasks, "successfully synced (all tasks run)")
    running = [task for task in ran if task.running]
    message = _waiting(running) if running else "one or more tasks are running"
    return Again(message, wave_follows=left)


def completed_hooks(tasks: Sequence[Task]) -> list[Task]:
    """Hooks that have ended and whose live object is still held by our finalizer."""
    return [t for t in tasks if t.hook and t.result and not t.running and t.live is not None]


def terminate(tasks: Sequence[Task]) -> Done:
    """Ends an operation by order: running hooks are deleted and count as failed."""
    running = tuple(task for task in tasks if task.hook and task.running)
    return Done(Phase.FAILED, "Operation terminated", running)


def _observed(task: Task, assess: Assess) -> Task:
    if task.live is None or task.result is None:
        return task
    if task.live.deletion_timestamp and not task.hook:
        return task
    health = assess(task.live)
    if task.hook:
        return task.with_result(_hook_result(task, task.result, health))
    if health is None or health.status is HealthCode.HEALTHY:
        message = (health.message if health else "") or task.result.message
        return task.with_result(TaskResult(task.result.status, message, Phase.SUCCEEDED))
    if health.status is HealthCode.DEGRADED:
        return task.with_result(TaskResult(task.result.status, health.message, Phase.FAILED))
    return task


def _hook_result(task: Task, result: TaskResult, health: Health | None) -> TaskResult:
    if health is None:
        return TaskResult(result.status, f"{task.key.object.name} created", Phase.SUCCEEDED)
    states = {
        HealthCode.HEALTHY: Phase.SUCCEEDED,
        HealthCode.DEGRADED: Phase.FAILED,
        HealthCode.UNKNOWN: Phase.FAILED,
    }
    return TaskResult(
        result.status, health.message or result.message, states.get(health.status, Phase.RUNNING)
    )


def _lost(tasks: Sequence[Task], lost: Sequence[Task]) -> Decision:
    """Running tasks whose object has vanished count as failed."""
    gone = {task.key for task in lost}
    marked = [
        task.with_result(TaskResult(ResultCode.SYNC_FAILED, _missing(task), Phase.ERROR))
        if task.key in gone
        else task
        for task in tasks
    ]
    return _fail(marked, "one or more synchronization tasks completed unsuccessfully")


def _missing(task: Task) -> str:
    return f"Resource {_name(task)} is missing, it might have been deleted"


def _still_ending(task: Task) -> bool:
    return task.live is not None and bool(task.live.deletion_timestamp)


def _fail(tasks: Sequence[Task], message: str) -> Decision:
    """Runs the SyncFail hooks, then ends."""
    reasons = [t.result.message for t in tasks if t.failed and t.result and not _is_fail_hook(t)]
    full = f"{message}, reason: {','.join(reasons)}" if any(reasons) else message
    hooks = [task for task in tasks if _is_fail_hook(task)]
    if pending := [task for task in hooks if task.pending]:
        return RunWave(tuple(t for t in pending if t.wave == pending[0].wave))
    if running := [task for task in hooks if task.running]:
        return Wait(_waiting(running))
    if broken := [t.result.message for t in hooks if t.failed and t.result]:
        full += f"\none or more SyncFail hooks failed, reason: {','.join(broken)}"
    return Done(Phase.FAILED, full, _to_delete(tasks, DeletePolicy.FAILED))


def _succeed(tasks: Sequence[Task], message: str) -> Done:
    return Done(Phase.SUCCEEDED, message, _to_delete(tasks, DeletePolicy.SUCCEEDED))


def _to_delete(tasks: Sequence[Task], policy: DeletePolicy) -> tuple[Task, ...]:
    return tuple(
        task
        for task in tasks
        if task.hook and not task.pending and policy in delete_policies(task.annotations)
    )


def _is_fail_hook(task: Task) -> bool:
    return task.key.phase is SyncPhase.SYNC_FAIL


def _waiting(tasks: Sequence[Task]) -> str:
    hooks = [task for task in tasks if task.hook]
    if hooks:
        return f"waiting for completion of hook {_names(hooks, 'hooks')}"
    return f"waiting for healthy state of {_names(tasks, 'resources')}"


def _names(tasks: Sequence[Task], noun: str) -> str:
    more = f" and {len(tasks) - 1} more {noun}" if len(tasks) > 1 else ""
    return f"{_name(tasks[0])}{more}"


def _name(task: Task) -> str:
    obj = task.key.object
    return f"{obj.group}/{obj.kind}/{obj.name}"
