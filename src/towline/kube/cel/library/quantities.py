"""Resource quantities: `quantity("100m")`, comparing, adding. Pure."""

from __future__ import annotations

from decimal import Decimal

from towline.errors import InputError
from towline.kube import quantity
from towline.kube.cel import costs
from towline.kube.cel.functions import Functions
from towline.kube.cel.issues import EvaluationError
from towline.kube.cel.types import CelType, opaque
from towline.kube.cel.values import HostValue

FUNCTIONS = Functions()
_overload = FUNCTIONS.overload


class QuantityValue(HostValue):
    """A quantity in an expression; equal when its amount is."""

    TYPE: CelType = opaque("kubernetes.Quantity")

    def __init__(self, amount: Decimal) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QuantityValue) and self.amount == other.amount

    def __hash__(self) -> int:
        return hash(self.amount)


@_overload("quantity", "(string) -> kubernetes.Quantity", cost=costs.traversal)
def _quantity(text: str) -> QuantityValue:
    try:
        return QuantityValue(quantity.parse(text))
    except InputError as error:
        raise EvaluationError(error.message) from None


@_overload("isQuantity", "(string) -> bool", cost=costs.traversal)
def _is_quantity(text: str) -> bool:
    try:
        quantity.parse(text)
    except InputError:
        return False
    return True


@_overload("sign", "(kubernetes.Quantity) -> int", "kubernetes.Quantity.() -> int")
def _sign(value: QuantityValue) -> int:
    return (value.amount > 0) - (value.amount < 0)


@_overload("isGreaterThan", "kubernetes.Quantity.(kubernetes.Quantity) -> bool")
def _greater(one: QuantityValue, two: QuantityValue) -> bool:
    return one.amount > two.amount


@_overload("isLessThan", "kubernetes.Quantity.(kubernetes.Quantity) -> bool")
def _less(one: QuantityValue, two: QuantityValue) -> bool:
    return one.amount < two.amount


@_overload("compareTo", "kubernetes.Quantity.(kubernetes.Quantity) -> int")
def _compare(one: QuantityValue, two: QuantityValue) -> int:
    return (one.amount > two.amount) - (one.amount < two.amount)


@_overload("asApproximateFloat", "kubernetes.Quantity.() -> double")
def _float(value: QuantityValue) -> float:
    return float(value.amount)


def _fits(value: QuantityValue) -> bool:
    whole = value.amount == value.amount.to_integral_value()
    return whole and -(2**63) <= value.amount < 2**63


@_overload("asInteger", "kubernetes.Quantity.() -> int")
def _int(value: QuantityValue) -> int:
    if not _fits(value):
        raise EvaluationError("cannot convert value to integer")
    return int(value.amount)


@_overload("isInteger", "kubernetes.Quantity.() -> bool")
def _is_integer(value: QuantityValue) -> bool:
    return _fits(value)


@_overload("add", "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity")
def _add(one: QuantityValue, two: QuantityValue) -> QuantityValue:
    return QuantityValue(one.amount + two.amount)


@_overload("add", "kubernetes.Quantity.(int) -> kubernetes.Quantity")
def _add_int(one: QuantityValue, two: int) -> QuantityValue:
    return QuantityValue(one.amount + two)


@_overload("sub", "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity")
def _subtract(one: QuantityValue, two: QuantityValue) -> QuantityValue:
    return QuantityValue(one.amount - two.amount)


@_overload("sub", "kubernetes.Quantity.(int) -> kubernetes.Quantity")
def _subtract_int(one: QuantityValue, two: int) -> QuantityValue:
    return QuantityValue(one.amount - two)
