"""SPDY/3.1 frames: what is written is read back, however it is cut; nonsense and floods end it."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.api import spdy
from towline.errors import LimitError, TowlineError

_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
_HEADERS = st.dictionaries(_TEXT.map(str.lower), _TEXT, max_size=5)


def _frames(data: bytes, cuts: int = 0) -> list[spdy.Frame]:
    decoder = spdy.Decoder()
    step = cuts or len(data) or 1
    found: list[spdy.Frame] = []
    for at in range(0, len(data), step):
        found += decoder.feed(data[at : at + step])
    return found


def test_the_dictionary_is_the_one_of_the_protocol() -> None:
    assert len(spdy.DICTIONARY) == 1423
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2


@given(st.lists(_HEADERS, max_size=5), st.binary(max_size=200), st.integers(1, 40))
def test_frames_survive_any_cutting(opens: list[dict[str, str]], data: bytes, cuts: int) -> None:
    encoder = spdy.Encoder()
    sent = b""
    expected: list[spdy.Frame] = []
    for index, headers in enumerate(opens):
        sent += encoder.open(2 * index + 1, headers, fin=bool(index % 2))
        expected.append(spdy.Opened(2 * index + 1, headers, bool(index % 2)))
        # The state of the compression goes on through frames that are of no interest.
        sent += encoder.accept(2 * index + 1)
    sent += spdy.data_frame(1, data, fin=True) + spdy.ping_frame(7) + spdy.reset_frame(1, 5)
    sent += spdy.goaway_frame(1, 0)
    expected += [spdy.Data(1, data, True), spdy.Ping(7), spdy.Reset(1), spdy.GoAway()]
    assert _frames(sent, cuts) == expected


def test_settings_and_window_updates_are_passed_over() -> None:
    settings = struct.pack("!HHI", 0x8003, 4, 4) + struct.pack("!I", 0)
    window = struct.pack("!HHI", 0x8003, 9, 8) + struct.pack("!II", 1, 65536)
    assert _frames(settings + window + spdy.ping_frame(1)) == [spdy.Ping(1)]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!HHI", 0x8002, 1, 10) + bytes(10),
        struct.pack("!HHI", 0x8003, 1, 3) + bytes(3),
        struct.pack("!HHI", 0x8003, 1, 14) + bytes(14),
        struct.pack("!HHI", 0x8003, 6, 1) + b"x",
        struct.pack("!HHI", 0x8003, 3, 0),
    ],
    ids=["version", "short", "not compressed", "ping", "reset"],
)
def test_nonsense_ends_the_connection(data: bytes) -> None:
    with pytest.raises(spdy.SpdyError):
        _frames(data)


def test_a_frame_over_the_limit_is_refused_by_its_head() -> None:
    with pytest.raises(LimitError):
        _frames(struct.pack("!II", 1, spdy.MAX_FRAME + 1))


def test_headers_that_unpack_to_a_flood_are_refused() -> None:
    flood = spdy.Encoder().open(1, {"a": "x" * (spdy.MAX_HEADERS * 20)})
    assert len(flood) < 10_000
    with pytest.raises(LimitError):
        _frames(flood)


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_a_clear_refusal(data: bytes) -> None:
    try:
        _frames(data)
    except TowlineError:
        return
