"""Sets of field paths, the currency of field ownership.

A set is kept in the very form that objects carry (`fieldsV1`): nested dictionaries keyed by path
elements (`f:name`, `k:{"name":"a"}`, `v:"x"`). An empty dictionary is a member without members
below it; `.` marks a member that has some. So decoding and encoding cost nothing, and sets of
stored objects are shared, never copied. Pure; no function changes its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

Tree = dict[str, Any]
MEMBER = "."
MAX_DEPTH = 200


def is_member(node: Tree) -> bool:
    """Whether the path that leads to this node is in the set."""
    return not node or MEMBER in node


def union(left: Tree, right: Tree) -> Tree:
    """Paths in either set (of two roots)."""
    if not left:
        return right
    if not right:
        return left
    merged = dict(left)
    for key, node in right.items():
        before = merged.get(key)
        merged[key] = node if before is None else _union_nodes(before, node)
    return merged


def _union_nodes(left: Tree, right: Tree) -> Tree:
    if left is right or not right:
        return left if is_member(left) else {MEMBER: {}, **left}
    if not left:
        return right if is_member(right) else {MEMBER: {}, **right}
    return union(left, right)


def difference(left: Tree, right: Tree) -> Tree:
    """Paths of the left set that are not in the right one; paths below them stay."""
    if not right:
        return left
    kept: Tree = {}
    for key, node in left.items():
        other = right.get(key)
        rest = node if other is None else _subtract(node, other)
        if rest is not None:
            kept[key] = rest
    return kept


def _subtract(node: Tree, other: Tree) -> Tree | None:
    member = is_member(node) and not is_member(other)
    below: Tree = {}
    for key, child in node.items():
        if key == MEMBER:
            continue
        found = other.get(key)
        rest = child if found is None else _subtract(child, found)
        if rest is not None:
            below[key] = rest
    if member:
        return {MEMBER: {}, **below} if below else {}
    return below or None


def without_subtrees(left: Tree, right: Tree) -> Tree:
    """Paths of the left set that are neither in the right one nor below one of its paths."""
    kept: Tree = {}
    for key, node in left.items():
        other = right.get(key)
        if other is None:
            kept[key] = node
        elif not is_member(other):
            rest = without_subtrees(node, other)
            if rest.keys() == {MEMBER}:
                rest = {}
            if rest or is_member(node):
                kept[key] = rest
    return kept


def intersection(left: Tree, right: Tree) -> Tree:
    """Paths in both sets."""
    kept: Tree = {}
    for key, node in left.items():
        other = right.get(key)
        if other is not None and key != MEMBER and (both := _common(node, other)) is not None:
            kept[key] = both
    return kept


def _common(node: Tree, other: Tree) -> Tree | None:
    member = is_member(node) and is_member(other)
    below = intersection(node, other) if node and other else {}
    if member:
        return {MEMBER: {}, **below} if below else {}
    return below or None


def ordered(tree: Tree) -> Tree:
    """The same set with keys in the stored order."""
    return {key: ordered(tree[key]) if tree[key] else {} for key in sorted(tree)}


def iterate(tree: Tree, prefix: str = "") -> Iterator[str]:
    """The paths as people read them: `.spec.containers[name="a"].image`."""
    for key, node in tree.items():
        if key == MEMBER:
            continue
        path = prefix + element_text(key)
        if is_member(node):
            yield path
        if node:
            yield from iterate(node, path)


def element_text(element: str) -> str:
    """One path element as people read it."""
    kind, _, rest = element.partition(":")
    match kind:
        case "f":
            return f".{rest}"
        case "k":
            keys = msgspec.json.decode(rest)
            pairs = (f"{name}={_json(value)}" for name, value in sorted(keys.items()))
            return f"[{','.join(pairs)}]"
        case "v":
            return f"[={rest}]"
        case _:
            return f"[{rest}]"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def normalized(raw: Any, depth: int = 0) -> Tree:
    """Checks a decoded `fieldsV1` value and brings it to the form described above.

    Raises:
        ValueError: It is no set of fields.
    """
    if not isinstance(raw, dict) or depth > MAX_DEPTH:
        raise ValueError("fieldsV1 must be an object of objects")
    for key in raw:
        if key != MEMBER and key[:2] not in {"f:", "k:", "v:", "i:"}:
            raise ValueError(f"fieldsV1 has an unknown path element {key!r}")
    if raw.keys() == {MEMBER}:
        return {}
    return {key: normalized(node, depth + 1) for key, node in raw.items()}


class FieldSet(msgspec.Struct, frozen=True):
    """An immutable set of field paths.

    Attributes:
        tree: Its `fieldsV1` form; must not be changed.
    """

    tree: Tree = {}

    @classmethod
    def decode(cls, fields_v1: Any) -> FieldSet:
        """Reads a `fieldsV1` value.

        Raises:
            ValueError: It is no set of fields.
        """
        return cls(normalized(fields_v1))

    @classmethod
    def of_paths(cls, paths: Iterable[Iterable[str]]) -> FieldSet:
        """Builds a set from paths of elements such as `("f:spec", "f:replicas")`."""
        tree: Tree = {}
        for path in paths:
            node: Tree = {}
            for element in reversed(list(path)):
                node = {element: node}
            tree = union(tree, node)
        return cls(tree)

    def encode(self) -> Tree:
        """The `fieldsV1` value, keys sorted."""
        return ordered(self.tree)

    def __bool__(self) -> bool:
        return bool(self.tree)

    def __or__(self, other: FieldSet) -> FieldSet:
        return FieldSet(union(self.tree, other.tree))

    def __sub__(self, other: FieldSet) -> FieldSet:
        return FieldSet(difference(self.tree, other.tree))

    def __and__(self, other: FieldSet) -> FieldSet:
        return FieldSet(intersection(self.tree, other.tree))

    def union(self, other: FieldSet) -> FieldSet:
        """Paths in either set."""
        return self | other

    def difference(self, other: FieldSet) -> FieldSet:
        """Paths of this set that are not in the other."""
        return self - other

    def intersection(self, other: FieldSet) -> FieldSet:
        """Paths in both sets."""
        return self & other

    def paths(self) -> list[str]:
        """The paths as people read them."""
        return list(iterate(self.tree))
