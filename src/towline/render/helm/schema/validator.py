"""Validates values against a schema, and says all that is wrong in a tree of findings.

The order of the keywords and the shape of the findings are those of the library that Helm uses,
whose texts people know. Members are visited in the order in which the values have them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from towline.errors import LimitError
from towline.render.helm.schema.documents import ROOT, Documents, Place
from towline.render.helm.schema.keywords import (
    final_problem,
    length_problems,
    number_problems,
    size_problems,
    text_problems,
)
from towline.render.helm.schema.nodes import Node, Nodes
from towline.render.helm.schema.problems import Problem, quote, quoted

_DEPTH: Final = 256
_STEPS: Final = 2_000_000

Path = tuple[str, ...]


@dataclass(slots=True)
class _Open:
    """Members and entries that no keyword has looked at yet."""

    members: set[str] = field(default_factory=set)
    entries: set[int] = field(default_factory=set)

    def keep(self, other: _Open) -> None:
        """Takes over what another look at the same value has seen."""
        self.members &= other.members
        self.entries &= other.entries

    def __bool__(self) -> bool:
        return bool(self.members or self.entries)


@dataclass(slots=True)
class _Look:
    """One schema at one value.

    Attributes:
        node: The schema.
        value: The value.
        path: Where the value is.
        number: Which value it is; references look at the same one again.
        parent: The look that led here.
        unseen: What of the value no keyword has looked at.
        found: What is wrong so far.
    """

    node: Node
    value: Any
    path: Path
    number: int
    parent: _Look | None
    unseen: _Open
    found: list[Problem] = field(default_factory=list)
    depth: int = 0

    def say(self, text: str, causes: Sequence[Problem] = ()) -> None:
        """Adds a finding."""
        self.found.append(Problem(self.path, text, list(causes)))

    def add(self, problem: Problem | None) -> None:
        """Adds a finding, if it is one."""
        if problem is not None:
            self.found.append(problem)

    @property
    def is_cycle(self) -> bool:
        """Whether the schema already looks at this very value."""
        at = self.parent
        while at is not None and at.number == self.number:
            if at.node is self.node:
                return True
            at = at.parent
        return False


class Validator:
    """Validates against one schema document.

    Args:
        documents: The schema and what it refers to.
        major: Which Helm's texts are wanted: 3 or 4.

    Raises:
        ChartError: The schema is malformed.
    """

    def __init__(self, documents: Documents, *, major: int = 3) -> None:
        self._documents = documents
        self._major = major
        self._nodes = Nodes(documents)
        self._root = self._nodes.at(Place(ROOT))

    def problems(self, value: Any) -> list[Problem]:
        """What is wrong with a value; empty when nothing is.

        Raises:
            LimitError: It takes too many steps or is nested too deeply.
        """
        found = _Run(self._documents, self._nodes, self._major).root(self._root, value)
        return [] if found is None else found.members


class _Run:
    """One validation."""

    def __init__(self, documents: Documents, nodes: Nodes, major: int) -> None:
        self._documents = documents
        self._nodes = nodes
        self._major = major
        self._steps = 0
        self._values = 0

    def root(self, node: Node, value: Any) -> Problem | None:
        return self._check(_Look(node, value, (), 0, None, _open(node, value, needed=False)))

    def _check(self, look: _Look) -> Problem | None:
        """What is wrong, if anything is."""
        node, value = look.node, look.value
        self._steps += 1
        look.depth = look.parent.depth + 1 if look.parent else 0
        if self._steps > _STEPS or look.depth > _DEPTH:
            raise LimitError("validating the values against the schema takes too long")
        if node.always is not None:
            return None if node.always else Problem(look.path, "false schema")
        if look.is_cycle:
            return Problem(look.path, "the schema refers to itself without end")
        problem = final_problem(node, value)
        if problem:
            return Problem(look.path, problem)
        if node.ref is not None:
            wrong = self._reference(look, node.ref)
            if node.draft < 2019:
                return wrong
            look.add(wrong)
        self._by_type(look)
        if node.draft >= 2019:
            self._dynamic(look)
        self._conditions(look)
        if node.draft >= 2019:
            self._unseen(look)
        if not look.found:
            return None
        if len(look.found) == 1:
            return look.found[0]
        return Problem(look.path, "validation failed", look.found, group=True)

    def _again(self, look: _Look, node: Node) -> Problem | None:
        """Another schema at the same value."""
        unseen = _open(node, look.value, needed=bool(look.unseen))
        problem = self._check(_Look(node, look.value, look.path, look.number, look, unseen))
        if problem is None:
            look.unseen.keep(unseen)
        return problem

    def _inner(self, look: _Look, node: Node, value: Any, token: str) -> Problem | None:
        """A schema at a member or entry."""
        self._values += 1
        unseen = _open(node, value, needed=False)
        inner = _Look(node, value, (*look.path, token), self._values, look, unseen)
        return self._check(inner)

    def _reference(self, look: _Look, node: Node) -> Problem | None:
        problem = self._again(look, node)
        if problem is None:
            return None
        return Problem(look.path, "validation failed", problem.members, transparent=True)

    def _by_type(self, look: _Look) -> None:
        match look.value:
            case dict():
                self._object(look, look.value)
            case list():
                self._array(look, look.value)
            case str():
                for text in text_problems(look.node, look.value):
                    look.say(text)
            case bool() | None:
                pass
            case int() | float():
                for text in number_problems(look.node, look.value):
                    look.say(text)

    def _object(self, look: _Look, value: Mapping[str, Any]) -> None:
        node = look.node
        for text in size_problems(node, value):
            look.say(text)
        for name, dependency in node.dependencies.items():
            if name not in value:
                continue
            if isinstance(dependency, Node):
                look.add(self._again(look, dependency))
            elif lacking := [wanted for wanted in dependency if wanted not in value]:
                look.say(f"properties {quoted(lacking)} required, if {quote(name)} exists")
        unwanted = [name for name in value if not self._member(look, name, value[name])]
        if unwanted:
            look.say(f"additional properties {quoted(unwanted)} not allowed")
        if node.property_names is not None:
            for name in value:
                self._values += 1
                key = _Look(node.property_names, name, (), self._values, look, _Open())
                problem = self._check(key)
                if problem is not None:
                    text = f"invalid propertyName {quote(name)}"
                    look.found.append(Problem((), text, problem.members))

    def _member(self, look: _Look, name: str, item: Any) -> bool:
        """Looks at a member; false when no schema admits it."""
        node = look.node
        schemas = [schema for pattern, schema in node.pattern_properties if pattern.matches(name)]
        if name in node.properties:
            schemas.insert(0, node.properties[name])
        if not schemas and node.additional_properties is not None:
            if node.additional_properties.always is False:
                look.unseen.members.discard(name)
                return False
            schemas.append(node.additional_properties)
        for schema in schemas:
            look.add(self._inner(look, schema, item, name))
        if schemas:
            look.unseen.members.discard(name)
        return True

    def _array(self, look: _Look, value: Sequence[Any]) -> None:
        node = look.node
        for text in length_problems(node, value):
            look.say(text)
        listed = len(node.prefix_items)
        for index, schema in enumerate(node.prefix_items[: len(value)]):
            look.add(self._inner(look, schema, value[index], str(index)))
        rest = value[listed:]
        if node.items is not None:
            if rest and listed and node.items.always is False and node.draft < 2020:
                look.say(f"last {len(rest)} additionalItem(s) not allowed")
            else:
                # The library of Helm 3 counts the entries behind the listed ones from zero again.
                for index, item in enumerate(rest, 0 if self._major < 4 else listed):
                    look.add(self._inner(look, node.items, item, str(index)))
        if node.contains is not None:
            self._contains(look, node.contains, value)

    def _contains(self, look: _Look, schema: Node, value: Sequence[Any]) -> None:
        matched: list[str] = []
        causes: list[Problem] = []
        for index, item in enumerate(value):
            problem = self._inner(look, schema, item, str(index))
            if problem is not None:
                causes.append(problem)
                continue
            matched.append(str(index))
            if look.node.draft >= 2020:
                look.unseen.entries.discard(index)
        least, most = look.node.min_contains, look.node.max_contains
        how = f"matched {len(matched)} items at {' '.join(matched)}" if matched else "none matched"
        if least is not None and len(matched) < least:
            look.say(f"min {least} items required to match contains schema, but {how}", causes)
        elif least is None and not matched:
            look.say("no items match contains schema", causes)
        if most is not None and len(matched) > most:
            look.say(f"max {most} items required to match contains schema, but {how}")

    def _conditions(self, look: _Look) -> None:
        node = look.node
        if node.not_ is not None and self._again(look, node.not_) is None:
            look.say("'not' failed")
        causes = [wrong for one in node.all_of if (wrong := self._again(look, one)) is not None]
        if causes:
            look.say("'allOf' failed", causes)
        if node.any_of:
            self._any_of(look)
        if node.one_of:
            self._one_of(look)
        if node.if_ is not None:
            branch = node.then if self._again(look, node.if_) is None else node.else_
            if branch is not None:
                look.add(self._again(look, branch))

    def _any_of(self, look: _Look) -> None:
        causes: list[Problem] = []
        matched = False
        for schema in look.node.any_of:
            problem = self._again(look, schema)
            if problem is not None:
                causes.append(problem)
                continue
            matched = True
            if not look.unseen:
                break
        if not matched:
            look.say("'anyOf' failed", causes)

    def _one_of(self, look: _Look) -> None:
        causes: list[Problem] = []
        matched = -1
        for index, schema in enumerate(look.node.one_of):
            problem = self._again(look, schema)
            if problem is not None:
                causes.append(problem)
            elif matched >= 0:
                look.say(f"'oneOf' failed, subschemas {matched}, {index} matched")
                return
            else:
                matched = index
        if matched < 0:
            look.say("'oneOf' failed, none matched", causes)

    def _dynamic(self, look: _Look) -> None:
        node = look.node
        if node.recursive_ref is not None:
            target = node.recursive_ref
            if target.recursive_anchor:
                target = self._outermost(look, lambda at: at.recursive_anchor, target)
            look.add(self._reference(look, target))
        if node.dynamic_ref is not None:
            target = node.dynamic_ref
            if node.dynamic_anchor_name and target.dynamic_anchor == node.dynamic_anchor_name:
                target = self._dynamic_target(look, node.dynamic_anchor_name, target)
            look.add(self._reference(look, target))

    def _outermost(self, look: _Look, wanted: Callable[[Node], bool], default: Node) -> Node:
        target = default
        at: _Look | None = look
        while at is not None:
            root = self._nodes.resource(at.node)
            target = root if wanted(root) else target
            at = at.parent
        return target

    def _dynamic_target(self, look: _Look, anchor: str, default: Node) -> Node:
        target = default
        at: _Look | None = look
        while at is not None:
            place = self._documents.dynamic.get((self._documents.base(at.node.place), anchor))
            target = self._nodes.at(place) if place is not None else target
            at = at.parent
        return target

    def _unseen(self, look: _Look) -> None:
        value, node = look.value, look.node
        if isinstance(value, dict) and node.unevaluated_properties is not None:
            for name in [name for name in value if name in look.unseen.members]:
                look.add(self._inner(look, node.unevaluated_properties, value[name], name))
            look.unseen.members.clear()
        if isinstance(value, list) and node.unevaluated_items is not None:
            for index in sorted(look.unseen.entries):
                look.add(self._inner(look, node.unevaluated_items, value[index], str(index)))
            look.unseen.entries.clear()


def _open(node: Node, value: Any, *, needed: bool) -> _Open:
    match value:
        case dict() if not node.sees_members and (
            needed or node.unevaluated_properties is not None
        ):
            return _Open(members=set(value))
        case list() if not node.sees_entries and (needed or node.unevaluated_items is not None):
            return _Open(entries=set(range(len(node.prefix_items), len(value))))
    return _Open()
