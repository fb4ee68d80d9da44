"""Reads the answer to a server-side apply that was only a dry run.

The answer also has what admission webhooks and defaulting did. Unless those effects are wanted,
they are taken back: only fields that the engine's own field manager holds may differ from live.
"""

from __future__ import annotations

from typing import Any

from towline.argo.names import FIELD_MANAGER
from towline.gitops.ignore import owned_by
from towline.kube.schema.node import ANY, SchemaNode
from towline.kube.ssa.fieldset import Tree
from towline.kube.ssa.typed import child_schema, element_of

Obj = dict[str, Any]
_NOTHING: Tree = {}


def without_foreign_changes(answer: Obj, live: Obj, schema: SchemaNode | None) -> Obj:
    """The answer, with fields that are not the engine's as they are on the live object.

    What the answer no longer has stays away, whoever took it out.

    Args:
        answer: What the server would store, with `managedFields`.
        live: What it stores now.
        schema: The kind's schema; without one lists are one value.
    """
    entries = (answer.get("metadata") or {}).get("managedFields")
    own = owned_by(entries, {FIELD_MANAGER})
    reset: Obj = _fields(answer, live, own, schema or ANY)
    return reset


def _fields(answer: Obj, live: Obj, own: Tree, node: SchemaNode, keys: tuple[str, ...] = ()) -> Obj:
    out: Obj = {}
    for name, value in answer.items():
        mine = own.get(f"f:{name}")
        if mine is None and name not in live:
            if name in keys:
                out[name] = value  # without its key an item of a list would be another one
            continue
        out[name] = _value(value, live.get(name), mine, child_schema(node, name))
    return out


def _value(value: Any, live: Any, mine: Tree | None, node: SchemaNode) -> Any:
    if isinstance(value, dict) and not node.atomic and node.shape != "scalar":
        before = live if isinstance(live, dict) else {}
        return _fields(value, before, mine or _NOTHING, node)
    if isinstance(value, list) and node.shape == "list" and not node.atomic:
        return _items(value, live if isinstance(live, list) else [], mine or _NOTHING, node)
    return live if mine is None else value


def _items(answer: list[Any], live: list[Any], own: Tree, node: SchemaNode) -> list[Any]:
    before = {element_of(item, node): item for item in live}
    out = []
    for item in answer:
        element = element_of(item, node)
        mine = own.get(element)
        if mine is None and element not in before:
            continue
        earlier = before.get(element)
        if isinstance(item, dict):
            known = earlier if isinstance(earlier, dict) else {}
            keys = node.list_map_keys
            out.append(_fields(item, known, mine or _NOTHING, node.items, keys))
        else:
            out.append(item)
    return out
