"""Texts cut to a width, with an ellipsis; widths count bytes."""

from __future__ import annotations

from typing import Final

from towline.render.sprig.conversion import to_bytes, to_text

_MARK: Final = b"..."
_LEAST: Final = 4
_LEAST_WITH_OFFSET: Final = 7


def abbreviate(width: int, text: str) -> str:
    """The beginning of a text, with an ellipsis when it was cut; too small a width cuts nothing."""
    return text if width < _LEAST else to_text(_cut(to_bytes(text), 0, width))


def abbreviate_both(offset: int, width: int, text: str) -> str:
    """A text cut on both sides to the width."""
    if width < _LEAST or (offset > 0 and width < _LEAST_WITH_OFFSET):
        return text
    return to_text(_cut(to_bytes(text), offset, width))


def _cut(data: bytes, offset: int, width: int) -> bytes:
    if len(data) <= width:
        return data
    room = width - len(_MARK)
    offset = min(offset, len(data))
    if len(data) - offset < room:
        offset = len(data) - room
    if offset <= _LEAST:
        return data[:room] + _MARK
    if width < _LEAST_WITH_OFFSET:
        return b""
    if offset + room >= len(data):
        return _MARK + data[len(data) - room :]
    # Too little room for a second mark leaves only the first one.
    return _MARK + (_cut(data[offset:], 0, room) if room >= _LEAST else b"")
