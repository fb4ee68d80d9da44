"""Days since 1970 and dates of the Gregorian calendar, for years of any size.

The arithmetic counts years from March, so that the leap day comes last, in eras of 400 years.
"""

from __future__ import annotations

from typing import Final

_ERA_DAYS: Final = 146_097
_ERA_YEARS: Final = 400
_EPOCH: Final = 719_468  # days from 0000-03-01 to 1970-01-01


def days_of(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date. Month and day may be out of range and carry over."""
    year += (month - 1) // 12
    month = (month - 1) % 12 + 1
    if month <= 2:
        year -= 1
    era, year_of_era = divmod(year, _ERA_YEARS)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (
        era * _ERA_DAYS
        + year_of_era * 365
        + year_of_era // 4
        - year_of_era // 100
        + (day_of_year - _EPOCH)
    )


def date_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of so many days after 1970-01-01."""
    era, day_of_era = divmod(days + _EPOCH, _ERA_DAYS)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = (shifted + 2) % 12 + 1
    year = era * _ERA_YEARS + year_of_era + (month <= 2)
    return year, month, day_of_year - (153 * shifted + 2) // 5 + 1


def is_leap(year: int) -> bool:
    """Whether the year has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in(year: int, month: int) -> int:
    """How many days the month has."""
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def day_of_year(year: int, month: int, day: int) -> int:
    """The day's number in its year, from 1."""
    return days_of(year, month, day) - days_of(year, 1, 1) + 1


def weekday(days: int) -> int:
    """The day of the week, Sunday being 0."""
    return (days + 4) % 7
