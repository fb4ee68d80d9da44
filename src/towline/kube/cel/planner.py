"""From checked tree to a program: nested closures, each with its cost. Pure.

Costs follow cel-go's run-time accounting: a name or field 1, a call 1 or what its function says, a
list literal 10, a map literal 30. `&&`, `||` and the folds over them absorb errors as the language
definition demands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from towline.kube.cel.checker import Checked, Resolution
from towline.kube.cel.functions import Overload
from towline.kube.cel.issues import CostExceededError, EvaluationError
from towline.kube.cel.macros import ACCU
from towline.kube.cel.tree import (
    Call,
    Comprehension,
    Entry,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
)
from towline.kube.cel.values import (
    KNOWN_TYPES,
    NONE,
    HostValue,
    Optional,
    TypeValue,
    UInt,
    Value,
    is_a,
    is_list,
    some,
    type_name,
)

CALL_LIMIT = 1_000_000
_LIST_COST, _MAP_COST = 10, 30


class Frame:
    """One evaluation: its variables and what it has cost.

    Attributes:
        variables: By name; folds add theirs while they run.
        cost: So far.
        limit: What it may cost.
    """

    __slots__ = ("cost", "limit", "variables")

    def __init__(self, variables: Mapping[str, Value], limit: int) -> None:
        self.variables = dict(variables)
        self.cost = 0
        self.limit = limit

    def spend(self, cost: int) -> None:
        """Adds to the cost.

        Raises:
            CostExceededError: The limit is passed.
        """
        self.cost += cost
        if self.cost > self.limit:
            raise CostExceededError("operation cancelled: actual cost limit exceeded")


Step = Callable[[Frame], Value]


def plan(checked: Checked) -> Step:
    """The program of a checked expression."""
    return _Planner(checked).step(checked.tree)


class _Planner:
    def __init__(self, checked: Checked) -> None:
        self._checked = checked

    def step(self, node: Node) -> Step:
        """The program of a node."""
        match node:
            case Literal():
                value = UInt(node.value) if node.type == "uint" else node.value
                return lambda _: value
            case Ident():
                return self._name(self._checked.names[id(node)])
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
            case _:
                raise TypeError(type(node).__name__)

    def _name(self, name: str) -> Step:
        if name == ACCU:
            return _accumulated
        known = KNOWN_TYPES.get(name) or TypeValue(name)

        def run(frame: Frame) -> Value:
            frame.cost += 1
            return frame.variables.get(name, known)

        return run

    def _select(self, node: Select) -> Step:
        known = self._checked.names.get(id(node))
        if known is not None:
            return self._name(known)
        operand, field = self.step(node.operand), node.field
        if node.test:
            return lambda frame: _has(operand(frame), field)

        def run(frame: Frame) -> Value:
            frame.cost += 1
            return _field(operand(frame), field)

        return run

    # Calls

    def _call(self, node: Call) -> Step:
        match node.function:
            case "_?._":
                operand, field = node.args
                name = field.value if isinstance(field, Literal) else ""
                return _optional_field(self.step(operand), name)
            case "_&&_":
                return _logical(*(self.step(arg) for arg in node.args), settled=False)
            case "_||_":
                return _logical(*(self.step(arg) for arg in node.args), settled=True)
            case "_?_:_":
                return _conditional(*(self.step(arg) for arg in node.args))
            case "@not_strictly_false":
                return _not_strictly_false(self.step(node.args[0]))
            case "or" | "orValue" if node.target is not None:
                return _optional_or(
                    self.step(node.target), self.step(node.args[0]), whole=node.function == "or"
                )
        resolution = self._checked.calls[id(node)]
        steps = tuple(self.step(arg) for arg in resolution.args)
        return _typed(resolution, steps) if resolution.typed else _dynamic(resolution, steps)

    # Literals

    def _list(self, node: ListLiteral) -> Step:
        steps = tuple(self.step(item) for item in node.items)
        optional = node.optional

        def run(frame: Frame) -> Value:
            frame.spend(_LIST_COST)
            if not optional:
                return [step(frame) for step in steps]
            made = []
            for position, step in enumerate(steps):
                value = step(frame)
                if position not in optional:
                    made.append(value)
                elif not isinstance(value, Optional):
                    raise EvaluationError(
                        "cannot initialize optional list element from non-optional value"
                    )
                elif value.present:
                    made.append(value.value)
            return made

        return run

    def _map(self, node: MapLiteral) -> Step:
        steps = tuple(
            (self.step(entry.key), self.step(entry.value), entry) for entry in node.entries
        )

        def run(frame: Frame) -> Value:
            frame.spend(_MAP_COST)
            made: dict[Value, Value] = {}
            for key_step, value_step, entry in steps:
                _insert(made, key_step(frame), value_step(frame), entry)
            return made

        return run

    # Folds

    def _fold(self, node: Comprehension) -> Step:
        over, init = self.step(node.range), self.step(node.init)
        condition, result = self.step(node.condition), self.step(node.result)
        appended = _appended(node)
        step = self._appending(appended) if appended else _absorbing(self.step(node.step))
        names = tuple(name for name in (node.var, node.var2, node.accu) if name)

        def run(frame: Frame) -> Value:
            entries = _entries(over(frame), two=bool(node.var2))
            accu = init(frame)
            variables = frame.variables
            before = {name: variables[name] for name in names if name in variables}
            variables[node.accu] = accu
            try:
                for first, second in entries:
                    frame.spend(0)
                    variables[node.var] = first
                    if node.var2:
                        variables[node.var2] = second
                    if condition(frame) is False:
                        break
                    variables[node.accu] = step(frame)
                return result(frame)
            finally:
                for name in names:
                    variables.pop(name, None)
                variables.update(before)

        return run

    def _appending(self, appended: tuple[Node, Node | None]) -> Step:
        """Growing a list in place: nobody else sees it before the fold ends."""
        item = self.step(appended[0])
        only = None if appended[1] is None else self.step(appended[1])

        def run(frame: Frame) -> Value:
            made = frame.variables[ACCU]
            if only is not None:
                wanted = only(frame)
                if not isinstance(wanted, bool):
                    raise EvaluationError("no such overload")
                if not wanted:
                    return made
            value = item(frame)
            # An item may hold a fold of its own, which puts the accumulator back when it ends.
            frame.spend(_LIST_COST + 1)
            made.append(value)
            return made

        return run


def _appended(node: Comprehension) -> tuple[Node, Node | None] | None:
    """The item and the condition of a fold that builds a list, else None."""
    if not isinstance(node.init, ListLiteral) or node.accu != ACCU:
        return None
    step, only = node.step, None
    if isinstance(step, Call) and step.function == "_?_:_":
        only, step = step.args[0], step.args[1]
    if isinstance(step, Call) and step.function == "_+_" and isinstance(step.args[1], ListLiteral):
        return step.args[1].items[0], only
    return None


def _accumulated(frame: Frame) -> Value:
    frame.cost += 1
    value = frame.variables[ACCU]
    if isinstance(value, _Failed):
        raise value.error
    return value


def _absorbing(step: Step) -> Step:
    """A failed step becomes the accumulator: a later one may still settle the outcome."""

    def run(frame: Frame) -> Value:
        try:
            return step(frame)
        except EvaluationError as error:
            return _Failed(error)

    return run


class _Failed:
    """An error in the place of an accumulator."""

    __slots__ = ("error",)

    def __init__(self, error: EvaluationError) -> None:
        self.error = error


def _entries(value: Value, *, two: bool) -> Iterable[tuple[Value, Value]]:
    if isinstance(value, Optional):
        value = value.value if value.present else []
    if isinstance(value, Mapping):
        return value.items() if two else ((key, None) for key in value)
    if is_list(value):
        return enumerate(value) if two else ((item, None) for item in value)
    raise EvaluationError(f"got '{_go_name(value)}', expected iterable type")


def _go_name(value: Value) -> str:
    name = type_name(value).rpartition(".")[2].partition("_")[0]
    return f"types.{name[:1].upper()}{name[1:]}"


# --- fields --------------------------------------------------------------------------------------


def _field(value: Value, field: str) -> Value:
    if isinstance(value, Mapping):
        try:
            return value[field]
        except KeyError:
            raise EvaluationError(f"no such key: {field}") from None
    if isinstance(value, Optional):
        return _optional(value, field)
    raise EvaluationError(f"no such key: {field}")


def _has(value: Value, field: str) -> bool:
    if isinstance(value, Optional):
        return value.present and _has(value.value, field)
    if isinstance(value, Mapping):
        return field in value
    raise EvaluationError("no such overload")


def _optional(value: Value, field: Value) -> Optional:
    if isinstance(value, Optional):
        if not value.present:
            return NONE
        value = value.value
    if isinstance(value, Mapping):
        return some(value[field]) if field in value else NONE
    raise EvaluationError("no such overload")


def _optional_field(operand: Step, field: str) -> Step:
    def run(frame: Frame) -> Value:
        frame.cost += 1
        return _optional(operand(frame), field)

    return run


# --- logic ---------------------------------------------------------------------------------------


def _logical(left: Step, right: Step, *, settled: bool) -> Step:
    """`&&` (settled by false) and `||` (by true): a settled side hides the other's error."""

    def side(step: Step, frame: Frame) -> tuple[bool, EvaluationError | None]:
        try:
            value = step(frame)
        except EvaluationError as error:
            return False, error
        if not isinstance(value, bool):
            return False, EvaluationError("no such overload")
        return value is settled, None

    def run(frame: Frame) -> Value:
        done, error = side(left, frame)
        if done:
            return settled
        done, second = side(right, frame)
        if done:
            return settled
        if error or second:
            raise error or second or EvaluationError("no such overload")
        return not settled

    return run


