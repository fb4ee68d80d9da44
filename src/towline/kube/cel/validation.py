"""Runs the rules of a schema on an object. Pure.

Only what a create or update brings is judged: a rule that looks at a part which did not change may
fail, and then is a warning. One budget holds for the whole object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from towline.kube.cel.issues import CostExceededError, EvaluationError
from towline.kube.cel.objects import value_of
from towline.kube.cel.planner import CALL_LIMIT, Frame
from towline.kube.cel.rules import Rule, RuleNode
from towline.kube.cel.values import NONE, Value, some
from towline.kube.schema.correlation import Correlation
from towline.kube.schema.fielderror import (
    DUPLICATE,
    FieldError,
    forbidden,
    invalid,
    required,
    show,
)

BUDGET = 10_000_000
_MAX_MESSAGE = 5 * 1024
_ABSENT: Any = object()
_NO_BUDGET = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)


class Verdict(msgspec.Struct, frozen=True):
    """What the rules say.

    Attributes:
        errors: Why the object is refused.
        warnings: What unchanged parts violate.
    """

    errors: tuple[FieldError, ...]
    warnings: tuple[str, ...]


def check_rules(
    rules: RuleNode,
    obj: Any,
    old: Any = None,
    *,
    correlation: Correlation | None = None,
    budget: int = BUDGET,
) -> Verdict:
    """Judges an object.

    Args:
        rules: Of its schema.
        obj: The object.
        old: What it replaces, or None.
        correlation: Of both; without one, every part counts as changed.
        budget: What all rules together may cost.
    """
    run = _Run(budget)
    ratchet = _Ratchet(correlation, None)
    with suppress(_StoppedError):
        run.node(rules, "", obj, _ABSENT if old is None else old, ratchet)
    return Verdict(tuple(run.errors), tuple(run.warnings))


class _StoppedError(Exception):
    """No further rules are run; the reason is among the errors."""


class _Ratchet(msgspec.Struct, frozen=True):
    """The part of the stored object that stands for the present place.

    Attributes:
        current: Here; None where nothing can be matched.
        nearest: The closest place above that can.
    """

    current: Correlation | None
    nearest: Correlation | None

    def unchanged(self) -> bool:
        found = self.current or self.nearest
        return found is not None and found.same

    def key(self, name: str) -> _Ratchet:
        if self.current is None:
            return self
        if self.current.root and name in {"apiVersion", "kind"}:
            return _Ratchet(None, None)
        return _Ratchet(self.current.key(name), self.current)

    def index(self, position: int) -> _Ratchet:
        if self.current is None:
            return self
        return _Ratchet(self.current.index(position), self.current)


class _Place(msgspec.Struct, frozen=True):
    """Where a rule is run: the schema, the path, the data, and the stored counterpart."""

    node: RuleNode
    where: str
    data: Any
    ratchet: _Ratchet


class _Run:
    def __init__(self, budget: int) -> None:
        self.errors: list[FieldError] = []
        self.warnings: list[str] = []
        self._budget = budget

    def node(self, node: RuleNode, path: str, data: Any, old: Any, ratchet: _Ratchet) -> None:
        """Runs the rules at a place and below it."""
        if data is None:
            return
        if old is None:
            old = _ABSENT
        if node.rules:
            self._rules(node, path, data, old, ratchet)
        for part in node.all_of:
            # Parts of a union are judged even where nothing changed here.
            self.node(part, path, data, old, _Ratchet(None, ratchet.nearest))
        for below, where, value, before, next_ in _children(node, path, data, old, ratchet):
            self.node(below, where, value, before, next_)

    def _rules(self, node: RuleNode, path: str, data: Any, old: Any, ratchet: _Ratchet) -> None:
        where = path or "<nil>"
        if node.shape is None:
            return
        if self._budget <= 0:
            self._stop(invalid(where, node.type, _NO_BUDGET))
        unread: EvaluationError | None = None
        before: Value = _ABSENT
        value: Value = None
        try:
            value = value_of(data, node.shape)
            before = _ABSENT if old is _ABSENT else value_of(old, node.shape)
        except EvaluationError as error:
            unread = error
        for rule in node.rules:
            if rule.error:
                self.errors.append(invalid(where, node.type, f"rule compile error: {rule.error}"))
            elif unread is not None:
                text = f"{unread.message} evaluating rule: {_said(rule)}"
                self.errors.append(invalid(where, node.type, text))
            elif rule.program is not None:
                if rule.uses_old and old is _ABSENT and not rule.optional_old:
                    continue
                variables = {"self": value, "oldSelf": _old_value(rule, before)}
                self._rule(rule, _Place(node, where, data, ratchet), variables)

    def _rule(self, rule: Rule, place: _Place, variables: dict[str, Value]) -> None:
        node, where = place.node, place.where
        holds = self._evaluated(rule, node, where, variables)
        if holds is None or holds is True:
            return
        detail = self._message(rule, where, node, variables)
        at = _joined(where, rule.path)
        error = _for_reason(at, node, place.data, detail, rule.reason)
        if not rule.uses_old and place.ratchet.unchanged():
            self.warnings.append(str(error))
        else:
            self.errors.append(error)

    def _evaluated(
        self, rule: Rule, node: RuleNode, where: str, variables: dict[str, Value]
    ) -> Value:
        """The rule's value; None when it has none, which is an error already noted."""
        if rule.program is None:
            return True
        frame = Frame(variables, CALL_LIMIT)
        problem = ""
        value: Value = None
        try:
            value = rule.program.run(frame)
        except CostExceededError as error:
            self._stop(
                invalid(
                    where,
                    node.type,
                    f"'{error.message}': no further validation rules will be run due to call cost"
                    f" exceeds limit for rule: {_said(rule)}",
                )
            )
        except EvaluationError as error:
            problem = error.message
        self._spend(frame.cost, invalid(where, node.type, _NO_BUDGET))
        if problem.startswith("no such overload"):
            text = (
                f"'{problem}': call arguments did not match a supported operator, function or"
                f" macro signature for rule: {_said(rule)}"
            )
            self.errors.append(invalid(where, node.type, text))
        elif problem:
            text = f"{problem} evaluating rule: {_said(rule)}"
            self.errors.append(invalid(where, node.type, text))
        return value

    def _message(self, rule: Rule, where: str, node: RuleNode, variables: dict[str, Value]) -> str:
        """What users are told: the message expression's text, the message, or the rule."""
        if rule.message_program is not None:
            frame = Frame(variables, CALL_LIMIT)
            try:
                text = rule.message_program.run(frame)
            except CostExceededError:
                self._stop(
                    invalid(
                        where,
                        node.type,
                        "messageExpression evaluation failed due to running out of cost budget,"
                        " no further validation rules will be run",
                    )
                )
            except EvaluationError:
                text = ""
            self._spend(frame.cost, invalid(where, node.type, _NO_BUDGET))
            text = text.strip() if isinstance(text, str) else ""
            if text and "\n" not in text and len(text.encode()) <= _MAX_MESSAGE:
                return str(text)
        return rule.message.strip() or f"failed rule: {rule.rule.strip()}"

    def _spend(self, cost: int, error: FieldError) -> None:
        if cost > self._budget:
            self._stop(error)
        self._budget -= cost

    def _stop(self, error: FieldError) -> None:
        self.errors.append(error)
        raise _StoppedError


