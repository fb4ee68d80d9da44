"""Times as the tables hold them: seconds since 1970, UTC."""

from __future__ import annotations

import datetime as dt
from typing import overload


def stamp(moment: dt.datetime) -> float:
    """The moment as a number; it must carry a time zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.timestamp()


@overload
def moment(value: float) -> dt.datetime: ...
@overload
def moment(value: None) -> None: ...


def moment(value: float | None) -> dt.datetime | None:
    """The number as a UTC time."""
    return None if value is None else dt.datetime.fromtimestamp(value, dt.UTC)
