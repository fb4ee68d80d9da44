"""Live objects as the cache keeps them: a small decoded header beside the untouched JSON.

Decoding a whole object costs several times the memory and CPU of its header; most objects are
looked at by label, owner or version only. The body is decoded when somebody needs it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import orjson

from towline.kube.refs import GroupVersionKind, ObjectKey, split_api_version

_NO_MAP: dict[str, str] = {}


class Owner(NamedTuple):
    """An owner reference."""

    uid: str
    kind: str
    name: str
    controller: bool


class CachedObject(msgspec.Struct, frozen=True, eq=False):
    """An object of the cluster in one version.

    Attributes:
        key: Its identity.
        gvk: The kind in the version that `raw` has.
        uid: Its uid.
        resource_version: Opaque version.
        labels: Its labels; do not change.
        annotations: Its annotations; do not change.
        owner_references: Its owners.
        deletion_timestamp: RFC 3339 time, or empty.
        creation_timestamp: RFC 3339 time, or empty.
        generation: Counts changes of the spec, 0 where the kind has none.
        raw: The object as JSON, with apiVersion and kind.
    """

    key: ObjectKey
    gvk: GroupVersionKind
    uid: str
    resource_version: str
    labels: dict[str, str]
    annotations: dict[str, str]
    owner_references: tuple[Owner, ...]
    deletion_timestamp: str
    creation_timestamp: str
    generation: int
    raw: bytes

    @property
    def namespace(self) -> str:
        """Its namespace, empty for cluster-scoped kinds."""
        return self.key.namespace

    @property
    def name(self) -> str:
        """Its name."""
        return self.key.name

    def body(self) -> dict[str, Any]:
        """The whole object, decoded anew: the caller's own."""
        value: dict[str, Any] = orjson.loads(self.raw)
        return value


class _OwnerJson(msgspec.Struct):
    uid: str = ""
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class _MetaJson(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_OwnerJson] | None = None
    deletion_timestamp: str | None = None
    creation_timestamp: str | None = None
    generation: int | None = None


class _HeaderJson(msgspec.Struct, rename="camel"):
    metadata: _MetaJson
    api_version: str = ""
    kind: str = ""


_header = msgspec.json.Decoder(_HeaderJson)


def cached_object(raw: bytes, gvk: GroupVersionKind) -> CachedObject:
    """Reads an object as an API server sends it.

    Args:
        raw: Its JSON; kept, so pass bytes of its own.
        gvk: The kind of the collection; used where the object itself does not say it, and for
            metadata-only objects.

    Raises:
        msgspec.DecodeError: When the JSON or the metadata is malformed.
    """
    header = _header.decode(raw)
    if header.kind == "PartialObjectMetadata":
        pass
    elif header.kind:
        group, version = split_api_version(header.api_version)
        if (group, version, header.kind) != gvk:
            gvk = GroupVersionKind(group, version, header.kind)
    else:
        raw = b'{"apiVersion":"%b","kind":"%b",%b' % (
            gvk.api_version.encode(),
            gvk.kind.encode(),
            raw.lstrip()[1:],
        )
    meta = header.metadata
    return CachedObject(
        ObjectKey(gvk.group, gvk.kind, meta.namespace, meta.name),
        gvk,
        meta.uid,
        meta.resource_version,
        meta.labels or _NO_MAP,
        meta.annotations or _NO_MAP,
        tuple(
            [
                Owner(owner.uid, owner.kind, owner.name, bool(owner.controller))
                for owner in meta.owner_references or ()
            ]
        ),
        meta.deletion_timestamp or "",
        meta.creation_timestamp or "",
        meta.generation or 0,
        raw,
    )


def is_older(version: str, other: str) -> bool:
    """Whether a resourceVersion precedes another one of the same kind.

    Versions that are not numbers cannot be ordered: then no version is older.
    """
    if version.isdigit() and other.isdigit():
        return int(version) < int(other)
    return False
