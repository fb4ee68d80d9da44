"""Server-side apply, and the upkeep of field ownership on every other write.

Pure: objects in, objects out; inputs are never changed. Who calls has decoded and pruned the
objects, and runs defaulting and validation on the result.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from towline.kube.schema.node import ANY, SchemaNode
from towline.kube.schema.process import zero_object
from towline.kube.ssa import managed
from towline.kube.ssa.fieldset import (
    Tree,
    difference,
    intersection,
    iterate,
    union,
    without_subtrees,
)
from towline.kube.ssa.managed import Entry, Identity, Managers
from towline.kube.ssa.typed import (
    compare,
    field_set_of,
    merge,
    remove_items,
    violations,
    with_named_members,
)
from towline.kube.status import ApiError

Obj = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"
_NEVER_OWNED: Tree = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        ".": {},
        **{
            f"f:{name}": {}
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "clusterName",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        },
    },
}


def _stamp(now: str | datetime) -> str:
    return now if isinstance(now, str) else now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reset_tree(reset: Iterable[str], subresource: str) -> Tree:
    names = list(reset) or (["spec"] if subresource == "status" else [])
    return {f"f:{name}": {} for name in names}


def _with_managed(obj: Obj, entries: list[Obj]) -> Obj:
    metadata = {k: v for k, v in (obj.get("metadata") or {}).items() if k != "managedFields"}
    if entries:
        metadata["managedFields"] = entries
    return {**obj, "metadata": metadata}


def _entries(obj: Obj | None) -> Any:
    return ((obj or {}).get("metadata") or {}).get("managedFields")


def _without_managed(obj: Obj) -> Obj:
    metadata = obj.get("metadata")
    if not metadata or "managedFields" not in metadata:
        return obj
    return {**obj, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}


# --- writes other than apply ---------------------------------------------------------------------


def track_update(
    old: Obj | None,
    new: Obj,
    manager: str,
    *,
    schema: SchemaNode | None,
    api_version: str,
    now: str | datetime,
    subresource: str = "",
    reset_fields: Iterable[str] = (),
) -> Obj:
    """The new object with `metadata.managedFields` brought up to date.

    Args:
        old: The stored object; None for a create.
        new: What is to be stored; its own managedFields count as the writer's wish (they may be
            edited or reset), as in a PUT of an edited copy.
        manager: Name of the field manager.
        schema: The kind's schema, None when unknown.
        api_version: The version the request used.
        now: Time of the write, RFC 3339 in UTC with whole seconds, or an aware datetime.
        subresource: Through which subresource the write came; empty for the object itself.
        reset_fields: Top-level fields that this write cannot own, such as `status` for the main
            resource of a kind with a status subresource (`spec` is implied for `status`).

    Returns:
        The object to store. A write that changes nothing gives an object equal to `old`.
    """
    managers = _managers_of_write(old, new, subresource)
    if old is not None and not managers:
        # Nobody tracked the object before, or its writer reset the tracking.
        return _with_managed(new, [])
    before = _without_managed(old) if old is not None else zero_object(schema)
    changes = compare(before, _without_managed(new), schema)
    own = Tree()
    reset = _reset_tree(reset_fields, subresource)
    touched = without_subtrees(union(changes.added.tree, changes.modified.tree), reset)
    removed = without_subtrees(changes.removed.tree, reset)
    if touched or removed:
        managers = _taken_away(managers, touched, removed, keep=None)
        own = difference(touched, _NEVER_OWNED)
    if own:
        who = managed.identity_of(manager, managed.UPDATE, api_version, subresource)
        previous = managers.get(who)
        fields = union(own, previous.fields) if previous else own
        managers = {**managers, who: Entry(who, api_version, _stamp(now), fields)}
    return _with_managed(new, managed.encode(managed.capped(managers)))


def _managers_of_write(old: Obj | None, new: Obj, subresource: str) -> Managers:
    stored = managed.decode(_entries(old)) or {}
    if subresource and old is not None:
        return stored
    given = _entries(new)
    if managed.is_reset(given):
        return {}
    if old is not None and given == _entries(old):
        return stored
    return managed.decode(given) or stored


def _taken_away(
    managers: Managers, touched: Tree, removed: Tree, *, keep: Identity | None
) -> Managers:
    """Every manager's entry without the fields that somebody else changed; empty ones vanish."""
    lost = union(touched, removed)
    out: Managers = {}
    for who, entry in managers.items():
        if who == keep or not intersection(entry.fields, lost):
            out[who] = entry
        elif fields := difference(entry.fields, lost):
            out[who] = entry.with_fields(fields)
    return out


