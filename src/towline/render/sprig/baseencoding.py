"""Base64 and Base32 with Go's error texts, and check sums."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Final

from towline.render.gotemplate.functions import STRING, Function
from towline.render.sprig.conversion import to_bytes, to_text

_BASE64: Final = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z", re.ASCII
)
_DIGITS64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_DIGITS32: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_BREAKS: Final = frozenset(b"\r\n")
_PAD: Final = ord("=")
_QUANTUM: Final = 4
_QUANTUM32: Final = 8
_PADDED_AT: Final = frozenset([2, 4, 5, 7])


class CorruptInputError(ValueError):
    """Input that is no Base64 or Base32; the text is Go's."""


def encode64(text: str) -> str:
    """The text in Base64."""
    return base64.b64encode(to_bytes(text)).decode("ascii")


def decode64(text: str) -> str:
    """The text of a Base64 form, or what is wrong with that."""
    try:
        return to_text(decode64_bytes(text))
    except CorruptInputError as error:
        return str(error)


def decode64_bytes(text: str) -> bytes:
    """The bytes of a Base64 form; line breaks are passed over.

    Raises:
        CorruptInputError: It is none; says at which byte.
    """
    if _BASE64.match(text):
        return base64.b64decode(text)
    data = to_bytes(text)
    end = 0
    while end < len(data):
        end = _quantum(data, end)
    return base64.b64decode(bytes(byte for byte in data if byte not in _BREAKS))


def encode32(text: str) -> str:
    """The text in Base32."""
    return base64.b32encode(to_bytes(text)).decode("ascii")


def decode32(text: str) -> str:
    """The text of a Base32 form, or what is wrong with that."""
    data = bytes(byte for byte in to_bytes(text) if byte not in _BREAKS)
    try:
        _check32(data)
    except CorruptInputError as error:
        return str(error)
    return to_text(base64.b32decode(data))


def _quantum(data: bytes, position: int) -> int:
    """Checks four digits from the position on; gives the place behind them."""
    digits = 0
    while digits < _QUANTUM:
        if position == len(data):
            if digits:
                raise _corrupt(64, position - digits)
            return position
        byte = data[position]
        position += 1
        if byte in _DIGITS64:
            digits += 1
        elif byte == _PAD and digits > 1:
            return _padding(data, position, digits)
        elif byte not in _BREAKS:
            raise _corrupt(64, position - 1)
    return position


def _padding(data: bytes, position: int, digits: int) -> int:
    """Checks what comes behind the first padding sign."""
    if digits == 2:
        position = _skip_breaks(data, position)
        if position == len(data):
            raise _corrupt(64, position)
        if data[position] != _PAD:
            raise _corrupt(64, position - 1)
        position += 1
    position = _skip_breaks(data, position)
    if position < len(data):
        raise _corrupt(64, position)
    return position


def _skip_breaks(data: bytes, position: int) -> int:
    while position < len(data) and data[position] in _BREAKS:
        position += 1
    return position


def _check32(data: bytes) -> None:
    position = digits = 0
    while position < len(data):
        byte = data[position]
        position += 1
        left = len(data) - position
        if byte == _PAD and digits >= 2 and left < _QUANTUM32:
            _check_padding32(data, position, digits)
            return
        if byte not in _DIGITS32:
            raise _corrupt(32, position - 1)
        digits = (digits + 1) % _QUANTUM32
    if digits:
        raise _corrupt(32, position - digits)


def _check_padding32(data: bytes, position: int, digits: int) -> None:
    wanted = _QUANTUM32 - 1 - digits
    if len(data) - position < wanted:
        raise _corrupt(32, len(data))
    for index in range(wanted):
        if data[position + index] != _PAD:
            raise _corrupt(32, position + index - 1)
    if digits not in _PADDED_AT:
        raise _corrupt(32, position - 1)


def _corrupt(base: int, position: int) -> CorruptInputError:
    return CorruptInputError(f"illegal base{base} data at input byte {position}")


def functions() -> Mapping[str, Function]:
    """The encodings and check sums by name."""

    def text(body: object) -> Function:
        return Function(body, (STRING,), result=STRING)  # type: ignore[arg-type]

    return {
        "b64enc": text(encode64),
        "b64dec": text(decode64),
        "b32enc": text(encode32),
        "b32dec": text(decode32),
        "sha1sum": text(
            lambda value: hashlib.sha1(to_bytes(value), usedforsecurity=False).hexdigest()
        ),
        "sha256sum": text(lambda value: hashlib.sha256(to_bytes(value)).hexdigest()),
        "sha512sum": text(lambda value: hashlib.sha512(to_bytes(value)).hexdigest()),
        "adler32sum": text(lambda value: str(zlib.adler32(to_bytes(value)))),
    }
