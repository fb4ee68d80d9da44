"""The unit of a sync: one object in one phase, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from towline.argo.status import Phase, ResultCode
from towline.gitops.hooks import SyncPhase
from towline.gitops.live import LiveObject
from towline.gitops.order import kind_rank
from towline.kube.refs import GroupVersionKind, ObjectKey


class TaskKey(NamedTuple):
    """Identity of a task: an object may run in several phases."""

    object: ObjectKey
    phase: SyncPhase


class TaskResult(msgspec.Struct, frozen=True):
    """What became of a task.

    Attributes:
        status: What happened to the object; None for a hook that was not applied yet.
        message: kubectl's words, or the hook's own message.
        state: Running until healthy or completed.
    """

    status: ResultCode | None
    message: str
    state: Phase


class Task(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One object to apply, prune or run as a hook in one phase.

    Attributes:
        key: Object and phase.
        gvk: Kind and version.
        wave: Sync wave.
        target: The object to apply; None to prune.
        live: The live object, if there is one.
        annotations: Of the target, else of the live object.
        hook: Whether it is a hook.
        modified: Whether applying would change something.
        problem: Why it cannot be done at all, or empty.
        origin: File and line of the target; empty for objects that no manifest describes.
        result: What became of it so far.
    """

    key: TaskKey
    gvk: GroupVersionKind
    wave: int
    target: dict[str, Any] | None
    live: LiveObject | None
    annotations: Mapping[str, str]
    hook: bool = False
    modified: bool = True
    problem: str = ""
    origin: str = ""
    result: TaskResult | None = None

    @property
    def prune(self) -> bool:
        """Whether the object is to be removed."""
        return self.target is None

    @property
    def pending(self) -> bool:
        """Whether it was not touched yet."""
        return self.result is None

    @property
    def running(self) -> bool:
        """Whether it was applied and has not come to an end."""
        return self.result is not None and self.result.state is Phase.RUNNING

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.result is not None and self.result.state in {Phase.FAILED, Phase.ERROR}

    @property
    def order(self) -> tuple[int, int, int, str, str]:
        """Sort key: phase, wave, kind, name."""
        obj = self.key.object
        rank = kind_rank(obj.kind)
        return self.key.phase.rank, self.wave, rank, obj.name, obj.namespace

    def with_result(self, result: TaskResult | None) -> Task:
        """The task with another result."""
        return msgspec.structs.replace(self, result=result)


def result_entry(task: Task) -> dict[str, Any]:
    """The task as an entry of `syncResult.resources`.

    An object that did not get through has `origin` beside Argo CD's fields: the file and line of
    its manifest.
    """
    obj, result = task.key.object, task.result
    entry: dict[str, Any] = {
        "group": obj.group,
        "version": task.gvk.version,
        "kind": obj.kind,
        "namespace": obj.namespace,
        "name": obj.name,
    }
    if result is not None:
        if result.status is not None:
            entry["status"] = result.status.value
        entry["message"] = result.message
        entry["hookPhase"] = result.state.value
    elif task.problem:
        entry["status"] = ResultCode.SYNC_FAILED.value
        entry["message"] = task.problem
    if task.origin and (task.failed or task.problem):
        entry["origin"] = task.origin
    if task.hook:
        entry["hookType"] = task.key.phase.value
    entry["syncPhase"] = task.key.phase.value
    return entry


def read_entry(entry: Mapping[str, Any]) -> tuple[TaskKey, TaskResult] | None:
    """Reads an entry of `syncResult.resources`; None when it is not one of ours."""
    try:
        key = ObjectKey(
            str(entry.get("group") or ""),
            str(entry["kind"]),
            str(entry.get("namespace") or ""),
            str(entry["name"]),
        )
        status = entry.get("status")
        result = TaskResult(
            ResultCode(status) if status else None,
            str(entry.get("message") or ""),
            Phase(entry.get("hookPhase") or Phase.RUNNING),
        )
        return TaskKey(key, SyncPhase(entry.get("syncPhase") or SyncPhase.SYNC)), result
    except (KeyError, ValueError):
        return None
