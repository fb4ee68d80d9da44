"""Type checking: every node gets a type, every name and call a meaning. Pure.

Follows the gradual typing of the CEL language definition; messages are cel-go's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from towline.kube.cel.functions import Overload
from towline.kube.cel.issues import CompileError, Issue
from towline.kube.cel.tree import (
    Call,
    Comprehension,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    MessageLiteral,
    Node,
    Select,
    qualified_name,
)
from towline.kube.cel.types import (
    BOOL,
    DYN,
    ERROR,
    INT,
    SCALARS,
    Bindings,
    CelType,
    list_of,
    map_of,
    more_general,
    optional_of,
    signature,
    type_of,
    unwrapped,
)

_DOUBTFUL = frozenset({"dyn", "param", "error", "null"})


class Declarations(msgspec.Struct, frozen=True):
    """What an expression may refer to.

    Attributes:
        variables: Types of variables.
        functions: Overloads by name.
        fields: Types of fields by the name of the object's type.
        types: Names of types that are values.
    """

    variables: Mapping[str, CelType]
    functions: Mapping[str, tuple[Overload, ...]]
    fields: Mapping[str, Mapping[str, CelType]]
    types: Mapping[str, CelType]


class Resolution(msgspec.Struct, frozen=True):
    """What a call means.

    Attributes:
        args: The arguments in order, the target first when there is one.
        overloads: Those that fit; more than one when types are known only at run time.
        typed: Whether the types leave no doubt.
    """

    args: tuple[Node, ...]
    overloads: tuple[Overload, ...]
    typed: bool


class Checked(msgspec.Struct, frozen=True):
    """A checked expression.

    Attributes:
        tree: The expression.
        type: Of the whole.
        names: What names and chains of names refer to: variables, or types as values.
        calls: What calls mean.
        types: Of every node. All by `id` of the node.
        variables: Declared variables in use.
    """

    tree: Node
    type: CelType
    names: Mapping[int, str]
    calls: Mapping[int, Resolution]
    types: Mapping[int, CelType]
    variables: frozenset[str]


def check(source: str, tree: Node, declared: Declarations) -> Checked:
    """Checks an expression.

    Raises:
        CompileError: With every issue.
    """
    checker = _Checker(declared)
    type_ = checker.check(tree)
    if checker.issues:
        raise CompileError(source, checker.issues)
    return Checked(
        tree=tree,
        type=checker.bindings.resolve(type_, final=True),
        names=checker.names,
        calls=checker.calls,
        types={
            key: checker.bindings.resolve(each, final=True) for key, each in checker.types.items()
        },
        variables=frozenset(checker.used),
    )


class _Checker:
    def __init__(self, declared: Declarations) -> None:
        self.bindings = Bindings()
        self.issues: list[Issue] = []
        self.names: dict[int, str] = {}
        self.calls: dict[int, Resolution] = {}
        self.types: dict[int, CelType] = {}
        self.used: set[str] = set()
        self._declared = declared
        self._scopes: list[dict[str, CelType]] = []

    def _report(self, at: int, message: str) -> CelType:
        self.issues.append(Issue(at, message))
        return ERROR

    def _undeclared(self, at: int, name: str) -> CelType:
        return self._report(at, f"undeclared reference to '{name}' (in container '')")

    def check(self, node: Node) -> CelType:
        """The type of a node."""
        type_ = self._check(node)
        self.types[id(node)] = type_
        return type_

    def _check(self, node: Node) -> CelType:
        match node:
            case Literal():
                return SCALARS[node.type]
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListLiteral():
                return self._list(node)
            case MapLiteral():
                return self._map(node)
            case Comprehension():
                return self._fold(node)
            case MessageLiteral():
                return self._message(node)
            case _:
                raise TypeError(type(node).__name__)

    # Names

    def _lookup(self, node: Node, name: str) -> CelType | None:
        plain = name.removeprefix(".")
        if plain == name:
            for scope in reversed(self._scopes):
                if name in scope:
                    self.names[id(node)] = name
                    return scope[name]
        if plain in self._declared.variables:
            self.names[id(node)] = plain
            self.used.add(plain)
            return self._declared.variables[plain]
        if plain in self._declared.types:
            self.names[id(node)] = plain
            return type_of(self._declared.types[plain])
        return None

    def _ident(self, node: Ident) -> CelType:
        return self._lookup(node, node.name) or self._undeclared(node.at, node.name)

    def _select(self, node: Select) -> CelType:
        if not node.test and (name := qualified_name(node)):
            found = self._lookup(node, name)
            if found is not None:
                return found
        type_ = self._field(node.at, node.operand, node.field, optional=False)
        return BOOL if node.test else self.bindings.resolve(type_)

    def _field(self, at: int, operand: Node, field: str, *, optional: bool) -> CelType:
        of, was_optional = unwrapped(self.bindings.resolve(self.check(operand)))
        match of.kind:
            case "map":
                found = of.params[1]
            case "object":
                known = self._declared.fields.get(of.name, {})
                found = known.get(field) or self._report(at, f"undefined field '{field}'")
            case "param":
                self.bindings.assignable((DYN,), (of,))
                found = DYN
            case "dyn" | "error":
                found = DYN
            case _:
                self._report(at, f"type '{of}' does not support field selection")
                found = DYN
        return optional_of(found) if optional or was_optional else found

    # Calls

    def _call(self, node: Call) -> CelType:
        if node.function == "_?._":
            return self._optional_field(node)
        target = node.target
        if target is not None and (prefix := qualified_name(target)):
            # `a.b.c()` may be the function `a.b.c`, or `c` with target `a.b`.
            known = self._declared.functions.get(f"{prefix}.{node.function}".removeprefix("."))
            if known is not None:
                return self._resolve(node, known, None)
        args = [self.check(arg) for arg in node.args]
        of = None if target is None else self.check(target)
        overloads = self._declared.functions.get(node.function.removeprefix("."))
        if overloads is None:
            return self._undeclared(node.at, node.function)
        return self._resolve(node, overloads, of, args)

    def _optional_field(self, node: Call) -> CelType:
        operand, field = node.args
        name = field.value if isinstance(field, Literal) else ""
        type_ = self._field(node.at, operand, name, optional=True)
        return self.bindings.resolve(type_)

    def _resolve(
        self,
        node: Call,
        overloads: tuple[Overload, ...],
        target: CelType | None,
        args: list[CelType] | None = None,
    ) -> CelType:
        given = args if args is not None else [self.check(arg) for arg in node.args]
        nodes = node.args
        if target is not None and node.target is not None:
            given = [target, *given]
            nodes = (node.target, *nodes)
        if node.function in {"_&&_", "_||_"}:
            return self._logical(node, nodes, given, overloads)
        fitting: list[Overload] = []
        result: CelType | None = None
        for overload in overloads:
            if overload.member != (target is not None):
                continue
            found = self._instance(overload, given)
            if found is None:
                continue
            fitting.append(overload)
            if result is None:
                result = found
            elif result.kind != "dyn" and found != result:
                result = DYN
        if result is None:
            shown = [self.bindings.resolve(each, final=True) for each in given]
            applied = signature(shown, member=target is not None)
            name = overloads[0].function
            return self._report(
                node.at, f"found no matching overload for '{name}' applied to '{applied}'"
            )
        typed = len(fitting) == 1 and not any(self._doubtful(each) for each in given)
        self.calls[id(node)] = Resolution(nodes, tuple(fitting), typed)
        return result

    def _doubtful(self, type_: CelType) -> bool:
        found = self.bindings.resolve(type_)
        return found.kind in _DOUBTFUL or any(self._doubtful(each) for each in found.params)

    def _logical(
        self,
        node: Call,
        nodes: tuple[Node, ...],
        given: list[CelType],
        overloads: tuple[Overload, ...],
    ) -> CelType:
        wrong = False
        for each, type_ in zip(nodes, given, strict=True):
            if not self.bindings.assignable((type_,), (BOOL,)):
                self._report(each.at, f"expected type 'bool' but found '{type_}'")
                wrong = True
        self.calls[id(node)] = Resolution(nodes, overloads, typed=True)
        return ERROR if wrong else BOOL

    def _instance(self, overload: Overload, given: list[CelType]) -> CelType | None:
        """The result's type when the arguments fit."""
        if len(given) != len(overload.params):
            return None
        fresh = {each: self.bindings.fresh() for each in overload.generic}
        params = [_replaced(each, fresh) for each in overload.params] if fresh else overload.params
        if not self.bindings.assignable(given, params):
            return None
        return self.bindings.resolve(_replaced(overload.result, fresh))

    # Literals

    def _join(self, before: CelType | None, now: CelType) -> CelType:
        """The type of both; `dyn` when they have none in common."""
        if before is None:
            return now
        if self.bindings.assignable((before,), (now,)):
            return more_general(before, now)
        return DYN

    def _present(self, node: Node, type_: CelType) -> CelType:
        """The type inside an optional item or entry."""
        inside, was = unwrapped(type_)
        if not was and type_.kind != "dyn":
            self._report(node.at, f"expected type 'optional_type({type_})' but found '{type_}'")
        return inside

    def _list(self, node: ListLiteral) -> CelType:
        joined: CelType | None = None
        for position, item in enumerate(node.items):
            type_ = self.check(item)
            if position in node.optional:
                type_ = self._present(item, type_)
            joined = self._join(joined, type_)
        return list_of(joined or self.bindings.fresh())

    def _map(self, node: MapLiteral) -> CelType:
        key: CelType | None = None
        value: CelType | None = None
        for entry in node.entries:
            key = self._join(key, self.check(entry.key))
            type_ = self.check(entry.value)
            if entry.optional:
                type_ = self._present(entry.value, type_)
            value = self._join(value, type_)
        return map_of(key or self.bindings.fresh(), value or self.bindings.fresh())

    def _message(self, node: MessageLiteral) -> CelType:
        for _, value in node.fields:
            self.check(value)
        if node.name in self._declared.types:
            return self._report(node.at, f"'{node.name}' is not a message type")
        return self._undeclared(node.at, node.name)

    # Folds

    def _fold(self, node: Comprehension) -> CelType:
        over = self.check(node.range)
        accu = self.check(node.init)
        over = self.bindings.resolve(over)
        with self._scope({node.accu: accu}):
            with self._scope(self._loop_variables(node, over)):
                self._assert(node.condition, BOOL)
                self._assert(node.step, accu)
            return self.bindings.resolve(self.check(node.result))

    @contextmanager
    def _scope(self, names: dict[str, CelType]) -> Iterator[None]:
        self._scopes.append(names)
        yield
        self._scopes.pop()

    def _loop_variables(self, node: Comprehension, over: CelType) -> dict[str, CelType]:
        two = bool(node.var2)
        match over.kind:
            case "list":
                item = over.params[0]
                return {node.var: INT, node.var2: item} if two else {node.var: item}
            case "map":
                key, value = over.params
                return {node.var: key, node.var2: value} if two else {node.var: key}
            case "dyn" | "error" | "param":
                self.bindings.assignable((DYN,), (over,))
                type_ = DYN
            case _:
                type_ = self._report(
                    node.range.at,
                    f"expression of type '{over}' cannot be range of a comprehension (must be list,"
                    " map, or dynamic)",
                )
        return {node.var: type_, node.var2: type_} if two else {node.var: type_}

    def _assert(self, node: Node, wanted: CelType) -> None:
        found = self.check(node)
        if not self.bindings.assignable((wanted,), (found,)):
            self._report(node.at, f"expected type '{wanted}' but found '{found}'")


def _replaced(type_: CelType, by: Mapping[CelType, CelType]) -> CelType:
    if type_ in by:
        return by[type_]
    if not type_.params:
        return type_
    return CelType(type_.kind, type_.name, tuple(_replaced(each, by) for each in type_.params))
