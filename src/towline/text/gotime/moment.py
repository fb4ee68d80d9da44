"""A point in time with the zone that it is shown in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from towline.text.gotime import civil

_DAY: Final = 86_400
_EARLIEST: Final = -62_135_510_400  # 0001-01-02, for the calendar of the datetime module
_LATEST: Final = 253_402_214_400  # 9999-12-31
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BILLION: Final = 1_000_000_000


class Moment(msgspec.Struct, frozen=True):
    """A point in time.

    Attributes:
        seconds: Seconds since 1970-01-01 UTC.
        nanoseconds: 0 to 999999999 more.
        offset: Seconds that the zone is ahead of UTC then.
        zone: The zone's abbreviation, or an empty string.
        location: The zone's name as Go has it: `UTC`, `Local`, `Europe/Berlin`, or empty.
    """

    seconds: int
    nanoseconds: int = 0
    offset: int = 0
    zone: str = "UTC"
    location: str = "UTC"

    @property
    def date(self) -> tuple[int, int, int]:
        """Year, month and day in its zone."""
        return civil.date_of((self.seconds + self.offset) // _DAY)

    @property
    def clock(self) -> tuple[int, int, int]:
        """Hour, minute and second in its zone."""
        rest = (self.seconds + self.offset) % _DAY
        return rest // 3600, rest // 60 % 60, rest % 60

    @property
    def weekday(self) -> int:
        """The day of the week, Sunday being 0."""
        return civil.weekday((self.seconds + self.offset) // _DAY)

    @property
    def total_nanoseconds(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return self.seconds * _BILLION + self.nanoseconds


ZERO: Final = Moment(civil.days_of(1, 1, 1) * _DAY)


def at(nanoseconds: int, zone: tzinfo = UTC, location: str = "UTC") -> Moment:
    """The moment so many nanoseconds after 1970-01-01 UTC, shown in a zone."""
    seconds, rest = divmod(nanoseconds, _BILLION)
    return in_zone(Moment(seconds, rest), zone, location)


def in_zone(moment: Moment, zone: tzinfo, location: str) -> Moment:
    """The same moment shown in another zone."""
    if zone is UTC:
        offset, name = 0, "UTC"
    else:
        local = (_UNIX_EPOCH + timedelta(seconds=clamp(moment.seconds))).astimezone(zone)
        offset = int((local.utcoffset() or timedelta()).total_seconds())
        name = local.tzname() or ""
    return Moment(moment.seconds, moment.nanoseconds, offset, name, location)


def clamp(seconds: int) -> int:
    """The seconds within the years that the datetime module, and so every zone, knows."""
    return max(_EARLIEST, min(_LATEST, seconds))
