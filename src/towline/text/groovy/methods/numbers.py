"""Methods of numbers and booleans, and the static methods of the language's own types. Pure."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from towline.text.groovy.methods.lists import LIST
from towline.text.groovy.methods.table import Code, Frame, Method, closure, integer
from towline.text.groovy.methods.text import format_text
from towline.text.groovy.operators import binary, cast, compare, is_number, parse_number
from towline.text.groovy.values import script_error, to_text


def _times(frame: Frame, count: Any, body: Any) -> Code:
    for index in range(integer(count)):
        yield frame.call(closure(body), index)


def _walk(step: int) -> Method:
    def apply(frame: Frame, start: Any, end: Any, body: Any) -> Code:
        for index in range(integer(start), integer(end) + step, step):
            yield frame.call(closure(body), index)

    return Method(apply, 2, 2)


def _int_div(frame: Frame, left: Any, right: Any) -> int:
    if integer(right) == 0:
        raise script_error("ArithmeticException", "Division by zero")
    quotient = abs(integer(left)) // abs(integer(right))
    return quotient if (left < 0) == (right < 0) else -quotient


def _rounded(mode: str) -> Method:
    def apply(frame: Frame, value: Any, digits: Any = 0) -> Any:
        places = integer(digits)
        if not 0 <= places <= 20:
            raise script_error("IllegalArgumentException", "0 to 20 digits")
        number = Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=mode)
        return number if places else int(number)

    return Method(apply, 0, 1)


def _operator(symbol: str) -> Method:
    def apply(frame: Frame, left: Any, right: Any) -> Any:
        return binary(symbol, left, right, frame.meter)

    return Method(apply, 1, 1)


_CONVERSIONS = {
    "toInteger": "Integer",
    "intValue": "Integer",
    "toLong": "Long",
    "longValue": "Long",
    "toBigDecimal": "BigDecimal",
    "toDouble": "BigDecimal",
    "doubleValue": "BigDecimal",
}


def _conversion(type_text: str) -> Method:
    return Method(lambda frame, value: cast(value, type_text, frame.meter))


NUMBER: dict[str, Method] = {
    **{name: _conversion(type_text) for name, type_text in _CONVERSIONS.items()},
    "toString": Method(lambda frame, value: to_text(value, frame.meter)),
    "times": Method(_times, 1, 1),
    "upto": _walk(1),
    "downto": _walk(-1),
    "abs": Method(lambda frame, value: abs(value)),
    "intdiv": Method(_int_div, 1, 1),
    "mod": _operator("%"),
    "power": _operator("**"),
    "plus": _operator("+"),
    "minus": _operator("-"),
    "multiply": _operator("*"),
    "div": _operator("/"),
    "compareTo": _operator("<=>"),
    "equals": _operator("=="),
    "round": _rounded(ROUND_HALF_UP),
}

BOOLEAN: dict[str, Method] = {
    "toString": Method(lambda frame, value: to_text(value, frame.meter)),
    "toBoolean": Method(lambda frame, value: value),
    "booleanValue": Method(lambda frame, value: value),
    "equals": _operator("=="),
}


def _extreme(sign: int) -> Method:
    def apply(frame: Frame, _: None, first: Any, second: Any) -> Any:
        return first if compare(first, second, frame.meter) * sign >= 0 else second

    return Method(apply, 2, 2)


def _number(value: Any) -> Any:
    if is_number(value):
        return value
    raise script_error("IllegalArgumentException", "expected a number")


def _parse(kind: str) -> Method:
    def apply(frame: Frame, _: None, text: Any) -> Any:
        return parse_number(to_text(text, frame.meter), kind)

    return Method(apply, 1, 1)


def _round(mode: str) -> Method:
    return Method(lambda frame, _, value: int(Decimal(_number(value)).to_integral(mode)), 1, 1)


def _join(frame: Frame, _: None, glue: Any, *items: Any) -> Any:
    values = items[0] if len(items) == 1 and isinstance(items[0], list) else list(items)
    return LIST["join"].function(frame, values, glue)


_INTEGER = {"parseInt": _parse("int"), "valueOf": _parse("int"), "parseLong": _parse("int")}
_DECIMAL = {"parseDouble": _parse("decimal"), "valueOf": _parse("decimal")}

STATIC: dict[str, dict[str, Method]] = {
    "Math": {
        "max": _extreme(1),
        "min": _extreme(-1),
        "abs": Method(lambda frame, _, value: abs(_number(value)), 1, 1),
        "pow": Method(lambda f, _, base, power: binary("**", base, power, f.meter), 2, 2),
        "round": _round(ROUND_HALF_UP),
        "floor": _round(ROUND_FLOOR),
        "ceil": _round(ROUND_CEILING),
    },
    "Integer": _INTEGER,
    "Long": _INTEGER,
    "Double": _DECIMAL,
    "Float": _DECIMAL,
    "BigDecimal": _DECIMAL,
    "Boolean": {
        name: Method(lambda f, _, text: to_text(text, f.meter).lower() == "true", 1, 1)
        for name in ("parseBoolean", "valueOf")
    },
    "String": {
        "valueOf": Method(lambda frame, _, value: to_text(value, frame.meter), 1, 1),
        "format": Method(
            lambda f, _, text, *values: format_text(f.meter, to_text(text, f.meter), list(values)),
            1,
            50,
        ),
        "join": Method(_join, 1, 50),
    },
    "Arrays": {"asList": Method(lambda frame, _, *items: list(items), 0, 100)},
    "Object": {},
    "List": {},
    "Map": {},
    "Number": {},
    "Closure": {},
    "Exception": {},
}
