"""Strategic merge patches made from three states: last applied, wanted, live. Pure."""

from __future__ import annotations

from typing import Any

from towline.kube.patch.equality import same
from towline.kube.schema.node import ANY, SchemaNode

Obj = dict[str, Any]


def create_three_way_strategic(
    original: Obj, modified: Obj, current: Obj, schema: SchemaNode | None
) -> Obj:
    """The strategic merge patch that brings `modified` to a live object.

    What `original` had and `modified` lacks is deleted; what only `current` has stays.

    Args:
        original: What was applied last time; empty when unknown.
        modified: What is wanted now.
        current: The live object.
        schema: The kind's schema with merge strategies.

    Returns:
        A patch for `apply_strategic_patch(current, ...)`; empty when nothing is to do.
    """
    node = schema or ANY
    additions = _additions(current, modified, node)
    deletions = _deletions(original, modified, current, node)
    return _combined(deletions, additions, node)


def _strategies(node: SchemaNode) -> list[str]:
    return node.patch_strategy.split(",")


def _has_maps(items: list[Any]) -> bool:
    return any(isinstance(item, dict) for item in items)


def _keyed(items: list[Any], merge_key: str) -> dict[str, Obj]:
    return {
        str(item[merge_key]): item for item in items if isinstance(item, dict) and merge_key in item
    }


# --- additions and changes -----------------------------------------------------------------------


def _additions(current: Obj, modified: Obj, node: SchemaNode) -> Obj:
    patch: Obj = {}
    for key, value in modified.items():
        if key not in current:
            if value is not None:
                patch[key] = value
            continue
        before = current[key]
        child = node.child(key)
        if same(before, value):
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            nested = _additions(before, value, child)
            if _needs_retain_keys(before, value, child):
                nested["$retainKeys"] = sorted(k for k, v in value.items() if v is not None)
            if nested:
                patch[key] = nested
        elif isinstance(before, list) and isinstance(value, list) and "merge" in _strategies(child):
            _list_additions(key, before, value, child, patch)
        else:
            patch[key] = value
    return patch


def _needs_retain_keys(current: Obj, modified: Obj, node: SchemaNode) -> bool:
    """A union: the keys of another alternative must go when the chosen one changes."""
    if "retainKeys" not in _strategies(node):
        return False
    stale = [key for key in current if modified.get(key) is None]
    changed = any(key not in current or not same(current[key], modified[key]) for key in modified)
    return bool(stale) and changed


def _list_additions(
    key: str, current: list[Any], modified: list[Any], node: SchemaNode, patch: Obj
) -> None:
    merge_key = node.patch_merge_key
    if not merge_key or not (_has_maps(current) or _has_maps(modified)):
        added = [item for item in modified if item not in current]
        if added:
            patch[key] = added
        if added or not _in_order(current, modified):
            patch[f"$setElementOrder/{key}"] = list(modified)
        return
    present = _keyed(current, merge_key)
    found: list[Obj] = []
    for item in modified:
        if not isinstance(item, dict) or merge_key not in item:
            continue
        before = present.get(str(item[merge_key]))
        if before is None:
            found.append(item)
            continue
        changes = _additions(before, item, node.items)
        if "retainKeys" in _strategies(node) and _union_changed(before, item, node):
            changes["$retainKeys"] = sorted(k for k, v in item.items() if v is not None)
        if changes:
            found.append({merge_key: item[merge_key], **changes})
    if found:
        patch[key] = found
    order = [item[merge_key] for item in modified if isinstance(item, dict) and merge_key in item]
    live = [item.get(merge_key) for item in current if isinstance(item, dict)]
    if found or not _in_order(live, order):
        patch[f"$setElementOrder/{key}"] = [{merge_key: value} for value in order]


def _union_changed(before: Obj, item: Obj, node: SchemaNode) -> bool:
    stale = any(item.get(key) is None for key in before)
    return stale and any(
        key not in before or not same(before[key], value) for key, value in item.items()
    )


def _in_order(current: list[Any], modified: list[Any]) -> bool:
    """Whether the wanted items stand in the wanted order among the live ones."""
    return [item for item in current if item in modified] == list(modified)


# --- deletions -----------------------------------------------------------------------------------


def _deletions(original: Obj, modified: Obj, current: Obj, node: SchemaNode) -> Obj:
    """Deletions of what is still there."""
    patch: Obj = {}
    for key, before in original.items():
        live = current.get(key)
        if key not in current:
            continue
        value = modified.get(key)
        child = node.child(key)
        if value is None:
            patch[key] = None
        elif isinstance(before, dict) and isinstance(value, dict) and isinstance(live, dict):
            if nested := _deletions(before, value, live, child):
                patch[key] = nested
        elif (
            isinstance(before, list)
            and isinstance(value, list)
            and isinstance(live, list)
            and "merge" in _strategies(child)
        ):
            _list_deletions(key, (before, value, live), child, patch)
    return patch


def _list_deletions(
    key: str, states: tuple[list[Any], list[Any], list[Any]], node: SchemaNode, patch: Obj
) -> None:
    original, modified, current = states
    merge_key = node.patch_merge_key
    if not merge_key or not (_has_maps(original) or _has_maps(modified)):
        gone = [item for item in original if item not in modified and item in current]
        if gone:
            patch[f"$deleteFromPrimitiveList/{key}"] = gone
        return
    wanted, live = _keyed(modified, merge_key), _keyed(current, merge_key)
    found: list[Obj] = []
    for identity, before in _keyed(original, merge_key).items():
        if identity not in live:
            continue
        if identity not in wanted:
            found.append({"$patch": "delete", merge_key: before[merge_key]})
        elif nested := _deletions(before, wanted[identity], live[identity], node.items):
            found.append({merge_key: before[merge_key], **nested})
    if found:
        patch[key] = found


# --- both ----------------------------------------------------------------------------------------


def _combined(deletions: Obj, additions: Obj, node: SchemaNode) -> Obj:
    """One patch of two; they never contradict each other."""
    merged = dict(deletions)
    for key, value in additions.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _combined(before, value, node.child(key))
        elif isinstance(before, list) and isinstance(value, list):
            merged[key] = _combined_lists(before, value, node.child(key))
        else:
            merged[key] = value
    for key, order in merged.items():
        name = key.removeprefix("$setElementOrder/")
        if name != key and isinstance(merged.get(name), list):
            merged[name] = _ordered(merged[name], order, node.child(name).patch_merge_key)
    return merged


def _ordered(items: list[Any], order: list[Any], merge_key: str) -> list[Any]:
    """List items must stand as the order directive says; deletions follow."""
    if not merge_key or not _has_maps(items):
        return items
    places = {str(entry[merge_key]): place for place, entry in enumerate(order)}
    last = len(places)
    return sorted(
        items,
        key=lambda item: last if "$patch" in item else places.get(str(item[merge_key]), last),
    )


def _combined_lists(deletions: list[Any], additions: list[Any], node: SchemaNode) -> list[Any]:
    merge_key = node.patch_merge_key
    pending = _keyed([item for item in deletions if "$patch" not in item], merge_key)
    merged = []
    for item in additions:
        other = pending.pop(str(item.get(merge_key)), None)
        merged.append(item if other is None else _combined(other, item, node.items))
    doomed = [item for item in deletions if "$patch" in item]
    return [*merged, *pending.values(), *doomed]
