"""Walks a syntax tree without recursion, with what the checks need to know around a node. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from towline.pipeline.jenkins.declarative.model import POST_CONDITIONS
from towline.text.groovy import tree
from towline.text.groovy.tree import Call, Node

_GUARDS = (tree.If, tree.Try, tree.Ternary, tree.While, tree.ForIn, tree.ForLoop, tree.Switch)
_STEP_BLOCKS = frozenset({"steps", "expression", *POST_CONDITIONS})
_GUARD_BLOCKS = frozenset({"when", "post", "catchError", "warnError", "expression"})


class Place(msgspec.Struct, frozen=True):
    """A node and what is around it.

    Attributes:
        node: The node.
        declarative: Whether it is inside `pipeline { }`.
        guarded: Whether it may never run, or its failure may be caught.
        registry: Whether it is inside `docker.withRegistry`.
        steps: Whether it is in a place for steps: everywhere in scripted code, in `steps { }`,
            `post { }` and `expression { }` of declarative code.
        callee: Whether it is what a call calls.
    """

    node: Node
    declarative: bool = False
    guarded: bool = False
    registry: bool = False
    steps: bool = True
    callee: bool = False


def walk(root: Node) -> Iterator[Place]:
    """Every node below and including the root, in the order of the file."""
    stack = [Place(root)]
    while stack:
        place = stack.pop()
        yield place
        node = place.node
        inside = Place(
            node,
            declarative=place.declarative or _calls(node, "pipeline"),
            guarded=place.guarded or isinstance(node, _GUARDS) or _guards(node),
            registry=place.registry or _calls(node, "withRegistry"),
            steps=_steps_inside(place),
        )
        below = [
            msgspec.structs.replace(inside, node=child, callee=callee)
            for child, callee in children(node)
        ]
        stack.extend(reversed(below))


def _steps_inside(place: Place) -> bool:
    """Whether what is inside a node stands in a place for steps."""
    name = called_name(place.node)
    if name == "pipeline" and not place.declarative:
        return False
    return place.steps or (place.declarative and name in _STEP_BLOCKS)


def children(node: Node) -> Iterator[tuple[Node, bool]]:
    """Direct children, and whether each is a callee."""
    for field in node.__struct_fields__:
        value = getattr(node, field)
        if isinstance(value, Node):
            yield value, field == "callee"
        elif isinstance(value, tuple) and field != "at":
            for item in value:
                if isinstance(item, Node):
                    yield item, False


def called_name(node: Node) -> str:
    """Name of the function, step or method that a call calls, else an empty string."""
    if not isinstance(node, Call):
        return ""
    callee = node.callee
    if isinstance(callee, tree.Name):
        return callee.name
    if isinstance(callee, tree.Property) and isinstance(callee.name, str):
        return callee.name
    return ""


def _calls(node: Node, name: str) -> bool:
    return called_name(node) == name


def _guards(node: Node) -> bool:
    return called_name(node) in _GUARD_BLOCKS


def declared_names(root: Node) -> frozenset[str]:
    """Every name that the file itself gives to something."""
    found: set[str] = set()
    for place in walk(root):
        node = place.node
        match node:
            case tree.Declaration():
                found.update(node.names)
            case tree.Parameter() | tree.Function() | tree.ForIn() | tree.Catch():
                found.add(node.name)
            case tree.Assign() if isinstance(node.target, tree.Name):
                found.add(node.target.name)
    return frozenset(found)
