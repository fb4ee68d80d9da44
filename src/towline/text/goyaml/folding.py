"""Where goyaml.v2 breaks long scalars: at the first space behind column 80."""

from __future__ import annotations

import re
from typing import Final

WIDTH: Final = 80
_LONE_SPACE: Final = re.compile("(?<! ) (?! )")
_FIRST_SPACE: Final = re.compile("(?<! ) ")


def fold(scalar: str, column: int, pad: str) -> str:
    """A scalar on as many lines as it takes.

    Args:
        scalar: The scalar as it is written, quotes and escapes included.
        column: How many characters stand before it on its line.
        pad: What its further lines begin with.
    """
    if column + len(scalar) <= WIDTH or " " not in scalar:
        return scalar
    style = scalar[0]
    space = _FIRST_SPACE if style == '"' else _LONE_SPACE
    # Right behind the opening quote and right before the closing one nothing is broken.
    first, last = (2, len(scalar) - 3) if style in {'"', "'"} else (0, len(scalar))
    parts = []
    start = 0
    while match := space.search(scalar, max(start, first, start + WIDTH + 1 - column)):
        place = match.start()
        if place > last:
            break
        parts.append(scalar[start:place])
        start, column = place + 1, len(pad)
        if scalar[start] == " ":
            parts[-1] += f"\n{pad}\\"
            column += 1
        else:
            parts[-1] += f"\n{pad}"
    parts.append(scalar[start:])
    return "".join(parts)
