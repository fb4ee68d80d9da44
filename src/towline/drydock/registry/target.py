"""What a request is about."""

from __future__ import annotations

from typing import NamedTuple

from towline.drydock.registry.kinds import ServedKind
from towline.drydock.storage import StoreKey


class Target(NamedTuple):
    """A collection, an object or a part of an object.

    Attributes:
        kind: The served kind.
        namespace: Empty for cluster-scoped kinds and for lists over all namespaces.
        name: Empty for a collection.
        subresource: Such as `status` or `proxy/path`; empty for the object itself.
    """

    kind: ServedKind
    namespace: str
    name: str
    subresource: str = ""

    @property
    def key(self) -> StoreKey:
        """Where the object is stored."""
        return StoreKey(self.kind.resource, self.namespace, self.name)
