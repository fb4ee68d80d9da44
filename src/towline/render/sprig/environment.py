"""What functions need of the world: the time, randomness, time zones, host names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo

import msgspec


def _unknown_zone(_name: str) -> tzinfo | None:
    return None


def _no_address(_name: str) -> str:
    return ""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The world as templates see it.

    Attributes:
        now: Nanoseconds since 1970-01-01 UTC.
        random_bytes: So many bytes that nobody can foresee.
        load_zone: The time zone of an IANA name, or None when there is none.
        local_zone: The zone that Go calls Local.
        resolve_host: An address of a host name; an empty string unless look-ups are allowed.
    """

    now: Callable[[], int]
    random_bytes: Callable[[int], bytes]
    load_zone: Callable[[str], tzinfo | None] = _unknown_zone
    local_zone: tzinfo = UTC
    resolve_host: Callable[[str], str] = _no_address
