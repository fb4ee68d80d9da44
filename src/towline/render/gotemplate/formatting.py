"""Values as Go's fmt prints them: `%v` and its variants, and what an action prints.

`text` is the hot path: what `{{ value }}` writes. `Formatter` knows all verbs and flags.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from towline.errors import LimitError
from towline.render.gotemplate.floats import float_text, format_float
from towline.render.gotemplate.functions import MAX_LENGTH
from towline.render.gotemplate.kinds import GoObject, GoValue, Uint8, Uint64, type_name
from towline.render.gotemplate.quoting import is_printable, quote, quote_rune, rune

_MAX_DEPTH: Final = 200
_MAX_VALUES: Final = 200_000  # entries of one printed value, those of shared parts each time
_POINTER: Final = "0xc000000000"  # where Go would print an address


class Spec(msgspec.Struct):
    """The flags, width and precision of one verb.

    Attributes:
        sharp_v: `%#v`: Go syntax.
        plus_v: `%+v`: field names of structs.
    """

    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    sharp_v: bool = False
    plus_v: bool = False
    width: int | None = None
    precision: int | None = None


_PLAIN: Final = Spec()


def text(value: Any, *, addressed: bool = True) -> str:
    """What an action prints for the value: `<no value>` for nil, otherwise as `%v`.

    Args:
        value: The value.
        addressed: Whether it is where it was found, rather than an argument of a function.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return int.__repr__(value)
    if kind is float:
        return float_text(value)
    if value is None:
        return "<no value>"
    if isinstance(value, GoObject) and value.go_type.startswith("*"):
        shown = value.go_string()
        return shown if shown is not None else sprint(value)[1:]
    found = value.go_addressed_string() if addressed and isinstance(value, GoValue) else None
    return found if found is not None else sprint(value)


