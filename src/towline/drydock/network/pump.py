"""Two TCP connections joined into one, by callbacks alone: no task and no stream per connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast


class Side(asyncio.Protocol):
    """One end of a `Pipe`."""

    __slots__ = ("early", "ended", "from_target", "other", "pipe", "transport")

    def __init__(self, pipe: Pipe, *, from_target: bool) -> None:
        self.pipe = pipe
        self.from_target = from_target
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.ended = False
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport; the client's side waits until there is a target."""
        self.transport = cast("asyncio.Transport", transport)
        if not self.from_target:
            self.transport.pause_reading()
            self.pipe.accepted()

    def data_received(self, data: bytes) -> None:
        """Hands the bytes on; those that came before there was a target wait for it."""
        pipe = self.pipe
        pipe.last_at = pipe.loop.time()
        pipe.last_from_target = self.from_target
        other = self.other
        if other is None:
            self.early.append(data)
            if _open(self.transport):
                cast("asyncio.Transport", self.transport).pause_reading()
        elif other.transport is not None:
            other.transport.write(data)

    def eof_received(self) -> bool:
        """Hands the end of input on; the other direction stays open."""
        self.ended = True
        other = self.other
        if other is None:
            return True
        if other.transport is None or other.ended:
            return False
        other.end_output()
        return True

    def joined(self, other: Side) -> None:
        """There is another side now: hands on what waited."""
        self.other = other
        if other.transport is None:
            return
        for data in self.early:
            other.transport.write(data)
        self.early.clear()
        if self.ended:
            other.end_output()
        if _open(self.transport):
            cast("asyncio.Transport", self.transport).resume_reading()

    def end_output(self) -> None:
        """The other side has nothing more to send."""
        transport = self.transport
        if transport is not None and not transport.is_closing() and transport.can_write_eof():
            transport.write_eof()

    def pause_writing(self) -> None:
        """Our buffer is full: the other side stops reading."""
        if self.other is not None and _open(self.other.transport):
            cast("asyncio.Transport", self.other.transport).pause_reading()

    def resume_writing(self) -> None:
        """Our buffer drained: the other side reads again."""
        if self.other is not None and _open(self.other.transport):
            cast("asyncio.Transport", self.other.transport).resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closes the other side once what it has to send is sent."""
        self.transport = None
        self.pipe.lost(self)


class Pipe:
    """A client's connection and, later, the target's.

    Args:
        loop: The running loop.
        on_accept: Called with the pipe when the client is there.
        on_close: Called once, when both sides are gone.
    """

    __slots__ = (
        "client",
        "last_at",
        "last_from_target",
        "loop",
        "on_accept",
        "on_close",
        "target",
        "target_ip",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_accept: Callable[[Pipe], None],
        on_close: Callable[[Pipe], None],
    ) -> None:
        self.loop = loop
        self.on_accept = on_accept
        self.on_close = on_close
        self.client = Side(self, from_target=False)
        self.target: Side | None = None
        self.target_ip = ""
        self.last_at = loop.time()
        self.last_from_target = False

    @property
    def closed(self) -> bool:
        """Whether the client's side is gone."""
        return self.client.transport is None

    @property
    def client_ip(self) -> str:
        """The client's address."""
        transport = self.client.transport
        peer = transport.get_extra_info("peername") if transport is not None else None
        return str(peer[0]) if peer else "0.0.0.0"  # noqa: S104  # a placeholder, nothing binds it

    def accepted(self) -> None:
        """The client's side is up."""
        self.on_accept(self)

    def new_target(self) -> Side:
        """A side for a connection to the target; not joined yet."""
        return Side(self, from_target=True)

    def join(self, target: Side) -> None:
        """Joins client and target; bytes flow from here on."""
        self.target = target
        self.last_at = self.loop.time()
        if not _open(self.client.transport):
            target.other, self.client.other = self.client, target
            self.abort()
            return
        target.joined(self.client)
        if target.transport is None:
            self.close()
        else:
            self.client.joined(target)

    def quiet_since_answer(self, seconds: float) -> bool:
        """Whether the target spoke last and nothing moved for that long: kept alive, not in use."""
        return self.last_from_target and self.loop.time() - self.last_at >= seconds

    def lost(self, side: Side) -> None:
        """One side is gone."""
        other = side.other
        if other is not None and other.transport is not None:
            other.transport.close()
            return
        if side.from_target and self.target is not side:
            return
        self.on_close(self)

    def close(self) -> None:
        """Closes both sides, after what is buffered."""
        for side in (self.client, self.target):
            if side is not None and side.transport is not None:
                side.transport.close()

    def abort(self) -> None:
        """Closes both sides at once."""
        for side in (self.client, self.target):
            if side is not None and side.transport is not None:
                side.transport.abort()


def _open(transport: asyncio.Transport | None) -> bool:
    return transport is not None and not transport.is_closing()
