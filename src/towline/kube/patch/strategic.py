"""Strategic merge patch, pure: apply one to an object, with every directive.

Lists merge by the key that the schema names, or as sets; directives (`$patch`, `$retainKeys`,
`$setElementOrder/...`, `$deleteFromPrimitiveList/...`) say what a plain merge cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.kube.patch.strategic_diff import create_three_way_strategic
from towline.kube.schema.node import ANY, SchemaNode
from towline.kube.status import ApiError

__all__ = ["apply_strategic_patch", "create_three_way_strategic"]

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
SET_ORDER = "$setElementOrder/"
DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
MAX_DEPTH = 100

Obj = dict[str, Any]


def apply_strategic_patch(doc: Obj, patch: Obj, schema: SchemaNode | None) -> Obj:
    """The document after the patch; unchanged parts are shared with the input.

    Args:
        doc: The object.
        patch: The decoded patch.
        schema: The kind's schema with merge strategies; None merges maps and replaces lists.

    Raises:
        ApiError: BadRequest for a malformed directive or a list item without its merge key.
    """
    if not isinstance(patch, dict):
        raise _bad("json: cannot unmarshal patch into an object")
    return _merge_map(doc, patch, schema or ANY, 0)


def _bad(message: str) -> ApiError:
    return ApiError(message, reason="BadRequest")


def _merge_map(doc: Obj, patch: Obj, node: SchemaNode, depth: int) -> Obj:
    if depth > MAX_DEPTH:
        raise _bad("the patch is nested too deeply")
    match patch.get(PATCH):
        case "replace":
            return {k: _without_directives(v) for k, v in patch.items() if not k.startswith("$")}
        case "delete":
            return {}
        case None:
            pass
        case other:
            raise _bad(f"unknown patch type: {other} in map: {patch}")
    merged = dict(doc)
    if RETAIN_KEYS in patch:
        merged = _retained(merged, patch, patch[RETAIN_KEYS])
    for key, value in patch.items():
        if key.startswith(DELETE_PRIMITIVES):
            _delete_primitives(merged, key, value)
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(merged, key, value, node.child(key), depth)
    for key in patch:
        if key.startswith(SET_ORDER):
            _set_order(merged, doc, patch, key, node)
    return merged


def _delete_primitives(merged: Obj, key: str, value: Any) -> None:
    name = key.removeprefix(DELETE_PRIMITIVES)
    doomed = _as_list(value, key)
    if isinstance(merged.get(name), list):
        merged[name] = [item for item in merged[name] if item not in doomed]


def _set_order(merged: Obj, doc: Obj, patch: Obj, key: str, node: SchemaNode) -> None:
    name = key.removeprefix(SET_ORDER)
    order = _as_list(patch[key], key)
    if not isinstance(merged.get(name), list):
        return
    before = doc.get(name)
    server = before if isinstance(before, list) else []
    merge_key = node.child(name).patch_merge_key
    given = patch.get(name)
    if merge_key and server and isinstance(given, list):
        server = _server_order(server, given, merged[name], merge_key)
    merged[name] = _reordered(merged[name], order, server, merge_key)


def _server_order(
    before: list[Any], given: list[Any], merged: list[Any], merge_key: str
) -> list[Any]:
    """What counts as the old order: new items move into the places that deletions leave.

    Servers do so; it decides where a new item stands among those that only they know.
    """
    identity = _identity(merge_key)
    known, left = {identity(item) for item in before}, {identity(item) for item in merged}
    kept = [item for item in before if identity(item) in left]
    new = [item for item in given if identity(item) not in known and PATCH not in item]
    return [*kept, *new][: len(before)]


def _as_list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(f"{key} must be a list")
    return value


def _retained(merged: Obj, patch: Obj, retained: Any) -> Obj:
    keep = set(_as_list(retained, RETAIN_KEYS))
    for key, value in patch.items():
        if not key.startswith("$") and value is not None and key not in keep:
            raise _bad(f"{RETAIN_KEYS} list doesn't contain the key {key} that the patch sets")
    return {key: value for key, value in merged.items() if key in keep}


def _merge_field(merged: Obj, key: str, value: Any, node: SchemaNode, depth: int) -> None:
    if value is None:
        merged.pop(key, None)
        return
    before = merged.get(key)
    strategies = node.patch_strategy.split(",")
    if isinstance(value, dict) and isinstance(before, dict):
        base = {} if "replace" in strategies else before
        merged[key] = _merge_map(base, value, node, depth + 1)
    elif isinstance(value, dict):
        # A directive for a field that is not there is no value of it.
        merged.pop(key, None)
        if PATCH not in value:
            merged[key] = _merge_map({}, value, node, depth + 1)
    elif isinstance(value, list) and "merge" in strategies:
        present = before if isinstance(before, list) else []
        merged[key] = _merge_list(present, value, node, depth + 1)
    else:
        merged[key] = _without_directives(value)


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_directives(below)
            for key, below in value.items()
            if not key.startswith("$") and below is not None
        }
    if isinstance(value, list):
        plain = [item for item in value if not (isinstance(item, dict) and PATCH in item)]
        return [_without_directives(item) for item in plain]
    return value


# --- lists ---------------------------------------------------------------------------------------


def _merge_list(doc: list[Any], patch: list[Any], node: SchemaNode, depth: int) -> list[Any]:
    if not any(isinstance(item, (dict, list)) for item in (*doc, *patch)):
        merged = list(dict.fromkeys((*doc, *patch)))
        return _reordered(merged, patch, doc, "")
    merge_key = node.patch_merge_key
    if not merge_key:
        raise _bad("cannot merge lists without a merge key")
    wanted: list[Obj] = []
    removed: list[Any] = []
    for item in patch:
        if not isinstance(item, dict):
            raise _bad("list element types are not identical")
        match item.get(PATCH):
            case None:
                wanted.append(item)
            case "replace":
                return [_without_directives(entry) for entry in patch if PATCH not in entry]
            case "delete":
                removed.append(_key_value(item, merge_key))
            case "merge":
                raise _bad("merging lists cannot yet be specified in the patch")
            case other:
                raise _bad(f"unknown patch type: {other} in map: {item}")
    merged = [item for item in doc if _key_of(item, merge_key) not in removed]
    positions = {_hashable(_key_of(item, merge_key)): n for n, item in enumerate(merged)}
    for item in wanted:
        identity = _hashable(_key_value(item, merge_key))
        if identity in positions:
            place = positions[identity]
            merged[place] = _merge_map(merged[place], item, node.items, depth + 1)
        else:
            positions[identity] = len(merged)
            merged.append(_merge_map({}, item, node.items, depth + 1))
    return _reordered(merged, wanted, doc, merge_key)


def _key_of(item: Any, merge_key: str) -> Any:
    return item.get(merge_key) if isinstance(item, dict) else None


def _key_value(item: Obj, merge_key: str) -> Any:
    if merge_key not in item:
        raise _bad(f"map: {item} does not contain declared merge key: {merge_key}")
    return item[merge_key]


def _hashable(value: Any) -> str:
    return f"{type(value).__name__}:{value}"


def _identity(merge_key: str) -> Callable[[Any], str]:
    if merge_key:
        return lambda item: _hashable(_key_of(item, merge_key))
    return _hashable


def _reordered(
    merged: list[Any], patch_order: list[Any], server_order: list[Any], merge_key: str
) -> list[Any]:
    """The patch's items in its order, the others where the server had them, as well as possible."""
    identity = _identity(merge_key)
    wanted = {identity(item): n for n, item in reversed(list(enumerate(patch_order)))}
    server = {identity(item): n for n, item in reversed(list(enumerate(server_order)))}
    of_patch = [item for item in merged if identity(item) in wanted]
    of_patch.sort(key=lambda item: wanted[identity(item)])
    others = [item for item in merged if identity(item) not in wanted]
    others.sort(key=lambda item: server.get(identity(item), -1))
    out: list[Any] = []
    left = right = 0
    while left < len(others) and right < len(of_patch):
        before = server.get(identity(others[left]))
        after = server.get(identity(of_patch[right]))
        if before is not None and after is not None and before < after:
            out.append(others[left])
            left += 1
        else:
            out.append(of_patch[right])
            right += 1
    return [*out, *others[left:], *of_patch[right:]]
