"""Builds the parts of an Application's status in Argo CD's shapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from towline.argo.application import Application
from towline.argo.pinned import Pinned
from towline.argo.status import SyncCode
from towline.gitops.compare import Comparison, Pair
from towline.gitops.health import Health

DEFAULT_HISTORY: Final = 10


def resource_entries(comparison: Comparison, *, unknown: bool = False) -> list[dict[str, Any]]:
    """`status.resources`, sorted by group, kind, namespace and name.

    Args:
        comparison: The outcome.
        unknown: Whether nothing can be said, since desired objects are not known.
    """
    return [
        _resource_entry(pair, unknown=unknown)
        for pair in comparison.pairs
        if pair.status is not None or pair.hook
    ]


def sync_entry(
    app: Application, status: SyncCode, revisions: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`status.sync`; no revisions when none was resolved."""
    spec = app.raw.get("spec") or {}
    compared: dict[str, Any] = {
        **app.compared_sources,
        "destination": spec.get("destination") or {},
    }
    if spec.get("ignoreDifferences"):
        compared["ignoreDifferences"] = spec["ignoreDifferences"]
    entry: dict[str, Any] = {"status": status.value, "comparedTo": compared}
    if app.several and revisions:
        entry["revisions"] = list(revisions)
    elif any(revisions):
        entry["revision"] = revisions[0]
    return entry


def health_entry(previous: dict[str, Any] | None, health: Health, now: str) -> dict[str, Any]:
    """`status.health`; the time moves only when the status changes."""
    before = previous or {}
    same = before.get("status") == health.status.value
    entry = {
        "status": health.status.value,
        "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
    }
    return {**entry, "message": health.message} if health.message else entry


def summary_entry(images: Iterable[str]) -> dict[str, Any]:
    """`status.summary`."""
    found = sorted(set(images))
    return {"images": found} if found else {}


def with_history(
    history: list[dict[str, Any]],
    *,
    pinned: Pinned,
    started_at: str,
    deployed_at: str,
    initiated_by: dict[str, Any],
    limit: int = DEFAULT_HISTORY,
) -> list[dict[str, Any]]:
    """The history with one more deployment, oldest first, cut to the limit."""
    last = max((int(entry.get("id") or 0) for entry in history), default=-1)
    entry = {
        "id": last + 1,
        **pinned.entry(),
        "deployStartedAt": started_at,
        "deployedAt": deployed_at,
        "initiatedBy": initiated_by,
    }
    return [*history, entry][-limit:] if limit > 0 else []


def images_of(pod: dict[str, Any]) -> list[str]:
    """Images of a pod's containers."""
    spec = pod.get("spec") or {}
    return [
        str(container["image"])
        for kind in ("initContainers", "containers")
        for container in spec.get(kind) or []
        if container.get("image")
    ]


def _resource_entry(pair: Pair, *, unknown: bool) -> dict[str, Any]:
    key = pair.key
    entry: dict[str, Any] = {
        "group": key.group,
        "version": pair.gvk.version,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
    }
    entry = {name: value for name, value in entry.items() if value}
    if pair.status is not None:
        entry["status"] = SyncCode.UNKNOWN.value if unknown else pair.status.value
    if pair.hook:
        entry["hook"] = True
    if pair.requires_pruning and not unknown:
        entry["requiresPruning"] = True
    if pair.wave:
        entry["syncWave"] = pair.wave
    return entry
