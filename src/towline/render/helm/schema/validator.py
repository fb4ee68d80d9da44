"""Validates values against a schema, and says all that is wrong in a tree of findings.

The order of the keywords and the shape of the findings are those of the library that Helm uses, whose
texts people know. Members are visited in the order in which the values have them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from towline.errors import LimitError
from towline.render.helm.schema.documents import ROOT, Documents, Number, Place
from towline.render.helm.schema.formats import problem_with
from towline.render.helm.schema.nodes import Node, Nodes
from towline.render.helm.schema.problems import (
    Problem,
    display,
    grouped,
    quote,
    quoted,
)

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


@dataclass(slots=True, frozen=True)
class _Scope:
    """The schemas that led here, innermost first."""

    node: Node
    value: int
    parent: _Scope | None
    depth: int


class Validator:
    """Validates against one schema document.

    Args:
        documents: The schema and what it refers to.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._nodes = Nodes(documents)
        self._root = self._nodes.at(Place(ROOT))

    def problems(self, value: Any) -> list[Problem]:
        """What is wrong with a value; empty when nothing is.

        Raises:
            LimitError: It takes too many steps or is nested too deeply.
        """
        found = _Run(self._documents, self._nodes).root(self._root, value)
        if found is None:
            return []
        return found.causes if not found.text else [found]


