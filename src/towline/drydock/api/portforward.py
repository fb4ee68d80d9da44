"""portforward: TCP connections to a pod's ports over a WebSocket, in both of its dialects."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from towline.drydock.api.exec import the_node
from towline.drydock.api.exec_channels import Wire, port_prefix
from towline.drydock.api.exec_port import Obj, PodExec
from towline.drydock.api.messages import Request, Upgrade
from towline.drydock.api.portforward_link import Budget, Connect, Link
from towline.drydock.api.portforward_spdy import SpdyTunnel
from towline.drydock.api.websocket import WebSocket, chosen
from towline.drydock.refusals import bad_request

_log = logging.getLogger("towline.drydock.portforward")
_SPDY = "SPDY/3.1+portforward.k8s.io"
_WIRES = {
    wire.name: wire
    for wire in (
        Wire("v4.channel.k8s.io"),
        Wire("v4.base64.channel.k8s.io", encoded=True),
        Wire("portforward.k8s.io"),
        Wire(""),
    )
}
_MOST_PORTS = 100


def open_portforward(request: Request, node: PodExec | None, pod: Obj) -> Upgrade:
    """Connections to ports of the pod.

    Raises:
        ApiError: The request makes no sense, or cannot become a WebSocket.
    """
    host = the_node(node, pod)
    ports = _ports(request)
    name = chosen(request, (_SPDY, *_WIRES))
    if name != _SPDY and not ports:
        raise bad_request('query parameter "ports" is required')

    async def serve(socket: WebSocket) -> None:
        async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await host.connect(pod, port)

        if name == _SPDY:
            await SpdyTunnel(socket, connect).run()
        else:
            await PortChannels(socket, _WIRES[name], ports, connect).run()

    return Upgrade(name, serve)


def _ports(request: Request) -> list[int]:
    found = []
    for text in ",".join(request.params("ports")).split(","):
        if not text:
            continue
        if not text.isascii() or not text.isdecimal() or not 0 < int(text[:6]) <= 65535:
            raise bad_request(f"invalid port {text!r}: must be between 1 and 65535")
        found.append(int(text))
    if len(found) > _MOST_PORTS:
        raise bad_request(f"ports: at most {_MOST_PORTS}")
    return found


class PortChannels:
    """The dialect of other clients: channel 2i carries the bytes of port i, 2i+1 its error.

    Args:
        socket: The client.
        wire: How messages look.
        ports: The ports, connected at once.
        connect: Reaches the pod.
    """

    def __init__(self, socket: WebSocket, wire: Wire, ports: list[int], connect: Connect) -> None:
        self._socket = socket
        self._wire = wire
        self._ports = ports
        self._connect = connect
        budget = Budget()
        self._links = [Link(budget) for _ in ports]

    async def run(self) -> None:
        """Serves the client until it goes or every connection ended."""
        async with asyncio.TaskGroup() as group:
            links = [group.create_task(self._forward(i)) for i in range(len(self._ports))]
            ends = group.create_task(_all(links))
            reading = group.create_task(self._read())
            gone = group.create_task(self._socket.gone.wait())
            await asyncio.wait((ends, gone), return_when=asyncio.FIRST_COMPLETED)
            for task in (*links, ends, reading, gone):
                task.cancel()
        await self._socket.close()

    async def _forward(self, index: int) -> None:
        data, error = 2 * index, 2 * index + 1
        prefix = port_prefix(self._ports[index])

        async def deliver(block: bytes) -> None:
            await self._send(data, block)

        with contextlib.suppress(ConnectionError):
            await self._send(data, prefix)
            await self._send(error, prefix)
            said = await self._links[index].run(self._connect, self._ports[index], deliver)
            if said:
                await self._send(error, said.encode())

    async def _send(self, channel: int, data: bytes) -> None:
        await self._socket.send(self._wire.pack(channel, data), text=self._wire.encoded)

    async def _read(self) -> None:
        async for message in self._socket.messages():
            channel, data = self._wire.unpack(message)
            if channel % 2 == 0 and 0 <= channel // 2 < len(self._links):
                await self._links[channel // 2].put(data)


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
