"""A desired object as it leaves rendering and enters comparison, and the identity of content."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson


class Manifest(msgspec.Struct, frozen=True):
    """One rendered object.

    Attributes:
        object: The object; shared, never to be changed.
        file: Path of its file within the repository.
        line: 1-based line where it begins.
    """

    object: dict[str, Any]
    file: str
    line: int


def content_digest(value: Any) -> str:
    """Hex digest of a JSON value, independent of the order of keys."""
    raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(raw, digest_size=20).hexdigest()
