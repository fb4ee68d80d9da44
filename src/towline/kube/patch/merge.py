"""JSON merge patch (RFC 7386), pure: apply, create, and the three-way form without a schema."""

from __future__ import annotations

from typing import Any

from towline.kube.patch.equality import same


def apply_merge_patch(doc: Any, patch: Any) -> Any:
    """The document after the patch; unchanged parts are shared with the input."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(doc) if isinstance(doc, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge_patch(merged.get(key), value)
    return merged


def create_merge_patch(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The smallest merge patch that turns `old` into `new`; empty when they are equal."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
            continue
        before = old[key]
        if isinstance(before, dict) and isinstance(value, dict):
            if nested := create_merge_patch(before, value):
                patch[key] = nested
        elif not same(before, value):
            patch[key] = value
    return patch


def _changes(current: dict[str, Any], modified: dict[str, Any]) -> dict[str, Any]:
    """Additions and changes only."""
    patch: dict[str, Any] = {}
    for key, value in modified.items():
        if key not in current:
            if value is not None:
                patch[key] = value
            continue
        before = current[key]
        if isinstance(before, dict) and isinstance(value, dict):
            if nested := _changes(before, value):
                patch[key] = nested
        elif not same(before, value):
            patch[key] = value
    return patch


def _deletions(original: dict[str, Any], modified: dict[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    for key, before in original.items():
        value = modified.get(key)
        if value is None:
            if before is not None or key not in modified:  # null that stays null is no deletion
                patch[key] = None
        elif (
            isinstance(before, dict)
            and isinstance(value, dict)
            and (nested := _deletions(before, value))
        ):
            patch[key] = nested
    return patch


def _combined(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    merged = dict(left)
    for key, value in right.items():
        before = merged.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        merged[key] = _combined(before, value) if both else value  # type: ignore[arg-type]
    return merged


def three_way_merge(
    original: dict[str, Any], modified: dict[str, Any], current: dict[str, Any]
) -> dict[str, Any]:
    """The merge patch that brings `modified` to a live object.

    Fields of `original` that `modified` no longer has are deleted; fields that only `current` has
    (defaults, other writers) stay.

    Args:
        original: What was applied last time; empty when unknown.
        modified: What is wanted now.
        current: The live object.

    Returns:
        A patch for `apply_merge_patch(current, ...)`; empty when nothing is to do.
    """
    deletions = _only_present(_deletions(original, modified), current)
    return _combined(deletions, _changes(current, modified))


def _only_present(deletions: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """Leaves out deletions of what is not there, so that an up-to-date object gets no patch."""
    patch: dict[str, Any] = {}
    for key, value in deletions.items():
        if key not in current:
            continue
        below = current[key]
        if value is None:
            patch[key] = None
        elif isinstance(below, dict) and (nested := _only_present(value, below)):
            patch[key] = nested
    return patch
