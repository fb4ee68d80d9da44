"""Walks over values with their schema: which fields, what changed, merge, removal.

The rules of structured merging: scalars and atomic values are leaves; structs and maps merge by
name; `map` lists by their key fields, `set` lists by value; a value without schema merges maps by
key and replaces lists. Pure; results share unchanged parts with their inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from towline.kube.schema.node import ANY, SchemaNode
from towline.kube.ssa.fieldset import MEMBER, FieldSet, Tree, is_member

MISSING: Final = msgspec.UNSET
_encode_key = msgspec.json.Encoder(order="sorted").encode
_encode_value = msgspec.json.Encoder().encode


class Comparison(NamedTuple):
    """What differs between two values.

    Attributes:
        added: Fields only in the new one.
        modified: Fields with another value.
        removed: Fields only in the old one.
    """

    added: FieldSet
    modified: FieldSet
    removed: FieldSet


class _Differences:
    """Three trees that grow together while two values are walked."""

    __slots__ = ("added", "modified", "removed")

    def __init__(self) -> None:
        self.added: Tree = {}
        self.modified: Tree = {}
        self.removed: Tree = {}


def compare(old: Any, new: Any, schema: SchemaNode | None) -> Comparison:
    """Compares two objects field by field.

    Args:
        old: Before; `{}` for nothing.
        new: After.
        schema: Their schema, None when it is unknown.
    """
    found = _Differences()
    _compare_fields(old, new, schema or ANY, found)
    return Comparison(FieldSet(found.added), FieldSet(found.modified), FieldSet(found.removed))


def child_schema(node: SchemaNode, key: str) -> SchemaNode:
    """The schema of one field or map value."""
    return node.properties.get(key) or node.additional_properties or ANY


def element_of(item: Any, node: SchemaNode) -> str:
    """The path element of an item of a `map` or `set` list."""
    if node.list_type == "set":
        return f"v:{_encode_value(item).decode()}"
    if not isinstance(item, dict):
        return f"k:{_encode_key({}).decode()}"
    keys = {}
    for name in node.list_map_keys:
        value = item.get(name, MISSING)
        if value is MISSING:
            value = node.key_defaults.get(name, MISSING)
        if value is not MISSING:
            keys[name] = value
    return f"k:{_encode_key(keys).decode()}"


def _is_leaf(value: Any, node: SchemaNode) -> bool:
    """Whether a present value is owned as a whole."""
    if node.atomic:
        return True
    if node.shape == "list":
        return not isinstance(value, list)
    return not isinstance(value, dict)


def _compare_fields(old: Any, new: Any, node: SchemaNode, found: _Differences) -> None:
    """Compares two maps that are both walked into."""
    for key, value in new.items():
        before = old.get(key, MISSING)
        if before is not value:
            _compare_child(before, value, child_schema(node, key), f"f:{key}", found)
    for key, before in old.items():
        if key not in new:
            _compare_child(before, MISSING, child_schema(node, key), f"f:{key}", found)


def _compare_child(old: Any, new: Any, node: SchemaNode, element: str, found: _Differences) -> None:
    if old is MISSING:
        found.added[element] = _all_fields(new, node)
        return
    if new is MISSING:
        found.removed[element] = _all_fields(old, node)
        return
    if old == new and type(old) is type(new):
        return
    if node.atomic or not (old or new):
        found.modified[element] = {}
        return
    inner = _Differences()
    if node.shape == "list" and _both(old, new, list):
        _compare_items(old or [], new or [], node, inner)
    elif node.shape in {"struct", "map", "any"} and _both(old, new, dict):
        _compare_fields(old or {}, new or {}, node, inner)
    else:
        found.modified[element] = {}
        return
    if inner.added:
        found.added[element] = inner.added
    if inner.modified:
        found.modified[element] = inner.modified
    if inner.removed:
        found.removed[element] = inner.removed


def _both(old: Any, new: Any, kind: type) -> bool:
    """Null takes the form of the other side."""
    return isinstance(old, (kind, type(None))) and isinstance(new, (kind, type(None)))


def _compare_items(old: list[Any], new: list[Any], node: SchemaNode, found: _Differences) -> None:
    before = _grouped(old, node)
    after = _grouped(new, node)
    item = node.items
    for element, values in after.items():
        earlier = before.get(element)
        if earlier is None:
            found.added[element] = _all_fields(values[0], item) if len(values) == 1 else {}
        elif len(values) > 1 or len(earlier) > 1:
            if values != earlier:
                found.modified[element] = {}
        else:
            _compare_child(earlier[0], values[0], item, element, found)
    for element, values in before.items():
        if element not in after:
            found.removed[element] = _all_fields(values[0], item) if len(values) == 1 else {}


def _grouped(items: list[Any], node: SchemaNode) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(element_of(item, node), []).append(item)
    return groups


def _all_fields(value: Any, node: SchemaNode) -> Tree:
    """The node of a value that appears or disappears: itself and everything below."""
    if not value or _is_leaf(value, node):
        return {}
    tree: Tree = {MEMBER: {}}
    if isinstance(value, dict):
        for key, below in value.items():
            tree[f"f:{key}"] = _all_fields(below, child_schema(node, key))
    else:
        for element, values in _grouped(value, node).items():
            tree[element] = _all_fields(values[0], node.items) if len(values) == 1 else {}
    return tree


# --- field set -----------------------------------------------------------------------------------


def field_set_of(obj: Any, schema: SchemaNode | None) -> FieldSet:
    """The fields that somebody who sends this object states an opinion on."""
    return FieldSet(_stated(obj, schema or ANY))


def _stated(value: Any, node: SchemaNode) -> Tree:
    """Children of a value that is no leaf; structs themselves are not members."""
    tree: Tree = {}
    if isinstance(value, dict):
        properties = node.properties
        for key, below in value.items():
            named = key in properties
            entry = _stated_child(below, child_schema(node, key), member=not named)
            if entry is not None:
                tree[f"f:{key}"] = entry
        return tree
    for element, values in _grouped(value, node).items():
        if len(values) > 1:
            tree[element] = {}
            continue
        tree[element] = _stated_child(values[0], node.items, member=True) or {}
    return tree


def _stated_child(value: Any, node: SchemaNode, *, member: bool) -> Tree | None:
    if value is None or _is_leaf(value, node):
        return {}
    below = _stated(value, node)
    if below:
        return {MEMBER: {}, **below} if member else below
    # An empty map is an opinion, a struct with nothing but empty lists is none.
    return {} if member or value == {} else None


# --- merge ---------------------------------------------------------------------------------------


def merge(live: Any, config: Any, schema: SchemaNode | None) -> Any:
    """The live object with the configuration laid over it."""
    merged = _merge(live, config, schema or ANY)
    return {} if merged is MISSING else merged


def _merge(live: Any, config: Any, node: SchemaNode) -> Any:
    if config is MISSING:
        return live
    if live is MISSING or live is config or node.atomic:
        return config
    if node.shape == "list" and isinstance(config, list) and isinstance(live, list) and live:
        return _merge_items(live, config, node)
    if (
        node.shape in {"struct", "map", "any"}
        and isinstance(config, dict)
        and isinstance(live, dict)
        and (live or config)
    ):
        merged = dict(live)
        for key, value in config.items():
            merged[key] = _merge(live.get(key, MISSING), value, child_schema(node, key))
        return merged
    return config


def _merge_items(live: list[Any], config: list[Any], node: SchemaNode) -> list[Any]:
    """The configuration's order for its own items; others keep their place between them."""
    live_elements = [element_of(item, node) for item in live]
    wanted = {element_of(item, node): item for item in config}
    order = list(wanted)
    counts: dict[str, int] = {}
    for element in live_elements:
        counts[element] = counts.get(element, 0) + 1
    present = {
        element: item
        for element, item in zip(live_elements, live, strict=True)
        if counts[element] == 1
    }
    shared = [element for element in order if element in counts]
    out: list[Any] = []
    done: set[str] = set()

    def take(element: str) -> None:
        done.add(element)
        out.append(_merge(present.get(element, MISSING), wanted[element], node.items))

    left, right, next_shared = 0, 0, 0
    while left < len(live) or right < len(order):
        expected = shared[next_shared] if next_shared < len(shared) else None
        if left < len(live) and right < len(order):
            element = live_elements[left]
            if element == order[right]:
                take(element)
                left, right, next_shared = left + 1, right + 1, next_shared + 1
                continue
            if element in wanted and expected is not None and element != expected:
                left += 1
                continue
        if left < len(live):
            element = live_elements[left]
            if element not in wanted:
                out.append(live[left])
                left += 1
                continue
            if element in done:
                left += 1
        if right < len(order):
            element = order[right]
            take(element)
            right += 1
            if element == expected:
                next_shared += 1
    return out