class _Run:
    """One validation."""

    def __init__(self, documents: Documents, nodes: Nodes) -> None:
        self._documents = documents
        self._nodes = nodes
        self._steps = 0
        self._values = 0

    def root(self, node: Node, value: Any) -> Problem | None:
        return self._check(node, value, (), None, 0, _open(node, value, needed=False))

    def _check(
        self,
        node: Node,
        value: Any,
        path: Path,
        parent: _Scope | None,
        number: int,
        unseen: _Open,
    ) -> Problem | None:
        """One schema against one value; a problem without a text is a group."""
        self._steps += 1
        depth = parent.depth + 1 if parent else 0
        if self._steps > _STEPS or depth > _DEPTH:
            raise LimitError("validating the values against the schema takes too long")
        if node.always is not None:
            return None if node.always else Problem(path, "false schema")
        scope = _Scope(node, number, parent, depth)
        if _is_cycle(scope):
            return Problem(path, "the schema refers to itself without end")
        problem = _simple(node, value)
        if problem:
            return Problem(path, problem)
        found: list[Problem] = []
        if node.ref is not None:
            problem_of_ref = self._reference(node.ref, value, path, scope, unseen)
            if node.draft < 2019:
                return problem_of_ref
            _add(found, problem_of_ref)
        self._by_type(node, value, path, scope, unseen, found)
        if node.draft >= 2019:
            self._dynamic(node, value, path, scope, unseen, found)
        self._conditions(node, value, path, scope, unseen, found)
        if node.draft >= 2019:
            self._unseen(node, value, path, scope, unseen, found)
        if not found:
            return None
        return found[0] if len(found) == 1 else Problem(path, "", found)

    def _self(
        self, node: Node, value: Any, path: Path, scope: _Scope, unseen: _Open
    ) -> Problem | None:
        """Another schema against the same value."""
        inner = _open(node, value, needed=bool(unseen))
        problem = self._check(node, value, path, scope, scope.value, inner)
        if problem is None:
            unseen.keep(inner)
        return _named(problem)

    def _inner(
        self, node: Node, value: Any, path: Path, token: str, scope: _Scope
    ) -> Problem | None:
        """A schema against a member or entry."""
        self._values += 1
        unseen = _open(node, value, needed=False)
        return _named(self._check(node, value, (*path, token), scope, self._values, unseen))

    def _reference(
        self, node: Node, value: Any, path: Path, scope: _Scope, unseen: _Open
    ) -> Problem | None:
        inner = _open(node, value, needed=bool(unseen))
        problem = self._check(node, value, path, scope, scope.value, inner)
        if problem is None:
            unseen.keep(inner)
            return None
        causes = [problem] if problem.text else problem.causes
        return Problem(path, "validation failed", causes, transparent=True)

    def _by_type(
        self,
        node: Node,
        value: Any,
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
    ) -> None:
        match value:
            case dict():
                self._object(node, value, path, scope, unseen, found)
            case list():
                self._array(node, value, path, scope, unseen, found)
            case str():
                found += [Problem(path, text) for text in _text_problems(node, value)]
            case bool() | None:
                pass
            case int() | float():
                found += [Problem(path, text) for text in _number_problems(node, value)]

    def _object(
        self,
        node: Node,
        value: Mapping[str, Any],
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
    ) -> None:
        found += [Problem(path, text) for text in _size_problems(node, value)]
        for name, dependency in node.dependencies.items():
            if name not in value:
                continue
            if isinstance(dependency, Node):
                _add(found, self._self(dependency, value, path, scope, unseen))
            elif lacking := [wanted for wanted in dependency if wanted not in value]:
                text = f"properties {quoted(lacking)} required, if {quote(name)} exists"
                found.append(Problem(path, text))
        unwanted: list[str] = []
        for name, item in value.items():
            self._member(node, name, item, path, scope, unseen, found, unwanted)
        if unwanted:
            found.append(Problem(path, f"additional properties {quoted(unwanted)} not allowed"))
        if node.draft > 4 and node.property_names is not None:
            for name in value:
                problem = self._inner(node.property_names, name, (), "", scope)
                if problem is not None:
                    causes = problem.causes
                    found.append(Problem((), f"invalid propertyName {quote(name)}", causes))

    def _member(
        self,
        node: Node,
        name: str,
        item: Any,
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
        unwanted: list[str],
    ) -> None:
        seen = False
        schema = node.properties.get(name)
        if schema is not None:
            seen = True
            _add(found, self._inner(schema, item, path, name, scope))
        for pattern, schema in node.pattern_properties:
            if pattern.matches(name):
                seen = True
                _add(found, self._inner(schema, item, path, name, scope))
        if not seen and node.additional_properties is not None:
            seen = True
            if node.additional_properties.always is False:
                unwanted.append(name)
            else:
                _add(found, self._inner(node.additional_properties, item, path, name, scope))
        if seen:
            unseen.members.discard(name)

    def _array(
        self,
        node: Node,
        value: Sequence[Any],
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
    ) -> None:
        found += [Problem(path, text) for text in _length_problems(node, value)]
        for index, schema in enumerate(node.prefix_items[: len(value)]):
            _add(found, self._inner(schema, value[index], path, str(index), scope))
        rest = value[len(node.prefix_items) :]
        if node.items is not None:
            if rest and node.items.always is False and node.draft < 2020 and node.prefix_items:
                found.append(Problem(path, f"last {len(rest)} additionalItem(s) not allowed"))
            else:
                # The library counts the entries behind the listed ones from zero again.
                for index, item in enumerate(rest):
                    _add(found, self._inner(node.items, item, path, str(index), scope))
        if node.contains is not None:
            self._contains(node, node.contains, value, path, scope, unseen, found)

    def _contains(
        self,
        node: Node,
        schema: Node,
        value: Sequence[Any],
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
    ) -> None:
        matched: list[str] = []
        causes: list[Problem] = []
        for index, item in enumerate(value):
            problem = self._inner(schema, item, path, str(index), scope)
            if problem is None:
                matched.append(str(index))
                if node.draft >= 2020:
                    unseen.entries.discard(index)
            else:
                causes.append(problem)
        least, most = node.min_contains, node.max_contains
        if least is not None and len(matched) < least:
            how = f"matched {len(matched)} items at {' '.join(matched)}" if matched else ""
            how = how or "none matched"
            text = f"min {least} items required to match contains schema, but {how}"
            found.append(Problem(path, text, causes))
        elif least is None and not matched:
            found.append(Problem(path, "no items match contains schema", causes))
        if most is not None and len(matched) > most:
            how = f"matched {len(matched)} items at {' '.join(matched)}"
            text = f"max {most} items required to match contains schema, but {how}"
            found.append(Problem(path, text))

    def _conditions(
        self,
        node: Node,
        value: Any,
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
    ) -> None:
        def against(schema: Node) -> Problem | None:
            return self._self(schema, value, path, scope, unseen)

        if node.not_ is not None and against(node.not_) is None:
            found.append(Problem(path, "'not' failed"))
        if causes := [problem for one in node.all_of if (problem := against(one)) is not None]:
            found.append(Problem(path, "'allOf' failed", causes))
        if node.any_of:
            _add(found, _any_of(node.any_of, against, path, unseen))
        if node.one_of:
            _add(found, _one_of(node.one_of, against, path))
        if node.if_ is not None:
            branch = node.then if against(node.if_) is None else node.else_
            if branch is not None:
                _add(found, against(branch))

    def _dynamic(
        self,
        node: Node,
        value: Any,
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
    ) -> None:
        if node.recursive_ref is not None:
            target = node.recursive_ref
            if target.recursive_anchor:
                target = self._outermost(scope, lambda at: at.recursive_anchor, target)
            _add(found, self._reference(target, value, path, scope, unseen))
        if node.dynamic_ref is not None:
            target = node.dynamic_ref
            if node.dynamic_anchor_name and target.dynamic_anchor == node.dynamic_anchor_name:
                target = self._dynamic_target(scope, node.dynamic_anchor_name, target)
            _add(found, self._reference(target, value, path, scope, unseen))

    def _outermost(
        self, scope: _Scope, wanted: Callable[[Node], bool], default: Node
    ) -> Node:
        target = default
        at: _Scope | None = scope
        while at is not None:
            root = self._nodes.resource(at.node)
            if wanted(root):
                target = root
            at = at.parent
        return target

    def _dynamic_target(self, scope: _Scope, anchor: str, default: Node) -> Node:
        target = default
        at: _Scope | None = scope
        while at is not None:
            place = self._documents.dynamic.get((self._documents.base(at.node.place), anchor))
            if place is not None:
                target = self._nodes.at(place)
            at = at.parent
        return target

    def _unseen(
        self,
        node: Node,
        value: Any,
        path: Path,
        scope: _Scope,
        unseen: _Open,
        found: list[Problem],
    ) -> None:
        if isinstance(value, dict) and node.unevaluated_properties is not None:
            for name in [name for name in value if name in unseen.members]:
                schema = node.unevaluated_properties
                _add(found, self._inner(schema, value[name], path, name, scope))
            unseen.members.clear()
        if isinstance(value, list) and node.unevaluated_items is not None:
            for index in sorted(unseen.entries):
                schema = node.unevaluated_items
                _add(found, self._inner(schema, value[index], path, str(index), scope))
            unseen.entries.clear()


