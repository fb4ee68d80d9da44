"""A desired object as it leaves rendering and enters comparison, and the identity of content."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson

from towline.kube.refs import ObjectKey


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

    @property
    def origin(self) -> str:
        """Where it stands, for messages: `folder/file.yaml:5`."""
        file = "".join(char if char.isprintable() else "?" for char in self.file)
        return f"{file}:{self.line}"


def located(message: str, origin: str, key: ObjectKey) -> str:
    """A complaint about an object with its place at the end: ` (web.yaml:1, Deployment prod/web)`.

    Args:
        message: What is wrong.
        origin: Where the object stands; empty for one that no manifest describes.
        key: The object.
    """
    if not origin:
        return message
    name = f"{key.namespace}/{key.name}" if key.namespace else key.name
    return f"{message} ({origin}, {key.kind} {name})"


def content_digest(value: Any) -> str:
    """Hex digest of a JSON value, independent of the order of keys."""
    raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(raw, digest_size=20).hexdigest()
