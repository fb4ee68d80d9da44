"""DNS messages on the wire (RFC 1035): one question in, records out. Pure."""

from __future__ import annotations

import ipaddress
import struct
from enum import IntEnum

import msgspec

from towline.errors import InputError

_HEADER = struct.Struct("!HHHHHH")
_CLASS_IN = 1
_LIMIT = 512


class Kind(IntEnum):
    """Record types that are known here."""

    A = 1
    CNAME = 5
    SOA = 6
    PTR = 12
    AAAA = 28
    SRV = 33
    OPT = 41
    ANY = 255


class Code(IntEnum):
    """Response codes."""

    OK = 0
    FORMAT = 1
    SERVER = 2
    NO_NAME = 3
    NOT_IMPLEMENTED = 4


class Query(msgspec.Struct, frozen=True):
    """A question as it came in.

    Attributes:
        id: Identifier to be echoed.
        name: Name asked for, lower case, no final dot.
        kind: Record type number.
        recursion: Whether recursion is desired.
        question: The question section's bytes, to be echoed with the client's letter case.
        limit: Largest answer in bytes that fits the client's UDP buffer.
    """

    id: int
    name: str
    kind: int
    recursion: bool
    question: bytes
    limit: int


class Record(msgspec.Struct, frozen=True):
    """A resource record; `data` is in wire form."""

    name: str
    kind: Kind
    ttl: int
    data: bytes


def parse_query(data: bytes) -> Query:
    """Reads a query.

    Raises:
        InputError: When it is not exactly one question in class IN.
    """
    if len(data) < _HEADER.size:
        raise InputError("DNS message is shorter than its header")
    identifier, flags, questions, answers, authorities, extras = _HEADER.unpack_from(data)
    if flags & 0x8000 or flags & 0x7800 or questions != 1 or answers or authorities:
        raise InputError("DNS message is not a standard query with one question")
    labels, offset = _read_name(data, _HEADER.size)
    if offset + 4 > len(data):
        raise InputError("DNS question is cut short")
    kind, klass = struct.unpack_from("!HH", data, offset)
    if klass != _CLASS_IN:
        raise InputError("DNS question is not in class IN")
    end = offset + 4
    return Query(
        id=identifier,
        name=".".join(labels).lower(),
        kind=kind,
        recursion=bool(flags & 0x0100),
        question=data[_HEADER.size : end],
        limit=_buffer_size(data, end) if extras else _LIMIT,
    )


def _read_name(data: bytes, offset: int) -> tuple[list[str], int]:
    """Labels of an uncompressed name and the offset behind it."""
    labels: list[str] = []
    total = 0
    while True:
        if offset >= len(data):
            raise InputError("DNS name is cut short")
        size = data[offset]
        offset += 1
        if size == 0:
            return labels, offset
        total += size + 1
        if size > 63 or total > 254 or offset + size > len(data):
            raise InputError("DNS name is malformed")
        labels.append(data[offset : offset + size].decode("ascii", "replace"))
        offset += size


def _buffer_size(data: bytes, offset: int) -> int:
    """The UDP buffer size of an EDNS record, when one follows the question."""
    if len(data) >= offset + 11 and data[offset] == 0:
        kind, size = struct.unpack_from("!HH", data, offset + 1)
        if kind == Kind.OPT:
            return max(_LIMIT, min(int(size), 4096))
    return _LIMIT


def encode_name(name: str) -> bytes:
    """A name in wire form, uncompressed."""
    out = bytearray()
    for label in name.rstrip(".").split(".") if name else []:
        raw = label.encode("ascii", "replace")[:63]
        out += bytes([len(raw)]) + raw
    return bytes(out) + b"\0"


def response(
    query: Query,
    code: Code,
    answers: list[Record],
    authority: list[Record],
    *,
    limit: int | None = None,
) -> bytes:
    """The message that answers a query.

    Args:
        query: What was asked.
        code: Response code.
        answers: Answer section.
        authority: Authority section.
        limit: Largest size in bytes; a longer answer is sent empty with the truncation bit.
    """
    flags = 0x8480 | (0x0100 if query.recursion else 0) | code
    body = b"".join(_encode(record) for record in (*answers, *authority))
    head = _HEADER.pack(query.id, flags, 1, len(answers), len(authority), 0)
    message = head + query.question + body
    if limit is not None and len(message) > limit:
        return _HEADER.pack(query.id, flags | 0x0200, 1, 0, 0, 0) + query.question
    return message


def _encode(record: Record) -> bytes:
    head = struct.pack("!HHIH", record.kind, _CLASS_IN, record.ttl, len(record.data))
    return encode_name(record.name) + head + record.data


def failure(data: bytes, code: Code) -> bytes:
    """An answer to a message that could not be read; empty when there is nothing to echo."""
    if len(data) < _HEADER.size:
        return b""
    identifier = struct.unpack_from("!H", data)[0]
    return _HEADER.pack(identifier, 0x8080 | code, 0, 0, 0, 0)


def address_data(ip: str) -> bytes:
    """Data of an A record."""
    return ipaddress.IPv4Address(ip).packed


def service_data(port: int, target: str) -> bytes:
    """Data of an SRV record with equal priorities."""
    return struct.pack("!HHH", 0, 100, port) + encode_name(target)


def authority_of(zone: str, ttl: int) -> Record:
    """The SOA record that lets a client remember a negative answer."""
    data = encode_name(f"ns.dns.{zone}") + encode_name(f"hostmaster.{zone}")
    return Record(zone, Kind.SOA, ttl, data + struct.pack("!IIIII", 1, 7200, 1800, 86400, ttl))
