"""Status vocabulary and the rules by which conditions replace each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, NamedTuple


class SyncCode(StrEnum):
    """Whether live objects are what they should be."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class HealthCode(StrEnum):
    """Health, from best to worst."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"

    @property
    def badness(self) -> int:
        """0 for the best."""
        return list(HealthCode).index(self)


class Phase(StrEnum):
    """Phase of an operation, and of a hook or object within it."""

    RUNNING = "Running"
    TERMINATING = "Terminating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def completed(self) -> bool:
        """Whether nothing follows."""
        return self in {Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR}


class ResultCode(StrEnum):
    """What happened to one object in a sync."""

    SYNCED = "Synced"
    SYNC_FAILED = "SyncFailed"
    PRUNED = "Pruned"
    PRUNE_SKIPPED = "PruneSkipped"


class ConditionType(StrEnum):
    """Conditions of an application; those that end in Error are errors."""

    DELETION_ERROR = "DeletionError"
    INVALID_SPEC_ERROR = "InvalidSpecError"
    COMPARISON_ERROR = "ComparisonError"
    SYNC_ERROR = "SyncError"
    UNKNOWN_ERROR = "UnknownError"
    SHARED_RESOURCE = "SharedResourceWarning"
    REPEATED_RESOURCE = "RepeatedResourceWarning"
    EXCLUDED_RESOURCE = "ExcludedResourceWarning"
    ORPHANED_RESOURCE = "OrphanedResourceWarning"


class Condition(NamedTuple):
    """A type and what is wrong."""

    type: ConditionType
    message: str


def merge_conditions(
    existing: Iterable[dict[str, Any]],
    evaluated: Collection[ConditionType],
    found: Iterable[Condition],
    now: str,
) -> list[dict[str, Any]]:
    """The new list of conditions.

    Args:
        existing: The conditions in the status.
        evaluated: The types that were looked at: only these are replaced.
        found: What was found.
        now: RFC 3339 time for conditions that are new; equal ones keep theirs.
    """
    old = {(c.get("type"), c.get("message")): c for c in existing}
    kept = [c for c in existing if c.get("type") not in evaluated]
    fresh = [
        old.get((c.type.value, c.message))
        or {"type": c.type.value, "message": c.message, "lastTransitionTime": now}
        for c in dict.fromkeys(found)
    ]
    return sorted(
        kept + fresh,
        key=lambda c: (
            str(c.get("type")),
            str(c.get("message")),
            str(c.get("lastTransitionTime")),
        ),
    )
