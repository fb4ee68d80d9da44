"""Expressions, compiled and ready to run. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from towline.kube.cel.checker import Declarations, check
from towline.kube.cel.library import kubernetes
from towline.kube.cel.literals import check_literals, fold_constants
from towline.kube.cel.parser import parse
from towline.kube.cel.planner import CALL_LIMIT, Frame, Step, plan
from towline.kube.cel.types import CelType, opaque
from towline.kube.cel.values import TYPE_NAMES, Value

_HOST_TYPES = (
    "kubernetes.URL",
    "kubernetes.Quantity",
    "kubernetes.Semver",
    "kubernetes.NamedFormat",
    "net.IP",
    "net.CIDR",
)
_TYPES: Mapping[str, CelType] = {**TYPE_NAMES, **{name: opaque(name) for name in _HOST_TYPES}}


class Program(msgspec.Struct, frozen=True, eq=False):
    """A compiled expression.

    Attributes:
        type: Of its value.
        variables: Names of the declared variables that it uses.
        step: How to run it.
    """

    type: CelType
    variables: frozenset[str]
    step: Step

    def run(self, frame: Frame) -> Value:
        """Its value.

        Raises:
            EvaluationError: It has none for this input.
            CostExceededError: It costs more than the frame allows.
        """
        return self.step(frame)

    def evaluate(self, variables: Mapping[str, Value], limit: int = CALL_LIMIT) -> Value:
        """Its value for these variables.

        Raises:
            EvaluationError: It has none for this input.
            CostExceededError: It costs more than `limit`.
        """
        return self.step(Frame(variables, limit))


def compile_expression(
    source: str,
    variables: Mapping[str, CelType],
    fields: Mapping[str, Mapping[str, CelType]] | None = None,
) -> Program:
    """Compiles an expression.

    Args:
        source: The text.
        variables: Types of what it may refer to.
        fields: Types of fields by the name of an object's type.

    Raises:
        CompileError: It is malformed or ill-typed.
        EvaluationError: A constant in it has no value.
    """
    tree = parse(source)
    declared = Declarations(variables, kubernetes(), fields or {}, _TYPES)
    checked = check(source, tree, declared)
    check_literals(source, checked)
    fold_constants(checked)
    return Program(checked.type, checked.variables, plan(checked))
