"""SPDY/3.1 frames from bytes and back, as far as port forwarding speaks it. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

import msgspec

from towline.errors import LimitError, TowlineError

MAX_FRAME = 1 << 20
MAX_HEADERS = 64 * 1024
REFUSED, PROTOCOL_ERROR, CANCEL = 3, 1, 5
_VERSION = 3

_WORD = struct.Struct("!I")
_PAIR = struct.Struct("!II")
_ID = 0x7FFFFFFF
_FIN = 1
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY, _HEADERS = 1, 2, 3, 6, 7, 8
# Header blocks are compressed with this dictionary: words with their lengths, then plain text.
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base content-encoding "
    "content-language content-length content-location content-md5 content-range content-type date "
    "etag expect expires from host if-match if-modified-since if-none-match if-range "
    "if-unmodified-since last-modified location max-forwards pragma proxy-authenticate "
    "proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_MORE_WORDS = ("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive")
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(
    _WORD.pack(len(word)) + word.encode() for word in (*_WORDS.split(), *_MORE_WORDS, "origin")
) + _TAIL.encode("ascii")


class SpdyError(TowlineError):
    """The peer does not speak SPDY/3.1 as it should."""


class Opened(msgspec.Struct, frozen=True):
    """The peer opens a stream.

    Attributes:
        stream: Its number.
        headers: By lower-case name; the first value of each.
        fin: Whether the peer will send nothing on it.
    """

    stream: int
    headers: Mapping[str, str]
    fin: bool


class Data(msgspec.Struct, frozen=True):
    """Bytes on a stream; `fin` says that they were the last."""

    stream: int
    data: bytes
    fin: bool


class Reset(msgspec.Struct, frozen=True):
    """The peer gives a stream up."""

    stream: int


class Ping(msgspec.Struct, frozen=True):
    """A sign of life that wants to be sent back."""

    number: int


class GoAway(msgspec.Struct, frozen=True):
    """The peer opens no more streams."""


Frame = Opened | Data | Reset | Ping | GoAway


class Decoder:
    """Frames from the bytes of a peer, however they are cut."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now.

        Raises:
            SpdyError: The bytes are no frames.
            LimitError: A frame or its headers are too large.
        """
        self._rest += data
        while len(self._rest) >= _PAIR.size:
            first, second = _PAIR.unpack_from(self._rest)
            flags, size = second >> 24, second & 0xFFFFFF
            if size > MAX_FRAME:
                raise LimitError(f"SPDY frame of {size} bytes, the limit is {MAX_FRAME}")
            end = _PAIR.size + size
            if len(self._rest) < end:
                return
            body = bytes(self._rest[_PAIR.size : end])
            del self._rest[:end]
            if not first >> 31:
                yield Data(first & _ID, body, bool(flags & _FIN))
            elif frame := self._control(first, flags, body):
                yield frame

    def _control(self, first: int, flags: int, body: bytes) -> Frame | None:
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != _VERSION:
            raise SpdyError(f"SPDY version {version} is not spoken here")
        try:
            return self._known(kind, flags, body)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"SPDY frame of type {kind} is malformed") from error

    def _known(self, kind: int, flags: int, body: bytes) -> Frame | None:
        if kind == _SYN_STREAM:
            number, _ = _PAIR.unpack_from(body)
            return Opened(number & _ID, self._headers(body[10:]), bool(flags & _FIN))
        if kind in (_SYN_REPLY, _HEADERS):
            # Both ends share the state of the compression: what is not used is read as well.
            self._headers(body[4:])
        elif kind == _RST_STREAM:
            number, _ = _PAIR.unpack(body)
            return Reset(number & _ID)
        elif kind == _PING:
            return Ping(_WORD.unpack(body)[0])
        elif kind == _GOAWAY:
            return GoAway()
        # Settings, window updates and what is unknown: nothing depends on them.
        return None

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block, MAX_HEADERS)
        if self._inflate.unconsumed_tail:
            raise LimitError(f"SPDY headers are larger than {MAX_HEADERS} bytes")
        (count,) = _WORD.unpack_from(plain)
        found: dict[str, str] = {}
        at = _WORD.size
        for _ in range(count):
            name, at = _text(plain, at)
            value, at = _text(plain, at)
            found[name.lower()] = value.partition("\0")[0]
        return found


def _text(plain: bytes, at: int) -> tuple[str, int]:
    (size,) = _WORD.unpack_from(plain, at)
    start = at + _WORD.size
    if start + size > len(plain):
        raise SpdyError("SPDY headers are cut off")
    return plain[start : start + size].decode(), start + size


class Encoder:
    """Frames to bytes, to be sent in the order in which they were made."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def open(self, stream: int, headers: Mapping[str, str], *, fin: bool = False) -> bytes:
        """Opens a stream."""
        body = _PAIR.pack(stream, 0) + b"\0\0" + self._block(headers)
        return _control(_SYN_STREAM, body, _FIN if fin else 0)

    def accept(self, stream: int) -> bytes:
        """Accepts a stream that the peer opened."""
        return _control(_SYN_REPLY, _WORD.pack(stream) + self._block({}))

    def _block(self, headers: Mapping[str, str]) -> bytes:
        plain = bytearray(_WORD.pack(len(headers)))
        for name, value in headers.items():
            for text in (name.encode(), value.encode()):
                plain += _WORD.pack(len(text)) + text
        return self._deflate.compress(bytes(plain)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def data_frame(stream: int, data: bytes, *, fin: bool = False) -> bytes:
    """Bytes on a stream."""
    return _PAIR.pack(stream, (_FIN if fin else 0) << 24 | len(data)) + data


def reset_frame(stream: int, status: int) -> bytes:
    """Gives a stream up."""
    return _control(_RST_STREAM, _PAIR.pack(stream, status))


def ping_frame(number: int) -> bytes:
    """A sign of life, or the answer to one."""
    return _control(_PING, _WORD.pack(number))


def goaway_frame(last: int, status: int) -> bytes:
    """No more streams are taken after the given one."""
    return _control(_GOAWAY, _PAIR.pack(last, status))


def _control(kind: int, body: bytes, flags: int = 0) -> bytes:
    return _PAIR.pack(1 << 31 | _VERSION << 16 | kind, flags << 24 | len(body)) + body
