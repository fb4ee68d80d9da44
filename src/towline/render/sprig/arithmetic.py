"""Sprig's arithmetic: int64 that wraps around, and decimals for floats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, ClassVar, Final

from towline.render.gotemplate.functions import (
    ANY,
    FLOAT64,
    INT,
    INT64,
    STRING,
    Function,
    FunctionError,
    GoType,
    check_size,
)
from towline.render.gotemplate.kinds import GoSlice, Int64, wrap_int64
from towline.render.sprig.conversion import (
    atoi,
    octal_to_int64,
    to_float,
    to_int64,
    to_integer,
)

_EXACT: Final = Context(prec=2500, rounding=ROUND_HALF_UP, Emin=-999999, Emax=999999)
_QUOTIENT: Final = Decimal(1).scaleb(-16)


class IntList(GoSlice):
    """[]int."""

    __slots__ = ()
    go_type: ClassVar[str] = "[]int"
    go_element: ClassVar[Any] = 0
    go_element_type: ClassVar[str] = "int"


def add(*values: Any) -> Int64:
    """The sum."""
    return wrap_int64(sum(map(to_integer, values)))


def multiply(first: Any, *values: Any) -> Int64:
    """The product."""
    result = to_integer(first)
    for value in values:
        result = int(wrap_int64(result * to_integer(value)))
    return Int64(result)


def divide(left: Any, right: Any) -> Int64:
    """The quotient without its fraction.

    Raises:
        FunctionError: Division by zero.
    """
    dividend, divisor = to_integer(left), to_integer(right)
    if divisor == 0:
        raise FunctionError("runtime error: integer divide by zero")
    quotient = abs(dividend) // abs(divisor)
    return wrap_int64(quotient if (dividend < 0) == (divisor < 0) else -quotient)


def remainder(left: Any, right: Any) -> Int64:
    """What the division leaves, with the sign of the dividend.

    Raises:
        FunctionError: Division by zero.
    """
    dividend, divisor = to_integer(left), to_integer(right)
    if divisor == 0:
        raise FunctionError("runtime error: integer divide by zero")
    rest = abs(dividend) % abs(divisor)
    return Int64(-rest if dividend < 0 else rest)


def until(count: int) -> IntList:
    """The integers from 0 up or down to the count, without it."""
    return until_step(0, count, -1 if count < 0 else 1)


def until_step(start: int, stop: int, step: int) -> IntList:
    """The integers from start to stop, without it; nothing when the step leads away."""
    if step == 0 or (stop < start) != (step < 0):
        return IntList()
    numbers = range(start, stop, step)
    check_size((abs(stop - start) + abs(step) - 1) // abs(step))
    return IntList(numbers)


def sequence(*bounds: int) -> str:
    """The integers of seq(1): `last`, `first last` or `first step last`, last included."""
    match bounds:
        case (last,):
            first, step, end = 1, 0, last
        case (first, last):
            step, end = 0, last
        case (first, step, last):
            end = last
            if end < first and step > 0:
                return ""
        case _:
            return ""
    direction = -1 if end < first else 1
    # With three bounds the step is used as it is; otherwise it is the direction.
    used = step if len(bounds) > 2 else direction
    return " ".join(map(str, until_step(first, end + direction, used)))


def round_to(value: Any, places: int, *threshold: float) -> float:
    """The value rounded to so many places; a fraction from the threshold (0.5) on goes up.

    Raises:
        FunctionError: Too many places.
    """
    limit = threshold[0] if threshold else 0.5
    power = _power(places)
    scaled = power * to_float(value)
    if not math.isfinite(scaled):
        return scaled / power
    fraction = math.modf(scaled)[0]
    whole = math.ceil(scaled) if fraction >= limit else math.floor(scaled)
    return float(whole) / power if power else math.nan


def _power(places: int) -> float:
    try:
        return 10.0**places
    except OverflowError:
        return math.inf


def _integral(rounding: Callable[[float], int]) -> Callable[[Any], float]:
    def body(value: Any) -> float:
        number = to_float(value)
        return float(rounding(number)) if math.isfinite(number) else number

    return body


def _decimal(value: Any) -> Decimal:
    number = to_float(value)
    if not math.isfinite(number):
        shown = "NaN" if math.isnan(number) else ("+Inf" if number > 0 else "-Inf")
        raise FunctionError(f"Cannot create a Decimal from {shown}")
    return Decimal(repr(number))


def _quotient(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise FunctionError("decimal division by 0")
    return _EXACT.quantize(_EXACT.divide(left, right), _QUOTIENT)


def _folded(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    def body(first: Any, *values: Any) -> float:
        result = _decimal(first)
        for value in values:
            result = operation(result, _decimal(value))
        # Decimals know no negative zero.
        return float(result) + 0.0

    return body


def _float_extreme(best: Callable[[float, float], float]) -> Callable[..., float]:
    def body(first: Any, *values: Any) -> float:
        result = to_float(first)
        for value in map(to_float, values):
            result = math.nan if math.isnan(result) or math.isnan(value) else best(result, value)
        return result

    return body


def functions() -> Mapping[str, Function]:
    """The functions on numbers by name."""
    largest = _many(lambda *values: Int64(max(map(to_integer, values))), INT64)
    summed = _folded(_EXACT.add)
    return {
        "atoi": Function(atoi, (STRING,), result=INT),
        "int": Function(to_integer, (ANY,), result=INT),
        "int64": Function(to_int64, (ANY,), result=INT64),
        "float64": Function(to_float, (ANY,), result=FLOAT64),
        "toDecimal": Function(octal_to_int64, (ANY,), result=INT64),
        "add": Function(add, rest=ANY, result=INT64),
        "add1": Function(lambda value: add(value, 1), (ANY,), result=INT64),
        "sub": Function(
            lambda left, right: wrap_int64(to_integer(left) - to_integer(right)),
            (ANY, ANY),
            result=INT64,
        ),
        "mul": _many(multiply, INT64),
        "div": Function(divide, (ANY, ANY), result=INT64),
        "mod": Function(remainder, (ANY, ANY), result=INT64),
        "max": largest,
        "biggest": largest,
        "min": _many(lambda *values: Int64(min(map(to_integer, values))), INT64),
        "addf": Function(lambda *values: summed(0.0, *values), rest=ANY, result=FLOAT64),
        "add1f": Function(lambda value: summed(value, 1), (ANY,), result=FLOAT64),
        "subf": _many(_folded(_EXACT.subtract), FLOAT64),
        "mulf": _many(_folded(_EXACT.multiply), FLOAT64),
        "divf": _many(_folded(_quotient), FLOAT64),
        "maxf": _many(_float_extreme(max), FLOAT64),
        "minf": _many(_float_extreme(min), FLOAT64),
        "ceil": Function(_integral(math.ceil), (ANY,), result=FLOAT64),
        "floor": Function(_integral(math.floor), (ANY,), result=FLOAT64),
        "round": Function(round_to, (ANY, INT), rest=FLOAT64, result=FLOAT64),
        "until": Function(until, (INT,)),
        "untilStep": Function(until_step, (INT, INT, INT)),
        "seq": Function(sequence, rest=INT, result=STRING),
    }


def _many(body: Callable[..., Any], result: GoType) -> Function:
    return Function(body, (ANY,), rest=ANY, result=result)
