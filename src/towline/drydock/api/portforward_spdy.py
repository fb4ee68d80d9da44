"""Port forwarding as kubectl speaks it: SPDY/3.1 streams in the messages of one WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from towline.drydock.api import spdy
from towline.drydock.api.portforward_link import Budget, Connect, Link
from towline.drydock.api.websocket import WebSocket
from towline.errors import TowlineError

_log = logging.getLogger("towline.drydock.portforward")
_PAIRS = 256
_REQUEST_ID = 64


class _Pair:
    """The two streams of one connection: `data` carries bytes, `error` one message at most."""

    def __init__(self, budget: Budget) -> None:
        self.link = Link(budget)
        self.port = 0
        self.streams: dict[str, int] = {}
        self.task: asyncio.Task[None] | None = None


class SpdyTunnel:
    """One client's connections.

    Args:
        socket: The client.
        connect: Reaches the pod.
    """

    def __init__(self, socket: WebSocket, connect: Connect) -> None:
        self._socket = socket
        self._connect = connect
        self._encoder = spdy.Encoder()
        self._budget = Budget()
        self._pairs: dict[str, _Pair] = {}
        self._data: dict[int, _Pair] = {}
        self._last = 0

    async def run(self) -> None:
        """Serves the client until it goes."""
        decoder = spdy.Decoder()
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(decoder, group))
            gone = group.create_task(self._socket.gone.wait())
            await asyncio.wait((reading, gone), return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, gone, *(pair.task for pair in self._pairs.values())):
                if task is not None:
                    task.cancel()

    async def _read(self, decoder: spdy.Decoder, group: asyncio.TaskGroup) -> None:
        try:
            async for message in self._socket.messages():
                for frame in decoder.feed(message):
                    await self._take(frame, group)
        except ConnectionError:
            return
        except TowlineError as error:
            _log.info("client dropped error=%s", error)
            with contextlib.suppress(ConnectionError):
                await self._socket.send(spdy.goaway_frame(self._last, spdy.PROTOCOL_ERROR))
            await self._socket.close(1002)

    async def _take(self, frame: spdy.Frame, group: asyncio.TaskGroup) -> None:
        match frame:
            case spdy.Opened():
                await self._open(frame, group)
            case spdy.Data():
                if pair := self._data.get(frame.stream):
                    await pair.link.put(frame.data)
                    if frame.fin:
                        pair.link.end()
            case spdy.Reset():
                self._give_up(frame.stream)
            case spdy.Ping():
                await self._socket.send(spdy.ping_frame(frame.number))
            case spdy.GoAway():
                return

    def _give_up(self, stream: int) -> None:
        for request, pair in list(self._pairs.items()):
            if stream not in pair.streams.values():
                continue
            if pair.task is not None:
                pair.task.cancel()
            else:
                self._forget(request, pair)

    def _forget(self, request: str, pair: _Pair) -> None:
        self._pairs.pop(request, None)
        self._data.pop(pair.streams.get("data", 0), None)

    async def _open(self, frame: spdy.Opened, group: asyncio.TaskGroup) -> None:
        self._last = max(self._last, frame.stream)
        place = _place(frame.headers)
        if place is None or frame.stream in self._data or len(self._pairs) >= _PAIRS:
            await self._socket.send(spdy.reset_frame(frame.stream, spdy.REFUSED))
            return
        kind, port, request = place
        pair = self._pairs.setdefault(request, _Pair(self._budget))
        if kind in pair.streams or (pair.port and pair.port != port):
            await self._socket.send(spdy.reset_frame(frame.stream, spdy.REFUSED))
            return
        pair.port = port
        pair.streams[kind] = frame.stream
        if kind == "data":
            self._data[frame.stream] = pair
            if frame.fin:
                pair.link.end()
        await self._socket.send(self._encoder.accept(frame.stream))
        if len(pair.streams) == 2:
            pair.task = group.create_task(self._forward(request, pair))

    async def _forward(self, request: str, pair: _Pair) -> None:
        data, error = pair.streams["data"], pair.streams["error"]

        async def deliver(block: bytes) -> None:
            await self._socket.send(spdy.data_frame(data, block))

        try:
            said = await pair.link.run(self._connect, pair.port, deliver)
            await self._socket.send(spdy.data_frame(error, said.encode(), fin=True))
            await self._socket.send(spdy.data_frame(data, b"", fin=True))
        except ConnectionError:
            self._socket.gone.set()
        finally:
            self._forget(request, pair)


def _place(headers: Mapping[str, str]) -> tuple[str, int, str] | None:
    """Kind, port and request of a stream; None when its headers make no sense."""
    kind, port, request = (headers.get(name, "") for name in ("streamtype", "port", "requestid"))
    if kind not in ("data", "error") or not 0 < len(request) <= _REQUEST_ID:
        return None
    if not port.isascii() or not port.isdecimal() or not 0 < int(port[:6]) <= 65535:
        return None
    return kind, int(port), request
