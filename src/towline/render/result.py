"""What a render gives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from towline.argo.manifest import Manifest, content_digest
from towline.render.tree import Read


class RenderResult(msgspec.Struct, frozen=True, eq=False):
    """All objects of a source.

    Attributes:
        manifests: In the order of the files.
        source_type: `Directory`, `Helm`, `Kustomize` or `Plugin`.
        read: Everything that was read to get here.
        digest: Identity of the content: equal digests, equal objects.
        places: Identity of where the objects stand in the repository.
        decrypted: Whether something in it was encrypted: it is kept in memory only.
    """

    manifests: tuple[Manifest, ...]
    source_type: str
    read: tuple[Read, ...]
    digest: str
    places: str
    decrypted: bool = False


def result_of(manifests: list[Manifest], source_type: str, read: tuple[Read, ...]) -> RenderResult:
    """Builds a result and its digests."""
    hasher = hashlib.blake2b(source_type.encode(), digest_size=20)
    for manifest in manifests:
        hasher.update(content_digest(manifest.object).encode())
    places = content_digest([manifest.origin for manifest in manifests])
    return RenderResult(tuple(manifests), source_type, read, hasher.hexdigest(), places)


def combined(results: Sequence[RenderResult]) -> RenderResult:
    """The results of several sources as one, in their order."""
    if len(results) == 1:
        return results[0]
    manifests = [manifest for result in results for manifest in result.manifests]
    digests = [[result.digest for result in results], [result.places for result in results]]
    return RenderResult(
        tuple(manifests),
        ",".join(result.source_type for result in results),
        (),
        content_digest(digests[0]),
        content_digest(digests[1]),
    )


def with_objects_of(result: RenderResult, known: RenderResult) -> RenderResult:
    """The result with the very objects of an earlier one of the same digest, where they stand now.

    What was derived from an object may be kept by its identity.
    """
    manifests = tuple(
        Manifest(before.object, now.file, now.line)
        for now, before in zip(result.manifests, known.manifests, strict=True)
    )
    return msgspec.structs.replace(result, manifests=manifests)
