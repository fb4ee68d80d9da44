"""Texts broken into lines of a width; widths count bytes."""

from __future__ import annotations

from towline.render.gotemplate.functions import check_size
from towline.render.sprig.conversion import to_bytes, to_text


def wrap(text: str, width: int, end: str, *, break_words: bool) -> str:
    """The text in lines of at most `width` bytes, broken at spaces.

    Args:
        text: The text.
        width: Longest line; at least 1.
        end: What ends a line; a line break when empty.
        break_words: Whether longer words are broken as well.
    """
    data = to_bytes(text)
    width = max(width, 1)
    mark = to_bytes(end or "\n")
    check_size(len(data) + len(data) // width * len(mark))
    parts: list[bytes] = []
    offset = 0
    while len(data) - offset > width:
        if data[offset] == ord(" "):
            offset += 1
            continue
        space = data.rfind(b" ", offset, offset + width + 1)
        if space >= 0:
            parts += (data[offset:space], mark)
            offset = space + 1
        elif not break_words:
            space = data.find(b" ", offset + width)
            if space < 0:
                break
            parts += (data[offset:space], mark)
            offset = space + 1
        else:
            parts += (data[offset : offset + width], mark)
            offset += width
    parts.append(data[offset:])
    return to_text(b"".join(parts))
