"""Times and durations as Go prints and reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.text.gotime import (
    ZERO,
    DurationError,
    Moment,
    TimeError,
    at,
    format_duration,
    format_moment,
    in_zone,
    parse_duration,
    parse_moment,
    round_duration,
    truncate_duration,
)
from towline.text.gotime.civil import date_of, day_of_year, days_of
from towline.text.gotime.layout import RFC3339_NANO, STRING

_NEW_YORK = ZoneInfo("America/New_York")
_MOMENT = in_zone(Moment(1_136_214_245, 120_000_000), _NEW_YORK, "America/New_York")


@pytest.mark.parametrize(
    ("layout", "shown"),
    [
        ("Mon Jan _2 15:04:05 2006", "Mon Jan  2 10:04:05 2006"),
        ("Monday, 02-January-06 3:4:5PM MST", "Monday, 02-January-06 10:4:5AM EST"),
        ("2006-01-02T15:04:05Z07:00", "2006-01-02T10:04:05-05:00"),
        ("-0700 -07:00 -07 -07:00:00 Z0700 Z07", "-0500 -05:00 -05 -05:00:00 -0500 -05"),
        (".000 .999 ,00 .000000000", ".120 .12 ,12 .120000000"),
        ("002 __2 _2006 2 1", "002   2 _2006 2 1"),
        ("Janus Montag January-Monday", "Janus Montag January-Monday"),
        ("pm PM 03 04 05 06", "am AM 10 04 05 06"),
        ("20060102", "20060102"),
        ("no fields at all", "no fields at all"),
    ],
)
def test_layouts_show_a_time(layout: str, shown: str) -> None:
    assert format_moment(_MOMENT, layout) == shown


def test_utc_has_a_short_form_and_years_may_be_negative() -> None:
    assert format_moment(at(0), RFC3339_NANO) == "1970-01-01T00:00:00Z"
    assert format_moment(ZERO, STRING) == "0001-01-01 00:00:00 +0000 UTC"
    assert format_moment(Moment(days_of(-5, 3, 4) * 86_400), "2006-01-02") == "-0005-03-04"
    assert format_moment(Moment(0, 0, 3600, ""), "MST") == "+0100"
    assert format_moment(Moment(0, 0, -5400, ""), "MST Z0700") == "-0130 -0130"


@pytest.mark.parametrize(
    ("layout", "text", "shown"),
    [
        ("2006-01-02", "2024-02-29", "2024-02-29 00:00:00 -0500 EST"),
        ("2006-01-02T15:04:05Z07:00", "2024-07-01T10:00:00Z", "2024-07-01 10:00:00 +0000 UTC"),
        (
            "2006-01-02T15:04:05Z07:00",
            "2024-07-01T10:00:00-04:00",
            "2024-07-01 10:00:00 -0400 EDT",
        ),
        (
            "2006-01-02T15:04:05Z07:00",
            "2024-07-01T10:00:00+02:00",
            "2024-07-01 10:00:00 +0200 +0200",
        ),
        ("15:04:05", "10:20:30.25", "0000-01-01 10:20:30.25 -0456 LMT"),
        ("02/01/06 3:04 PM", "05/03/70 12:30 AM", "1970-03-05 00:30:00 -0500 EST"),
        ("Jan _2 2006", "mar  5 2024", "2024-03-05 00:00:00 -0500 EST"),
        ("2006 002", "2024 060", "2024-02-29 00:00:00 -0500 EST"),
        ("2006-01-02 MST", "2024-01-01 EST", "2024-01-01 00:00:00 -0500 EST"),
        ("2006-01-02 MST", "2024-01-01 CET", "2024-01-01 00:00:00 +0000 CET"),
        ("2006-01-02 MST", "2024-01-01 GMT+2", "2024-01-01 00:00:00 +0200 GMT+2"),
        ("5.000", "7.125", "0000-01-01 00:00:07.125 -0456 LMT"),
    ],
)
def test_layouts_read_a_time(layout: str, text: str, shown: str) -> None:
    moment = parse_moment(layout, text, _NEW_YORK, "America/New_York")
    assert format_moment(moment, STRING) == shown


@pytest.mark.parametrize(
    ("layout", "text", "problem"),
    [
        (
            "2006-01-02",
            "x",
            'parsing time "x" as "2006-01-02": cannot parse "x" as "2006"',
        ),
        ("2006-01-02", "2024-13-01", 'parsing time "2024-13-01": month out of range'),
        ("2006-01-02", "2023-02-29", 'parsing time "2023-02-29": day out of range'),
        ("2006", "2024é", 'parsing time "2024\\xc3\\xa9": extra text: "\\xc3\\xa9"'),
        ("15", "24", 'parsing time "24": hour out of range'),
        ("2006 002", "2023 366", 'parsing time "2023 366": day-of-year out of range'),
        (
            "2006-01-02",
            "2024/01",
            'parsing time "2024/01" as "2006-01-02": cannot parse "/01" as "-"',
        ),
        ("-07:00", "+25:00", 'parsing time "+25:00": time zone offset hour out of range'),
        ("PM", "xm", 'parsing time "xm" as "PM": cannot parse "xm" as "PM"'),
    ],
)
def test_other_forms_are_refused_in_go_words(layout: str, text: str, problem: str) -> None:
    with pytest.raises(TimeError) as raised:
        parse_moment(layout, text, UTC, "UTC")
    assert raised.value.message == problem


@pytest.mark.parametrize(
    ("text", "nanoseconds", "shown"),
    [
        ("0", 0, "0s"),
        ("1h30m", 5_400_000_000_000, "1h30m0s"),
        ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
        ("90s", 90_000_000_000, "1m30s"),
        (".5s", 500_000_000, "500ms"),
        ("1.5ms", 1_500_000, "1.5ms"),
        ("3us", 3_000, "3\u00b5s"),
        ("3\u03bcs", 3_000, "3\u00b5s"),
        ("7ns", 7, "7ns"),
        ("2h0m0.000000001s", 7_200_000_000_001, "2h0m0.000000001s"),
        ("-9223372036854775808ns", -(2**63), "-2562047h47m16.854775808s"),
    ],
)
def test_durations_are_read_and_shown(text: str, nanoseconds: int, shown: str) -> None:
    assert parse_duration(text) == nanoseconds
    assert format_duration(nanoseconds) == shown


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
        ("1" * 2000 + "s", "time: invalid duration"),
    ],
)
def test_what_is_no_duration_is_refused_in_go_words(text: str, problem: str) -> None:
    with pytest.raises(DurationError) as raised:
        parse_duration(text)
    assert raised.value.message.startswith(problem)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_shown_duration_reads_back(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


@given(st.integers(-(2**62), 2**62), st.integers(1, 2**40))
def test_rounding_gives_the_nearest_multiple(nanoseconds: int, multiple: int) -> None:
    rounded = round_duration(nanoseconds, multiple)
    assert rounded % multiple == 0
    assert abs(rounded - nanoseconds) * 2 <= multiple
    assert abs(truncate_duration(nanoseconds, multiple)) <= abs(nanoseconds)
    assert round_duration(nanoseconds, 0) == truncate_duration(nanoseconds, 0) == nanoseconds


@given(st.integers(-3_000_000, 3_000_000))
def test_dates_and_days_are_inverse(days: int) -> None:
    assert days_of(*date_of(days)) == days


@given(st.datetimes())
def test_the_calendar_agrees_with_the_standard_library(moment: datetime) -> None:
    days = days_of(moment.year, moment.month, moment.day)
    assert days == moment.toordinal() - 719_163
    assert day_of_year(*date_of(days)) == moment.timetuple().tm_yday
    gap = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    shown = at(gap // timedelta(microseconds=1) * 1000)
    assert format_moment(shown, "2006-01-02T15:04:05.000000") == moment.isoformat(
        timespec="microseconds"
    )


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999_999))
def test_a_shown_time_reads_back(seconds: int, nanoseconds: int) -> None:
    moment = in_zone(Moment(seconds, nanoseconds), _NEW_YORK, "America/New_York")
    read = parse_moment(
        RFC3339_NANO, format_moment(moment, RFC3339_NANO), _NEW_YORK, "America/New_York"
    )
    assert read == moment
