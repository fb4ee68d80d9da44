"""The life of `status.operationState`: start, progress, retry, end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from towline.argo.application import Retry
from towline.argo.durations import parse_duration
from towline.argo.pinned import Pinned, pinned_of
from towline.argo.status import Phase
from towline.gitops.tasks import Task, TaskKey, TaskResult, read_entry, result_entry


def started(operation: dict[str, Any], now: str) -> dict[str, Any]:
    """The state of an operation that begins."""
    return {"operation": operation, "phase": Phase.RUNNING.value, "startedAt": now, "message": ""}


def sync_result(tasks: Iterable[Task], pinned: Pinned) -> dict[str, Any]:
    """`syncResult`: what became of each object so far."""
    entries = [result_entry(task) for task in tasks if not task.pending or task.problem]
    result = pinned.entry()
    return {**result, "resources": entries} if entries else result


def results_of(state: dict[str, Any]) -> dict[TaskKey, TaskResult]:
    """The results that an operation has so far, as recorded in its state."""
    entries = (state.get("syncResult") or {}).get("resources") or []
    return dict(read for entry in entries if (read := read_entry(entry)) is not None)


def ended(state: dict[str, Any], phase: Phase, message: str, now: str) -> dict[str, Any]:
    """The state of an operation that is over for good."""
    count = int(state.get("retryCount") or 0)
    if count and phase is not Phase.SUCCEEDED:
        message = f"{message} (retried {count} times)."
    return {**state, "phase": phase.value, "message": message, "finishedAt": now}


def retry_delay(retry: Retry, count: int) -> float:
    """Seconds before the retry with that number, counted from 0.

    Raises:
        InputError: The back-off's durations are not durations.
    """
    backoff = retry.backoff
    first = parse_duration(str(backoff.duration), field="retry.backoff.duration")
    longest = parse_duration(str(backoff.max_duration), field="retry.backoff.maxDuration")
    return min(longest, first * float(max(1, backoff.factor)) ** min(count, 60))


def may_retry(retry: Retry, state: dict[str, Any]) -> bool:
    """Whether a failed operation is tried again."""
    return retry.limit < 0 or int(state.get("retryCount") or 0) < retry.limit


def retrying(
    state: dict[str, Any], message: str, now: dt.datetime, delay: float, stamp: str
) -> dict[str, Any]:
    """The state of a failed operation that waits for its next attempt.

    Args:
        state: Where it stands.
        message: Why it failed.
        now: The time.
        delay: Seconds to the next attempt.
        stamp: The time as RFC 3339.
    """
    count = int(state.get("retryCount") or 0) + 1
    due = (now + dt.timedelta(seconds=delay)).strftime("%I:%M%p").lstrip("0")
    return {
        **state,
        "phase": Phase.RUNNING.value,
        "finishedAt": stamp,
        "retryCount": count,
        "message": f"{message}. Retrying attempt #{count} at {due}.",
    }


def retry_due_in(state: dict[str, Any], retry: Retry, now: dt.datetime) -> float | None:
    """Seconds until the next attempt is due; None when the operation does not wait for one."""
    finished = state.get("finishedAt")
    if state.get("phase") != Phase.RUNNING.value or not finished:
        return None
    count = max(0, int(state.get("retryCount") or 1) - 1)
    passed = (now - dt.datetime.fromisoformat(str(finished))).total_seconds()
    return max(0.0, retry_delay(retry, count) - passed)


def asked_revisions(state: dict[str, Any]) -> tuple[str, ...]:
    """The revisions that the operation names itself; none when the sources' own count."""
    sync = (state.get("operation") or {}).get("sync") or {}
    found = sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else ())
    return tuple(map(str, found))


def resumed(state: dict[str, Any], retry: Retry) -> dict[str, Any]:
    """The state when the next attempt begins: results are cleared.

    The revision is kept, unless the policy wants the latest at each attempt.
    """
    kept = {k: v for k, v in state.items() if k not in {"finishedAt", "syncResult"}}
    latest = " with latest revisions" if retry.refresh else ""
    kept["message"] = f"Retrying operation{latest}. Attempt #{state.get('retryCount') or 1}"
    pinned = pinned_of(state.get("syncResult") or {})
    if retry.refresh:
        operation = kept.get("operation") or {}
        sync = operation.get("sync") or {}
        asked = {k: v for k, v in sync.items() if k not in {"revision", "revisions"}}
        kept["operation"] = {**operation, "sync": asked}
    elif pinned is not None:
        kept["syncResult"] = pinned.entry()
    return kept
