"""Operators on run-time values: arithmetic, equality, order, membership, casts. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException, Inexact, localcontext
from typing import Any

from towline.text.groovy import regex
from towline.text.groovy.limits import Meter
from towline.text.groovy.patterns import MatcherValue, PatternValue, pattern_text
from towline.text.groovy.values import (
    EXCEPTION_NAMES,
    ClosureValue,
    Entry,
    ExceptionValue,
    script_error,
    to_text,
    truth,
    type_name,
)

_MAX_DEPTH = 40
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LONG = 2**63
_PRECISION = 34
_QUOTIENT_DIGITS = Decimal("1e-10")
_CONTEXT = Context(prec=_PRECISION, Emax=400, Emin=-400)


def is_number(value: object) -> bool:
    """Whether a value is a number (a boolean is not)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def binary(operator: str, left: Any, right: Any, meter: Meter) -> Any:
    """Applies an infix operator that evaluates both sides."""
    meter.charge()
    return _BINARY[operator](left, right, meter)


def equals(left: Any, right: Any, meter: Meter, depth: int = 0) -> bool:
    """Groovy's `==`: by value; numbers of different kinds may be equal."""
    meter.charge()
    if left is right:
        return True
    if is_number(left) and is_number(right):
        return bool(left == right)
    if depth > _MAX_DEPTH or type(left) is not type(right):
        return False
    if isinstance(left, list):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(equals(a, b, meter, depth + 1) for a, b in pairs)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            equals(value, right[key], meter, depth + 1) for key, value in left.items()
        )
    if isinstance(left, Entry):
        return equals([left.key, left.value], [right.key, right.value], meter, depth + 1)
    return isinstance(left, str | bool) and bool(left == right)