def _conditional(condition: Step, yes: Step, no: Step) -> Step:
    def run(frame: Frame) -> Value:
        value = condition(frame)
        if value is True:
            return yes(frame)
        if value is False:
            return no(frame)
        raise EvaluationError("no such overload")

    return run


def _not_strictly_false(step: Step) -> Step:
    def run(frame: Frame) -> Value:
        try:
            return step(frame) is not False
        except EvaluationError:
            return True

    return run


def _optional_or(target: Step, other: Step, *, whole: bool) -> Step:
    def run(frame: Frame) -> Value:
        value = target(frame)
        if not isinstance(value, Optional):
            raise EvaluationError("no such overload")
        if value.present:
            return value if whole else value.value
        return other(frame)

    return run


# --- calls ---------------------------------------------------------------------------------------


def _typed(resolution: Resolution, steps: tuple[Step, ...]) -> Step:
    """A call whose overload the types decide."""
    overload = resolution.overloads[0]
    work, cost = overload.implementation, overload.cost
    if cost is not None:

        def run_counted(frame: Frame) -> Value:
            args = [step(frame) for step in steps]
            frame.spend(cost(*args))
            return work(*args)

        return run_counted

    def run(frame: Frame) -> Value:
        frame.cost += 1
        return work(*[step(frame) for step in steps])

    return run


def _dynamic(resolution: Resolution, steps: tuple[Step, ...]) -> Step:
    """A call whose overload the values decide."""
    overloads = resolution.overloads

    def run(frame: Frame) -> Value:
        args = [step(frame) for step in steps]
        for overload in overloads:
            if _accepts(overload, args):
                frame.spend(1 if overload.cost is None else overload.cost(*args))
                return overload.implementation(*args)
        name = overloads[0].function
        named = len(overloads) > 1 and name[0].isalpha()
        raise EvaluationError(f"no such overload: {name}" if named else "no such overload")

    return run


def _accepts(overload: Overload, args: list[Value]) -> bool:
    return all(is_a(arg, type_) for arg, type_ in zip(args, overload.params, strict=True))


def _insert(made: dict[Value, Value], key: Value, value: Value, entry: Entry) -> None:
    if entry.optional:
        if not isinstance(value, Optional):
            raise EvaluationError("cannot initialize optional entry from non-optional value")
        if not value.present:
            return
        value = value.value
    if isinstance(key, HostValue) or not isinstance(key, (str, int)):
        raise EvaluationError(f"unsupported key type: {type_name(key)}")
    made[key] = value
