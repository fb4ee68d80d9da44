"""What action scripts answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A value that an action asks for."""

    name: str
    value: str = ""
    type: str = ""


class ActionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An action that an object offers.

    Attributes:
        name: Its name.
        disabled: Whether it makes no sense at present.
        icon_class: Its icon.
        display_name: For people.
        params: What it asks for.
    """

    name: str
    disabled: bool = False
    icon_class: str = ""
    display_name: str = ""
    params: tuple[Parameter, ...] = ()


class Operation(StrEnum):
    """How a change is carried out."""

    CREATE = "create"
    PATCH = "patch"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change that an action wants.

    Attributes:
        operation: How.
        resource: The object as it should be.
        patch: Merge patch of everything but the status; empty when nothing changes. None when
            the object is another one than the action was called for: compare it with what is
            live by `patches_to`.
        status_patch: Merge patch of the status, for kinds with that subresource.
    """

    operation: Operation
    resource: dict[str, Any]
    patch: dict[str, Any] | None = None
    status_patch: dict[str, Any] | None = None