# --- apply ---------------------------------------------------------------------------------------


def server_side_apply(
    live: Obj | None,
    config: Obj,
    manager: str,
    *,
    schema: SchemaNode | None,
    force: bool,
    api_version: str,
    now: str | datetime,
    subresource: str = "",
    reset_fields: Iterable[str] = (),
) -> Obj:
    """Merges a configuration into the live object and moves ownership.

    Args:
        live: The stored object; None when it does not exist yet.
        config: What the applier wants, only the fields it has an opinion on.
        manager: Name of the field manager.
        schema: The kind's schema, None when unknown.
        force: Take fields that other managers own with another value.
        api_version: The version that the configuration must have.
        now: Time of the write, RFC 3339 in UTC with whole seconds, or an aware datetime.
        subresource: Through which subresource the request came.
        reset_fields: Top-level fields that this write cannot own (see `track_update`).

    Returns:
        The object to default, validate and store; equal to `live` when nothing changes.

    Raises:
        ApiError: Conflict with the fields and their managers, BadRequest for a wrong version or a
            configuration with managedFields, 500 for one that does not fit the schema.
    """
    _check_config(config, schema, api_version)
    node = schema or ANY
    stamp = _stamp(now)
    base = live if live is not None else _created_base(config, schema)
    managers = managed.decode(_entries(live))
    if managers is None:
        raise ApiError("failed to decode managed fields", reason="InternalError")
    current = _without_managed(base)
    if live is not None and not managers:
        managers = _before_first_apply(current, schema, api_version, stamp, subresource)
    who = managed.identity_of(manager, managed.APPLY, api_version, subresource)
    reset = _reset_tree(reset_fields, subresource)
    wanted = without_subtrees(field_set_of(config, schema).tree, reset)
    last = managers.get(who)
    fresh = Entry(who, api_version, stamp, wanted)
    merged = merge(current, config, schema)
    if last is not None and last.fields:
        merged = _pruned(merged, last.fields, {**managers, who: fresh}, node)
    changes = compare(current, merged, schema)
    touched = without_subtrees(union(changes.added.tree, changes.modified.tree), reset)
    removed = without_subtrees(changes.removed.tree, reset)
    conflicts = _conflicts(managers, who, touched)
    if conflicts and not force:
        remaining = _conflicts_left(conflicts, current, manager, schema, api_version)
        if remaining:
            raise _conflict_error(remaining)
    managers = _taken_away(managers, touched, removed, keep=who)
    managers = _with_applier(managers, last, fresh, changed=merged != current)
    if manager == _KUBECTL:
        merged = _with_last_applied(merged, config)
    return _with_managed(merged, managed.encode(managers))


def _check_config(config: Obj, schema: SchemaNode | None, api_version: str) -> None:
    if config.get("apiVersion") != api_version:
        text = (
            "Incorrect version specified in apply patch. Specified patch version: "
            f"{config.get('apiVersion')}, expected: {api_version}"
        )
        raise ApiError(text, reason="BadRequest")
    metadata = config.get("metadata") or {}
    if metadata.get("managedFields") is not None:
        raise ApiError("metadata.managedFields must be nil", reason="BadRequest")
    problem = next(violations(config, schema or ANY), None)
    if problem:
        raise untyped(config, str(problem))


def untyped(config: Obj, problem: str) -> ApiError:
    """The refusal of an apply configuration that does not fit its schema."""
    about = config.get("metadata") or {}
    place = f"{about.get('namespace', '')}/{about.get('name', '')}"
    kind = f"{qualified(str(config.get('apiVersion', '')))}, Kind={config.get('kind', '')}"
    return ApiError(f"failed to create typed patch object ({place}; {kind}): {problem}", code=500)


def qualified(api_version: str) -> str:
    """An apiVersion with the group of core shown as an empty one."""
    return api_version if "/" in api_version else f"/{api_version}"


def _created_base(config: Obj, schema: SchemaNode | None) -> Obj:
    base = dict(zero_object(schema))
    base["apiVersion"], base["kind"] = config.get("apiVersion"), config.get("kind")
    return base


def _before_first_apply(
    current: Obj, schema: SchemaNode | None, api_version: str, stamp: str, subresource: str
) -> Managers:
    changes = compare(zero_object(schema), current, schema)
    fields = difference(union(changes.added.tree, changes.modified.tree), _NEVER_OWNED)
    if not fields:
        return {}
    who = managed.identity_of(managed.BEFORE_FIRST_APPLY, managed.UPDATE, api_version, subresource)
    return {who: Entry(who, api_version, stamp, fields)}


