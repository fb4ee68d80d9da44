"""Which plain scalars Go's YAML reader takes for a point in time."""

from __future__ import annotations

import re
from typing import Final

from towline.text.gotime.civil import days_in

_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?:[.,]\d{1,9})?"
_STAMP: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    rf"(?:(?:(?P<zoned>[Tt])| +){_TIME}(?P<zone>Z|[+-]\d\d:\d\d)?)?\Z",
    re.ASCII,
)
_MOST: Final = {"hour": 23, "minute": 59, "second": 59}
_MONTHS: Final = 12
_ZONE_HOURS: Final = 24
_ZONE_MINUTES: Final = 60


def is_timestamp(text: str) -> bool:
    """Whether the text is a date, alone or with a time of day."""
    match = _STAMP.match(text)
    if match is None or (match["zoned"] is None) != (match["zone"] is None):
        return False
    month = int(match["month"])
    if not 1 <= month <= _MONTHS or not 1 <= int(match["day"]) <= days_in(
        int(match["year"]), month
    ):
        return False
    if match["hour"] and any(int(match[part]) > most for part, most in _MOST.items()):
        return False
    zone = match["zone"]
    return zone in {None, "Z"} or (int(zone[1:3]) <= _ZONE_HOURS and int(zone[4:]) <= _ZONE_MINUTES)
