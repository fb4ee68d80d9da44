"""Token buckets for the webhook intake. Pure: the time is handed in.

Requests that prove themselves cost their source nothing. A source that has used up its tokens is
refused before its body is read, except for a small reserved share of bytes per second in which
signatures are still checked: a flood does not shut out the forge behind the same address.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

import msgspec

_MAX_KEYS = 10_000


class Rate(msgspec.Struct, frozen=True):
    """How fast a bucket fills, and how full it gets.

    Attributes:
        per_second: Tokens that arrive each second.
        burst: Tokens at most.
    """

    per_second: float
    burst: float


class TokenBucket:
    """One bucket, full at first.

    Args:
        rate: Its speed and size.
        now: The monotonic time.
    """

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Takes tokens.

        Returns:
            0.0 when they were there; else nothing was taken, and these are the seconds to wait
            (more than a burst never fits).
        """
        self._fill(now)
        if self._tokens >= amount:
            self._tokens -= amount
            return 0.0
        return (amount - self._tokens) / self._rate.per_second

    def give_back(self, amount: float) -> None:
        """Returns tokens that were taken."""
        self._tokens = min(self._rate.burst, self._tokens + amount)

    def _fill(self, now: float) -> None:
        elapsed = max(0.0, now - self._at)
        self._tokens = min(self._rate.burst, self._tokens + elapsed * self._rate.per_second)
        self._at = now


class Buckets:
    """A bucket per key, for the keys seen last.

    Args:
        rate: Of each bucket.
        limit: Keys that are remembered.
    """

    def __init__(self, rate: Rate, *, limit: int = _MAX_KEYS) -> None:
        self._rate = rate
        self._limit = limit
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, key: str, now: float) -> TokenBucket:
        """The key's bucket."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, now)
            if len(self._buckets) > self._limit:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket


def source_key(address: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