def _add(found: list[Problem], problem: Problem | None) -> None:
    if problem is not None:
        found.append(problem)


def _named(problem: Problem | None) -> Problem | None:
    """A group below the top gets a line of its own."""
    if problem is not None and not problem.text:
        problem.text = "validation failed"
    return problem


def _open(node: Node, value: Any, *, needed: bool) -> _Open:
    match value:
        case dict() if not node.sees_members and (
            needed or node.unevaluated_properties is not None
        ):
            return _Open(members=set(value))
        case list() if not node.sees_entries and (needed or node.unevaluated_items is not None):
            return _Open(entries=set(range(len(node.prefix_items), len(value))))
    return _Open()


def _is_cycle(scope: _Scope) -> bool:
    at = scope.parent
    while at is not None and at.value == scope.value:
        if at.node is scope.node:
            return True
        at = at.parent
    return False


def _any_of(
    schemas: Sequence[Node],
    against: Callable[[Node], Problem | None],
    path: Path,
    unseen: _Open,
) -> Problem | None:
    causes: list[Problem] = []
    matched = False
    for schema in schemas:
        problem = against(schema)
        if problem is not None:
            causes.append(problem)
            continue
        matched = True
        if not unseen:
            break
    return None if matched else Problem(path, "'anyOf' failed", causes)


