"""Types of expressions: their names, how they print, and unification. Pure.

Type parameters are bound while a call is checked; the rules (what may be assigned to what, when
`dyn` wins) are those of the CEL language definition's gradual type checking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class CelType(msgspec.Struct, frozen=True):
    """A type.

    Attributes:
        kind: `dyn`, `error`, `null`, `param`, `list`, `map`, `type`, `object` (fields are known),
            `opaque` (optional_type and Kubernetes's own), or a scalar's name.
        name: As it prints.
        params: Of lists, maps, optionals and types of types.
    """

    kind: str
    name: str
    params: tuple[CelType, ...] = ()

    def __str__(self) -> str:
        if not self.params:
            return self.name
        inside = ", ".join(str(param) for param in self.params)
        return f"{self.name}({inside})"


def _plain(name: str) -> CelType:
    return CelType(name, name)


DYN = _plain("dyn")
ERROR = CelType("error", "!error!")
NULL = _plain("null")
BOOL = _plain("bool")
INT = _plain("int")
UINT = _plain("uint")
DOUBLE = _plain("double")
STRING = _plain("string")
BYTES = _plain("bytes")
TIMESTAMP = _plain("timestamp")
DURATION = _plain("duration")
TYPE = _plain("type")
SCALARS: Mapping[str, CelType] = {
    type_.name: type_
    for type_ in (DYN, NULL, BOOL, INT, UINT, DOUBLE, STRING, BYTES, TIMESTAMP, DURATION, TYPE)
}
_NULLABLE = frozenset({"opaque", "object", "timestamp", "duration"})


def list_of(item: CelType) -> CelType:
    """`list(item)`."""
    return CelType("list", "list", (item,))


def map_of(key: CelType, value: CelType) -> CelType:
    """`map(key, value)`."""
    return CelType("map", "map", (key, value))


def type_of(type_: CelType) -> CelType:
    """`type(type_)`."""
    return CelType("type", "type", (type_,))


def optional_of(type_: CelType) -> CelType:
    """`optional_type(type_)`."""
    return CelType("opaque", "optional_type", (type_,))


def opaque(name: str) -> CelType:
    """A type of the host, such as `net.IP`."""
    return CelType("opaque", name)


def object_of(name: str) -> CelType:
    """An object with named fields."""
    return CelType("object", name)


def param(name: str) -> CelType:
    """A type parameter."""
    return CelType("param", name)


def unwrapped(type_: CelType) -> tuple[CelType, bool]:
    """The type inside an optional, and whether it was one."""
    if type_.kind == "opaque" and type_.name == "optional_type":
        return type_.params[0], True
    return type_, False


def signature(args: Iterable[CelType], *, member: bool) -> str:
    """Argument types as messages print them: `(int, string)` or `int.(string)`."""
    shown = [str(arg) for arg in args]
    if member:
        return f"{shown[0]}.({', '.join(shown[1:])})"
    return f"({', '.join(shown)})"


class Bindings:
    """What type parameters stand for; grows while an expression is checked."""

    def __init__(self) -> None:
        self._bound: dict[CelType, CelType] = {}
        self._count = 0

    def fresh(self) -> CelType:
        """A type parameter that nobody else uses."""
        made = param(f"_var{self._count}")
        self._count += 1
        return made

    def resolve(self, type_: CelType, *, final: bool = False) -> CelType:
        """The type with bound parameters replaced; with `final`, free ones become `dyn`."""
        found = self._bound.get(type_)
        if found is not None:
            return self.resolve(found, final=final)
        if final and type_.kind == "param":
            return DYN
        if not type_.params:
            return type_
        params = tuple(self.resolve(each, final=final) for each in type_.params)
        return type_ if params == type_.params else CelType(type_.kind, type_.name, params)

    def assignable(self, given: Iterable[CelType], wanted: Iterable[CelType]) -> bool:
        """Whether types fit pairwise; what that binds is kept only when all do."""
        pairs = (tuple(given), tuple(wanted))
        if len(pairs[0]) != len(pairs[1]):
            return False
        before = dict(self._bound)
        if all(self._fits(one, two) for one, two in zip(*pairs, strict=True)):
            return True
        self._bound = before
        return False

    def _fits(self, one: CelType, two: CelType) -> bool:
        if two.kind == "param":
            fits, bound = self._substitutes(one, two)
            if fits or bound:
                return fits
        if one.kind == "param":
            return self._substitutes(two, one)[0]
        kinds = {one.kind, two.kind}
        if kinds & {"dyn", "error"}:
            return True
        if "null" in kinds:
            other = two if one.kind == "null" else one
            return other.kind == "null" or other.kind in _NULLABLE
        if one.kind == "type":
            return two.kind == "type"
        if one.kind != two.kind or one.name != two.name or len(one.params) != len(two.params):
            return False
        return all(self._fits(a, b) for a, b in zip(one.params, two.params, strict=True))

    def _substitutes(self, type_: CelType, parameter: CelType) -> tuple[bool, bool]:
        """Whether the parameter can stand for the type, and whether it stood for one before."""
        if type_ == parameter:
            return True, True
        known = self._bound.get(parameter)
        if known is not None:
            if type_ == known:
                return True, True
            if not self._fits(type_, known):
                return False, True
            general = more_general(type_, known)
            if not self._occurs(parameter, general):
                self._bound[parameter] = general
            return True, True
        if self._occurs(parameter, type_):
            return False, False
        self._bound[parameter] = type_
        return True, False

    def _occurs(self, parameter: CelType, within: CelType) -> bool:
        if parameter == within:
            return True
        if within.kind == "param":
            known = self._bound.get(within)
            return known is not None and self._occurs(parameter, known)
        return any(self._occurs(parameter, each) for each in within.params)


def more_general(one: CelType, two: CelType) -> CelType:
    """The less specific of two types that unify."""
    return one if _less_specific(one, two) else two


def _less_specific(one: CelType, two: CelType) -> bool:
    if one.kind in {"dyn", "param"}:
        return True
    if two.kind in {"dyn", "param"} or one.kind != two.kind or one.name != two.name:
        return False
    if one.kind == "type":
        return True
    pairs = zip(one.params, two.params, strict=False)
    return len(one.params) == len(two.params) and all(_less_specific(a, b) for a, b in pairs)
