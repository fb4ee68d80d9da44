"""Methods of strings. Pure."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal, DecimalException
from typing import Any

from towline.text.groovy import regex
from towline.text.groovy.limits import Meter
from towline.text.groovy.methods.table import Code, Frame, Method, closure, integer
from towline.text.groovy.operators import cast, parse_number
from towline.text.groovy.patterns import pattern_text, replace
from towline.text.groovy.values import ClosureValue, script_error, to_text, truth

_FORMAT = re.compile(r"%(?:(\d+)\$)?([-+0 ,#]*)(\d{1,3})?(?:\.(\d{1,2}))?([a-zA-Z%])")
_BLANKS = " \t\n\r\f"
_META = frozenset("\\^$.|?*+()[]{}")


def _number_check(kind: str) -> Method:
    def check(frame: Frame, text: str) -> bool:
        digits = text.strip()
        if kind == "int":
            return re.fullmatch(r"[+-]?\d{1,18}", digits) is not None
        return re.fullmatch(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})", digits) is not None

    return Method(check)


def _index(text: str, value: Any) -> int:
    index = integer(value)
    if not 0 <= index <= len(text):
        raise script_error("StringIndexOutOfBoundsException", f"String index out of range: {index}")
    return index


def _substring(frame: Frame, text: str, start: Any, end: Any = None) -> str:
    low = _index(text, start)
    high = len(text) if end is None else _index(text, end)
    if high < low:
        raise script_error(
            "StringIndexOutOfBoundsException", f"String index out of range: {high - low}"
        )
    return text[low:high]


def _char_at(frame: Frame, text: str, index: Any) -> str:
    position = integer(index)
    if not 0 <= position < len(text):
        raise script_error(
            "StringIndexOutOfBoundsException", f"String index out of range: {position}"
        )
    return text[position]


def _pieces(frame: Frame, pieces: list[str]) -> list[str]:
    frame.meter.room_for_items(len(pieces))
    return pieces


def split(frame: Frame, text: str, separator: Any = None, limit: Any = 0) -> list[str]:
    """Java's split: by expression, empty pieces at the end dropped; no separator: by blanks."""
    if separator is None:
        return _pieces(frame, text.split())
    pattern = pattern_text(separator, frame.meter)
    most = integer(limit)
    if len(pattern) == 1 and pattern not in _META:
        pieces = text.split(pattern, most - 1 if most > 0 else -1)
    else:
        pieces = _split_pattern(frame, text, pattern, most)
    if most == 0:
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
    return _pieces(frame, pieces)


def _split_pattern(frame: Frame, text: str, pattern: str, most: int) -> list[str]:
    pieces: list[str] = []
    position = 0
    for match in regex.find_all(pattern, text, frame.meter):
        if most > 0 and len(pieces) == most - 1:
            break
        if match.end == 0 or (match.start == match.end == len(text)):
            continue
        pieces.append(text[position : match.start])
        frame.meter.charge()
        position = match.end
    pieces.append(text[position:])
    return pieces