def _one_of(
    schemas: Sequence[Node], against: Callable[[Node], Problem | None], path: Path
) -> Problem | None:
    causes: list[Problem] = []
    matched = -1
    for index, schema in enumerate(schemas):
        problem = against(schema)
        if problem is not None:
            causes.append(problem)
        elif matched >= 0:
            return Problem(path, f"'oneOf' failed, subschemas {matched}, {index} matched")
        else:
            matched = index
    return None if matched >= 0 else Problem(path, "'oneOf' failed, none matched", causes)


def type_of(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
    return "number"


def _simple(node: Node, value: Any) -> str:
    """Keywords that end the look at a value when they fail."""
    kind = type_of(value)
    if node.types and kind not in node.types:
        whole = kind == "number" and "integer" in node.types and float(value).is_integer()
        if not whole:
            return f"got {kind}, want {' or '.join(node.types)}"
    if node.has_const and not equal(value, node.const):
        if isinstance(node.const, dict | list):
            return "'const' failed"
        return f"value must be {display(node.const)}"
    if node.enum is not None and not any(equal(value, item) for item in node.enum):
        if any(isinstance(item, dict | list) for item in node.enum):
            return "'enum' failed"
        one_of = "one of " if len(node.enum) != 1 else ""
        return f"value must be {one_of}{', '.join(display(item) for item in node.enum)}"
    if node.format:
        problem = problem_with(node.format, value)
        if problem:
            return f"{display(value)} is not valid {node.format}: {problem}"
    return ""


def _size_problems(node: Node, value: Mapping[str, Any]) -> list[str]:
    texts = _bounds("Properties", len(value), node.min_properties, node.max_properties)
    lacking = [name for name in node.required if name not in value]
    if lacking:
        word = "property" if len(lacking) == 1 else "properties"
        texts.append(f"missing {word} {quoted(lacking)}")
    return texts


def _length_problems(node: Node, value: Sequence[Any]) -> list[str]:
    texts = _bounds("Items", len(value), node.min_items, node.max_items)
    if node.unique_items:
        for second in range(1, len(value)):
            for first in range(second):
                if equal(value[second], value[first]):
                    return [*texts, f"items at {first} and {second} are equal"]
    return texts


def _bounds(what: str, got: int, least: int | None, most: int | None) -> list[str]:
    texts = []
    if least is not None and got < least:
        texts.append(f"min{what}: got {got:,}, want {least:,}")
    if most is not None and got > most:
        texts.append(f"max{what}: got {got:,}, want {most:,}")
    return texts


def _text_problems(node: Node, value: str) -> list[str]:
    texts = _bounds("Length", len(value), node.min_length, node.max_length)
    if node.pattern is not None and not node.pattern.matches(value):
        texts.append(f"{quote(value)} does not match pattern {quote(node.pattern.text)}")
    return texts


def _number_problems(node: Node, value: float) -> list[str]:
    if not node.bounded:
        return []
    got = exact(value)
    failed = (
        ("minimum", node.minimum, node.minimum is not None and got < node.minimum),
        ("maximum", node.maximum, node.maximum is not None and got > node.maximum),
        (
            "exclusiveMinimum",
            node.exclusive_minimum,
            node.exclusive_minimum is not None and got <= node.exclusive_minimum,
        ),
        (
            "exclusiveMaximum",
            node.exclusive_maximum,
            node.exclusive_maximum is not None and got >= node.exclusive_maximum,
        ),
        (
            "multipleOf",
            node.multiple_of,
            node.multiple_of is not None and (got / node.multiple_of).denominator != 1,
        ),
    )
    return [
        f"{name}: got {grouped(got)}, want {grouped(want)}"
        for name, want, wrong in failed
        if wrong and want is not None
    ]


def exact(value: float | Number) -> Fraction:
    """A number as its shortest digits say."""
    if isinstance(value, Number):
        return value.value
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(int(value))


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same; numbers compare by value."""
    if type_of(left) != type_of(right):
        return False
    match left:
        case dict():
            return left.keys() == right.keys() and all(
                equal(item, right[key]) for key, item in left.items()
            )
        case list():
            return len(left) == len(right) and all(map(equal, left, right))
        case None | bool() | str():
            return bool(left == right)
    return exact(left) == exact(right)
