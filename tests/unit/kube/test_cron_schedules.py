from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.kube.cron import Calendar, parse_schedule

UTC = dt.UTC


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("* * * * *", "2030-01-01T00:00:00", "2030-01-01T00:01:00"),
        ("*/15 * * * *", "2030-01-01T00:15:00", "2030-01-01T00:30:00"),
        ("5/20 * * * *", "2030-01-01T00:26:00", "2030-01-01T00:45:00"),
        ("0 3 * * *", "2030-01-01T03:00:00", "2030-01-02T03:00:00"),
        ("30 6-16/4 * * 1-5", "2030-01-04T14:31:00", "2030-01-07T06:30:00"),
        ("0 0 29 2 *", "2030-01-01T00:00:00", "2032-02-29T00:00:00"),
        ("0 0 1,15 * mon", "2030-01-01T00:00:00", "2030-01-07T00:00:00"),
        ("0 0 13 * fri", "2030-01-05T00:00:00", "2030-01-11T00:00:00"),
        ("0 0 ? jan-mar SUN", "2030-04-01T00:00:00", "2031-01-05T00:00:00"),
        ("@hourly", "2030-01-01T10:59:59", "2030-01-01T11:00:00"),
        ("@monthly", "2030-01-31T10:59:59", "2030-02-01T00:00:00"),
        ("@every 1h30m", "2030-01-01T00:00:10", "2030-01-01T01:30:10"),
    ],
)
def test_next_time(schedule: str, after: str, expected: str) -> None:
    assert parse_schedule(schedule).next(at(after), UTC) == at(expected)


def test_a_day_that_never_comes_has_no_next_time() -> None:
    assert parse_schedule("0 0 31 2 *").next(at("2030-01-01T00:00:00"), UTC) is None


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        # Local midnight in Tokyo is 15:00 UTC of the day before.
        (("0 0 * * *", "Asia/Tokyo"), "2030-01-01T00:00:00", "2030-01-01T15:00:00"),
        # 02:30 does not exist in Berlin on 2030-03-31.
        (("30 2 * * *", "Europe/Berlin"), "2030-03-30T12:00:00", "2030-04-01T00:30:00"),
        # 02:30 comes twice on 2030-10-27.
        (("30 2 * * *", "Europe/Berlin"), "2030-10-26T12:00:00", "2030-10-27T00:30:00"),
        (("30 2 * * *", "Europe/Berlin"), "2030-10-27T00:30:00", "2030-10-27T01:30:00"),
    ],
)
def test_zones_and_their_changes(schedule: tuple[str, str], after: str, expected: str) -> None:
    text, zone = schedule
    found = parse_schedule(text).next(at(after), zoneinfo.ZoneInfo(zone))
    assert found == at(expected)


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("x * * * *", "failed to parse int from x"),
        ("@never", "unrecognized descriptor: @never"),
        ("@every x", "failed to parse duration @every x"),
        ("1" * 300, "schedule is longer than 256 characters"),
    ],
)
def test_malformed_schedules_say_why(schedule: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_schedule(schedule)
    assert caught.value.message == why


@given(
    minutes=st.frozensets(st.integers(0, 59), min_size=1, max_size=4),
    hours=st.frozensets(st.integers(0, 23), min_size=1, max_size=3),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1, max_size=3),
    minutes_on=st.integers(0, 2 * 365 * 24 * 60),
)
def test_nothing_between_now_and_the_next_time_matches(
    minutes: frozenset[int],
    hours: frozenset[int],
    weekdays: frozenset[int],
    minutes_on: int,
) -> None:
    schedule = Calendar(
        minutes, hours, frozenset(range(1, 32)), frozenset(range(1, 13)), weekdays, False
    )
    after = at("2029-01-01T00:00:00") + dt.timedelta(minutes=minutes_on)
    found = schedule.next(after, UTC)
    assert found is not None
    moment = after.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    while not (
        moment.minute in minutes and moment.hour in hours and moment.isoweekday() % 7 in weekdays
    ):
        moment += dt.timedelta(minutes=1)
    assert found == moment
