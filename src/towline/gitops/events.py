"""What is worth an Event about an Application, in Argo CD's reasons and words. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from towline.argo.application import Application
from towline.argo.pinned import pinned_of
from towline.argo.status import ConditionType, Phase

COMPONENT: Final = "argocd-application-controller"
_LONGEST: Final = 1024  # what the API allows for a message


class EventNote(msgspec.Struct, frozen=True):
    """One Event.

    Attributes:
        reason: Machine-readable reason.
        message: For people.
        warning: Whether it is a warning.
    """

    reason: str
    message: str
    warning: bool = False


def notes_of(before: Application, after: Application) -> list[EventNote]:
    """The Events that a change of an application is worth."""
    notes = [*_started(before, after), *_completed(before, after)]
    for name in ("sync", "health"):
        old, new = _status(before, name), _status(after, name)
        if old != new:
            message = f"Updated {name} status: {old} -> {new}"
            notes.append(EventNote("ResourceUpdated", message))
    known = _deletion_errors(before)
    notes += [
        EventNote("StatusRefreshed", f"Unable to delete application resources: {text}", True)
        for text in _deletion_errors(after)
        if text not in known
    ]
    return [msgspec.structs.replace(note, message=note.message[:_LONGEST]) for note in notes]


def completed(before: Application, after: Application) -> dict[str, Any] | None:
    """The state of the operation that ended with a change; None when none did."""
    old, new = _state(before), _state(after)
    if not _is_over(new) or (_is_over(old) and old.get("startedAt") == new.get("startedAt")):
        return None
    return new


def _started(before: Application, after: Application) -> list[EventNote]:
    operation = after.operation
    if before.operation is not None or operation is None or not operation.initiated_by.automated:
        return []
    sync = operation.sync
    revisions = sync.revisions or (sync.revision,) if sync is not None else ()
    return [EventNote("OperationStarted", f"Initiated automated sync to '{', '.join(revisions)}'")]


def _completed(before: Application, after: Application) -> list[EventNote]:
    state = completed(before, after)
    if state is None:
        return []
    partial = ((state.get("operation") or {}).get("sync") or {}).get("resources")
    words = "Partial sync operation" if partial else "Sync operation"
    pinned = pinned_of(state.get("syncResult") or {})
    if pinned is not None:
        words += f" to {pinned.text}"
    if state.get("phase") == Phase.SUCCEEDED.value:
        return [EventNote("OperationCompleted", f"{words} succeeded")]
    failed = f"{words} failed: {state.get('message') or ''}"
    return [EventNote("OperationCompleted", failed, warning=True)]


def _is_over(state: dict[str, Any]) -> bool:
    return state.get("phase") in {
        phase.value for phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR)
    }


def _state(app: Application) -> dict[str, Any]:
    return app.status.get("operationState") or {}


def _status(app: Application, name: str) -> str:
    return str((app.status.get(name) or {}).get("status") or "")


def _deletion_errors(app: Application) -> list[str]:
    return [
        str(condition.get("message") or "")
        for condition in app.status.get("conditions") or []
        if condition.get("type") == ConditionType.DELETION_ERROR.value
    ]