# --- removal -------------------------------------------------------------------------------------


def remove_items(value: Any, doomed: Tree, node: SchemaNode) -> Any:
    """The value without the fields of a set; containers that become empty stay."""
    if node.atomic or not value or not doomed:
        return value
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key, below in value.items():
            branch = doomed.get(f"f:{key}")
            if branch is None:
                kept[key] = below
            elif not is_member(branch):
                kept[key] = remove_items(below, branch, child_schema(node, key))
        return kept
    if not isinstance(value, list) or node.shape != "list":
        return value
    items = []
    for item in value:
        branch = doomed.get(element_of(item, node))
        if branch is None:
            items.append(item)
        elif not is_member(branch):
            items.append(remove_items(item, branch, node.items))
    return items


def with_named_members(tree: Tree, node: SchemaNode) -> Tree:
    """The set with every named field on the way to a member added."""
    out: Tree = {}
    properties = node.properties
    for key, below in tree.items():
        if not below:
            out[key] = below
            continue
        inner = with_named_members(below, _schema_below(node, key))
        if key.startswith("f:") and key[2:] in properties and MEMBER not in inner:
            inner = {MEMBER: {}, **inner}
        out[key] = inner
    return out


def _schema_below(node: SchemaNode, element: str) -> SchemaNode:
    if element.startswith("f:"):
        return child_schema(node, element[2:])
    return node.items if node.shape == "list" else ANY


