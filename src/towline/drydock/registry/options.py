"""What a caller asks for beside the object, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class WriteOptions(msgspec.Struct, frozen=True):
    """Options of create, update and patch.

    Attributes:
        manager: Field manager that the written fields are credited to.
        dry_run: Do everything but store.
        field_validation: `Strict`, `Warn` or `Ignore` unknown fields.
        force: Server-side apply takes fields from other managers.
        strict_problems: What a strict decoder found in the body, such as doubled fields.
        guard: Called with the old object (None for a new one) and the new one before it is
            stored; raises ApiError to refuse.
    """

    manager: str
    dry_run: bool = False
    field_validation: str = "Ignore"
    force: bool = False
    strict_problems: tuple[str, ...] = ()
    guard: Callable[[dict[str, Any] | None, dict[str, Any]], None] | None = None


class DeleteOptions(msgspec.Struct, frozen=True):
    """Options of delete.

    Attributes:
        grace: Seconds for pods to end, None for the pod's own.
        propagation: `Background`, `Foreground`, `Orphan` or empty for the kind's default.
        uid: Delete only the object with this uid.
        resource_version: Delete only this version.
        dry_run: Do everything but store.
    """

    grace: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


class Outcome(NamedTuple):
    """What a write led to.

    Attributes:
        obj: The object as stored (in the stored version), shared: never change it.
        raw: Its JSON, or None when it was not stored.
        created: Whether the object is new.
        deleted: Whether the write removed the object.
        warnings: For the caller.
    """

    obj: dict[str, Any]
    raw: bytes | None = None
    created: bool = False
    deleted: bool = False
    warnings: tuple[str, ...] = ()
