"""What a render gives."""

from __future__ import annotations

import hashlib

import msgspec

from towline.argo.manifest import Manifest, content_digest
from towline.render.tree import Read


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
