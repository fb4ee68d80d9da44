"""Bounds for YAML text that strangers wrote."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a text may cost.

    Attributes:
        text_bytes: Longest text, bytes as UTF-8.
        depth: Deepest nesting of collections.
        nodes: Most values in one text, with every alias counted as what it stands for.
        aliases: Most aliases in one text.
        unique_keys: Whether a key that comes twice in a mapping is an error; otherwise the last
            one wins, as in Go.
    """

    text_bytes: int = 10 * 1024 * 1024
    depth: int = 100
    nodes: int = 500_000
    aliases: int = 10_000
    unique_keys: bool = True
