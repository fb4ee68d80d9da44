"""Replacement templates of Go's Regexp.Expand: `$name`, `${name}`, `$1`, `$$`."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

# Literal text, then the group whose text follows it: an index, a name, or None at the end.
Template: TypeAlias = tuple[tuple[str, int | str | None], ...]

_REFERENCE: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z", re.ASCII)


def parse_template(template: str) -> Template:
    """The parts of a template; a dollar sign that begins no reference is text."""
    parts: list[tuple[str, int | str | None]] = []
    literal, last = "", 0
    for match in _REFERENCE.finditer(template):
        literal += template[last : match.start()]
        last = match.end()
        if match["dollar"]:
            literal += "$"
            continue
        name = match["braced"] or match["bare"]
        parts.append((literal, int(name) if _NUMBER.match(name) else name))
        literal = ""
    parts.append((literal + template[last:], None))
    return tuple(parts)
