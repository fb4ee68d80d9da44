"""float64 as Go's strconv and fmt print it."""

from __future__ import annotations


def float_text(value: float) -> str:
    """A float64 as `%v` prints it: 1, 0.1, 1e+06, 1.5e-07, NaN, +Inf."""
    size = abs(value)
    if 1e-4 <= size < 1e6:
        shown = repr(value)
        return shown.removesuffix(".0")
    return format_float(value, "g", None)


def format_float(value: float, verb: str, precision: int | None) -> str:
    """A float64 as strconv.FormatFloat prints it.

    Args:
        value: The number.
        verb: One of `b e E f g G x X`.
        precision: Digits; None for the fewest that read back as the same number.
    """
    if value != value:  # noqa: PLR0124 - not a number
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    match verb:
        case "g" | "G":
            shown = _general(value, precision)
        case "e" | "E":
            shown = _scientific(value, precision)
        case "f":
            shown = _fixed(value, precision)
        case "b":
            return _binary(value)
        case _:
            shown = _hexadecimal(value, precision)
    return shown.upper() if verb in "EGX" else shown


def _digits(value: float) -> tuple[str, str, int]:
    """Sign, shortest digits and decimal exponent: 0.DIGITS times 10 to the exponent."""
    sign, shown = ("-", repr(value)[1:]) if repr(value)[0] == "-" else ("", repr(value))
    mantissa, _, exponent = shown.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    point = len(whole) + int(exponent or "0")
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return sign, stripped.rstrip("0") or "0", point if stripped else 1


def _exponent(exponent: int) -> str:
    return f"e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _general(value: float, precision: int | None) -> str:
    if precision is None:
        sign, digits, point = _digits(value)
        limit = 6
    else:
        shown = f"{value:.{max(precision - 1, 0)}e}"
        mantissa, _, exponent = shown.lstrip("-").partition("e")
        sign = "-" if shown.startswith("-") else ""
        digits = mantissa.replace(".", "").rstrip("0") or "0"
        point = int(exponent) + 1
        limit = precision or 1
        if limit > len(digits) and len(digits) >= point:
            limit = len(digits)
    if not -4 <= point - 1 < limit:
        fraction = "." + digits[1:] if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}{_exponent(point - 1)}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _scientific(value: float, precision: int | None) -> str:
    if precision is None:
        sign, digits, point = _digits(value)
        exponent = point - 1 if value else 0
        return f"{sign}{digits[0]}{'.' + digits[1:] if digits[1:] else ''}{_exponent(exponent)}"
    return f"{value:.{precision}e}"


def _fixed(value: float, precision: int | None) -> str:
    if precision is not None:
        return f"{value:.{precision}f}"
    sign, digits, point = _digits(value)
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    whole = digits[:point].ljust(point, "0")
    return sign + whole + ("." + digits[point:] if digits[point:] else "")


def _binary(value: float) -> str:
    sign = "-" if repr(value).startswith("-") else ""
    numerator, denominator = abs(value).as_integer_ratio()
    exponent = -(denominator.bit_length() - 1)
    if numerator == 0:
        return f"{sign}0p-1074"
    while numerator.bit_length() > 53:
        numerator >>= 1
        exponent += 1
    while numerator.bit_length() < 53 and exponent > -1074:
        numerator <<= 1
        exponent -= 1
    return f"{sign}{numerator}p{exponent:+d}"


def _hexadecimal(value: float, precision: int | None) -> str:
    sign = "-" if repr(value).startswith("-") else ""
    if value == 0:
        fraction = "." + "0" * precision if precision else ""
        return f"{sign}0x0{fraction}p+00"
    numerator, denominator = abs(value).as_integer_ratio()
    exponent = numerator.bit_length() - denominator.bit_length()
    bits = 52 if precision is None else 4 * precision
    shift = bits - exponent
    top, bottom = (
        (numerator << shift, denominator) if shift >= 0 else (numerator, denominator << -shift)
    )
    mantissa, rest = divmod(top, bottom)
    if mantissa >> bits == 0:
        exponent -= 1
        mantissa, rest = divmod(top * 2, bottom)
    if 2 * rest > bottom or (2 * rest == bottom and mantissa & 1):
        mantissa += 1
    if mantissa >> (bits + 1):
        mantissa >>= 1
        exponent += 1
    digits = f"{mantissa & ((1 << bits) - 1):0{bits // 4}x}" if bits else ""
    if precision is None:
        digits = digits.rstrip("0")
    point = "." if digits else ""
    return f"{sign}0x1{point}{digits}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
