"""What the core needs to know of a live object; the watch cache's entries fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from towline.kube.refs import GroupVersionKind, ObjectKey


class LiveObject(Protocol):
    """A live object: header decoded, body on demand."""

    @property
    def key(self) -> ObjectKey:
        """Identity."""
        ...

    @property
    def gvk(self) -> GroupVersionKind:
        """Kind and version of the body."""
        ...

    @property
    def uid(self) -> str:
        """Unique id."""
        ...

    @property
    def resource_version(self) -> str:
        """Version."""
        ...

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations."""
        ...

    @property
    def deletion_timestamp(self) -> str:
        """When deletion was requested, or empty."""
        ...

    def body(self) -> dict[str, Any]:
        """The whole object, the caller's own."""
        ...