def violations(value: Any, node: SchemaNode, path: str = "") -> Iterator[str]:
    """Why a value cannot be merged with this schema: `.spec.x: field not declared in schema`."""
    if value is None or node.shape == "any":
        return
    match node.shape:
        case "struct" | "map":
            if not isinstance(value, dict):
                yield f"{path}: expected map, got {_shown(value)}"
                return
            yield from _map_violations(value, node, path)
        case "list":
            if not isinstance(value, list):
                yield f"{path}: expected list, got {_shown(value)}"
                return
            yield from _list_violations(value, node, path)
        case _:
            if not _scalar_fits(value, node):
                expected = {"integer": "numeric (int or float)", "number": "numeric (int or float)"}
                wanted = expected.get(node.type, node.type or "any scalar")
                yield f"{path}: expected {wanted}, got {_shown(value)}"


def _map_violations(value: dict[str, Any], node: SchemaNode, path: str) -> Iterator[str]:
    declared = node.properties
    extra = node.additional_properties
    for key, below in value.items():
        schema = declared.get(key) or extra
        if schema is None:
            if not node.preserve_unknown:
                yield f"{path}.{key}: field not declared in schema"
            continue
        yield from violations(below, schema, f"{path}.{key}")


def _list_violations(value: list[Any], node: SchemaNode, path: str) -> Iterator[str]:
    item_schema = node.items
    seen: set[str] = set()
    for position, item in enumerate(value):
        if node.atomic:
            yield from violations(item, item_schema, f"{path}[{position}]")
            continue
        if node.list_type == "map" and (problem := _key_problem(item, node)):
            yield f"{path}: element {position}: {problem}"
            continue
        element = element_of(item, node)
        text = FieldSet({element: {}}).paths()[0]
        if element in seen:
            yield f"{path}: duplicate entries for key {text}"
        seen.add(element)
        yield from violations(item, item_schema, f"{path}{text}")


def _key_problem(item: Any, node: SchemaNode) -> str:
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, dict):
        return "associative list with keys may not have non-map elements"
    if not any(name in item or name in node.key_defaults for name in node.list_map_keys):
        names = " ".join(f'"{name}"' for name in node.list_map_keys)
        return (
            f"associative list with keys has an element that omits all key fields [{names}] "
            "(and doesn't have default values for any key fields)"
        )
    return ""


def _scalar_fits(value: Any, node: SchemaNode) -> bool:
    if isinstance(value, (dict, list)):
        return False
    match node.type:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case _:
            return True


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else msgspec.json.encode(value).decode()
    return f"&value.valueUnstructured{{Value:{text}}}"
