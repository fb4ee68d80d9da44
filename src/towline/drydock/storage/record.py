"""What the store holds: object versions and changes between them.

A record is one version of one object. Its JSON bytes are made once and never change; the decoded
form is made on first use and must be treated as frozen, because every reader shares it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import orjson

from towline.kube.refs import GroupResource

ADDED = "ADDED"
MODIFIED = "MODIFIED"
DELETED = "DELETED"


class _Owner(msgspec.Struct):
    uid: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    owner_references: list[_Owner] | None = None


class _Indexed(msgspec.Struct):
    metadata: _Metadata


_INDEXED = msgspec.json.Decoder(_Indexed)


class StoreKey(NamedTuple):
    """Identity of a stored object; `namespace` is empty for cluster-scoped kinds."""

    resource: GroupResource
    namespace: str
    name: str

    @property
    def text(self) -> str:
        """The key as the journal writes it: `group/resource/namespace/name`."""
        return f"{self.resource.group}/{self.resource.resource}/{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> StoreKey:
        """Reads what `text` wrote.

        Raises:
            ValueError: When the text has not exactly four parts.
        """
        group, resource, namespace, name = text.split("/")
        return cls(GroupResource(group, resource), namespace, name)


class Record:
    """One version of an object.

    Attributes:
        key: Which object.
        rev: The revision that wrote this version.
        create_rev: The revision that created the object.
        raw: Compact JSON, with `apiVersion` and `kind` first.
    """

    __slots__ = ("_obj", "create_rev", "key", "raw", "rev")

    def __init__(
        self,
        key: StoreKey,
        rev: int,
        create_rev: int,
        raw: bytes,
        obj: dict[str, Any] | None = None,
    ) -> None:
        self.key = key
        self.rev = rev
        self.create_rev = create_rev
        self.raw = raw
        self._obj = obj

    @property
    def obj(self) -> dict[str, Any]:
        """The decoded object, shared: never change it."""
        if self._obj is None:
            self._obj = orjson.loads(self.raw)
        return self._obj

    def links(self) -> tuple[str, list[str]]:
        """The object's uid and those of its owners, without decoding the rest."""
        if self._obj is None:
            meta = _INDEXED.decode(self.raw).metadata
            return meta.uid, [owner.uid for owner in meta.owner_references or ()]
        found = self._obj["metadata"]
        owners = found.get("ownerReferences") or ()
        return found.get("uid", ""), [owner.get("uid", "") for owner in owners]

    def copy(self) -> dict[str, Any]:
        """A private decoded copy."""
        decoded: dict[str, Any] = orjson.loads(self.raw)
        return decoded

    def forget(self) -> None:
        """Drops the decoded form; it comes back on use."""
        self._obj = None


class Change:
    """A committed step from one version to the next.

    Attributes:
        rev: The revision of the step.
        type: `ADDED`, `MODIFIED` or `DELETED`.
        record: The version after the step; for `DELETED` the last state at the deletion's revision.
        old: The version before the step, or None.
        at: Seconds since the epoch.
        frames: Encoded watch events by form, shared by all watchers while it is published.
    """

    __slots__ = ("at", "frames", "old", "record", "rev", "type")

    def __init__(self, type_: str, record: Record, old: Record | None, at: float) -> None:
        self.rev = record.rev
        self.type = type_
        self.record = record
        self.old = old
        self.at = at
        self.frames: dict[Any, bytes] = {}


def encode_object(obj: dict[str, Any], rev: int) -> tuple[dict[str, Any], bytes]:
    """Stamps the revision and encodes.

    Returns:
        The object in canonical key order with `metadata.resourceVersion` set, and its JSON.
    """
    stamped = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {**obj["metadata"], "resourceVersion": str(rev)},
    }
    for name, value in obj.items():
        if name not in stamped:
            stamped[name] = value
    return stamped, orjson.dumps(stamped)
