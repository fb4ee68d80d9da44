"""fmt.Sprintf, Sprint and Sprintln."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from towline.render.gotemplate.formatting import Formatter, Spec, sprint
from towline.render.gotemplate.functions import check_size
from towline.render.gotemplate.kinds import type_name

_VERB = re.compile(
    r"%(?P<flags>[#0+\- ]*)"
    r"(?:\[(?P<index1>[^\]]*)\])?(?P<width>\*|[0-9]*)"
    r"(?P<point>\.(?:\[(?P<index2>[^\]]*)\])?(?P<precision>\*|[0-9]*))?"
    r"(?:\[(?P<index3>[^\]]*)\])?(?P<verb>.?)",
    re.DOTALL,
)
_SIMPLE = re.compile(r"%([sdv%])|%")
_MAX_NUMBER: Final = 1_000_000  # what fmt takes as a width or precision


def sprintf(template: str, *arguments: Any) -> str:
    """The arguments formatted by the template, as fmt.Sprintf does.

    Raises:
        LimitError: The result is too long.
    """
    pieces = _simple_pieces(template)
    if pieces is not None and len(pieces[1]) == len(arguments):
        literals, verbs = pieces
        parts = [literals[0]]
        for verb, argument, literal in zip(verbs, arguments, literals[1:], strict=True):
            kind = type(argument)
            if kind is str and verb != "d":
                parts.append(argument)
            elif kind is int and verb != "s":
                parts.append(int.__repr__(argument))
            else:
                parts.append(Formatter(Spec()).format(argument, verb))
            parts.append(literal)
        check_size(sum(map(len, parts)))
        return "".join(parts)
    return _Printer(template, arguments).run()


def sprint_all(*arguments: Any) -> str:
    """fmt.Sprint: spaces between two operands when neither is a string."""
    parts: list[str] = []
    after_string = True
    for argument in arguments:
        is_string = isinstance(argument, str)
        if not is_string and not after_string:
            parts.append(" ")
        parts.append(sprint(argument))
        after_string = is_string
    check_size(sum(map(len, parts)))
    return "".join(parts)


def sprintln(*arguments: Any) -> str:
    """fmt.Sprintln: spaces between operands, and a line feed."""
    parts = [sprint(argument) for argument in arguments]
    check_size(sum(map(len, parts)))
    return " ".join(parts) + "\n"


@lru_cache(maxsize=1024)
def _simple_pieces(template: str) -> tuple[list[str], list[str]] | None:
    """Literals and verbs of a template with nothing but %s, %d, %v and %%; else None."""
    literals = [""]
    verbs: list[str] = []
    position = 0
    for match in _SIMPLE.finditer(template):
        if match[1] is None:
            return None
        literals[-1] += template[position : match.start()]
        position = match.end()
        if match[1] == "%":
            literals[-1] += "%"
        else:
            verbs.append(match[1])
            literals.append("")
    literals[-1] += template[position:]
    return literals, verbs


class _Printer:
    """One run over a template with flags, widths, indexes or a wrong number of arguments."""

    def __init__(self, template: str, arguments: tuple[Any, ...]) -> None:
        self.template = template
        self.arguments = arguments
        self.parts: list[str] = []
        self.next = 0
        self.reordered = False
        self.good = True

    def run(self) -> str:
        position = 0
        while position < len(self.template):
            mark = self.template.find("%", position)
            if mark < 0:
                mark = len(self.template)
            self.parts.append(self.template[position:mark])
            if mark == len(self.template):
                break
            position = self._verb(mark)
        if not self.reordered and self.next < len(self.arguments):
            extra = [
                "<nil>" if argument is None else f"{type_name(argument)}={sprint(argument)}"
                for argument in self.arguments[self.next :]
            ]
            self.parts.append(f"%!(EXTRA {', '.join(extra)})")
        check_size(sum(map(len, self.parts)))
        return "".join(self.parts)

    def _verb(self, mark: int) -> int:
        match = _VERB.match(self.template, mark)
        if match is None:
            raise AssertionError("the pattern matches every percent sign")
        self.good = True
        if _too_large(match["width"]) or _too_large(match["precision"] or ""):
            self.parts.append("%!(NOVERB)")
            return len(self.template)
        spec = self._spec(match)
        verb = match["verb"]
        if not verb:
            self.parts.append("%!(NOVERB)")
            return len(self.template)
        if verb == "%":
            self.parts.append("%")
        elif not self.good:
            self.parts.append(f"%!{verb}(BADINDEX)")
        elif self.next >= len(self.arguments):
            self.parts.append(f"%!{verb}(MISSING)")
        else:
            self._argument(spec, verb)
        return match.end()

    def _argument(self, spec: Spec, verb: str) -> None:
        if verb in "vw":
            spec.sharp_v, spec.sharp = spec.sharp, False
            spec.plus_v, spec.plus = spec.plus, False
        argument = self.arguments[self.next]
        self.next += 1
        if verb == "w":
            self.parts.append(Formatter(spec).bad_verb(argument, verb))
        else:
            self.parts.append(Formatter(spec).format(argument, verb))

    def _spec(self, match: re.Match[str]) -> Spec:
        flags = match["flags"]
        spec = Spec(
            sharp="#" in flags,
            zero="0" in flags,
            plus="+" in flags,
            minus="-" in flags,
            space=" " in flags,
        )
        indexed = self._index(match["index1"])
        if match["width"] == "*":
            self._star_width(spec)
            indexed = False
        elif match["width"]:
            spec.width = int(match["width"])
            self.good = self.good and not indexed
        if match["point"] is not None:
            self.good = self.good and not indexed
            self._precision(spec, match)
        self._index(match["index3"])
        return spec

    def _star_width(self, spec: Spec) -> None:
        width = self._integer_argument()
        if width is None:
            self.parts.append("%!(BADWIDTH)")
            return
        spec.width = abs(width)
        if width < 0:
            spec.minus, spec.zero = True, False

    def _precision(self, spec: Spec, match: re.Match[str]) -> None:
        indexed = self._index(match["index2"])
        if match["precision"] == "*":
            precision = self._integer_argument()
            if precision is None or precision < 0:
                self.parts.append("%!(BADPREC)")
            else:
                spec.precision = precision
            return
        self.good = self.good and not (indexed and match["precision"])
        spec.precision = int(match["precision"] or "0")

    def _index(self, shown: str | None) -> bool:
        """Go to the argument that `[n]` names; whether there was such an index."""
        if shown is None:
            return False
        self.reordered = True
        if shown.isascii() and shown.isdigit() and 1 <= int(shown[:9]) <= len(self.arguments):
            self.next = int(shown[:9]) - 1
        else:
            self.good = False
        return True

    def _integer_argument(self) -> int | None:
        if self.next >= len(self.arguments):
            return None
        value = self.arguments[self.next]
        self.next += 1
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return int(value) if abs(value) <= _MAX_NUMBER else None


def _too_large(digits: str) -> bool:
    stripped = digits.lstrip("0")
    return len(stripped) > 7 or (stripped.isdigit() and int(stripped) > _MAX_NUMBER)