def sprint(value: Any) -> str:
    """The value as `%v` prints it; `<nil>` for nil.

    Raises:
        LimitError: It nests too deeply, or is too long.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is float:
        return float_text(value)
    return Formatter(_PLAIN).format(value, "v")


class Formatter:
    """Formats values by one verb specification.

    Args:
        spec: Its flags, width and precision.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.erroring = False
        self.length = 0
        self.values = 0

    def format(self, value: Any, verb: str, depth: int = 0) -> str:
        """The value as `%verb` prints it.

        Raises:
            LimitError: It nests too deeply, or is too long.
        """
        if depth > _MAX_DEPTH:
            raise LimitError("a printed value nests too deeply")
        if value is None:
            return self._nil(verb, depth)
        if depth == 0 and verb == "T":
            return self._string_verb(type_name(value), "s", value)
        if depth == 0 and verb == "p":
            return self._pointer(value, verb)
        shown = self._by_method(value, verb)
        if shown is None:
            shown = self._by_kind(value, verb, depth)
        self.length += len(shown)
        self.values += 1
        if self.length > MAX_LENGTH or self.values > _MAX_VALUES:
            raise LimitError("a printed value is too long")
        return shown

    def _nil(self, verb: str, depth: int) -> str:
        if depth == 0:
            return self.pad("<nil>") if verb in "Tv" else f"%!{verb}(<nil>)"
        return "interface {}(nil)" if self.spec.sharp_v else "<nil>"

    def _by_method(self, value: Any, verb: str) -> str | None:
        if self.erroring or not isinstance(value, GoValue) or self.spec.sharp_v:
            return None
        if verb not in "vsxXq":
            return None
        shown = value.go_string()
        return None if shown is None else self._string_verb(shown, verb, value)

    def _by_kind(self, value: Any, verb: str, depth: int) -> str:
        if isinstance(value, bool | int | float | str | complex):
            return self._scalar(value, verb)
        match value:
            case dict():
                return self._map(value, verb, depth)
            case list():
                return self._list(value, type_name(value), verb, depth)
            case bytes():
                return self._bytes(value, verb, depth)
            case GoObject():
                return self._struct(value, verb, depth)
        raise TypeError(f"{type(value).__name__} is not a value of a template")

    def _scalar(self, value: bool | str | complex, verb: str) -> str:
        match value:
            case bool():
                if verb in "tv":
                    return self.pad("true" if value else "false")
                return self.bad_verb(value, verb)
            case int():
                return self._integer_verb(value, verb)
            case float():
                return self._float_verb(value, verb)
            case str():
                return self._string_verb(value, verb, value)
        return self._complex_verb(value, verb)

    def bad_verb(self, value: Any, verb: str) -> str:
        """`%!verb(type=value)`."""
        inner = Formatter(self.spec)
        inner.erroring = True
        return f"%!{verb}({type_name(value)}={inner.format(value, 'v')})"

    def pad(self, shown: str, *, zeros: bool = True) -> str:
        """The text, padded to the width."""
        spec = self.spec
        missing = (spec.width or 0) - len(shown)
        if missing <= 0:
            return shown
        if spec.minus:
            return shown + " " * missing
        return ("0" if spec.zero and zeros else " ") * missing + shown

    def _struct(self, value: GoObject, verb: str, depth: int) -> str:
        pointer = value.go_type.startswith("*")
        if pointer and depth > 0:
            return self._pointer(value, verb)
        spec = self.spec
        parts = []
        for name, attribute in (value.go_layout or value.go_fields).items():
            shown = self.format(getattr(value, attribute), verb, depth + 1)
            parts.append(f"{name}:{shown}" if spec.plus_v or spec.sharp_v else shown)
        body = ", ".join(parts) if spec.sharp_v else " ".join(parts)
        kind = value.go_type.removeprefix("*") if spec.sharp_v else ""
        return f"{'&' if pointer else ''}{kind}{{{body}}}"

    def _pointer(self, value: Any, verb: str) -> str:
        if isinstance(value, dict | list | bytes) or (
            isinstance(value, GoObject) and value.go_type.startswith("*")
        ):
            return self.pad(_POINTER)
        return self.bad_verb(value, verb)

    def _map(self, value: dict[str, Any], verb: str, depth: int) -> str:
        parts = [
            f"{self.format(key, verb, depth + 1)}:{self.format(value[key], verb, depth + 1)}"
            for key in sorted(value)
        ]
        if self.spec.sharp_v:
            return f"{type_name(value)}{{{', '.join(parts)}}}"
        return f"map[{' '.join(parts)}]"

    def _list(self, value: list[Any], name: str, verb: str, depth: int) -> str:
        parts = [self.format(item, verb, depth + 1) for item in value]
        if self.spec.sharp_v:
            return f"{name}{{{', '.join(parts)}}}"
        return f"[{' '.join(parts)}]"

    def _bytes(self, value: bytes, verb: str, depth: int) -> str:
        if verb in "vd":
            if self.spec.sharp_v:
                name = "[]byte" if depth == 0 else "[]uint8"
                return f"{name}{{{', '.join(f'0x{byte:x}' for byte in value)}}}"
            return f"[{' '.join(self._integer_verb(byte, 'd') for byte in value)}]"
        if verb in "sqxX":
            return self._string_verb(value.decode("utf-8", "surrogateescape"), verb, value)
        return self._list([Uint8(byte) for byte in value], "[]uint8", verb, depth)

    def _string_verb(self, value: str, verb: str, original: Any) -> str:
        spec = self.spec
        if verb in "sv" and not spec.sharp_v:
            return self.pad(value if spec.precision is None else value[: spec.precision])
        if verb in "qv":
            shown = value if spec.precision is None else value[: spec.precision]
            if spec.sharp and _can_backquote(shown):
                return self.pad(f"`{shown}`")
            return self.pad(quote(shown, ascii_only=spec.plus))
        if verb in "xX":
            return self._hex(value.encode("utf-8", "surrogateescape"), verb)
        return self.bad_verb(original, verb)

    def _hex(self, data: bytes, verb: str) -> str:
        spec = self.spec
        prefix = "0" + verb if spec.sharp else ""
        data = data if spec.precision is None else data[: spec.precision]
        if not data:
            return self.pad("")
        pairs = [f"{byte:02x}" if verb == "x" else f"{byte:02X}" for byte in data]
        if spec.space:
            return self.pad(" ".join(prefix + pair for pair in pairs))
        return self.pad(prefix + "".join(pairs))

    def _integer_verb(self, value: int, verb: str) -> str:
        spec = self.spec
        match verb:
            case "v" if spec.sharp_v and isinstance(value, Uint8 | Uint64):
                return self._integer(value, "x", "0x")
            case "v" | "d":
                return self._integer(value, "d", "")
            case "b" | "o" | "O" | "x" | "X":
                prefix = {"O": "0o", "o": ""}.get(verb, "0" + verb if spec.sharp else "")
                return self._integer(value, "o" if verb == "O" else verb, prefix)
            case "c":
                return self.pad(rune(value))
            case "q":
                return self.pad(quote_rune(value, ascii_only=spec.plus))
            case "U":
                return self._unicode(value)
        return self.bad_verb(value, verb)

    def _integer(self, value: int, base: str, prefix: str) -> str:
        spec = self.spec
        digits = format(abs(value), base)
        sign = "-" if value < 0 else "+" if spec.plus else " " if spec.space else ""
        if spec.precision is not None:
            if spec.precision == 0 and value == 0:
                return " " * (spec.width or 0)
            digits = digits.zfill(spec.precision)
        elif spec.zero and not spec.minus and spec.width is not None:
            digits = digits.zfill(spec.width - len(sign))
        if base == "o" and spec.sharp and not digits.startswith("0"):
            digits = "0" + digits
        return self.pad(sign + prefix + digits, zeros=False)

    def _unicode(self, value: int) -> str:
        digits = f"{value & 0xFFFFFFFFFFFFFFFF:04X}".zfill(max(self.spec.precision or 4, 4))
        shown = "U+" + digits
        if self.spec.sharp and 0 <= value <= 0x10FFFF and is_printable(rune(value)):
            shown += f" '{rune(value)}'"
        return self.pad(shown, zeros=False)

    def _float_verb(self, value: float, verb: str) -> str:
        if verb not in "vbgGxXfFeE":
            return self.bad_verb(value, verb)
        spec = self.spec
        style = {"v": "g", "F": "f"}.get(verb, verb)
        precision = spec.precision
        if precision is None and verb in "feEF":
            precision = 6
        shown = format_float(value, style, precision)
        sign, body = (shown[0], shown[1:]) if shown[0] in "+-" else ("+", shown)
        if spec.space and sign == "+" and not spec.plus:
            sign = " "
        if body[0] in "IN":
            bare = body if body[0] == "N" and not spec.space and not spec.plus else sign + body
            if body[0] == "I" and sign == "+" and not spec.plus:
                bare = "+Inf"
            return self.pad(bare, zeros=False)
        if spec.sharp and style != "b":
            body = _keep_point(body, style, precision)
        if spec.plus or sign != "+":
            if spec.zero and not spec.minus and (spec.width or 0) > len(body) + 1:
                return sign + body.zfill((spec.width or 0) - 1)
            return self.pad(sign + body)
        return self.pad(body)

    def _complex_verb(self, value: complex, verb: str) -> str:
        if verb not in "vbgGxXfFeE":
            return self.bad_verb(value, verb)
        imaginary = Formatter(msgspec.structs.replace(self.spec, plus=True))
        real = self._float_verb(value.real, verb)
        return f"({real}{imaginary._float_verb(value.imag, verb)}i)"


def _can_backquote(shown: str) -> bool:
    return all(
        char == "\t" or (char not in "`\x7f\ufeff" and char >= " " and not _is_raw_byte(char))
        for char in shown
    )


def _is_raw_byte(char: str) -> bool:
    return "\udc80" <= char <= "\udcff"


def _keep_point(body: str, style: str, precision: int | None) -> str:
    """The `#` flag: always a decimal point, and trailing zeros for %g."""
    wanted = (6 if precision is None else precision) if style in "gGx" else 0
    marks = "pP" if style in "xX" else "eE"
    cut = next((at for at, char in enumerate(body) if char in marks), len(body))
    number, tail = body[:cut], body[cut:]
    significant = number.replace(".", "").lstrip("0")
    wanted -= len(significant)
    if "." not in number:
        if number == "0":
            wanted -= 1
        number += "."
    return number + "0" * max(wanted, 0) + tail