def _old_value(rule: Rule, before: Value) -> Value:
    if not rule.optional_old:
        return before
    return NONE if before is _ABSENT else some(before)


def _said(rule: Rule) -> str:
    return rule.message.strip() or rule.rule.strip()


def _joined(where: str, path: str) -> str:
    if not path:
        return where
    if where == "<nil>":
        return path
    return f"{where}.{path}" if not path.startswith("[") else f"{where}{path}"


def _for_reason(at: str, node: RuleNode, data: Any, detail: str, reason: str) -> FieldError:
    whole = node.type in {"object", "array"}
    match reason:
        case "FieldValueForbidden":
            return forbidden(at, detail)
        case "FieldValueRequired":
            return required(at, detail)
        case "FieldValueDuplicate":
            shown = "" if whole else f": {show(data)}"
            return FieldError(at, DUPLICATE, f"Duplicate value{shown}")
        case _:
            if whole:
                return FieldError(at, "FieldValueInvalid", f"Invalid value: {detail}")
            return invalid(at, data, detail)


def _children(
    node: RuleNode, path: str, data: Any, old: Any, ratchet: _Ratchet
) -> Iterator[tuple[RuleNode, str, Any, Any, _Ratchet]]:
    """The places below a place that have rules, with their data, old data and match."""
    if isinstance(data, list) and node.items is not None:
        before = _old_items(node, old)
        for position, item in enumerate(data):
            stored = before.get(_identity(node, item), _ABSENT)
            where = f"{path}[{position}]"
            yield node.items, where, item, stored, ratchet.index(position)
    if not isinstance(data, dict):
        return
    olds = old if node.correlates and isinstance(old, dict) else {}
    for name in sorted(data):
        stored = olds.get(name, _ABSENT)
        if node.additional is not None:
            yield node.additional, f"{path}[{name}]", data[name], stored, ratchet.key(name)
        below = node.properties.get(name)
        if below is not None:
            where = f"{path}.{name}" if path else name
            yield below, where, data[name], stored, ratchet.key(name)


def _old_items(node: RuleNode, old: Any) -> dict[str, Any]:
    if not node.list_keys or not isinstance(old, list):
        return {}
    return {_identity(node, item): item for item in old}


def _identity(node: RuleNode, item: Any) -> str:
    if not node.list_keys or not isinstance(item, dict):
        return ""
    return show([item.get(name) for name in node.list_keys])
