"""Time and identity as values that are handed in, so that tests can own them."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from typing import Protocol


class Clock(Protocol):
    """Wall time to store and show, monotonic time to wait by."""

    def now(self) -> dt.datetime:
        """The wall time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits that many seconds."""
        ...

    def uuid(self) -> str:
        """A new random identifier."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> dt.datetime:
        """The wall time in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary point."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleeps on the event loop."""
        await asyncio.sleep(seconds)

    def uuid(self) -> str:
        """A random UUID, version 4."""
        return str(uuid.uuid4())


def rfc3339(moment: dt.datetime) -> str:
    """The moment as Kubernetes writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: str) -> dt.datetime:
    """Reads an RFC 3339 time.

    Raises:
        ValueError: When the text is not one.
    """
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
