"""Channels in WebSocket messages: one byte says which stream the rest belongs to. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any

import msgspec

from towline.kube.status import ApiError

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE = 255
_ZERO = ord("0")
_SIZE = 65535


class Wire(msgspec.Struct, frozen=True):
    """A subprotocol.

    Attributes:
        name: As clients offer it; empty for a client that offers none.
        encoded: Messages are text: a digit, then base64.
        status: The end is told as a Status object; else only failures are, as plain text.
        half_close: A client can end its input.
    """

    name: str
    encoded: bool = False
    status: bool = True
    half_close: bool = False

    def pack(self, channel: int, data: bytes) -> bytes:
        """A message."""
        if self.encoded:
            return bytes((_ZERO + channel,)) + base64.b64encode(data)
        return bytes((channel,)) + data

    def unpack(self, message: bytes) -> tuple[int, bytes]:
        """Channel and bytes; channel -1 for what is no message of this subprotocol."""
        if not message:
            return -1, b""
        if not self.encoded:
            return message[0], message[1:]
        try:
            return message[0] - _ZERO, base64.b64decode(message[1:], validate=True)
        except binascii.Error:
            return -1, b""

    def ending(self, failure: dict[str, Any] | None) -> bytes:
        """What the error channel says at the end; empty for nothing."""
        if not self.status:
            return failure["message"].encode() if failure else b""
        return msgspec.json.encode(failure or {"metadata": {}, "status": "Success"})


WIRES = {
    wire.name: wire
    for wire in (
        Wire("v5.channel.k8s.io", half_close=True),
        Wire("v4.channel.k8s.io"),
        Wire("v4.base64.channel.k8s.io", encoded=True),
        Wire("channel.k8s.io", status=False),
        Wire("base64.channel.k8s.io", encoded=True, status=False),
        Wire("", status=False),
    )
}


class _Size(msgspec.Struct):
    width: int = msgspec.field(name="Width")
    height: int = msgspec.field(name="Height")


def terminal_size(data: bytes) -> tuple[int, int] | None:
    """Columns and rows of a resize message; None for nonsense."""
    try:
        size = msgspec.json.decode(data, type=_Size)
    except msgspec.DecodeError:
        return None
    fits = 0 < size.width <= _SIZE and 0 < size.height <= _SIZE
    return (size.width, size.height) if fits else None


def exit_failure(command: list[str], code: int) -> dict[str, Any] | None:
    """The failure that a command's exit code is; None for success."""
    if code == 0:
        return None
    return {
        "metadata": {},
        "status": "Failure",
        "message": "command terminated with non-zero exit code: error executing command "
        f"[{' '.join(command)}], exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def refusal(error: ApiError) -> dict[str, Any]:
    """The failure that a node's refusal is."""
    body = error.status()
    return {key: body[key] for key in body if key not in ("kind", "apiVersion")}


def port_prefix(port: int) -> bytes:
    """What each channel of a forwarded port begins with."""
    return struct.pack("<H", port)
