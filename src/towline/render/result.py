"""What a render gives."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson

from towline.render.tree import Read


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


class RenderResult(msgspec.Struct, frozen=True, eq=False):
    """All objects of a source.

    Attributes:
        manifests: In the order of the files.
        source_type: `Directory`, `Helm`, `Kustomize` or `Plugin`.
        read: Everything that was read to get here.
        digest: Identity of the content: equal digests, equal manifests.
    """

    manifests: tuple[Manifest, ...]
    source_type: str
    read: tuple[Read, ...]
    digest: str


def result_of(manifests: list[Manifest], source_type: str, read: tuple[Read, ...]) -> RenderResult:
    """Builds a result and its digest."""
    hasher = hashlib.blake2b(source_type.encode(), digest_size=20)
    for manifest in manifests:
        hasher.update(content_digest(manifest.object).encode())
    return RenderResult(tuple(manifests), source_type, read, hasher.hexdigest())


def content_digest(value: Any) -> str:
    """Hex digest of a JSON value, independent of the order of keys."""
    # Integers of more than 64 bits and other odd values still have one text: that of str.
    raw = orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(raw, digest_size=20).hexdigest()