def _pruned(merged: Obj, last: Tree, managers: Managers, node: SchemaNode) -> Obj:
    """Removes what the applier's last configuration had and nobody owns any more."""
    last_named = with_named_members(last, node)
    pruned = remove_items(merged, last_named, node)
    owned = with_named_members(managed.united(managers.values()), node)
    all_fields = with_named_members(field_set_of(merged, node).tree, node)
    kept = with_named_members(field_set_of(pruned, node).tree, node)
    pruned = remove_items(merged, difference(all_fields, union(kept, owned)), node)
    # What hung below a removed item without an owner and was never the applier's comes back.
    kept = with_named_members(field_set_of(pruned, node).tree, node)
    doomed = intersection(difference(all_fields, kept), last_named)
    removed: Obj = remove_items(merged, doomed, node)
    return removed


def _with_applier(
    managers: Managers, last: Entry | None, fresh: Entry, *, changed: bool
) -> Managers:
    fields = difference(fresh.fields, _NEVER_OWNED)
    rest = {who: entry for who, entry in managers.items() if who != fresh.identity}
    if not fields:
        return rest
    if last is not None and not changed:
        if last.fields == fields and last.api_version == fresh.api_version:
            return {**rest, fresh.identity: last}
        return {
            **rest,
            fresh.identity: Entry(fresh.identity, fresh.api_version, last.time, fields),
        }
    # An entry tells when the object was changed; who only shares what is there has no time.
    time = fresh.time if changed else None
    return {**rest, fresh.identity: Entry(fresh.identity, fresh.api_version, time, fields)}


# --- conflicts -----------------------------------------------------------------------------------


def _conflicts(managers: Managers, applier: Identity, touched: Tree) -> dict[Identity, Tree]:
    found = {}
    for who, entry in managers.items():
        if who != applier and (common := intersection(entry.fields, touched)):
            found[who] = common
    return found


def _conflicts_left(
    conflicts: dict[Identity, Tree],
    current: Obj,
    manager: str,
    schema: SchemaNode | None,
    api_version: str,
) -> dict[Identity, Tree]:
    """The rest: kubectl may take over what its own last-applied annotation says it set."""
    if manager != _KUBECTL:
        return conflicts
    annotations = (current.get("metadata") or {}).get("annotations") or {}
    try:
        applied = msgspec.json.decode(annotations.get(LAST_APPLIED) or "null")
    except msgspec.DecodeError:
        return conflicts
    if not isinstance(applied, dict) or applied.get("apiVersion") != api_version:
        return conflicts
    changes = compare(applied, current, schema)
    allowed = field_set_of(applied, schema).tree
    for part in changes:
        allowed = difference(allowed, part.tree)
    allowed = union(allowed, {"f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}})
    left = {who: difference(fields, allowed) for who, fields in conflicts.items()}
    return {who: fields for who, fields in left.items() if fields}


def _conflict_error(conflicts: dict[Identity, Tree]) -> ApiError:
    pairs = [(who, path) for who in sorted(conflicts) for path in iterate(conflicts[who])]
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {who.text()}",
            "field": path,
        }
        for who, path in pairs
    ]
    if len(pairs) == 1:
        who, path = pairs[0]
        text = f"Apply failed with 1 conflict: conflict with {who.text()}: {path}"
    else:
        lines = []
        for who in sorted(conflicts):
            lines.append(f"conflicts with {who.text()}:")
            lines += [f"- {path}" for path in iterate(conflicts[who])]
        text = f"Apply failed with {len(pairs)} conflicts: " + "\n".join(lines)
    return ApiError(text, reason="Conflict", details={"causes": causes})


def _with_last_applied(merged: Obj, config: Obj) -> Obj:
    """Keeps kubectl's annotation in step for people who go back to client-side apply."""
    metadata = merged.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if not annotations.get(LAST_APPLIED):
        return merged
    applied_meta = dict(config.get("metadata") or {})
    if LAST_APPLIED in (applied_meta.get("annotations") or {}):
        applied_meta["annotations"] = {
            key: value for key, value in applied_meta["annotations"].items() if key != LAST_APPLIED
        }
    text = msgspec.json.encode({**config, "metadata": applied_meta}, order="sorted").decode() + "\n"
    if len(text) > 262144:
        return merged
    return {
        **merged,
        "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}},
    }
