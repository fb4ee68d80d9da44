"""Moves the fields of a client-side applier to the server-side one, in `metadata.managedFields`.

As client-go's `csaupgrade` does it: without this a field that git drops would stay, since its old
owner still claims it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from towline.argo.names import FIELD_MANAGER, LAST_APPLIED

DEFAULT_SOURCE: Final = "kubectl-client-side-apply"
_NOTES: Final = "f:annotations"

Entry = dict[str, Any]


def migrated(entries: Sequence[Entry], source: str) -> list[Entry] | None:
    """The entries with the source's fields under our name, as applied by the server.

    Args:
        entries: `metadata.managedFields` of a live object.
        source: The manager whose updates are taken over.

    Returns:
        The new entries, None when there is nothing to take over.
    """
    old = [entry for entry in entries if _is(entry, source, "Update")]
    if not old:
        return None
    ours = next((entry for entry in entries if _is(entry, FIELD_MANAGER, "Apply")), None)
    target = ours or old[0]
    fields: dict[str, Any] = dict(target.get("fieldsV1") or {})
    same = [entry for entry in old if entry.get("apiVersion") == target.get("apiVersion")]
    if ours is not None and same:
        fields = _union(fields, same[0].get("fieldsV1") or {})
    moved = {
        **target,
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "fieldsV1": _without_record(fields),
    }
    return [
        moved if entry is target else entry
        for entry in entries
        if entry is target or not any(entry is one for one in old)
    ]


def _is(entry: Mapping[str, Any], manager: str, operation: str) -> bool:
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource") or "") == (
        manager,
        operation,
        "",
    )


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for name, fields in other.items():
        present = both.get(name)
        both[name] = _union(present, fields) if isinstance(present, Mapping) else fields
    return both


def _without_record(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the last-applied annotation, which our next apply would take away otherwise."""
    meta = fields.get("f:metadata")
    notes = meta.get(_NOTES) if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(notes, dict):
        return fields
    left = {name: value for name, value in notes.items() if name != f"f:{LAST_APPLIED}"}
    kept = {name: value for name, value in meta.items() if name != _NOTES}
    if left:
        kept[_NOTES] = left
    rest = {name: value for name, value in fields.items() if name != "f:metadata"}
    return {**rest, "f:metadata": kept} if kept else rest
