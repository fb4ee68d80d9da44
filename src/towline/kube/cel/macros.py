"""Macros: calls that are rewritten while parsing, most of them into comprehensions. Pure.

Known by name, number of arguments and whether they have a target. Source of the rewritings: the
CEL language definition, and the extension with two variables.
"""

from __future__ import annotations

from collections.abc import Callable

from towline.kube.cel.issues import Issue
from towline.kube.cel.tree import (
    Call,
    Comprehension,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
)

ACCU = "@result"


class MacroError(Exception):
    """A macro is used with arguments of the wrong form."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.issue = Issue(at, message)


def expand(at: int, function: str, target: Node | None, args: tuple[Node, ...]) -> Node | None:
    """What a call stands for, or None when it is no macro.

    Raises:
        MacroError: The arguments do not fit.
    """
    if target is None:
        return _has(at, args[0]) if function == "has" and len(args) == 1 else None
    made = _MACROS.get((function, len(args)))
    return made(at, target, args) if made else None


def _has(at: int, argument: Node) -> Node:
    if isinstance(argument, Select) and not argument.test:
        return Select(at=at, operand=argument.operand, field=argument.field, test=True)
    raise MacroError(argument.at, "invalid argument to has() macro")


def _name(node: Node, message: str) -> str:
    if not isinstance(node, Ident):
        raise MacroError(node.at, message)
    if node.name in {ACCU, "__result__"}:
        raise MacroError(node.at, "iteration variable overwrites accumulator variable")
    return node.name


def _names(args: tuple[Node, ...]) -> tuple[str, str]:
    first = _name(args[0], "argument must be a simple name")
    second = _name(args[1], "argument must be a simple name")
    if first == second:
        raise MacroError(args[1].at, f"duplicate variable name: {first}")
    return first, second


def _true(at: int) -> Node:
    return Literal(at=at, value=True, type="bool")


def _accu(at: int) -> Node:
    return Ident(at=at, name=ACCU)


def _call(at: int, function: str, *args: Node) -> Node:
    return Call(at=at, function=function, args=args)


def _fold(
    at: int,
    over: Node,
    names: tuple[str, str],
    init: Node,
    step: Node,
    *,
    condition: Node | None = None,
    result: Node | None = None,
) -> Node:
    return Comprehension(
        at=at,
        range=over,
        var=names[0],
        var2=names[1],
        accu=ACCU,
        init=init,
        condition=condition or _true(at),
        step=step,
        result=result or _accu(at),
    )


def _variables(args: tuple[Node, ...], wide: int) -> tuple[str, str]:
    """Names of the variables: two when the call has `wide` arguments."""
    if len(args) >= wide:
        return _names(args)
    return _name(args[0], "argument must be a simple name"), ""


def _all(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    names = _variables(args, 3)
    going = _call(at, "@not_strictly_false", _accu(at))
    step = _call(at, "_&&_", _accu(at), args[-1])
    return _fold(at, target, names, _true(at), step, condition=going)


def _exists(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    names = _variables(args, 3)
    going = _call(at, "@not_strictly_false", _call(at, "!_", _accu(at)))
    step = _call(at, "_||_", _accu(at), args[-1])
    no = Literal(at=at, value=False, type="bool")
    return _fold(at, target, names, no, step, condition=going)


def _exists_one(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    names = _variables(args, 3)
    zero = Literal(at=at, value=0, type="int")
    one = Literal(at=at, value=1, type="int")
    more = _call(at, "_+_", _accu(at), one)
    step = _call(at, "_?_:_", args[-1], more, _accu(at))
    return _fold(at, target, names, zero, step, result=_call(at, "_==_", _accu(at), one))


def _appended(at: int, made: Node, only: Node | None) -> Node:
    step = _call(at, "_+_", _accu(at), ListLiteral(at=at, items=(made,)))
    return step if only is None else _call(at, "_?_:_", only, step, _accu(at))


def _map(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    name = _name(args[0], "argument is not an identifier")
    step = _appended(at, args[-1], args[1] if len(args) == 3 else None)
    return _fold(at, target, (name, ""), ListLiteral(at=at, items=()), step)


def _filter(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    name = _name(args[0], "argument is not an identifier")
    step = _appended(at, Ident(at=args[0].at, name=name), args[1])
    return _fold(at, target, (name, ""), ListLiteral(at=at, items=()), step)


def _transform_list(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    step = _appended(at, args[-1], args[2] if len(args) == 4 else None)
    return _fold(at, target, _names(args), ListLiteral(at=at, items=()), step)


def _transform_map(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    names = _names(args)
    step = _call(at, "cel.@mapInsert", _accu(at), Ident(at=args[0].at, name=names[0]), args[-1])
    if len(args) == 4:
        step = _call(at, "_?_:_", args[2], step, _accu(at))
    return _fold(at, target, names, MapLiteral(at=at, entries=()), step)


def _transform_map_entry(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    step = _call(at, "cel.@mapInsert", _accu(at), args[-1])
    if len(args) == 4:
        step = _call(at, "_?_:_", args[2], step, _accu(at))
    return _fold(at, target, _names(args), MapLiteral(at=at, entries=()), step)


def _opt_map(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    return _optional_map(at, target, args, flat=False)


def _opt_flat_map(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    return _optional_map(at, target, args, flat=True)


def _optional_map(at: int, target: Node, args: tuple[Node, ...], *, flat: bool) -> Node:
    """`target.hasValue() ? optional.of(bind(name, target.value(), args)) : optional.none()`."""
    name = "optFlatMap" if flat else "optMap"
    if not isinstance(args[0], Ident):
        raise MacroError(args[0].at, f"{name}() variable name must be a simple identifier")
    inside = Comprehension(
        at=at,
        range=ListLiteral(at=at, items=()),
        var="#unused",
        var2="",
        accu=args[0].name,
        init=Call(at=at, function="value", target=target, args=()),
        condition=Literal(at=at, value=False, type="bool"),
        step=Ident(at=at, name=args[0].name),
        result=args[1],
    )
    some = inside if flat else _call(at, "optional.of", inside)
    has = Call(at=at, function="hasValue", target=target, args=())
    return _call(at, "_?_:_", has, some, _call(at, "optional.none"))


def _sort_by(at: int, target: Node, args: tuple[Node, ...]) -> Node:
    if isinstance(target, (Literal, MapLiteral)):
        raise MacroError(
            target.at,
            "sortBy can only be applied to a list, identifier, comprehension, call or select"
            " expression",
        )
    keys = _map(at, target, args)
    return Call(at=at, function="@sortByAssociatedKeys", target=target, args=(keys,))


_Macro = Callable[[int, Node, tuple[Node, ...]], Node]
_MACROS: dict[tuple[str, int], _Macro] = {
    ("all", 2): _all,
    ("all", 3): _all,
    ("exists", 2): _exists,
    ("exists", 3): _exists,
    ("exists_one", 2): _exists_one,
    ("exists_one", 3): _exists_one,
    ("existsOne", 2): _exists_one,
    ("existsOne", 3): _exists_one,
    ("map", 2): _map,
    ("map", 3): _map,
    ("filter", 2): _filter,
    ("transformList", 3): _transform_list,
    ("transformList", 4): _transform_list,
    ("transformMap", 3): _transform_map,
    ("transformMap", 4): _transform_map,
    ("transformMapEntry", 3): _transform_map_entry,
    ("transformMapEntry", 4): _transform_map_entry,
    ("optMap", 2): _opt_map,
    ("optFlatMap", 2): _opt_flat_map,
    ("sortBy", 2): _sort_by,
}
