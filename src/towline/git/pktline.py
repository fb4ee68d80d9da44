"""The framing of git's wire protocol: length-prefixed lines and side bands. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from towline.errors import TransientError

FLUSH = b"0000"
DELIM = b"0001"

_MAX_LINE = 65520


def encode(text: str) -> bytes:
    """One line with its length and a newline."""
    data = text.encode() + b"\n"
    if len(data) + 4 > _MAX_LINE:
        raise ValueError("line too long for the git protocol")
    return b"%04x" % (len(data) + 4) + data


class PktReader:
    """Cuts a byte stream into packets.

    `feed` it with what arrives; `packets` yields what is complete: data as bytes (also empty), or
    None for a flush, delimiter or response-end packet.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of an incomplete packet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Appends received bytes."""
        self._buffer += data

    def packets(self) -> Iterator[bytes | None]:
        """Yields complete packets.

        Raises:
            TransientError: The peer does not speak the protocol.
        """
        position = 0
        buffer = self._buffer
        try:
            while len(buffer) - position >= 4:
                size = _length(bytes(buffer[position : position + 4]))
                if size < 4:
                    position += 4
                    yield None
                    continue
                if len(buffer) - position < size:
                    return
                packet = bytes(buffer[position + 4 : position + size])
                position += size
                yield packet
        finally:
            del buffer[:position]


def _length(header: bytes) -> int:
    try:
        size = int(header, 16) if header.isalnum() else -1
    except ValueError:
        size = -1
    if not 0 <= size <= _MAX_LINE or size == 3:
        raise TransientError("the git server's answer is malformed")
    return size