def _tokenize(frame: Frame, text: str, separators: Any = _BLANKS) -> list[str]:
    chars = set(to_text(separators, frame.meter))
    pieces: list[str] = []
    start = 0
    for index, char in enumerate(text):
        if char in chars:
            if index > start:
                pieces.append(text[start:index])
            start = index + 1
    if start < len(text):
        pieces.append(text[start:])
    frame.meter.charge(len(text) // 16)
    return _pieces(frame, pieces)


def _replace(frame: Frame, text: str, old: Any, new: Any) -> str:
    wanted, by = to_text(old, frame.meter), to_text(new, frame.meter)
    growth = text.count(wanted) * (len(by) - len(wanted))
    frame.meter.room_for_text(max(len(text), len(text) + growth))
    return text.replace(wanted, by)


def _replace_pattern(count: int | None) -> Method:
    def apply(frame: Frame, text: str, pattern: Any, by: Any) -> Any:
        expression = pattern_text(pattern, frame.meter)
        if isinstance(by, ClosureValue):
            return _replace_by_closure(frame, text, expression, by, count)
        return replace(text, expression, to_text(by, frame.meter), frame.meter, count)

    return Method(apply, 2, 2)


def _replace_by_closure(
    frame: Frame, text: str, pattern: str, by: ClosureValue, count: int | None
) -> Code:
    pieces: list[str] = []
    position = size = 0
    for match in itertools.islice(regex.find_all(pattern, text, frame.meter), count):
        groups = [match.group(number) for number in range(match.group_count + 1)]
        value = yield frame.call(by, *(groups if by.arity > 1 else groups[:1]))
        pieces += [text[position : match.start], to_text(value, frame.meter)]
        size += len(pieces[-1]) + len(pieces[-2])
        frame.meter.require_text(size)
        position = match.end
    return frame.meter.text("".join([*pieces, text[position:]]))


def _find(frame: Frame, text: str, pattern: Any) -> str | None:
    match = regex.find_from(pattern_text(pattern, frame.meter), text, 0, frame.meter)
    return None if match is None else match.group()


def _find_all(frame: Frame, text: str, pattern: Any) -> list[Any]:
    expression = pattern_text(pattern, frame.meter)
    found = [match.group() for match in regex.find_all(expression, text, frame.meter)]
    return _pieces(frame, [group or "" for group in found])


def _pad(side: str) -> Method:
    def apply(frame: Frame, text: str, width: Any, fill: Any = " ") -> str:
        size, char = integer(width), to_text(fill, frame.meter) or " "
        frame.meter.room_for_text(max(size, len(text)))
        missing = max(0, size - len(text))
        left = missing if side == "left" else missing // 2 if side == "center" else 0
        return _fill(char, left) + text + _fill(char, missing - left)

    return Method(apply, 1, 2)


def _fill(pattern: str, size: int) -> str:
    return (pattern * (size // len(pattern) + 1))[:size]


def _strip_indent(frame: Frame, text: str) -> str:
    lines = text.split("\n")
    indents = [len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()]
    cut = min(indents, default=0)
    return frame.meter.text("\n".join(line[cut:] if line.strip() else "" for line in lines))


def _strip_margin(frame: Frame, text: str, mark: Any = "|") -> str:
    sign = to_text(mark, frame.meter)[:1] or "|"
    lines = []
    for line in text.split("\n"):
        bare = line.lstrip(" \t")
        lines.append(bare[1:] if bare.startswith(sign) else line)
    return frame.meter.text("\n".join(lines))


def _each(frame: Frame, text: str, body: Any) -> Code:
    for char in text:
        yield frame.call(closure(body), char)
    return text


def _any(frame: Frame, text: str, body: Any) -> Code:
    for char in text:
        if truth((yield frame.call(closure(body), char))):
            return True
    return False


def format_text(meter: Meter, template: str, values: list[Any]) -> str:
    """`String.format` with the conversions s, d, f, x, X, b, n and %."""
    pieces: list[str] = []
    position = used = size = 0
    for match in _FORMAT.finditer(template):
        index, _, _, _, conversion = match.groups()
        pieces.append(template[position : match.start()])
        position = match.end()
        if conversion in "%n":
            pieces.append("%" if conversion == "%" else "\n")
        else:
            number = int(index) - 1 if index else used
            used += not index
            if not 0 <= number < len(values):
                raise script_error(
                    "IllegalArgumentException", f"Format specifier '{match.group()}'"
                )
            pieces.append(_conversion(meter, match, values[number]))
        size += len(pieces[-1]) + len(pieces[-2])
        meter.require_text(size)
    return meter.text("".join([*pieces, template[position:]]))


def _conversion(meter: Meter, match: re.Match[str], value: Any) -> str:
    _, flags, width, precision, conversion = match.groups()
    size, digits = int(width or 0), int(precision or 6)
    if conversion in "sSb":
        text = to_text(truth(value) if conversion == "b" else value, meter)
        text = text[: int(precision)] if precision else text
        text = text.upper() if conversion == "S" else text
        return text.ljust(size) if "-" in flags else text.rjust(size)
    sign = "+" if "+" in flags else " " if " " in flags else ""
    zero = "0" if "0" in flags and "-" not in flags else ""
    comma = "," if "," in flags and conversion in "df" else ""
    align = "<" if "-" in flags else "" if zero else ">"
    try:
        if conversion in "dxXo" and isinstance(value, int):
            return format(value, f"{align}{sign}{zero}{size or ''}{comma}{conversion}")
        if conversion in "fe" and isinstance(value, int | Decimal):
            layout = f"{align}{sign}{zero}{size or ''}{comma}.{digits}{conversion}"
            return format(Decimal(value), layout)
    except (ValueError, DecimalException):
        pass
    raise script_error("IllegalArgumentException", f"'{match.group()}' does not fit the value")


def _format(frame: Frame, text: str, *values: Any) -> str:
    return format_text(frame.meter, text, list(values))


def _capitalize(frame: Frame, text: str) -> str:
    return text[:1].upper() + text[1:]


def _find_index(frame: Frame, text: str, part: Any, start: Any = 0) -> int:
    return text.find(to_text(part, frame.meter), max(0, integer(start)))


STRING: dict[str, Method] = {
    "trim": Method(lambda frame, text: text.strip()),
    "strip": Method(lambda frame, text: text.strip()),
    "length": Method(lambda frame, text: len(text)),
    "size": Method(lambda frame, text: len(text)),
    "isEmpty": Method(lambda frame, text: not text),
    "isBlank": Method(lambda frame, text: not text.strip()),
    "toString": Method(lambda frame, text: text),
    "toInteger": Method(lambda frame, text: parse_number(text, "int")),
    "toLong": Method(lambda frame, text: parse_number(text, "int")),
    "toBigDecimal": Method(lambda frame, text: parse_number(text, "decimal")),
    "toDouble": Method(lambda frame, text: parse_number(text, "decimal")),
    "toFloat": Method(lambda frame, text: parse_number(text, "decimal")),
    "toBoolean": Method(lambda frame, text: text.strip().lower() in {"true", "y", "1"}),
    "isInteger": _number_check("int"),
    "isLong": _number_check("int"),
    "isNumber": _number_check("decimal"),
    "isBigDecimal": _number_check("decimal"),
    "isDouble": _number_check("decimal"),
    "toLowerCase": Method(lambda frame, text: frame.meter.text(text.lower())),
    "toUpperCase": Method(lambda frame, text: frame.meter.text(text.upper())),
    "capitalize": Method(_capitalize),
    "uncapitalize": Method(lambda frame, text: text[:1].lower() + text[1:]),
    "split": Method(split, 0, 2),
    "tokenize": Method(_tokenize, 0, 1),
    "readLines": Method(lambda frame, text: _pieces(frame, text.splitlines())),
    "toList": Method(lambda frame, text: cast(text, "List", frame.meter)),
    "replace": Method(_replace, 2, 2),
    "replaceAll": _replace_pattern(None),
    "replaceFirst": _replace_pattern(1),
    "contains": Method(lambda frame, text, part: to_text(part, frame.meter) in text, 1, 1),
    "startsWith": Method(lambda f, text, part: text.startswith(to_text(part, f.meter)), 1, 1),
    "endsWith": Method(lambda frame, text, part: text.endswith(to_text(part, frame.meter)), 1, 1),
    "equals": Method(lambda frame, text, other: text == other, 1, 1),
    "equalsIgnoreCase": Method(
        lambda f, text, other: (
            other is not None and text.lower() == to_text(other, f.meter).lower()
        ),
        1,
        1,
    ),
    "compareTo": Method(
        lambda f, text, other: (text > to_text(other, f.meter)) - (text < to_text(other, f.meter)),
        1,
        1,
    ),
    "indexOf": Method(_find_index, 1, 2),
    "lastIndexOf": Method(lambda frame, text, part: text.rfind(to_text(part, frame.meter)), 1, 1),
    "count": Method(lambda frame, text, part: text.count(to_text(part, frame.meter)), 1, 1),
    "charAt": Method(_char_at, 1, 1),
    "getAt": Method(_char_at, 1, 1),
    "substring": Method(_substring, 1, 2),
    "take": Method(lambda frame, text, count: text[: max(0, integer(count))], 1, 1),
    "drop": Method(lambda frame, text, count: text[max(0, integer(count)) :], 1, 1),
    "matches": Method(
        lambda f, text, pattern: (
            regex.full_match(pattern_text(pattern, f.meter), text, f.meter) is not None
        ),
        1,
        1,
    ),
    "find": Method(_find, 1, 1),
    "findAll": Method(_find_all, 1, 1),
    "padLeft": _pad("left"),
    "padRight": _pad("right"),
    "center": _pad("center"),
    "concat": Method(lambda f, text, other: f.meter.text(text + to_text(other, f.meter)), 1, 1),
    "plus": Method(lambda f, text, other: f.meter.text(text + to_text(other, f.meter)), 1, 1),
    "minus": Method(lambda f, text, other: text.replace(to_text(other, f.meter), "", 1), 1, 1),
    "reverse": Method(lambda frame, text: frame.meter.text(text[::-1])),
    "stripIndent": Method(_strip_indent),
    "stripMargin": Method(_strip_margin, 0, 1),
    "normalize": Method(lambda frame, text: text.replace("\r\n", "\n").replace("\r", "\n")),
    "format": Method(_format, 0, 50),
    "each": Method(_each, 1, 1),
    "any": Method(_any, 1, 1),
    "hashCode": Method(lambda frame, text: _java_hash(text)),
}


def _java_hash(text: str) -> int:
    code = 0
    for char in text[:100_000]:
        code = (31 * code + ord(char)) & 0xFFFFFFFF
    return code - 2**32 if code >= 2**31 else code