def compare(left: Any, right: Any, meter: Meter) -> int:
    """Groovy's `<=>`: -1, 0 or 1; null comes first."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    comparable = (is_number(left) and is_number(right)) or (
        isinstance(left, str | bool) and type(left) is type(right)
    )
    if not comparable:
        raise script_error(
            "IllegalArgumentException", f"Cannot compare {type_name(left)} with {type_name(right)}"
        )
    meter.charge()
    return int(left > right) - int(left < right)


def is_case(case: Any, subject: Any, meter: Meter) -> bool:
    """Whether `subject` falls under `case` (`switch`, `in`); closures are for the caller."""
    if isinstance(case, list):
        meter.charge(len(case))
        return any(equals(item, subject, meter) for item in case)
    if isinstance(case, dict):
        return subject in case if isinstance(subject, str | int | Decimal) else False
    if isinstance(case, PatternValue):
        text = to_text(subject, meter)
        return regex.full_match(case.pattern, text, meter) is not None
    return equals(case, subject, meter)


def unary(operator: str, value: Any, meter: Meter) -> Any:
    """Applies a prefix operator."""
    if operator == "!":
        return not truth(value)
    if operator == "~":
        return PatternValue(to_text(value, meter))
    if not is_number(value):
        raise script_error(
            "MissingMethodException", f"'{operator}' does not apply to a {type_name(value)}"
        )
    return -value if operator == "-" else value


# Arithmetic


def _long(value: int) -> int:
    if not -_LONG <= value < _LONG:
        raise script_error("ArithmeticException", "integer overflow")
    return value


def _numbers(operator: str, left: Any, right: Any) -> None:
    if not (is_number(left) and is_number(right)):
        message = f"'{operator}' does not apply to {type_name(left)} and {type_name(right)}"
        raise script_error("MissingMethodException", message)


def _arithmetic(left: Any, right: Any, function: Callable[[Any, Any], Any]) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        return _long(function(left, right))
    try:
        with localcontext(_CONTEXT):
            return function(Decimal(left), Decimal(right))
    except DecimalException as error:
        raise script_error("ArithmeticException", "the result is out of range") from error


def _plus(left: Any, right: Any, meter: Meter) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        first, second = to_text(left, meter), to_text(right, meter)
        meter.room_for_text(len(first) + len(second))
        return first + second
    if isinstance(left, list):
        extra = right if isinstance(right, list) else [right]
        meter.room_for_items(len(left) + len(extra))
        return left + extra
    if isinstance(left, dict) and isinstance(right, dict):
        meter.room_for_items(len(left) + len(right))
        return left | right
    _numbers("+", left, right)
    return _arithmetic(left, right, lambda a, b: a + b)


def _minus(left: Any, right: Any, meter: Meter) -> Any:
    if isinstance(left, str):
        return meter.text(left.replace(to_text(right, meter), "", 1))
    if isinstance(left, list):
        drop = right if isinstance(right, list) else [right]
        return [item for item in left if not is_case(drop, item, meter)]
    if isinstance(left, dict) and isinstance(right, dict):
        return {key: value for key, value in left.items() if key not in right}
    _numbers("-", left, right)
    return _arithmetic(left, right, lambda a, b: a - b)


def _times(left: Any, right: Any, meter: Meter) -> Any:
    if isinstance(left, str | list) and isinstance(right, int):
        count = max(0, right)
        size = len(left) * count
        if isinstance(left, str):
            meter.room_for_text(size)
        else:
            meter.room_for_items(size)
        return left * count
    _numbers("*", left, right)
    return _arithmetic(left, right, lambda a, b: a * b)


def _divide(left: Any, right: Any, meter: Meter) -> Any:
    _numbers("/", left, right)
    if right == 0:
        raise script_error("ArithmeticException", "Division by zero")
    try:
        with localcontext(_CONTEXT) as context:
            context.traps[Inexact] = False
            quotient = Decimal(left) / Decimal(right)
            if context.flags[Inexact]:
                quotient = quotient.quantize(_QUOTIENT_DIGITS)
    except DecimalException as error:
        raise script_error("ArithmeticException", "the result is out of range") from error
    return Decimal(int(quotient)) if quotient == int(quotient) else quotient.normalize(_CONTEXT)


def _remainder(left: Any, right: Any, meter: Meter) -> Any:
    _numbers("%", left, right)
    if right == 0:
        raise script_error("ArithmeticException", "Division by zero")
    remainder = _arithmetic(abs(left), abs(right), lambda a, b: a % b)
    return -remainder if left < 0 else remainder


def _power(left: Any, right: Any, meter: Meter) -> Any:
    _numbers("**", left, right)
    if isinstance(left, int) and isinstance(right, int) and right >= 0:
        if abs(left) > 1 and right > 64:
            raise script_error("ArithmeticException", "integer overflow")
        return _long(left**right) if abs(left) > 1 else left ** (right % 2 + 2 * (right > 0))
    if abs(right) > 1000:
        raise script_error("ArithmeticException", "the exponent is too large")
    return _arithmetic(Decimal(left), right, lambda a, b: a**b)


def _bits(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Meter], Any]:
    def apply(left: Any, right: Any, meter: Meter) -> Any:
        if not (isinstance(left, int) and isinstance(right, int)):
            raise script_error("MissingMethodException", f"no bit operation on a {type_name(left)}")
        return function(left, right)

    return apply


def _append(left: Any, right: Any, meter: Meter) -> Any:
    if isinstance(left, list):
        meter.room_for_items(len(left) + 1)
        left.append(right)
        return left
    if isinstance(left, str):
        return _plus(left, right, meter)
    if isinstance(left, int) and isinstance(right, int) and 0 <= right < 64:
        return _long(left << right)
    raise script_error("MissingMethodException", f"'<<' does not apply to a {type_name(left)}")


def _shift_right(left: Any, right: Any, meter: Meter) -> Any:
    if isinstance(left, int) and isinstance(right, int) and 0 <= right < 64:
        return left >> right
    raise script_error("MissingMethodException", f"'>>' does not apply to a {type_name(left)}")


def _find(left: Any, right: Any, meter: Meter) -> Any:
    return MatcherValue(pattern_text(right, meter), to_text(left, meter), meter)


def _matches(left: Any, right: Any, meter: Meter) -> bool:
    text = to_text(left, meter)
    return regex.full_match(pattern_text(right, meter), text, meter) is not None


_BINARY: dict[str, Callable[[Any, Any, Meter], Any]] = {
    "+": _plus,
    "-": _minus,
    "*": _times,
    "/": _divide,
    "%": _remainder,
    "**": _power,
    "<<": _append,
    ">>": _shift_right,
    "&": _bits(lambda a, b: a & b),
    "|": _bits(lambda a, b: a | b),
    "^": _bits(lambda a, b: a ^ b),
    "==": equals,
    "!=": lambda left, right, meter: not equals(left, right, meter),
    "===": lambda left, right, meter: left is right,
    "!==": lambda left, right, meter: left is not right,
    "<=>": compare,
    "<": lambda left, right, meter: compare(left, right, meter) < 0,
    "<=": lambda left, right, meter: compare(left, right, meter) <= 0,
    ">": lambda left, right, meter: compare(left, right, meter) > 0,
    ">=": lambda left, right, meter: compare(left, right, meter) >= 0,
    "in": lambda left, right, meter: is_case(right, left, meter),
    "!in": lambda left, right, meter: not is_case(right, left, meter),
    "=~": _find,
    "==~": _matches,
}


# Types

_INSTANCES: dict[str, Callable[[Any], bool]] = {
    "Object": lambda value: value is not None,
    "String": lambda value: isinstance(value, str),
    "CharSequence": lambda value: isinstance(value, str),
    "GString": lambda value: False,
    "List": lambda value: isinstance(value, list),
    "ArrayList": lambda value: isinstance(value, list),
    "Collection": lambda value: isinstance(value, list),
    "Iterable": lambda value: isinstance(value, list),
    "Map": lambda value: isinstance(value, dict),
    "LinkedHashMap": lambda value: isinstance(value, dict),
    "HashMap": lambda value: isinstance(value, dict),
    "Number": is_number,
    "Integer": lambda value: is_number(value) and isinstance(value, int),
    "Long": lambda value: is_number(value) and isinstance(value, int),
    "BigDecimal": lambda value: isinstance(value, Decimal),
    "Double": lambda value: isinstance(value, Decimal),
    "Boolean": lambda value: isinstance(value, bool),
    "Closure": lambda value: isinstance(value, ClosureValue),
}


def instance_of(value: Any, type_text: str) -> bool:
    """Whether a value is of a type, by simple name."""
    name = type_text.rsplit(".", 1)[-1]
    check = _INSTANCES.get(name)
    if check is not None:
        return check(value)
    if isinstance(value, ExceptionValue):
        return value.is_a(name)
    return name == type_name(value)


def parse_number(text: str, kind: str) -> Any:
    """A number from text, as `toInteger()` and its kin read it."""
    trimmed = text.strip()
    wrong = script_error("NumberFormatException", f'For input string: "{text[:40]}"')
    if len(trimmed) > 40 or not _NUMBER.fullmatch(trimmed):
        raise wrong
    try:
        return _long(int(trimmed)) if kind == "int" else _CONTEXT.create_decimal(trimmed)
    except (ValueError, DecimalException):
        raise wrong from None


def cast(value: Any, type_text: str, meter: Meter) -> Any:
    """`value as Type`."""
    name = type_text.rsplit(".", 1)[-1]
    if name in {"Object", "def"} or (value is None and name not in {"boolean", "Boolean"}):
        return value
    match name:
        case "String" | "GString" | "CharSequence" | "char":
            return to_text(value, meter)
        case "boolean" | "Boolean":
            return truth(value)
        case "int" | "Integer" | "long" | "Long" | "short":
            return _integer(value)
        case "double" | "Double" | "float" | "Float" | "BigDecimal":
            return parse_number(to_text(value, meter), "decimal")
        case "List" | "ArrayList" | "Collection" | "Set" | "HashSet" | "LinkedHashSet":
            return _list(value, unique="Set" in name, meter=meter)
    if name in EXCEPTION_NAMES and isinstance(value, str):
        return ExceptionValue(name, value)
    if instance_of(value, name):
        return value
    raise script_error("GroovyCastException", f"Cannot cast a {type_name(value)} to {name}")


def _integer(value: Any) -> int:
    if isinstance(value, str):
        return int(parse_number(value, "int"))
    if is_number(value):
        return _long(int(value))
    raise script_error("GroovyCastException", f"Cannot cast a {type_name(value)} to Integer")


def _list(value: Any, *, unique: bool, meter: Meter) -> list[Any]:
    if isinstance(value, dict):
        items: list[Any] = [Entry(key, item) for key, item in value.items()]
    elif isinstance(value, str | list):
        items = list(value)
    else:
        raise script_error("GroovyCastException", f"Cannot cast a {type_name(value)} to List")
    meter.room_for_items(len(items))
    return distinct(items, meter) if unique else items


def distinct(items: list[Any], meter: Meter) -> list[Any]:
    """The items without repetitions, in order."""
    seen: set[Any] = set()
    found: list[Any] = []
    for item in items:
        if isinstance(item, str):
            if item not in seen:
                seen.add(item)
                found.append(item)
        elif not is_case(found, item, meter):
            found.append(item)
    return found
