"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from towline.web.hooks.ratelimit import Buckets, Rate, TokenBucket, source_key


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 5)), max_size=50),
    st.floats(0.1, 10),
    st.floats(1, 20),
)
def test_never_more_than_burst_and_rate_allow(
    steps: list[tuple[float, float]], per_second: float, burst: float
) -> None:
    bucket = TokenBucket(Rate(per_second, burst), 0.0)
    now = taken = 0.0
    for elapsed, amount in steps:
        now += elapsed
        wait = bucket.take(amount, now)
        assert wait >= 0
        if not wait:
            taken += amount
    assert taken <= burst + per_second * now + 1e-6


def test_waiting_as_told_is_enough() -> None:
    bucket = TokenBucket(Rate(2.0, 4.0), 0.0)
    assert bucket.take(4, 0.0) == 0
    wait = bucket.take(1, 0.0)
    assert wait == 0.5
    assert bucket.take(1, wait) == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(Rate(1.0, 1.0), 100.0)
    assert bucket.take(1, 100.0) == 0
    assert bucket.take(1, 50.0) > 0


def test_only_so_many_sources_are_remembered() -> None:
    buckets = Buckets(Rate(1.0, 1.0), limit=10)
    for number in range(1000):
        buckets.of(str(number), 0.0)
    assert len(buckets) == 10


def test_what_counts_as_one_source() -> None:
    assert source_key("203.0.113.7") == "203.0.113.7"
    assert source_key("::ffff:203.0.113.7") == "203.0.113.7"
    assert source_key("2001:db8:1:2:3::4") == source_key("2001:db8:1:2:ffff::1")
    assert source_key("2001:db8:1:2::1") != source_key("2001:db8:1:3::1")
    assert source_key("") == source_key("garbage") == "unknown"
